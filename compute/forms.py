"""An ask without its values: what decides the SQL. Queries are built from forms, so that a value of one
asker cannot get into a text that serves another; the values are given when the query runs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Concatenate, ParamSpec, TypeVar

import ibis
import ibis.expr.types as ir

from compute import checks
from compute.dimensions import Dimension, dimension
from compute.scoping import Tables
from models.ask import Ask, Operator, Scalar, Where
from models.holes import Crowd, Query, Value, hole, padded

P = ParamSpec("P")
Build = TypeVar("Build", bound=Callable[..., ir.Table])
_KINDS = {"string": "string", "int": "int64", "date": "date"}


@dataclass(frozen=True, slots=True)
class Blanks:
    """A condition without its values."""

    dimension: str
    op: Operator
    place: int
    count: int


@dataclass(frozen=True, slots=True)
class Form:
    question: str
    measures: tuple[str, ...]
    by: tuple[str, ...]
    where: tuple[Blanks, ...]
    since: bool
    until: bool
    order: tuple[str, ...]
    limit: int | None
    options: tuple[tuple[str, Scalar], ...]


def shared(
    build: Callable[Concatenate[Tables, Form, P], ir.Table],
    ask: Ask,
    tables: Tables,
    *more: P.args,
    **named: P.kwargs,
) -> Query:
    """`build(tables, form, *more)`, run for the first ask of this form only. It gets tables and a form
    that hold no values, so nothing of this asker can get into the text that all share. `more` is part of
    what makes queries equal, so it may depend on the ask, but it must be hashable."""
    form, values = form_of(ask)
    own = (build, more, tuple(named.items()), form)
    crowd = None
    if build in _APART and tables.of_named_learners and form.limit is None:
        crowd = Crowd(
            (*own, replace(tables.form, learners=0)),
            _but_learners(tables.values | values),
            tables.scope.learners,
            lambda learners: shared(build, ask, tables.about(learners), *more, **named),
        )
    return Query(
        (*own, tables.form),
        lambda: build(tables.without_values(), form, *more, **named),
        tables.values | values,
        crowd,
    )


_APART: set[Callable[..., ir.Table]] = set()


def apart(build: Build) -> Build:
    """Marks a build for `shared` whose every row bears its learner_id and depends on this learner's rows
    alone, and on what belongs to no learner: asked about many learners, it says of each the same as asked
    about one. No limit, no sum over learners, no rank among them."""
    _APART.add(build)
    return build


def _but_learners(values: Mapping[str, Value]) -> Hashable:
    return frozenset((name, value) for name, value in values.items() if not name.startswith("learner_"))


def form_of(ask: Ask) -> tuple[Form, dict[str, Value]]:
    """The form of an ask, and what fills its holes."""
    values: dict[str, Value] = {}
    blanks = []
    for place, where in enumerate(ask.where):
        wanted = padded(checks.values_of(where, dimension(where.dimension)))
        blanks.append(Blanks(where.dimension, where.op, place, len(wanted)))
        values |= {_name(place, n): value for n, value in enumerate(wanted)}
    for name, day in (("since", ask.since), ("until", ask.until)):
        if day:
            values[name] = day
    form = Form(
        ask.question,
        ask.measures,
        ask.by,
        tuple(blanks),
        ask.since is not None,
        ask.until is not None,
        ask.order,
        ask.limit,
        ask.options,
    )
    return form, values


def values_in(where: Where | Blanks, of: Dimension) -> list[ir.Value]:
    """The values of a condition, or the holes that they will fill."""
    if isinstance(where, Where):
        return [ibis.literal(value) for value in checks.values_of(where, of)]
    return [hole(_name(where.place, n), _KINDS[of.kind]) for n in range(where.count)]


def in_span(t: ir.Table, ask: Ask | Form) -> ir.Table:
    span = []
    if ask.since:
        span.append(t.day >= _day("since", ask))
    if ask.until:
        span.append(t.day < _day("until", ask))
    return t.filter(*span) if span else t


def _day(name: str, ask: Ask | Form) -> ir.Value:
    return hole(name, "date") if isinstance(ask, Form) else ibis.literal(getattr(ask, name))


def _name(place: int, n: int) -> str:
    return f"where_{place}_{n}"
