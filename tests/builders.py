"""Plain builders of warehouse rows. Each fills in what a test does not care about."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pyarrow as pa

from models.tables import EVENTS, TABLE, Table

Row = dict[str, object]
ZONE = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # 10 o'clock in ZONE
_numbers = count(1)

_DIMENSION_DEFAULTS: Mapping[str, Row] = {
    "organisation": {"name": "Elm School", "zone": str(ZONE), "locale": "en", "currency": "EUR"},
    "learner": {"learner_id": 1, "joined_on": date(2026, 1, 7)},
    "class": {"class_id": "k1", "course_id": "c1", "title": "Class"},
    "class_member": {"class_id": "k1", "learner_id": 1, "valid_from": date(2026, 1, 7)},
    "guardian_link": {"guardian_id": 1, "learner_id": 1, "valid_from": date(2026, 1, 7)},
    "course": {"course_id": "c1", "title": "Algebra", "subject": "maths"},
    "lesson": {"lesson_id": "l1", "course_id": "c1", "position": 1, "title": "Lesson"},
    "skill": {"skill_id": "s1", "title": "Adding", "subject": "maths"},
    "video": {"video_id": "v1", "course_id": "c1", "title": "Video", "length_s": 600.0},
    "assessment": {"assessment_id": "a1", "course_id": "c1", "kind": "quiz", "title": "Quiz"},
    "item": {"item_id": "i1", "assessment_id": "a1", "course_id": "c1", "position": 1, "title": "Item"},
    "product": {
        "product_id": "p1",
        "title": "Product",
        "kind": "course",
        "price_cents": 4900,
        "currency": "EUR",
    },
    "trainer": {"trainer_id": "t1", "joined_on": date(2026, 1, 7), "commission": 0.3},
    "school_day": {"day": MONDAY.date(), "kind": "term"},
    "skill_model": {
        "skill_id": "s1",
        "known": 0.3,
        "learns": 0.12,
        "forgets": 0.0,
        "guesses": 0.2,
        "slips": 0.1,
        "mean": 0.6,
        "answers": 100,
        "learners": 20,
    },
    "mastery_model": {
        "fitted_at": MONDAY,
        "answers": 100,
        "learners": 20,
        "held_back": 20,
        "forgetting": False,
        "weights": "[]",
    },
}


def event_id(number: int) -> str:
    """The same id for the same number."""
    return str(uuid.UUID(int=(number << 64) | 0x4000_8000_0000_0000))


def event(event_type: str = "page_view", at: datetime = MONDAY, **given: object) -> Row:
    """One event with the columns of EVENTS; day and hour are those of ZONE."""
    local = at.astimezone(ZONE)
    row: Row = dict.fromkeys(EVENTS.names())
    row |= {
        "organisation_id": 1,
        "event_id": event_id(next(_numbers)),
        "event_type": event_type,
        "occurred_at": at,
        "received_at": at + timedelta(seconds=1),
        "day": local.date(),
        "hour": local.hour,
        "learner_id": 1,
        "session_id": 1,
        "source": "test",
    }
    return row | given


def events(rows: Sequence[Mapping[str, object]]) -> pa.Table:
    """Event rows as the Arrow table that `Warehouse.append` takes."""
    return arrow(EVENTS, rows)


def dimension(table: str, *rows: Mapping[str, object]) -> pa.Table:
    """Rows for `Warehouse.write(table, ...)`: what is not given is filled in."""
    filled = [{"organisation_id": 1, **_DIMENSION_DEFAULTS[table], **row} for row in rows or ({},)]
    return arrow(TABLE[table], filled)


def arrow(table: Table, rows: Sequence[Mapping[str, object]]) -> pa.Table:
    unknown = {name for row in rows for name in row} - set(table.names())
    assert not unknown, f"{table.name} has no column {sorted(unknown)}"
    columns = {
        name: pa.array([row.get(name) for row in rows], "string" if kind.is_uuid() else kind.to_pyarrow())
        for name, kind in table.schema.items()
    }
    return pa.table(columns)
