"""What is told on the wire: JSON, one shape for each `kind`. Ids of 64 bits are text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

import orjson
import pyarrow as pa

from app.live.minutes import Told
from app.live.recent import COLUMNS
from compute.now import Standing
from compute.standings import row_of

Message = dict[str, object]
MOST_EVENTS = 500  # in one message
MOST_STATES = 200
_TEXT = ("learner_id", "session_id")
_TOLD = tuple(name for name in COLUMNS if name not in ("organisation_id", "received_at"))


def text_of(message: Message) -> str:
    return orjson.dumps(message).decode()


def gap(commits: int) -> Message:
    return {"kind": "gap", "gap": commits}


def heartbeat(watermark: int) -> Message:
    return {"kind": "heartbeat", "watermark": watermark}


def snapshot(
    watermark: int,
    minutes: Mapping[int, Mapping[str, int]] | None,
    states: list[Message] | None,
    measures: Mapping[str, object] | None,
) -> Message:
    parts: Message = {"kind": "snapshot", "watermark": watermark}
    if minutes is not None:
        parts["minutes"] = [{"minute": minute_text(at), "types": types} for at, types in minutes.items()]
    return parts | _given(states=states, measures=measures)


def change(
    watermark: int, rows: pa.Table, states: list[Message] | None, measures: Mapping[str, object] | None
) -> Message:
    """All that came since the last message, counted."""
    counted = rows.group_by(["event_type", "course_id"]).aggregate([([], "count_all")])
    types: dict[str, int] = {}
    courses: dict[str, int] = {}
    for row in counted.to_pylist():
        types[row["event_type"]] = types.get(row["event_type"], 0) + row["count_all"]
        courses[row["course_id"] or ""] = courses.get(row["course_id"] or "", 0) + row["count_all"]
    told: Message = {
        "kind": "change",
        "watermark": watermark,
        "events": len(rows),
        "types": types,
        "courses": courses,
    }
    return told | _given(states=states, measures=measures)


def events(watermark: int, rows: pa.Table) -> Iterator[Message]:
    """`watermark` stands on the last one only: resuming from an earlier one would lose the rest."""
    rows = rows.select(_TOLD)
    for name in _TEXT:
        rows = rows.set_column(rows.schema.get_field_index(name), name, rows[name].cast(pa.string()))
    for start in range(0, len(rows), MOST_EVENTS):
        some = rows.slice(start, MOST_EVENTS).to_pylist()
        is_last = start + MOST_EVENTS >= len(rows)
        told: Message = {"kind": "events", "events": [_without_nulls(row) for row in some]}
        yield told | ({"watermark": watermark} if is_last else {})


def minutes(watermark: int, told: Iterable[Told]) -> Message:
    rows = [{"minute": minute_text(t.minute), "events": t.events, "types": t.types} for t in told]
    return {"kind": "minutes", "watermark": watermark, "minutes": rows}


def state(learner_id: int, standing: Standing, at: datetime) -> Message:
    """`open` is said here, since a listener's clock may be wrong."""
    is_open = standing.open_until is not None and at <= standing.open_until
    return row_of(learner_id, standing) | {"learner_id": str(learner_id), "open": is_open}


def minute_text(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).isoformat()


def _without_nulls(row: Mapping[str, object]) -> Message:
    return {name: value for name, value in row.items() if value is not None}


def _given(**parts: object) -> Message:
    return {name: value for name, value in parts.items() if value is not None}
