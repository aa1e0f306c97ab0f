"""How good the data is: scores by day, source and type, and which broken rule costs most."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir

from compute import checks
from compute.dimensions import DIMENSION
from compute.measures.quality import overall, score
from compute.plan import Plan
from compute.scoping import Tables
from compute.sources import judged
from models.ask import Ask, ColumnMeaning
from models.errors import BadQuestion
from models.quality import DIMENSIONS
from models.tables import QUALITY_CHECK, QUALITY_DAY

BY = ("day", "week", "month", "source", "event_type")
WORST = 50
_EVENTS = ColumnMeaning(
    "arrived", "measure", "events", "Events that arrived, also those refused or repeated."
)
_SCORE = ColumnMeaning(
    "score", "measure", "points", "The mean of the dimensions that could be judged, 0 to 100."
)


def rows_of(ask: Ask, tables: Tables, rows: ir.Table) -> ir.Table:
    """The rows inside the question's days, sources and event types."""
    checks.check_span(ask)
    checks.check_limit(ask)
    if ask.since:
        rows = rows.filter(rows.day >= ibis.literal(ask.since))
    if ask.until:
        rows = rows.filter(rows.day < ibis.literal(ask.until))
    for where in ask.where:
        if where.dimension not in ("source", "event_type", "day") or where.op not in ("=", "in"):
            raise BadQuestion("Data quality can be narrowed by source, event_type or day, with '=' or 'in'.")
        rows = rows.filter(rows[where.dimension].isin(checks.values_of(where, DIMENSION[where.dimension])))
    return rows


def scores(ask: Ask, tables: Tables) -> Plan:
    checks.check_options(ask, ())
    if not set(ask.by) <= set(BY):
        raise BadQuestion(f"Data quality can be asked by {', '.join(BY)}.")
    rows = rows_of(ask, tables, judged(tables))
    for attached in (DIMENSION[name].attached for name in ask.by):
        rows = attached.attach(rows, tables) if attached else rows
    values = {**_values(rows), "target": ibis.literal(tables.quality.target)}
    by = list(dict.fromkeys(ask.by))
    cells = rows.group_by(by).agg(**values).order_by(by) if by else rows.agg(**values)
    cells = cells.filter(cells.score.notnull()) if by else cells
    return Plan(
        parts=(cells.limit(ask.limit) if ask.limit else cells,),
        columns=(
            *(ColumnMeaning(name, "dimension", "", DIMENSION[name].meaning) for name in by),
            _EVENTS,
            _SCORE,
            *(ColumnMeaning(name, "measure", "points", "0 to 100.") for name in DIMENSIONS),
            ColumnMeaning("target", "detail", "points", "What every source should reach."),
        ),
        source="quality_day, quality_check",
    )


def _values(rows: ir.Table) -> dict[str, ir.Value]:
    each = {str(name): score(name)(rows) for name in DIMENSIONS}
    return {"arrived": rows.arrived.sum().cast("int64"), "score": overall(rows), **each}


def lately(since: date) -> ir.Table:
    """The scores of all organisations together: one row."""
    both = QUALITY_DAY.unbound.union(QUALITY_CHECK.unbound)
    rows = both.filter(both.day >= ibis.literal(since))
    return rows.agg(**_values(rows))


def offenders(ask: Ask, tables: Tables) -> Plan:
    """One row for each source, event type and rule that was broken, the most often broken first."""
    checks.check_options(ask, ())
    rows = rows_of(ask, tables, judged(tables))
    group = ["source", "event_type"]
    arrived = rows.group_by(group).agg(arrived=rows.arrived.sum().cast("int64"))
    counted = rows.filter(rows.broken > 0)
    broken = counted.group_by([*group, "dimension", "rule"]).agg(
        broken=counted.broken.sum().cast("int64"), since=counted.day.min(), last=counted.day.max()
    )
    both = broken.join(arrived, group)
    named = both.mutate(share=ibis.least(both.broken / both.arrived.cast("float64").nullif(0), 1.0))
    worst = named.order_by(ibis.desc("broken"), *group, "rule").limit(ask.limit or WORST)
    return Plan(
        parts=(worst.select(*group, "dimension", "rule", "broken", "arrived", "share", "since", "last"),),
        columns=(
            ColumnMeaning("source", "dimension", "", DIMENSION["source"].meaning),
            ColumnMeaning("event_type", "dimension", "", DIMENSION["event_type"].meaning),
            ColumnMeaning("dimension", "detail", "", "What part of quality the rule belongs to."),
            ColumnMeaning("rule", "detail", "", "The field, the refusal's code or the rule."),
            ColumnMeaning("broken", "measure", "events", "How often it was broken."),
            _EVENTS,
            ColumnMeaning("share", "measure", "share", "How often, of the events that arrived."),
            ColumnMeaning("since", "detail", "", "The first day it was broken."),
            ColumnMeaning("last", "detail", "", "The last day it was broken."),
        ),
        source="quality_day, quality_check",
    )


def batches(ask: Ask, tables: Tables) -> Plan:
    """Batches under the target, the newest first. Days are days of UTC here."""
    checks.check_options(ask, ())
    checks.check_span(ask)
    rows = tables["quality_batch"]
    if ask.since:
        rows = rows.filter(rows.received_at >= ibis.literal(ask.since).cast("timestamp('UTC')"))
    if ask.until:
        rows = rows.filter(rows.received_at < ibis.literal(ask.until).cast("timestamp('UTC')"))
    names = ("received_at", "source", "arrived", "score", *(d for d in DIMENSIONS if d != "consistency"))
    return Plan(
        parts=(rows.order_by(ibis.desc("received_at"), "source").limit(ask.limit or WORST).select(*names),),
        columns=_about_batches(names),
        source="quality_batch",
    )


def _about_batches(names: Sequence[str]) -> tuple[ColumnMeaning, ...]:
    return (
        ColumnMeaning("received_at", "detail", "", "When the batch was stored."),
        ColumnMeaning("source", "dimension", "", DIMENSION["source"].meaning),
        _EVENTS,
        *(ColumnMeaning(name, "measure", "points", "0 to 100.") for name in names[3:]),
    )
