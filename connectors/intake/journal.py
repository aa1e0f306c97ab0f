"""What was acknowledged and is not in the warehouse yet: on disk, in the order in which it came.

Entries hold what the gate let through, under pseudonyms and cleaned, never what was sent. A number that the
warehouse keeps beside the rows, in their own transaction, tells which entries it has. What a crash left of an
entry that was never acknowledged does not fit its checksum, and ends its file. The first record of a file
describes the tables in the others.
"""

from __future__ import annotations

import errno
import json
import os
import struct
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from connectors.intake.gatekeeper import SCHEMA as EVENTS
from connectors.intake.quality import SCHEMA as QUALITY
from connectors.warehouse.deadletters import SCHEMA as LETTERS
from models.errors import Unavailable

SOURCE = "headway/journal"  # under this name the warehouse keeps the number of the newest entry it has
_SCHEMAS = (EVENTS, LETTERS, QUALITY)
_HEAD = struct.Struct("<4sQQI")  # mark, number, bytes that follow, their checksum
_MARK = b"HWJ1"
_LENGTH = struct.Struct("<Q")
_FILE_BYTES = 64 << 20  # then the next begins
_SMALL_BYTES = 4 << 20  # or from here on, when nothing in it waits any more


@dataclass(frozen=True, slots=True)
class Entry:
    """What is stored in one transaction. No event in it is known yet."""

    events: pa.Table
    letters: pa.Table
    lacking: pa.Table  # how good was what arrived and is not among `events`, for quality_day
    offsets: Mapping[str, str]

    @property
    def is_empty(self) -> bool:
        return not (len(self.events) or len(self.letters) or self.offsets)


class Journal:
    """Written by one thread; `let_go` may be called by another."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._file: int | None = None
        self._size = 0
        self._files: list[tuple[Path, int]] = []  # with the newest number in each
        self._number = self._let_go = 0

    def waiting(self, stored: int) -> Iterator[tuple[int, Entry]]:
        """What the warehouse, which has all up to `stored`, does not have. Before the first `add`."""
        self._number, self._let_go, self._files = max(self._number, stored), stored, []
        for path in sorted(self._folder.glob("*.journal")):
            newest = 0
            for number, entry in _read(path):
                newest = number
                if number > stored:
                    yield number, entry
            self._number = max(self._number, newest, int(path.stem))
            self._files.append((path, newest))

    def add(self, entry: Entry) -> int:
        """On disk when it returns."""
        number = self._number + 1
        record = _record(number, _parts(entry))
        self._number = number  # never used again, whatever becomes of it
        try:
            with self._lock:
                file = self._open(number)
            _write(file, record)
            os.fdatasync(file)
        except OSError as error:
            self._abandon()
            raise _meaning(error) from error
        with self._lock:
            self._size += len(record)
            self._files[-1] = (self._files[-1][0], number)
        return number

    def let_go(self, number: int) -> None:
        """The warehouse has all up to this one."""
        with self._lock:
            self._let_go = number
            current = self._files[-1:] if self._file is not None else []
            kept = []
            for path, newest in self._files[: len(self._files) - len(current)]:
                if newest > number:
                    kept.append((path, newest))
                else:
                    path.unlink(missing_ok=True)
            self._files = kept + current

    def close(self) -> None:
        """What is not let go stays for the next start."""
        with self._lock:
            self._close()
        self.let_go(self._let_go)

    def _open(self, number: int) -> int:
        if self._size >= _FILE_BYTES or (self._size >= _SMALL_BYTES and self._let_go == number - 1):
            self._close()
        if self._file is None:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            path = self._folder / f"{number:020d}.journal"
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._files.append((path, 0))
            described = _record(0, _described())
            _write(self._file, described)
            self._size = len(described)
            _sync_folder(self._folder)
        return self._file

    def _abandon(self) -> None:
        """After a failed write nobody knows what is on disk: the next entry begins a new file. Should this
        one reappear, its ids tell whether it was sent again."""
        with self._lock:
            if self._file is not None:
                with suppress(OSError):
                    os.ftruncate(self._file, self._size)
            self._close()

    def _close(self) -> None:
        if self._file is not None:
            file, self._file, self._size = self._file, None, 0
            os.close(file)


def _described() -> list[memoryview | bytes]:
    """Once a file, so that a later version can read what an earlier one left."""
    told = [schema.serialize().to_pybytes() for schema in _SCHEMAS]
    return [part for text in told for part in (_LENGTH.pack(len(text)), text)]


def _record(number: int, parts: list[memoryview | bytes]) -> bytes:
    length, check = 0, 0
    for part in parts:
        length, check = length + len(part), zlib.crc32(part, check)
    return b"".join([_HEAD.pack(_MARK, number, length, check), *parts])


def _parts(entry: Entry) -> list[memoryview | bytes]:
    """Lengths before contents: of each table the number of its batches, and those."""
    parts: list[memoryview | bytes] = []
    for table in (entry.events, entry.letters, entry.lacking):
        batches = [batch for batch in table.to_batches() if len(batch)]
        parts.append(_LENGTH.pack(len(batches)))
        for batch in batches:
            body = memoryview(batch.serialize())
            parts += [_LENGTH.pack(len(body)), body]
    parts.append(json.dumps(dict(entry.offsets)).encode())
    return parts


def _read(path: Path) -> Iterator[tuple[int, Entry]]:
    records = _records(pa.py_buffer(path.read_bytes()))
    described = next(records, None)
    if described is None:
        return
    text = _Text(described[1])
    schemas = [pa.ipc.read_schema(text.take(text.number())) for _ in _SCHEMAS]
    for number, body in records:
        yield number, _entry(_Text(body), schemas)


def _records(whole: pa.Buffer) -> Iterator[tuple[int, pa.Buffer]]:
    text = _Text(whole)
    while text.left >= _HEAD.size:
        mark, number, length, check = _HEAD.unpack(text.take(_HEAD.size))
        if mark != _MARK or length > text.left:
            return
        body = text.take(length)
        if zlib.crc32(body) != check:
            return
        yield number, body


def _entry(text: _Text, schemas: list[pa.Schema]) -> Entry:
    tables = []
    for schema, wanted in zip(schemas, _SCHEMAS, strict=True):
        count = text.number()
        batches = [pa.ipc.read_record_batch(text.take(text.number()), schema) for _ in range(count)]
        tables.append(_fitted(pa.Table.from_batches(batches, schema), wanted))
    return Entry(tables[0], tables[1], tables[2], json.loads(bytes(text.take(text.left))))


def _fitted(table: pa.Table, wanted: pa.Schema) -> pa.Table:
    """As an earlier version wrote it, as this one stores it."""
    if table.schema.equals(wanted):
        return table
    columns = [
        table[field.name].cast(field.type)
        if field.name in table.column_names
        else pa.nulls(len(table), field.type)
        for field in wanted
    ]
    return pa.Table.from_arrays(columns, schema=wanted)


class _Text:
    def __init__(self, buffer: pa.Buffer) -> None:
        self._buffer, self._at = buffer, 0

    @property
    def left(self) -> int:
        return int(self._buffer.size) - self._at

    def take(self, length: int) -> pa.Buffer:
        self._at += length
        return self._buffer.slice(self._at - length, length)

    def number(self) -> int:
        return int(_LENGTH.unpack(self.take(_LENGTH.size))[0])


def _write(file: int, record: bytes) -> None:
    left = memoryview(record)
    while left:
        left = left[os.write(file, left) :]


def _sync_folder(folder: Path) -> None:
    for path in (folder, folder.parent):
        directory = os.open(path, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _meaning(error: OSError) -> Unavailable:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return Unavailable(
            "The disk that holds the journal is full: free some space; nothing stored was lost."
        )
    return Unavailable("Writing to the journal failed: check the disk; nothing stored was lost.")
