"""What is held about a learner: how much of what kind, and every event. For nobody but the learner."""

from __future__ import annotations

import ibis.expr.types as ir
import pyarrow as pa

from compute.forms import Form, in_span, shared
from compute.learners import reading
from compute.learners.shape import DAY, INT, TEXT, Shape
from compute.plan import Plan
from compute.planner import of_learners
from compute.scoping import Tables
from models.ask import Ask, ColumnMeaning
from models.errors import NotFound
from models.tables import EVENTS

RECORD = Shape(
    (),
    {
        "event_type": (TEXT, "", "What kind of event it was."),
        "events": (INT, "events", "How many of them are held."),
        "first_on": (DAY, "date", "The day of the oldest."),
        "last_on": (DAY, "date", "The day of the newest."),
    },
)
# The pseudonyms are keys of ours, not data about anybody; the organisation is the reader's own.
_OURS = frozenset({"organisation_id", "learner_id", "session_id"})
_TOLD = tuple(name for name in EVENTS.names() if name not in _OURS)


def own_record(ask: Ask, tables: Tables) -> Plan:
    """One row for each kind of event that is held, the most frequent first."""
    _check(ask, tables)
    return Plan((shared(_counted, ask, tables),), RECORD.columns, "events", _ranked)


def own_events(ask: Ask, tables: Tables) -> Plan:
    """Every event that is held, with all its fields, the oldest first: a copy to take along."""
    _check(ask, tables)
    columns = tuple(ColumnMeaning(name, "detail") for name in _TOLD)
    return Plan((shared(_whole, ask, tables),), columns, "events", finish=_in_order)


def _check(ask: Ask, tables: Tables) -> None:
    reading.check(ask, tables)
    if tables.form.rows != "own":
        raise NotFound


def _rows(tables: Tables, form: Form) -> ir.Table:
    mine = of_learners(tables["learner"], form, tables).select("learner_id")
    return in_span(tables["events"], form).semi_join(mine, "learner_id")


def _counted(tables: Tables, form: Form) -> ir.Table:
    rows = _rows(tables, form)
    return rows.group_by("event_type").agg(
        events=rows.count(), first_on=rows.day.min(), last_on=rows.day.max()
    )


def _whole(tables: Tables, form: Form) -> ir.Table:
    rows = _rows(tables, form)
    return rows.select(**{name: _told(rows, name) for name in _TOLD})


def _told(rows: ir.Table, name: str) -> ir.Value:
    return rows[name].cast("string") if name == "event_id" else rows[name]


def _ranked(found: tuple[pa.Table, ...]) -> pa.Table:
    return found[0].sort_by([("events", "descending"), ("event_type", "ascending")])


def _in_order(found: pa.Table) -> pa.Table:
    return found.sort_by([("occurred_at", "ascending"), ("event_id", "ascending")])
