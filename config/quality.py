"""Reads config/quality.toml: what good data is. A mistake in the file stops the program at start."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

from config.taxonomy import taxonomy
from models.errors import BadSettings
from models.event import EventType
from models.quality import DIMENSIONS, Bounds, Check, Consistency, Dimension, QualityRules, TypeRules
from models.tables import EVENTS, TABLE

FILE = Path(__file__).with_name("quality.toml")
_KEYS = {"target", "late_after_h", "expected", "event", "refusals", "rule"}
_COLUMNS = frozenset(EVENTS.names())
# What each kind of check must be told; the rest must be left out.
_NEEDS: Mapping[str, frozenset[str]] = {
    "known": frozenset({"column", "of"}),
    "belongs": frozenset({"column", "of", "to"}),
    "within": frozenset({"column", "of", "by", "limit", "slack"}),
    "after": frozenset({"event", "earlier", "same", "look_back_days"}),
}
HOUR_S = 3600.0


@cache
def quality_rules() -> QualityRules:
    return read_quality(FILE, taxonomy())


def read_quality(path: Path, types: Mapping[str, EventType]) -> QualityRules:
    try:
        declared = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BadSettings(f"{path.name} cannot be read: {error}") from error
    _only(declared, _KEYS, path.name)
    _must(0 < declared.get("target", 0) <= 100, "target is not between 0 and 100")
    _must(declared.get("late_after_h", 0) > 0, "late_after_h is not above 0")
    own = declared.get("event", {})
    _must(own.keys() <= types.keys(), f"unknown event {', '.join(sorted(own.keys() - types.keys()))}")
    return QualityRules(
        target=float(declared["target"]),
        types=MappingProxyType({n: _type_rules(t, declared, own.get(n, {})) for n, t in types.items()}),
        bounds=_bounds(types),
        among=MappingProxyType({c.name: c.among for c in EVENTS.columns if c.among}),
        refusals=MappingProxyType(_refusals(declared.get("refusals", {}))),
        consistency=tuple(_rule(name, table) for name, table in declared.get("rule", {}).items()),
    )


def _type_rules(kind: EventType, declared: Mapping[str, Any], own: Mapping[str, Any]) -> TypeRules:
    where = f"event '{kind.name}'"
    _only(own, {"expected", "late_after_h"}, where)
    required = [f.column for f in kind.fields if f.required and f.column]
    expected = dict.fromkeys(
        [*declared.get("expected", ()), *kind.needs, *required, *own.get("expected", ())]
    )
    _must(expected.keys() <= _COLUMNS, f"{where} expects a column that events do not have")
    late_after_h = own.get("late_after_h", declared["late_after_h"])
    _must(late_after_h > 0, f"{where} has a late_after_h that is not above 0")
    return TypeRules(kind.name, tuple(expected), late_after_h * HOUR_S)


def _bounds(types: Mapping[str, EventType]) -> tuple[Bounds, ...]:
    """The taxonomy's ranges, by the column a field goes to; where it gives none, the table's."""
    found: dict[str, Bounds] = {}
    for column in EVENTS.columns:
        if column.type == "float64" and (column.low is not None or column.high is not None):
            found[column.name] = Bounds(column.name, column.low, column.high)
    for field in (f for kind in types.values() for f in kind.fields):
        if field.column and (field.low is not None or field.high is not None):
            bounds = Bounds(field.column, field.low, field.high)
            other = found.get(field.column, bounds)
            found[field.column] = Bounds(
                field.column, _looser(min, bounds.low, other.low), _looser(max, bounds.high, other.high)
            )
    return tuple(found.values())


def _looser(outer: Any, one: float | None, other: float | None) -> float | None:
    known = [value for value in (one, other) if value is not None]
    return float(outer(known)) if known else None


def _refusals(declared: Mapping[str, Sequence[str]]) -> dict[str, Dimension | None]:
    _only(declared, {*DIMENSIONS, "none"}, "refusals")
    against: dict[str, Dimension | None] = {}
    for name, codes in declared.items():
        for code in codes:
            against[code] = next((d for d in DIMENSIONS if d == name), None)
    return against


def _rule(name: str, table: Mapping[str, Any]) -> Consistency:
    where = f"rule '{name}'"
    check = table.get("check")
    _must(check in get_args(Check), f"{where} has check {check!r}")
    _must(bool(table.get("meaning")), f"{where} has no meaning")
    needs = _NEEDS[table["check"]]
    _only(table, {"check", "meaning", *needs}, where)
    missing = sorted(needs - table.keys() - {"slack"})
    _must(not missing, f"{where} lacks {', '.join(missing)}")
    rule = Consistency(name, **{**table, "same": tuple(table.get("same", ()))})
    _check_names(rule, where)
    return rule


def _check_names(rule: Consistency, where: str) -> None:
    of_event = {rule.column, rule.to, rule.by, *rule.same} - {""}
    _must(of_event <= _COLUMNS, f"{where} names a column that events do not have")
    if rule.of:
        _must(rule.of in TABLE and TABLE[rule.of].kind == "dimension", f"{where} names no dimension table")
        there = set(TABLE[rule.of].names())
        wanted = {rule.by or rule.column, rule.to, rule.limit} - {""}
        _must(wanted <= there, f"{where} names a column that table '{rule.of}' does not have")
    _must({rule.event, rule.earlier} - {""} <= taxonomy().keys(), f"{where} names an unknown event")


def _only(table: Mapping[str, Any], known: set[str], where: str) -> None:
    extra = sorted(table.keys() - known)
    _must(not extra, f"{where} has unknown key {', '.join(extra)}")


def _must(holds: bool, what: str) -> None:
    if not holds:
        raise BadSettings(f"config/quality.toml is wrong: {what}.")
