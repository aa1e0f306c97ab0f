"""Queries with holes: the text is compiled once for all who ask alike, the values come when it runs.

A hole is known by its name alone. Two expressions that differ only in what their holes hold are equal,
so they share their SQL, and each brings its own values.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

import ibis.expr.datashape as ds
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.types as ir

Value: TypeAlias = str | int | date


class Held:
    """What a hole holds; no part of what makes two holes equal."""

    __slots__ = ("value",)

    def __init__(self, value: Value | None) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Held)

    def __hash__(self) -> int:
        return hash(Held)

    def __repr__(self) -> str:
        return "..."  # an id of a learner is nothing for a log


class Hole(ops.Value):  # type: ignore[misc]  # Ibis has no types
    called: str
    dtype: dt.DataType
    held: Held

    shape = ds.scalar

    @property
    def name(self) -> str:
        return str(self.called)


def hole(name: str, kind: str, value: Value | None = None) -> ir.Scalar:
    """Without a value the expression can be compiled but not run by itself."""
    made: ir.Scalar = Hole(name, dt.dtype(kind, nullable=False), Held(value)).to_expr()
    return made


def padded(values: Sequence[Value]) -> list[Value]:
    """To 1, 2, 4, 8 ... values by repeating the last: `in` means the same, and forms stay few."""
    wanted = 1 << max(len(values) - 1, 0).bit_length()
    return [*values, *[values[-1]] * (wanted - len(values))]


def held(expr: ir.Expr) -> dict[str, Value]:
    """What the holes of an expression hold, where they hold anything."""
    found: Any = expr.op().find(Hole)
    return {each.called: each.held.value for each in found if each.held.value is not None}


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """An expression that is only built when no query of the same form was compiled before.

    `build` must not know a value: it is run for the first who asks, and its SQL serves all others.
    """

    form: Hashable
    build: Callable[[], ir.Table]
    values: Mapping[str, Value]
    crowd: Crowd | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Crowd:
    """What queries are about that differ in their learners alone. Each row of such a query bears its
    learner_id and depends on nobody else's rows, so those of equal form and equal other values may be run
    as one and taken apart.
    """

    form: Hashable
    others: Hashable
    learners: tuple[int, ...]
    of: Callable[[Sequence[int]], Query]  # the same query about these learners
