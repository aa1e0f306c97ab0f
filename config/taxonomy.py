"""Reads config/events.toml: what each event type is. A mistake in the file stops the program at start."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

from models.errors import BadSettings
from models.event import PERSONAL, EventType, FieldKind, PayloadField, Priority
from models.tables import EVENTS

FILE = Path(__file__).with_name("events.toml")
CONTEXT_IDS = ("course_id", "lesson_id", "video_id", "assessment_id")

_FIELD_KEYS = {"kind", "meaning", "unit", "low", "high", "among", "column", "personal"}
_EVENT_KEYS = {"category", "priority", "meaning", "needs", "required", "optional"}
# Which Ibis type each kind of field may be stored in.
_FITS: dict[str, frozenset[str]] = {
    "string": frozenset({"string"}),
    "id": frozenset({"string"}),
    "int": frozenset({"int16", "int32", "int64", "float64"}),
    "float": frozenset({"float64"}),
    "bool": frozenset({"boolean"}),
}
_COLUMN_TYPE = {column.name: column.type for column in EVENTS.columns}


@cache
def taxonomy() -> Mapping[str, EventType]:
    """Every event type by name, in the order of the file."""
    return read_taxonomy(FILE)


def read_taxonomy(path: Path) -> Mapping[str, EventType]:
    try:
        declared = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BadSettings(f"{path.name} cannot be read: {error}") from error
    _only(declared, {"field", "event"}, path.name)
    fields = {name: _field(name, table) for name, table in declared.get("field", {}).items()}
    types = {name: _event_type(name, table, fields) for name, table in declared.get("event", {}).items()}
    unused = fields.keys() - {field.name for kind in types.values() for field in kind.fields}
    _must(not unused, f"no event uses field {', '.join(sorted(unused))}")
    return MappingProxyType(types)


def _field(name: str, table: Mapping[str, Any]) -> PayloadField:
    where = f"field '{name}'"
    _only(table, _FIELD_KEYS, where)
    kind, column = table.get("kind"), table.get("column")
    _must(kind in get_args(FieldKind), f"{where} has kind {kind!r}")
    _must(bool(table.get("meaning")), f"{where} has no meaning")
    low, high = table.get("low"), table.get("high")
    _must(low is None or high is None or low <= high, f"{where} has low above high")
    if column is not None:
        _must(_COLUMN_TYPE.get(column) in _FITS.get(str(kind), ()), f"{where} does not fit column '{column}'")
    personal = tuple(table.get("personal", ()))
    _must(set(personal) <= {*PERSONAL, "any"}, f"{where} may hold {', '.join(personal)}: see PERSONAL")
    personal = PERSONAL if "any" in personal else personal
    return PayloadField(
        name=name,
        kind=table["kind"],
        meaning=table["meaning"],
        unit=table.get("unit", ""),
        low=low,
        high=high,
        among=tuple(table.get("among", ())),
        column=column,
        personal=personal,
    )


def _event_type(name: str, table: Mapping[str, Any], fields: Mapping[str, PayloadField]) -> EventType:
    where = f"event '{name}'"
    _only(table, _EVENT_KEYS, where)
    _must(table.get("priority") in get_args(Priority), f"{where} has priority {table.get('priority')!r}")
    _must(bool(table.get("category")) and bool(table.get("meaning")), f"{where} lacks category or meaning")
    needs = tuple(table.get("needs", ()))
    _must(set(needs) <= set(CONTEXT_IDS), f"{where} needs an id that no context has")
    required, optional = table.get("required", []), table.get("optional", [])
    names = [*required, *optional]
    _must(len(set(names)) == len(names), f"{where} names a field twice")
    _must(set(names) <= fields.keys(), f"{where} names an undeclared field")
    columns = [fields[n].column for n in names if fields[n].column]
    _must(len(set(columns)) == len(columns), f"{where} puts two fields into one column")
    return EventType(
        name=name,
        category=table["category"],
        priority=table["priority"],
        meaning=table["meaning"],
        fields=tuple(_used(fields[n], n in required) for n in names),
        needs=needs,
    )


def _used(field: PayloadField, required: bool) -> PayloadField:
    return replace(field, required=required)


def _only(table: Mapping[str, Any], known: set[str], where: str) -> None:
    extra = sorted(table.keys() - known)
    _must(not extra, f"{where} has unknown key {', '.join(extra)}")


def _must(holds: bool, what: str) -> None:
    if not holds:
        raise BadSettings(f"config/events.toml is wrong: {what}.")
