"""How the values of a day were spread, so that a day on which they lie elsewhere is noticed: scores that are
all 100, lessons of no length. Counted with the look at whole days, in as few numbers as tell a shape."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import reduce

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from models.quality import SPREAD
from models.tables import EVENTS

# A value lies in the bin that has as many edges as it reaches.
EDGES: Mapping[str, tuple[float, ...]] = {
    "score": (10, 20, 30, 40, 50, 60, 70, 80, 90, 100),
    "duration_s": (1, 5, 15, 60, 180, 600, 1800, 7200),
}


def spreads(since: date, until: date) -> ir.Table:
    """Events by organisation, day, source, field and bin."""
    events = EVENTS.unbound.filter(
        EVENTS.unbound.day >= ibis.literal(since), EVENTS.unbound.day < ibis.literal(until)
    )
    return ibis.union(*(_of_field(events, field, edges) for field, edges in EDGES.items()))


def _of_field(events: ir.Table, field: str, edges: tuple[float, ...]) -> ir.Table:
    filled = events.filter(events[field].notnull())
    reached = reduce(
        lambda sum_, edge: sum_ + (filled[field] >= edge).ifelse(1, 0), edges, ibis.literal(0, "int64")
    )
    binned = filled.select("organisation_id", "day", "source", bin=reached)
    counted = binned.group_by("organisation_id", "day", "source", "bin").agg(values=binned.count())
    return counted.mutate(field=ibis.literal(field), values=counted["values"].cast("int64"))


def rows(found: pa.Table, schema: pa.Schema) -> pa.Table:
    """Rows of QUALITY_CHECK: how many values each bin has. They break nothing and count in no score."""
    count = len(found)
    nothing, empty = pa.array([0] * count, pa.int64()), pa.array([""] * count, pa.string())
    bins = pc.cast(found["bin"], pa.string())
    told = {
        "organisation_id": found["organisation_id"],
        "day": found["day"],
        "source": found["source"],
        "event_type": empty,
        "dimension": pa.array([SPREAD] * count, pa.string()),
        "rule": pc.binary_join_element_wise(found["field"], bins, ":"),
        "arrived": nothing,
        "fields": nothing,
        "related": found["values"],
        "broken": nothing,
    }
    return pa.table({name: told[name] for name in schema.names}).cast(schema)
