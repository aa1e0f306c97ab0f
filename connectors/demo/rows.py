"""Events of a stretch of time, gathered as arrays of codes and turned into one Arrow table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from config.taxonomy import taxonomy
from connectors.demo.campus import Bools, Floats, Ints

TYPES = tuple(taxonomy())
TYPE_CODE = {name: code for code, name in enumerate(TYPES)}
# device, os, browser, source
CLIENTS = (
    ("desktop", "Windows", "Chrome", "web"),
    ("desktop", "macOS", "Safari", "web"),
    ("desktop", "Linux", "Firefox", "web"),
    ("tablet", "iPadOS", "Safari", "web"),
    ("mobile", "Android", "App", "android"),
    ("mobile", "iOS", "App", "ios"),
)
_CODES = ("course", "lesson", "video", "assessment", "item", "skill", "object", "choice", "payload")
_NUMBERS = ("position", "duration", "score")
Column: TypeAlias = npt.NDArray[Any]  # whole numbers or fractions
Given: TypeAlias = Column | int | float


class Texts:
    """Strings of one chunk by number, so that rows carry integers."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def code(self, text: str) -> int:
        return self.known.setdefault(text, len(self.known))

    def codes(self, texts: Sequence[str]) -> Ints:
        known = self.known
        return np.fromiter((known.setdefault(t, len(known)) for t in texts), np.int64, len(texts))


class Rows:
    def __init__(self) -> None:
        self.texts = Texts()
        self.count = 0
        self._parts: list[tuple[int, Ints, Ints, dict[str, Given]]] = []
        self._sessions: list[tuple[Ints, Ints, Ints]] = []
        self._session_count = 0

    def open_sessions(self, learner: Ints, client: Ints, session_id: Ints) -> Ints:
        """Session numbers of this chunk, to be given to `add`."""
        self._sessions.append((learner, client, session_id))
        self._session_count += len(learner)
        return np.arange(self._session_count - len(learner), self._session_count)

    def add(self, kind: str, session: Ints, at_us: Ints, **columns: Given) -> None:
        if len(session):
            self._parts.append((TYPE_CODE[kind], session, at_us, columns))
            self.count += len(session)

    def gathered(self) -> dict[str, Column]:
        """One array a column, in the order in which a learner's session ran and sessions' time."""
        sizes = [len(part[1]) for part in self._parts]
        ends = np.cumsum(sizes)
        columns: dict[str, Column] = {
            "type": np.repeat([p[0] for p in self._parts], sizes),
            "session": np.concatenate([p[1] for p in self._parts]),
            "at_us": np.concatenate([p[2] for p in self._parts]),
        }
        for name in (*_CODES, *_NUMBERS, "correct", "amount"):
            empty = np.nan if name in _NUMBERS else -1
            column = np.full(self.count, empty, np.float64 if name in _NUMBERS else np.int64)
            for part, size, end in zip(self._parts, sizes, ends, strict=True):
                if name in part[3]:
                    column[end - size : end] = part[3][name]
            columns[name] = column
        for name, position in (("learner", 0), ("client", 1), ("session_id", 2)):
            whole = np.concatenate([s[position] for s in self._sessions])
            columns[name] = whole[columns["session"].astype(np.int64)]
        columns["sequence"] = _sequence(columns["session"], columns["at_us"])
        return columns


def _sequence(session: Column, at_us: Column) -> Ints:
    """The place of each event within its session, from 0."""
    order = np.lexsort((at_us, session))
    ordered = session[order]
    first = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    starts = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    sequence = np.empty(len(order), np.int64)
    sequence[order] = np.arange(len(order)) - starts
    return sequence


def event_ids(rng: np.random.Generator, count: int) -> pa.StringArray:
    """Random UUIDs of version 4 as text, without a Python object each."""
    raw = np.frombuffer(rng.bytes(16 * count), np.uint8).reshape(count, 16).copy()
    raw[:, 6] = (raw[:, 6] & 0x0F) | 0x40
    raw[:, 8] = (raw[:, 8] & 0x3F) | 0x80
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    text = np.full((count, 36), ord("-"), np.uint8)
    places = [p for p in range(36) if p not in (8, 13, 18, 23)]
    text[:, places[0::2]] = digits[raw >> 4]
    text[:, places[1::2]] = digits[raw & 15]
    offsets = np.arange(0, 36 * count + 1, 36, dtype=np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(text.tobytes()))


def texts(values: Sequence[str], codes: Column) -> pa.StringArray:
    """The strings behind the codes; a negative code is null."""
    found: pa.StringArray = pa.array(values, pa.string()).take(pa.array(codes, mask=codes < 0))
    return found


def numbers(values: Floats, kind: pa.DataType) -> pa.Array:
    return pa.array(values, kind, mask=np.isnan(values))


def marked(values: Column, absent: Bools, kind: pa.DataType) -> pa.Array:
    return pa.array(values, mask=absent).cast(kind)
