"""Bytes to events: one fast pass when all is well, item by item when something is not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec

from connectors.intake.envelope import Sent
from connectors.intake.limits import LIMITS, Limits
from connectors.intake.unpack import UnknownForm, Unreadable
from models.errors import TooLarge
from models.event import Rejected

Form = Literal["json", "ndjson"]
_FORMS: dict[str, Form] = {
    "": "json",
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "application/jsonlines": "ndjson",
}
_MANY = msgspec.json.Decoder(list[Sent])
_ONE = msgspec.json.Decoder(Sent)
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_ANYTHING = msgspec.json.Decoder()
# What msgspec raises on hostile input; ValueError holds DecodeError and UnicodeDecodeError.
Broken = (ValueError, RecursionError)
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
# Possessive, and a text without an end goes to the end: else each quote of a hostile body is tried anew.
_MARKS = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)
_SPLIT_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Refused:
    """An item that never became an event: why, and its bytes for the dead letters."""

    rejected: Rejected
    raw: bytes


@dataclass(frozen=True, slots=True)
class Unread:
    """A body that nobody took apart yet."""

    body: bytes
    form: Form

    @property
    def size(self) -> int:
        return len(self.body)

    def about(self) -> int:
        """How many events it may hold."""
        return self.body.count(b'"event_id"')


@dataclass(frozen=True, slots=True)
class Decoded:
    """`events` in the order sent; `indexes` are their places in the body (None: 0, 1, 2 ...)."""

    events: list[Sent]
    refused: tuple[Refused, ...]
    indexes: list[int] | None
    size: int  # bytes of the unpacked body


def form_of(content_type: str) -> Form:
    name = content_type.partition(";")[0].strip().lower()
    if name in _FORMS:
        return _FORMS[name]
    raise UnknownForm("The body's type is unknown; send application/json or application/x-ndjson.")


def decode(body: bytes, form: Form = "json", limits: Limits = LIMITS) -> Decoded:
    if not body or body.isspace():
        raise Unreadable("The body is empty; send a JSON array, an object or one object a line.")
    if not _may_hold_nul(body):
        try:
            events = _ONE.decode_lines(body) if form == "ndjson" else _array(body)
        except Broken:
            pass
        else:
            _few_enough(len(events), limits)
            return Decoded(events, (), None, len(body))
    return _one_by_one(body, form, limits)


def _may_hold_nul(body: bytes) -> bool:
    """One byte is found ten times as fast as six, and most bodies have no backslash."""
    return b"\\" in body and b"\\u0000" in body


def _array(body: bytes) -> list[Sent]:
    if body[:1] == b"[" or body.lstrip()[:1] == b"[":
        return _MANY.decode(body)
    return [_ONE.decode(body)]


def _few_enough(count: int, limits: Limits) -> None:
    if count > limits.events:
        raise TooLarge(f"The body holds more than {limits.events} events; send fewer at once.")


def _one_by_one(body: bytes, form: Form, limits: Limits) -> Decoded:
    events: list[Sent] = []
    indexes: list[int] = []
    refused: list[Refused] = []
    for index, raw in enumerate(_items(body, form, limits)):
        read = read_one(raw, index)
        if isinstance(read, Rejected):
            refused.append(Refused(read, raw))
        else:
            events.append(read)
            indexes.append(index)
    return Decoded(events, tuple(refused), indexes, len(body))


def _items(body: bytes, form: Form, limits: Limits) -> list[bytes]:
    if form == "ndjson":
        items = [line for line in body.split(b"\n") if line and not line.isspace()]
    elif body.lstrip()[:1] == b"[":
        items = _array_items(body, limits)
    else:
        items = [body]
        _readable(body)
    _few_enough(len(items), limits)
    return items


def _readable(body: bytes) -> None:
    try:
        _ANYTHING.decode(body)
    except Broken:
        raise Unreadable("The body is not JSON; send an array or an object, or say ndjson.") from None


def _array_items(body: bytes, limits: Limits) -> list[bytes]:
    # An honest event holds four commas at least; so many more than that only cost memory.
    if body.count(b",") > 200 * limits.events:
        _few_enough(limits.events + 1, limits)
    try:
        return [bytes(raw) for raw in _ITEMS.decode(body)]
    except Broken:
        if len(body) > _SPLIT_LIMIT:
            raise Unreadable("The body is not a JSON array; send fewer events to find the bad one.") from None
        return list(_split(body.strip()))


def _split(body: bytes) -> Iterator[bytes]:
    """The items of an array of which some are no JSON, found by counting brackets."""
    depth, start = 0, 1
    for mark in _MARKS.finditer(body):
        byte = mark.group()
        if byte in b"[{":
            depth += 1
        elif byte in b"]}":
            depth -= 1
        if depth == 0 or (depth == 1 and byte == b","):
            yield body[start : mark.start()]
            start = mark.end()
        if depth == 0:
            break
    if depth or start != len(body):
        raise Unreadable("The body is not a JSON array; look for a missing bracket or quote.")


def read_one(raw: bytes, index: int) -> Sent | Rejected:
    try:
        event = _ONE.decode(raw)
    except msgspec.ValidationError as error:
        return Rejected(index, known_id(raw), *explain(error))
    except RecursionError:
        return Rejected(index, None, "too-deep", "The item is nested too deeply.")
    except ValueError:
        return _not_json(raw, index)
    if holds_nul(raw):
        return Rejected(index, event.event_id, "bad-text", "A text holds a NUL character.")
    return event


def holds_nul(raw: bytes) -> bool:
    return _NUL.search(raw) is not None


def _not_json(raw: bytes, index: int) -> Rejected:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return Rejected(index, None, "bad-text", "The item is not UTF-8.")
    if b"\\ud" in raw.lower():
        return Rejected(index, None, "bad-text", "A text holds half a surrogate pair.")
    return Rejected(index, None, "not-json", "The item is not JSON.")


_WORDS = (
    ("missing required field", "missing-field"),
    ("Invalid enum value", "not-allowed-value"),
    ("of length", "bad-text"),
    (">=", "out-of-range"),
    ("<=", "out-of-range"),
    ("out of range", "out-of-range"),
)


def explain(error: msgspec.ValidationError) -> tuple[str, str]:
    """The code and a sentence without the value: msgspec quotes it for enums only."""
    text = str(error)
    what, _, where = text.partition(" - at ")
    where = where.strip("`").removeprefix("$.") or "the item"
    if where == "$" or (where == "the item" and "Expected `object`" in what):
        return "not-an-object", "The item is not a JSON object."
    code = next((code for word, code in _WORDS if word in what), "wrong-type")
    if code == "not-allowed-value":
        what = "Value is not among the declared ones"
    place = "" if code == "missing-field" and where == "the item" else f" (in {where})"
    return code, f"{what.replace('Object missing', 'Missing')}{place}."


class _Named(msgspec.Struct):
    event_id: str | None = None


_NAMED = msgspec.json.Decoder(_Named)


def known_id(raw: bytes) -> str | None:
    try:
        name = _NAMED.decode(raw).event_id
    except Broken:
        return None
    return name if name is not None and len(name) <= LIMITS.text else None


def rejected(refused: Iterable[Refused]) -> list[Rejected]:
    return [item.rejected for item in refused]
