"""Makes events of rows: by a map.toml, or by the columns' own names."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import msgspec

from connectors.sources.files.mapfile import CONTEXT, NO_MAP, TARGETS, WHOLE, MapFile, read_map_file, zone_of
from connectors.sources.files.values import Kinds, Time, as_id, in_kind, is_empty
from models.errors import unknown

Values = dict[str, object]
# How a plain column may be called without a map.
_NICKNAMES = {name: f"context.{name}" for name in CONTEXT} | {
    "device_type": "device.type",
    "os": "device.os",
    "browser": "device.browser",
}
_MADE = uuid.UUID("5d0a4e2e-9c6b-5f0e-8a43-3f1b6f0d7c55")


@dataclass(frozen=True, slots=True)
class _Step:
    """One value: read from a row, made fit, put into its part of the event."""

    part: str
    name: str
    read: Callable[[Values], object]
    fit: Callable[[object], object] | None


class FieldMap:
    """`bind` it to the columns of a file first."""

    def __init__(self, kinds: Kinds, said: MapFile = NO_MAP, text: bytes = b"") -> None:
        self.said, self.text = said, text  # another text makes it another import
        self.unused: tuple[str, ...] = ()  # columns that are no field
        self.ids_made = 0
        self._kinds = kinds
        self._time = Time(said.time.format, zone_of(said.time.zone))
        self._constants = {k: v for k, v in said.constants.items() if not k.startswith("payload.")}
        self._of_payload = {
            k.partition(".")[2]: v for k, v in said.constants.items() if k.startswith("payload.")
        }
        self._steps: tuple[_Step, ...] = ()
        self._payload: tuple[_Step, ...] = ()
        self._id_from: tuple[Callable[[Values], object], ...] = ()
        self._file = _MADE

    @property
    def is_plain(self) -> bool:
        """Nothing to change: rows are events already."""
        return self.said == NO_MAP

    def of_file(self, fingerprint: str) -> None:
        self._file = uuid.UUID(fingerprint[:32])

    def bind(self, columns: Iterable[str] | None) -> None:
        """None: every row brings its own columns, as in NDJSON."""
        there = list(columns or ())
        if self.said.columns:
            said = self.said.columns.items()
            bound = [(target, [c] if isinstance(c, str) else c) for target, c in said]
        else:
            names = WHOLE if columns is None else there
            bound = [(target, [name]) for name in names if (target := _target(name))]
        if columns is not None:
            self._compare(bound, there)
        steps = [self._step(target, names, there) for target, names in bound]
        self._steps = tuple(step for step in steps if step.part != "payload")
        self._payload = tuple(step for step in steps if step.part == "payload")
        self._id_from = tuple(_reader([name], there) for name in self.said.id_from)

    def _compare(self, bound: Sequence[tuple[str, list[str]]], there: list[str]) -> None:
        used = {name for _, names in bound for name in names} | set(self.said.id_from)
        for name in sorted(used):
            if name not in there and name.split(".")[0] not in there:
                raise unknown("column in the map", name, there)
        self.unused = tuple(name for name in there if name not in used)

    def _step(self, target: str, names: list[str], there: list[str]) -> _Step:
        part, _, name = target.partition(".")
        part, name = (part, name) if name or part in WHOLE[6:] else ("", part)
        return _Step(part, name, _reader(names, there), self._fit(target, part, name))

    def _fit(self, target: str, part: str, name: str) -> Callable[[object], object] | None:
        fit: Callable[[object], object] | None = as_id
        decimal = self.said.file.decimal
        if target == "timestamp":
            fit = self._time.text
        elif target == "sequence":
            fit = lambda value: in_kind(value, "int", decimal)  # noqa: E731
        elif part and not name:
            fit = lambda value: in_kind(value, "object", decimal)  # noqa: E731
        elif part == "payload":
            fit = None  # depends on the event's type
        renames = self.said.values.get(target)
        return _renaming(renames, fit) if renames else fit

    def event(self, row: Values, number: int) -> Values:
        event: Values = {}
        for target, constant in self._constants.items():
            part, _, name = target.partition(".")
            _put(event, part if name else "", name or part, constant)
        for step in self._steps:
            value = step.read(row)
            if value is not None and value != "":
                _put(event, step.part, step.name, step.fit(value) if step.fit else value)
        if self._payload or self._of_payload:
            event["payload"] = self._payload_of(row, str(event.get("event_type")))
        if self._id_from:
            event["event_id"] = str(uuid.uuid5(_MADE, "\x1f".join(str(read(row)) for read in self._id_from)))
        elif "event_id" not in event:
            event["event_id"] = self.made_id(number)
        return event

    def _payload_of(self, row: Values, event_type: str) -> object:
        kinds, decimal = self._kinds.get(event_type, {}), self.said.file.decimal
        payload: Values = dict(self._of_payload)
        for step in self._payload:
            value = step.read(row)
            if is_empty(value):
                continue
            value = step.fit(value) if step.fit else value
            if step.name:
                payload[step.name] = in_kind(value, kinds.get(step.name, ""), decimal)
            elif isinstance(value, dict):
                payload |= {
                    k: in_kind(v, kinds.get(k, ""), decimal) for k, v in value.items() if not is_empty(v)
                }
            else:
                return value  # no object: the gate says so
        return payload

    def made_id(self, number: int) -> str:
        """The same at every import of this file, so that a repeat is known."""
        self.ids_made += 1
        return str(uuid.uuid5(self._file, str(number)))


def read_map(path: Path | None, kinds: Kinds) -> FieldMap:
    return FieldMap(kinds, *read_map_file(path)) if path else FieldMap(kinds)


def _target(column: str) -> str | None:
    name = _NICKNAMES.get(column, column)
    return name if name in (*TARGETS, "context", "device") or name.startswith("payload.") else None


def _reader(names: list[str], there: list[str]) -> Callable[[Values], object]:
    if len(names) > 1:
        readers = [_reader([name], there) for name in names]
        return lambda row: _joined([read(row) for read in readers])
    name = names[0]
    if name in there:
        return itemgetter(name)
    return lambda row: _inside(row, name)


def _joined(values: list[object]) -> object:
    texts = [str(value).strip() for value in values if not is_empty(value)]
    return " ".join(texts) if texts else None


def _inside(row: Values, name: str) -> object:
    """A value of a nested row, as `actor.id`."""
    if name in row:
        return row[name]
    inside: object = row
    for part in name.split("."):
        inside = inside.get(part) if isinstance(inside, dict) else None
    return inside


def _renaming(renames: dict[str, str], fit: Callable[[object], object] | None) -> Callable[[object], object]:
    def renamed(value: object) -> object:
        known = renames.get(str(value), value)
        return fit(known) if fit else known

    return renamed


def _put(event: Values, part: str, name: str, value: object) -> None:
    if not part:
        event[name] = value
        return
    inside = event.get(part)
    if name:
        if isinstance(inside, dict):
            inside[name] = value
        else:
            event[part] = {name: value}
    elif isinstance(value, dict):
        given = {k: as_id(v) for k, v in value.items() if not is_empty(v)}
        event[part] = inside | given if isinstance(inside, dict) else given
    else:
        event[part] = value  # no object: the gate says so


ENCODE: Callable[[object], bytes] = msgspec.json.Encoder(enc_hook=str, decimal_format="number").encode
