"""What a measure is: one number, declared once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import ibis.expr.types as ir

from models.ask import Freshness
from models.scope import RowScope

Family = Literal["activity", "sessions", "video", "quality"]
Better = Literal["up", "down", "neither"]
Sensitivity = Literal["learning", "business", "quality"]

# Learning is for everybody, inside their own rows; money is for those who answer for the whole school.
SCOPES: Mapping[Sensitivity, tuple[RowScope, ...]] = {
    "learning": ("own", "linked", "taught", "sponsored", "organisation"),
    "business": ("organisation",),
    "quality": ("organisation",),
}


@dataclass(frozen=True, slots=True)
class Measure:
    """`value` is an aggregate over columns that the roll-ups and the raw contributions share, so the
    same expression answers from any of them.

    `needs` names the columns that `value` reads; a table that lacks one cannot answer. `behind` names
    the columns of which one is not zero in a row of a learner who stands behind the number. With
    `per`, rows are first brought to one per `per` by `first`, and `value` reads those.
    """

    name: str
    meaning: str
    unit: str
    better: Better
    value: Callable[[ir.Table], ir.Value]
    needs: tuple[str, ...]
    behind: tuple[str, ...]
    usual: tuple[tuple[str, ...], ...]  # the dimensions it is mostly asked by; () is the total
    grain: str = "event"
    subject: str = ""
    family: Family = "activity"
    per: tuple[str, ...] = ()
    first: Callable[[ir.Table], Mapping[str, ir.Value]] | None = None
    counts: bool = False  # nothing happened is 0; otherwise nothing is known, which is null
    freshness: Freshness = "live"
    sensitivity: Sensitivity = "learning"

    @property
    def scopes(self) -> tuple[RowScope, ...]:
        return SCOPES[self.sensitivity]


def total(column: str) -> Callable[[ir.Table], ir.Value]:
    return lambda t: t[column].sum()


def ratio(above: str, below: str, times: float = 1.0) -> Callable[[ir.Table], ir.Value]:
    """Null where nothing is below: an undefined share must not read as 0 %."""
    return lambda t: share(t[above].sum() * times, t[below].sum())


def share(above: ir.Value, below: ir.Value) -> ir.Value:
    return above.cast("float64") / below.cast("float64").nullif(0)


def learners(t: ir.Table, column: str = "events") -> ir.Value:
    return t.learner_id.nunique(where=t[column] > 0)


def per_learner(column: str, times: float = 1.0) -> Callable[[ir.Table], ir.Value]:
    """The sum for each learner who was active at all."""
    return lambda t: share(t[column].sum() * times, learners(t))
