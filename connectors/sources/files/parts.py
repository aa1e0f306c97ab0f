"""A file in parts that fit into one request: what is sent, from which lines, and how far it reaches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from connectors.sources.files.mapping import ENCODE, FieldMap
from connectors.sources.files.opening import Format, Opened, fingerprint, opened
from connectors.sources.files.rows import Fault, Place, Row, count_rows, csv_rows, ndjson_rows, parquet_rows

MOST_ROWS = 5_000
MOST_BYTES = 2 << 20
_DECODE = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Named(msgspec.Struct):
    event_id: msgspec.Raw = msgspec.Raw()


_NAMED = msgspec.json.Decoder(_Named)


@dataclass(slots=True)
class Part:
    """`lines` are the lines (Parquet: rows) of the events in `ndjson`."""

    events: list[bytes] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    faults: list[tuple[int, Fault]] = field(default_factory=list)
    after: Place = field(default_factory=Place)
    size: int = 0
    reached: int = 0  # how much of the file's size lies behind it

    @property
    def ndjson(self) -> bytes:
        return b"\n".join(self.events)

    @property
    def is_full(self) -> bool:
        return len(self.events) + len(self.faults) >= MOST_ROWS or self.size >= MOST_BYTES


@dataclass(slots=True)
class Reading:
    """A file that is being read. `key` names this import: the content, its format and its map."""

    path: Path
    format: Format
    mapping: FieldMap
    key: str
    size: int  # in bytes; Parquet: in rows
    _opened: Opened | None = None

    def parts(self, start: Place) -> Iterator[Part]:
        """The last part says that the file is done."""
        part = Part(after=start)
        with self._rows(start) as rows:
            for row in rows:
                self._add(part, row)
                if part.is_full:
                    part.reached = self._opened.tell_raw() if self._opened else row.after.row
                    yield part
                    part = Part(after=row.after)
        part.after = msgspec.structs.replace(part.after, done=True)
        part.reached = self.size
        yield part

    @contextmanager
    def _rows(self, start: Place) -> Iterator[Iterator[Row]]:
        if self.format == "parquet":
            yield parquet_rows(self.path, start, self.mapping)
            return
        with opened(self.path) as self._opened:
            if self.format == "csv":
                yield csv_rows(self._opened, start, self.mapping)
            else:
                yield ndjson_rows(self._opened, start, self.mapping)

    def _add(self, part: Part, row: Row) -> None:
        part.after = row.after
        if row.fault or row.values is None:
            part.faults.append((row.line, row.fault or "bad-row"))
            return
        event = self._event(row)
        part.events.append(event)
        part.lines.append(row.line)
        part.size += len(event)

    def _event(self, row: Row) -> bytes:
        if isinstance(row.values, bytes):
            return self._with_id(row.values, row.after.row)
        assert row.values is not None
        event = self.mapping.event(row.values, row.after.row)
        return ENCODE(event)

    def _with_id(self, line: bytes, number: int) -> bytes:
        try:
            if _NAMED.decode(line).event_id:
                return line
            event = _DECODE.decode(line)
        except (ValueError, RecursionError):
            return line  # the gate says what is wrong with it
        event["event_id"] = msgspec.Raw(ENCODE(self.mapping.made_id(number)))
        return msgspec.json.encode(event)


def reading(path: Path, format: Format, mapping: FieldMap) -> Reading:
    content = fingerprint(path)
    mapping.of_file(content)
    key = hashlib.blake2b(f"{content}\n{format}\n".encode() + mapping.text, digest_size=32).hexdigest()
    size = count_rows(path) if format == "parquet" else path.stat().st_size
    return Reading(path, format, mapping, key, size)
