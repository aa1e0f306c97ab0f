"""Payload checkers, compiled once from the taxonomy: a struct for each type, read a whole group at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec

from connectors.intake.decode import explain
from connectors.intake.limits import LIMITS
from models.event import EventType, PayloadField

TEXT_LIMIT = 128
FREE_TEXT_LIMIT = 16_384
_MOST_UNDECLARED = LIMITS.quarantined_bytes  # of a payload in which every text must be searched
# The typed columns a payload can fill, in the order of the events table.
COLUMNS = (
    "item_id",
    "skill_id",
    "object_id",
    "choice",
    "position_s",
    "duration_s",
    "score",
    "correct",
    "amount_cents",
    "currency",
)
_ENCODE = msgspec.json.Encoder()
_DICT = msgspec.json.Decoder(dict[str, Any])
Clean = Callable[[str], str]


@dataclass(slots=True)
class Payloads:
    """What a group of payloads becomes: columns, the JSON that is left, and which are wrong."""

    columns: dict[str, Sequence[object]]
    rest: Sequence[str | None]
    wrong: dict[int, tuple[str, str]] = field(default_factory=dict)  # place in the group -> code, detail


class PayloadType:
    def __init__(self, kind: EventType) -> None:
        self.kind = kind
        self.needs = kind.needs
        declared = {f.name: f for f in kind.fields}
        self._columns = {f.column: f.name for f in kind.fields if f.column}
        self._left = tuple(n for n, f in declared.items() if not f.column)
        self._free = tuple(n for n, f in declared.items() if f.may_hold_personal_data)
        self.as_sent = frozenset(declared) - frozenset(self._free)
        checked = _struct(kind.name, kind.fields, forbid_unknown_fields=True)
        left = _struct(kind.name + "_rest", [declared[n] for n in self._left], omit_defaults=True)
        self._checked = msgspec.json.Decoder(list[checked])  # type: ignore[valid-type]
        self._rest = msgspec.json.Decoder(list[left])  # type: ignore[valid-type]
        self._struct = checked
        self._names = frozenset(declared)

    def read(self, raws: Sequence[msgspec.Raw], clean: Clean) -> Payloads:
        body = b"[" + b",".join(raws) + b"]"
        try:
            rows = self._checked.decode(body)
        except (ValueError, RecursionError):
            return self._read_loosely(raws, clean)
        rest = self._rest_of(body, len(rows), clean) if self._left else _nothing(len(rows))
        return Payloads(self._columns_of(rows, clean), rest)

    def _columns_of(self, rows: Sequence[object], clean: Clean) -> dict[str, Sequence[object]]:
        columns: dict[str, Sequence[object]] = {}
        for column, name in self._columns.items():
            values = [getattr(row, name) for row in rows]
            if name in self._free:
                values = [clean(v) if v else v for v in values]
            columns[column] = values
        return columns

    def _rest_of(self, body: bytes, count: int, clean: Clean) -> Sequence[str | None]:
        rows = self._rest.decode(body)
        for name in self._free:
            if name in self._left:
                for row in rows:
                    if value := getattr(row, name):
                        setattr(row, name, cleaned(value, clean))
        lines = _ENCODE.encode_lines(rows).decode().split("\n")
        return [line if line != "{}" else None for line in lines[:count]]

    def _read_loosely(self, raws: Sequence[msgspec.Raw], clean: Clean) -> Payloads:
        """One at a time: some are wrong, or have fields that nobody declared and that are kept."""
        found: list[object] = []
        rest: list[str | None] = []
        wrong: dict[int, tuple[str, str]] = {}
        for place, raw in enumerate(raws):
            try:
                row, left = self._read_one(raw, clean)
            except msgspec.ValidationError as error:
                wrong[place] = _explained(error)
            except _TooLongError:
                wrong[place] = "bad-text", "The payload is too long for one with fields that nobody declared."
            except RecursionError:
                wrong[place] = "too-deep", "The payload is nested too deeply."
            except ValueError:
                wrong[place] = "bad-text", "A text in the payload is not valid Unicode."
            if place in wrong:
                row, left = _NOTHING, None
            found.append(row)
            rest.append(left)
        return Payloads(self._columns_of(found, clean), rest, wrong)

    def _read_one(self, raw: msgspec.Raw, clean: Clean) -> tuple[object, str | None]:
        given = _DICT.decode(raw)
        known = {k: v for k, v in given.items() if k in self._names}
        unknown = {k: v for k, v in given.items() if k not in self._names}
        if unknown and len(raw) > _MOST_UNDECLARED:
            raise _TooLongError
        row = msgspec.convert(known, self._struct)
        left = {k: cleaned(v, clean) if k in self._free else v for k, v in known.items() if k in self._left}
        left = {k: v for k, v in left.items() if v is not None}
        left |= {clean(k): cleaned(v, clean) for k, v in unknown.items()}
        return row, _ENCODE.encode(left).decode() if left else None


class _TooLongError(Exception):
    pass


class _Absent:
    """Stands where a payload was wrong: every field is None."""

    def __getattr__(self, name: str) -> None:
        return None


_NOTHING = _Absent()


def cleaned(value: Any, clean: Clean) -> Any:
    """Every text inside, cleaned; long whole numbers too, for a card number may come as one."""
    match value:
        case str():
            return clean(value)
        case bool() | float() | None:
            return value
        case int():
            text = str(value)
            return value if len(text) < 9 or clean(text) == text else clean(text)
        case list():
            return [cleaned(item, clean) for item in value]
        case dict():
            return {clean(k): cleaned(item, clean) for k, item in value.items()}
    return value


def _nothing(count: int) -> Sequence[None]:
    return [None] * count


def _explained(error: msgspec.ValidationError) -> tuple[str, str]:
    code, detail = explain(error)
    if code == "not-an-object":
        return "wrong-type", "The payload is not an object."
    return code, detail.replace("(in ", "(in payload.")


def _struct(name: str, fields: Sequence[PayloadField], **options: Any) -> type[msgspec.Struct]:
    ordered = sorted(fields, key=lambda f: not f.required)
    columns = [(f.name, _type(f)) if f.required else (f.name, _type(f) | None, None) for f in ordered]
    return msgspec.defstruct(name, columns, kw_only=True, gc=False, **options)


def _type(f: PayloadField) -> Any:
    match f.kind:
        case "int":
            return Annotated[int, msgspec.Meta(ge=_whole(f.low, -(2**63)), le=_whole(f.high, 2**63 - 1))]
        case "float":
            low, high = -math.inf if f.low is None else f.low, math.inf if f.high is None else f.high
            return Annotated[float, msgspec.Meta(ge=low, le=high)]
        case "bool":
            return bool
        case "object":
            return dict[str, Any]
        case "list":
            return list[Any]
        case "id":
            return Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_LIMIT)]
    if f.among:
        return Literal[f.among]
    longest = FREE_TEXT_LIMIT if f.may_hold_personal_data else 1024
    return Annotated[str, msgspec.Meta(max_length=longest)]


def _whole(value: float | None, otherwise: int) -> int:
    return otherwise if value is None else int(value)


def payload_types(taxonomy: Mapping[str, EventType]) -> dict[str, PayloadType]:
    return {name: PayloadType(kind) for name, kind in taxonomy.items()}
