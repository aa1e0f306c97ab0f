"""Data quality: how much of what arrives is whole, right, new, in time and of one piece with the rest."""

from __future__ import annotations

from collections.abc import Callable

import ibis
import ibis.expr.types as ir

from compute.measures.measure import Measure
from models.quality import DIMENSIONS, Dimension

_NEEDS = ("arrived", "fields", "related", "broken", "dimension")
_USUAL = ((), ("day",), ("week",), ("source",), ("event_type",))
# What the broken ones of each dimension are a share of.
_OF: dict[Dimension, str] = {
    "completeness": "fields",
    "validity": "arrived",
    "uniqueness": "arrived",
    "timeliness": "arrived",
    "consistency": "related",
}
_MEANINGS: dict[Dimension, str] = {
    "completeness": "Fields that were filled, of those that ought to be, as per cent.",
    "validity": "Events within the declared types, ranges and words, as per cent of those that arrived.",
    "uniqueness": "Events that had not come before, as per cent of those that arrived.",
    "timeliness": "Events that came in time, as per cent of those that arrived.",
    "consistency": "Checks against what else is known that held, as per cent.",
}


def score(dimension: Dimension) -> Callable[[ir.Table], ir.Value]:
    """0 to 100; null where nothing was to be judged."""

    def value(t: ir.Table) -> ir.Value:
        mine = t.dimension == dimension
        of = t.related.sum(where=mine) if dimension == "consistency" else t[_OF[dimension]].sum()
        broken = t.broken.sum(where=mine).fill_null(0).cast("float64")
        found = 100.0 * (1.0 - broken / of.cast("float64").nullif(0))
        # One event can break several rules of a dimension. (The greatest of null and 0 would be 0.)
        return (found < 0).ifelse(0.0, found)

    return value


def overall(t: ir.Table) -> ir.Value:
    """The mean of the dimensions that could be judged."""
    scores = [score(dimension)(t) for dimension in DIMENSIONS]
    known = sum((s.notnull().ifelse(1, 0) for s in scores), start=ibis.literal(0))
    total = sum((s.fill_null(0.0) for s in scores), start=ibis.literal(0.0))
    return total / known.cast("float64").nullif(0)


def _measure(name: str, meaning: str, value: Callable[[ir.Table], ir.Value]) -> Measure:
    return Measure(
        name=name,
        meaning=meaning,
        unit="points",
        better="up",
        value=value,
        needs=_NEEDS,
        behind=("arrived",),
        usual=_USUAL,
        grain="event",
        subject="quality",
        family="quality",
        freshness="near",
        sensitivity="quality",
    )


MEASURES = (
    _measure(
        "data_quality_score",
        "Data quality, 0 to 100: the mean of completeness, validity, uniqueness, timeliness and consistency.",
        overall,
    ),
    *(_measure(f"data_{name}", _MEANINGS[name], score(name)) for name in DIMENSIONS),
)
