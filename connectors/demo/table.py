"""Gathered rows become one Arrow table with the columns of models.tables.EVENTS."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from connectors.demo.buying import product_ids
from connectors.demo.campus import ASSESSMENTS, ITEMS, LESSONS, UNITS, VIDEOS, Campus, Floats, Ints
from connectors.demo.places import PLANTED
from connectors.demo.rows import CLIENTS, TYPES, Column, Rows, event_ids, marked, numbers, texts
from models.tables import EVENTS

SCHEMA = EVENTS.schema.to_pyarrow().set(
    EVENTS.names().index("event_id"), pa.field("event_id", pa.string(), nullable=False)
)
_HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Ids:
    """The text behind each number of the campus."""

    course: list[str]
    lesson: list[str]
    video: list[str]
    assessment: list[str]
    item: list[str]
    skill: list[str]
    product: list[str]


def ids_of(campus: Campus) -> Ids:
    def each(letter: str, count: int) -> list[str]:
        return [f"{c}-{letter}{n + 1:02d}" for c in campus.course_ids for n in range(count)]

    codes = tuple(o.code for o in campus.outlines)
    return Ids(
        course=list(campus.course_ids),
        lesson=each("L", LESSONS),
        video=each("V", VIDEOS),
        assessment=each("A", ASSESSMENTS),
        item=each("I", ITEMS),
        skill=each("S", UNITS),
        product=product_ids(campus.place.prefix, codes),
    )


@dataclass(frozen=True, slots=True)
class Clock:
    """The days of the demo: when each began in UTC, and until when things have happened."""

    first: date
    midnights_us: Ints
    now_us: int


def events_table(
    rows: Rows,
    *,
    organisation_id: int,
    ids: Ids,
    currency: str,
    clock: Clock,
    learner_ids: Ints,
    bad_week: int,
    rng: np.random.Generator,
) -> pa.Table:
    columns = rows.gathered()
    columns["day"] = np.searchsorted(clock.midnights_us, columns["at_us"], "right") - 1
    columns["received_us"] = _received(columns, clock, rng)
    columns = _spoil(columns, bad_week, rng)
    columns["received_us"] = np.minimum(columns["received_us"], clock.now_us)
    past = np.flatnonzero(columns["at_us"] <= clock.now_us)
    order = past[np.argsort(columns["at_us"][past], kind="stable")]
    columns = {name: column[order] for name, column in columns.items()}
    return _arrow(columns, list(rows.texts.known), organisation_id, ids, currency, clock, learner_ids, rng)


def _received(columns: dict[str, Column], clock: Clock, rng: np.random.Generator) -> Ints:
    """A moment later; now and then hours later, from a telephone that was offline."""
    count = len(columns["at_us"])
    delay = rng.exponential(0.6, count) + 0.05
    offline = (columns["client"] >= 4) & (rng.random(count) < 0.02)
    delay = np.where(offline, rng.uniform(60, 6 * 3600, count), delay)
    received: Ints = columns["at_us"] + (delay * 1e6).astype(np.int64)
    return received


def _spoil(columns: dict[str, Column], bad_week: int, rng: np.random.Generator) -> dict[str, Column]:
    """The planted week of bad data: one release of one app loses, repeats and delays things."""
    source = np.array([c[3] for c in CLIENTS])[columns["client"].astype(int)]
    day = columns["day"]
    bad = np.flatnonzero((day >= bad_week) & (day < bad_week + 7) & (source == PLANTED.bad_source))
    if not len(bad):
        return columns

    def some(share: float) -> Ints:
        return bad[rng.random(len(bad)) < share]

    columns["client"] = columns["client"].copy()
    columns["client"][some(PLANTED.bad_missing_device)] = len(CLIENTS)
    columns["course"][some(PLANTED.bad_missing_course)] = -1
    late = some(PLANTED.bad_late)
    columns["received_us"][late] += (rng.uniform(24, 72, len(late)) * _HOUR_US).astype(np.int64)
    columns["score"][some(PLANTED.bad_score)] *= 10
    repeated = np.sort(np.concatenate([np.arange(len(day)), some(PLANTED.bad_repeat)]))
    return {name: column[repeated] for name, column in columns.items()}


def _arrow(
    columns: dict[str, Column],
    known: list[str],
    organisation_id: int,
    ids: Ids,
    currency: str,
    clock: Clock,
    learner_ids: Ints,
    rng: np.random.Generator,
) -> pa.Table:
    count = len(columns["at_us"])
    day = columns["day"].astype(np.int64)
    hour = (columns["at_us"] - clock.midnights_us[day]) // _HOUR_US
    amount = columns["amount"]
    utc = pa.timestamp("us", "UTC")
    client = np.where(columns["client"] < len(CLIENTS), columns["client"], -1)
    source = [c[3] for c in CLIENTS] + [PLANTED.bad_source]
    made = {
        "organisation_id": pa.array(np.full(count, organisation_id, np.int32)),
        "event_id": event_ids(rng, count),
        "event_type": texts(TYPES, columns["type"]),
        "occurred_at": pa.array(columns["at_us"]).cast(utc),
        "received_at": pa.array(columns["received_us"]).cast(utc),
        "day": pa.array((day + _epoch_day(clock.first)).astype(np.int32)).cast(pa.date32()),
        "hour": pa.array(hour.astype(np.int16)),
        "learner_id": pa.array(learner_ids[columns["learner"].astype(int)]),
        "session_id": pa.array(columns["session_id"].astype(np.int64)),
        "sequence": pa.array(columns["sequence"].astype(np.int32)),
        "source": texts(source, columns["client"]),
        "course_id": texts(ids.course, columns["course"]),
        "lesson_id": texts(ids.lesson, columns["lesson"]),
        "video_id": texts(ids.video, columns["video"]),
        "assessment_id": texts(ids.assessment, columns["assessment"]),
        "item_id": texts(ids.item, columns["item"]),
        "skill_id": texts(ids.skill, columns["skill"]),
        "object_id": texts(known, columns["object"]),
        "choice": texts(known, columns["choice"]),
        "device_type": texts([c[0] for c in CLIENTS], client),
        "os": texts([c[1] for c in CLIENTS], client),
        "browser": texts([c[2] for c in CLIENTS], client),
        "position_s": numbers(_floats(columns["position"]), pa.float64()),
        "duration_s": numbers(_floats(columns["duration"]), pa.float64()),
        "score": numbers(_floats(columns["score"]), pa.float64()),
        "correct": marked(columns["correct"], columns["correct"] < 0, pa.bool_()),
        "amount_cents": marked(amount, amount < 0, pa.int64()),
        "currency": texts([currency], np.where(amount >= 0, 0, -1)),
        "payload": texts(known, columns["payload"]),
    }
    return pa.table(made, schema=SCHEMA)


def _floats(column: Column) -> Floats:
    return column.astype(np.float64)


def _epoch_day(day: date) -> int:
    return day.toordinal() - date(1970, 1, 1).toordinal()
