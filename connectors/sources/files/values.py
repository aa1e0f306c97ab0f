"""Texts of a file as the types that events declare."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from models.event import EventType

# event type -> payload field -> kind
Kinds = Mapping[str, Mapping[str, str]]
_YES, _NO = ("true", "yes", "1", "t", "y"), ("false", "no", "0", "f", "n")


def kinds_of(types: Mapping[str, EventType]) -> Kinds:
    return {name: {f.name: f.kind for f in kind.fields} for name, kind in types.items()}


def is_empty(value: object) -> bool:
    return value is None or value == ""


def in_kind(value: object, kind: str, decimal: str) -> object:
    """What cannot be read as its kind stays as it is: the gate says what is wrong with it."""
    if not isinstance(value, str):
        return _plain(value, kind)
    try:
        match kind:
            case "int":
                number = float(value.replace(decimal, "."))
                return int(number) if number.is_integer() else number
            case "float":
                return float(value.replace(decimal, "."))
            case "bool":
                return _boolean(value)
            case "object" | "list":
                return msgspec.json.decode(value)
    except (ValueError, OverflowError, RecursionError):
        pass
    return value


def _plain(value: object, kind: str) -> object:
    """A column of numbers may hold ids, and one with gaps holds whole numbers as 3.0."""
    if isinstance(value, float) and value.is_integer() and kind in ("int", "id", "string"):
        value = int(value)
    return str(value) if kind in ("id", "string") and isinstance(value, int | Decimal) else value


def as_id(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return str(uuid.UUID(bytes=value)) if len(value) == 16 else value.decode(errors="replace")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # a column of numbers with gaps
    return str(value)


def _boolean(text: str) -> object:
    word = text.lower()
    return True if word in _YES else False if word in _NO else text


@dataclass(frozen=True, slots=True)
class Time:
    """`zone` is meant where a time bears none."""

    format: str = "iso"
    zone: ZoneInfo | None = None

    def text(self, value: object) -> str:
        """ISO 8601 with a zone, if that can be known."""
        if self.format == "iso" and self.zone is None and isinstance(value, str):
            return value
        try:
            moment = self._moment(value)
        except (ValueError, OverflowError, OSError):
            return str(value)
        if moment.tzinfo is None and self.zone is not None:
            moment = moment.replace(tzinfo=self.zone)
        return moment.isoformat() if moment.tzinfo is None else moment.astimezone(UTC).isoformat()

    def _moment(self, value: object) -> datetime:
        if isinstance(value, datetime):
            return value
        if self.format in ("unix", "unix-ms"):
            seconds = float(str(value)) / (1000 if self.format == "unix-ms" else 1)
            return datetime.fromtimestamp(seconds, UTC)
        if self.format == "iso":
            return datetime.fromisoformat(str(value))
        return datetime.strptime(str(value), self.format)  # noqa: DTZ007 - the zone is put on by `text`
