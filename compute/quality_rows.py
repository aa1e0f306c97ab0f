"""The rows behind a broken rule: which events, when, of what type and source, and the field. No person."""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir

from compute import checks
from compute.plan import Plan
from compute.quality import rows_of
from compute.quality_checks import CONTENT, GROUP, judged
from compute.scoping import Tables
from models.ask import Ask, ColumnMeaning
from models.errors import BadQuestion, NotFound, unknown
from models.quality import DIMENSIONS, LATE, REPEATED_CONTENT, REPEATED_ID, Consistency, QualityRules
from models.tables import EVENTS

MOST = 200
_NAMES = ("event_id", "event_type", "occurred_at", "received_at", "source", "field", "value")
_MEANINGS = {
    "event_id": "The event.",
    "event_type": "Its type.",
    "occurred_at": "When it happened; of a refused one, when it came.",
    "received_at": "When it came.",
    "source": "The way in by which it came.",
    "field": "The field or rule that is wrong.",
    "value": "What stands there, where that is a number or an id of the school's content.",
}


def offending(ask: Ask, tables: Tables) -> Plan:
    """Options `dimension` and `rule` say which rule was broken; at most 200 rows, the newest first."""
    checks.check_options(ask, ("dimension", "rule"))
    if not tables.sees_rows:
        raise NotFound
    dimension, rule = (str(checks.option(ask, name) or "") for name in ("dimension", "rule"))
    if dimension not in DIMENSIONS:
        raise unknown("dimension of quality", dimension, DIMENSIONS)
    found = _found(ask, tables, dimension, rule)
    newest = found.order_by(ibis.desc("received_at"), "event_id").limit(min(ask.limit or MOST, MOST))
    return Plan(
        parts=(newest.select(*_NAMES),),
        columns=tuple(ColumnMeaning(name, "detail", "", meaning) for name, meaning in _MEANINGS.items()),
        source="events",
    )


def _found(ask: Ask, tables: Tables, dimension: str, rule: str) -> ir.Table:
    rules, events = tables.quality, rows_of(ask, tables, tables["events"])
    consistency = next((r for r in rules.consistency if r.name == rule), None)
    if dimension == "consistency" and consistency:
        return _shown(_inconsistent(ask, tables, events, consistency), consistency.column, rule)
    if dimension == "uniqueness" and rule == REPEATED_CONTENT:
        return _shown(_twice(events), "", rule)
    if dimension == "timeliness" and rule == LATE:
        return _shown(_late(events, rules), "", rule)
    if dimension == "completeness" and rule in EVENTS.names():
        return _shown(_missing(events, rules, rule), "", rule)
    if dimension == "validity" and rule in EVENTS.names():
        return _shown(_invalid(events, rules, rule), rule, rule)
    if rule == REPEATED_ID:
        raise BadQuestion("A repeat by its id is not stored a second time, so there is no row to show.")
    return _refused(ask, tables, rule)


def _shown(events: ir.Table, column: str, rule: str) -> ir.Table:
    value = events[column].cast("string") if column else ibis.null("string")
    return events.mutate(event_id=events.event_id.cast("string"), field=ibis.literal(rule), value=value)


def _missing(events: ir.Table, rules: QualityRules, column: str) -> ir.Table:
    asked = [kind.name for kind in rules.types.values() if column in kind.expected]
    return events.filter(events.event_type.isin(asked), events[column].isnull())


def _invalid(events: ir.Table, rules: QualityRules, column: str) -> ir.Table:
    for bounds in (b for b in rules.bounds if b.column == column):
        value = events[column]
        low = value < bounds.low if bounds.low is not None else ibis.literal(False)
        high = value > bounds.high if bounds.high is not None else ibis.literal(False)
        return events.filter(low | high)
    if column in rules.among:
        return events.filter(events[column].notin(rules.among[column]))
    return events.filter(ibis.literal(False))


def _late(events: ir.Table, rules: QualityRules) -> ir.Table:
    waited = events.received_at.epoch_seconds() - events.occurred_at.epoch_seconds()
    limits: dict[float, list[str]] = {}
    for kind in rules.types.values():
        limits.setdefault(kind.late_after_s, []).append(kind.name)
    late: ir.BooleanValue = ibis.literal(False)
    for limit_s, names in limits.items():
        late = late | (events.event_type.isin(names) & (waited > limit_s))
    return events.filter(late)


def _twice(events: ir.Table) -> ir.Table:
    alike = ibis.window(group_by=[*GROUP, *CONTENT])
    counted = events.mutate(times=events.count().over(alike))
    return counted.filter(counted.times > 1)


def _inconsistent(ask: Ask, tables: Tables, events: ir.Table, rule: Consistency) -> ir.Table:
    until = ask.until or tables.scope.on
    since = ask.since or date(until.year - 1, until.month, 1)
    return _broken(judged(events, rule, 0, since, until))


def _broken(rows: ir.Table) -> ir.Table:
    return rows.filter(rows.broken_0)


def _refused(ask: Ask, tables: Tables, code: str) -> ir.Table:
    """What was not accepted waits as a dead letter; its time is when it came."""
    letters = tables["dead_letter"]
    own = letters.filter(letters.code == code)
    if ask.since:
        own = own.filter(own.kept_at.date() >= ibis.literal(ask.since))
    if ask.until:
        # Its day is of UTC here, so that the school's own may have begun before or after.
        own = own.filter(own.kept_at.date() <= ibis.literal(ask.until))
    for where in (w for w in ask.where if w.dimension in ("source", "event_type")):
        own = own.filter(own[where.dimension].isin([str(value) for value in where.values]))
    return own.select(
        event_id=own.event_id,
        event_type=own.event_type,
        occurred_at=own.kept_at,
        received_at=own.kept_at,
        source=own.source,
        field=own.code,
        value=ibis.null("string"),
    )
