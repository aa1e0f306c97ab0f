"""Hiding small numbers in an answer (P4.5). Which ones is decided in compute.release."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from compute.dimensions import following
from compute.measures import MEASURE
from compute.plan import behind
from compute.release import (
    EVERYBODY,
    MONTH,
    TIMES,
    Cells,
    Group,
    canonical,
    cells,
    closed_until,
    hidden,
    is_restricted,
    is_told,
    label,
    smallest,
    supports,
)
from models.ask import Ask, Scalar, Where
from models.scope import Scope

__all__ = ["Protected", "canonical", "cells", "closed_until", "is_restricted", "protect"]

Row = Mapping[str, object]
Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Protected:
    table: pa.Table
    suppressed: int
    notes: tuple[str, ...]


def protect(table: pa.Table, ask: Ask, scope: Scope, canon: Sequence[pa.Table]) -> Protected:
    """`table` answers `canonical(ask, scope)`; `canon` are the answers to `cells(ask, scope)`, in order."""
    if not is_restricted(ask, scope):
        return Protected(table, 0, ())
    if ask.until is None or ask.until > closed_until(scope.on):
        return _not_over(table, ask)
    least = smallest(ask, scope)
    secret: dict[str, set[Key]] = {}
    for of, found in zip(cells(ask, scope), canon, strict=True):
        secret |= _secret_keys(of, found.to_pylist(), ask, least)
    table = _with_rows(table, ask.by, set[Key]().union(*secret.values()))
    keys = (
        list(zip(*(table.column(name).to_pylist() for name in ask.by), strict=True)) or [()] * table.num_rows
    )
    count = 0
    untold = [name for name in dict.fromkeys(ask.measures) if not is_told(name, ask)]
    for name in dict.fromkeys(ask.measures):
        mask = [name in untold or key in secret[name] for key in keys]
        count += sum(mask)
        table = _without(table, name, mask)
    return Protected(table, count, (*_notes(ask, count, least), *_why_untold(untold)))


def _without(table: pa.Table, name: str, gone: Sequence[bool]) -> pa.Table:
    values = table.column(name)
    kept = [None if out else value for value, out in zip(values.to_pylist(), gone, strict=True)]
    return table.set_column(table.schema.get_field_index(name), name, pa.array(kept, values.type))


def _with_rows(table: pa.Table, by: Sequence[str], secret: set[Key]) -> pa.Table:
    """A hidden group has its row whether or not anybody of it was there: a missing row would tell."""
    if not by:
        return table
    there = set(zip(*(table.column(name).to_pylist() for name in by), strict=True))
    missing = sorted(secret - there, key=repr)
    columns = {
        name: pa.array([key[at] for key in missing], table.schema.field(name).type)
        for at, name in enumerate(by)
    }
    empty = [columns.get(field.name, pa.nulls(len(missing), field.type)) for field in table.schema]
    nullable = pa.schema([field.with_nullable(True) for field in table.schema])
    return pa.concat_tables([table.cast(nullable), pa.table(empty, schema=nullable)]) if missing else table


def _secret_keys(of: Cells, rows: Sequence[Row], ask: Ask, least: int) -> dict[str, set[Key]]:
    """For each measure the answer's rows that hold a hidden cell."""
    needed = {name: supports(MEASURE[name]) for name in of.measures}
    months = _months(rows, ask.until)
    by_support = {
        support: set(_hidden_cells(of, rows, support, months, least))
        for support in frozenset().union(*needed.values())
    }
    project = _projection(of, ask)
    return {
        name: {key for each in needed[name] for key in map(project, by_support[each]) if key is not None}
        for name in of.measures
    }


def _months(rows: Sequence[Row], until: date | None) -> list[date]:
    """Also those in which nobody at all was there: that tells of small groups too."""
    found = [month for row in rows if isinstance(month := row[MONTH], date)]
    months = []
    month = min(found, default=until or date.max)
    while month < (until or max(found, default=month)):
        months.append(month)
        month = following(MONTH, month)
    return months


def _hidden_cells(
    of: Cells, rows: Sequence[Row], support: str, months: Sequence[date], least: int
) -> Iterator[tuple[date, Group]]:
    counts: dict[object, dict[Group, int]] = {month: {} for month in months}
    everybody: dict[Group, int] = {}
    for row in rows:
        group = tuple(row[name] for name in of.axis.dimensions)
        everybody[group] = max(everybody.get(group, 0), _int(row[behind(EVERYBODY)]))
        if row[MONTH] in counts:
            counts[row[MONTH]][group] = _int(row[behind(support)])
    nobody_told = _nobody_told(of, everybody, least)
    for month in months:
        for group in hidden(counts[month], nobody_told, least, of.axis.splits_learners):
            yield month, group


def _nobody_told(of: Cells, everybody: Mapping[Group, int], least: int) -> frozenset[Group]:
    """Groups of learners that never were enough; where groups are of something else, that nobody was
    there tells of all the scope's learners, so they must be enough."""
    if of.axis.splits_learners:
        return frozenset(group for group, most in everybody.items() if most < least)
    return frozenset() if max(everybody.values(), default=0) >= least else frozenset(everybody)


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0


def _projection(of: Cells, ask: Ask) -> Callable[[tuple[date, Group]], Key | None]:
    """From a canonical cell to the row of the answer it is part of; None where it is part of none."""

    def project(cell: tuple[date, Group]) -> Key | None:
        month, group = cell
        row: dict[str, object] = dict(zip(of.axis.dimensions, group, strict=True))
        row |= {name: label(name, month) for name in TIMES}
        inside = (ask.since is None or month >= ask.since) and (ask.until is None or month < ask.until)
        if not inside or not all(_may_match(where, row[where.dimension]) for where in ask.where):
            return None
        return tuple(row[name] for name in ask.by)

    return project


def _may_match(where: Where, value: object) -> bool:
    """Could the engine have taken this value in? Taking too much in only hides more."""
    if value is None:
        return where.op in ("!=", "not-in") or None in where.values
    texts = {str(each) for each in where.values}
    match where.op:
        case "=" | "in":
            return str(value) in texts
        case "!=" | "not-in":
            return str(value) not in texts
        case _:
            return any(_compares(where.op, value, each) for each in where.values)


def _compares(op: str, value: object, other: Scalar) -> bool:
    if isinstance(value, int | float) and isinstance(other, int | float):
        left: float | str = value
        right: float | str = other
    else:
        left, right = str(value), str(other)
    sign = (left > right) - (left < right)  # type: ignore[operator]
    return {"<": sign < 0, "<=": sign <= 0, ">": sign > 0, ">=": sign >= 0}[op]


def _not_over(table: pa.Table, ask: Ask) -> Protected:
    """Not known is not nothing: a total is null, a table has no rows."""
    if ask.by:
        table = table.slice(0, 0)
    for name in dict.fromkeys(ask.measures):
        table = _without(table, name, [True] * table.num_rows)
    return Protected(table, 0, ("Only complete months are shown, and this one is not complete yet.",))


def _notes(ask: Ask, count: int, least: int) -> tuple[str, ...]:
    notes = [f"Complete months only, up to {ask.until:%Y-%m-%d}, which is not included."]
    if count:
        notes.append(f"Groups under {least} learners are hidden, and groups that would give them away.")
    return tuple(notes)


def _why_untold(names: Sequence[str]) -> tuple[str, ...]:
    """Said for the reader, who can ask again."""
    if not names:
        return ()
    few = ", ".join(names)
    return (
        f"Each learner is counted once in {few}, which is told for single months and groups: ask by month.",
    )
