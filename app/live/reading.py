"""What the hub must know at a start: read from the warehouse, in the shapes that a batch has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime

import pyarrow as pa

from app.live.states import Place, States
from compute import recall
from compute.now import LOW_SCORE, Score, newest_scores, recent_scores, struggling
from connectors.warehouse import Warehouse

_TIME = pa.timestamp("us", "UTC")


def read_states(warehouse: Warehouse, at: datetime, states: States) -> None:
    """Everything that can still matter on the day of `at` or later, in any zone."""
    on = at.date()
    for organisation_id in warehouse.fetch(recall.organisations(on))["organisation_id"].to_pylist():
        states.add_active(_day_numbers(warehouse.fetch(recall.active_days(organisation_id, on))))
    states.add_days(_day_numbers(warehouse.fetch(recall.counted_days(on))))
    states.add_visits(_micros(warehouse.fetch(recall.visits(at)), "started_at", "ended_at"))
    states.add_scores(_scores(warehouse.fetch(recall.scores(on))))
    states.make_room()


def read_lows(warehouse: Warehouse, scores: pa.Table, on: date) -> Iterator[tuple[Place, tuple[float, ...]]]:
    """What States.lows says of a batch's scores, by all that is stored, whoever stored it."""
    told = _by_place(scores)
    bad = [place for place, mine in told.items() if any(one.score < LOW_SCORE for one in mine)]
    stored: Mapping[Place, list[Score]] = {}
    if bad:
        learners = sorted({learner for _, learner, _ in bad})
        stored = _by_place(_scores(warehouse.fetch(recall.scores(on, learners))))
    for place in told:
        recent = recent_scores(newest_scores(stored.get(place, ())), on) if place in bad else ()
        yield place, recent if struggling(recent) else ()


def _by_place(rows: pa.Table) -> dict[Place, list[Score]]:
    found: dict[Place, list[Score]] = {}
    for row in rows.to_pylist():
        place = row["organisation_id"], row["learner_id"], row["course_id"]
        found.setdefault(place, []).append(Score(*(row[name] for name in Score._fields)))
    return found


def _scores(rows: pa.Table) -> pa.Table:
    rows = _micros(rows, "at")
    return _with(rows, "event_id", rows["event_id"].cast(pa.string()))


def read_free_days(warehouse: Warehouse, organisation_id: int, on: date) -> frozenset[date]:
    return frozenset(warehouse.fetch(recall.free_days(organisation_id, on))["day"].to_pylist())


def _day_numbers(rows: pa.Table) -> pa.Table:
    return _with(rows, "day", rows["day"].cast(pa.date32()).cast(pa.int32()))


def _micros(rows: pa.Table, *names: str) -> pa.Table:
    for name in names:
        rows = _with(rows, name, rows[name].cast(_TIME).cast(pa.int64()))
    return rows


def _with(rows: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    return rows.set_column(rows.schema.get_field_index(name), name, column)
