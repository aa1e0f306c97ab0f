"""What good data is, as declared: the rules by which every event is judged (config/quality.toml)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Dimension = Literal["completeness", "validity", "uniqueness", "timeliness", "consistency"]
Check = Literal["known", "belongs", "within", "after"]

DIMENSIONS: tuple[Dimension, ...] = ("completeness", "validity", "uniqueness", "timeliness", "consistency")

# Names of rules that are not an event's column, a refusal's code or a declared consistency rule.
REPEATED_ID = "repeated-id"
REPEATED_CONTENT = "repeated-content"
LATE = "late"
UNKNOWN_TYPE = "unknown-type"
SPREAD = "spread"  # a dimension that is no score: how a day's values were spread, by field and bin
CHECKED = "checked"  # marks a day as looked at, with how many events it had then


@dataclass(frozen=True, slots=True)
class TypeRules:
    """`expected`: columns that an event of this type ought to fill, the required ones among them."""

    name: str
    expected: tuple[str, ...]
    late_after_s: float


@dataclass(frozen=True, slots=True)
class Bounds:
    column: str
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Consistency:
    """One rule between an event and what else is known.

    known: `column` is an id in the table `of`. belongs: the row of `of` with this id names the event's
    `to`. within: `column` is at most the `limit` of the row of `of` with the event's `by`, and `slack`.
    after: before an event of type `event` the learner had one of type `earlier` with the same `same`.
    """

    name: str
    check: Check
    meaning: str
    column: str = ""
    of: str = ""
    to: str = ""
    by: str = ""
    limit: str = ""
    slack: float = 0.0
    event: str = ""
    earlier: str = ""
    same: tuple[str, ...] = ()
    look_back_days: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class QualityRules:
    target: float = 95.0
    types: Mapping[str, TypeRules] = field(default_factory=dict)
    bounds: tuple[Bounds, ...] = ()
    among: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # column -> the allowed words
    refusals: Mapping[str, Dimension | None] = field(default_factory=dict)  # code -> what it counts against
    consistency: tuple[Consistency, ...] = ()
