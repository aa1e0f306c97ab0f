"""What the hub must know at a start: read from the warehouse, in the shapes that a batch has."""

from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa

from app.live.states import States
from compute import recall
from connectors.warehouse import Warehouse

_TIME = pa.timestamp("us", "UTC")


def read_states(warehouse: Warehouse, at: datetime, states: States) -> None:
    """Everything that can still matter on the day of `at` or later, in any zone."""
    on = at.date()
    for organisation_id in warehouse.fetch(recall.organisations(on))["organisation_id"].to_pylist():
        states.add_active(_day_numbers(warehouse.fetch(recall.active_days(organisation_id, on))))
    states.add_days(_day_numbers(warehouse.fetch(recall.counted_days(on))))
    states.add_visits(_micros(warehouse.fetch(recall.visits(at)), "started_at", "ended_at"))
    scores = _micros(warehouse.fetch(recall.scores(on)), "at")
    states.add_scores(_with(scores, "event_id", scores["event_id"].cast(pa.string())))
    states.make_room()


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
