"""What was acknowledged and is not in the warehouse yet: on disk, in the order in which it came.

Entries hold what the gate let through, under pseudonyms and cleaned, never what was sent. The warehouse keeps
beside the rows, in their own transaction, whose journal it reads and up to which number. The first record of
a file says whose it is and describes the tables in the others. What a crash left of an entry that was never
acknowledged does not fit its checksum.
"""

from __future__ import annotations

import errno
import logging
import os
import struct
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import orjson
import pyarrow as pa

from connectors.intake.gatekeeper import SCHEMA as EVENTS
from connectors.intake.quality import SCHEMA as QUALITY
from connectors.warehouse.deadletters import SCHEMA as LETTERS
from models.errors import Unavailable

_log = logging.getLogger(__name__)
_SCHEMAS = (EVENTS, LETTERS, QUALITY)
_HEAD = struct.Struct("<4sQQI")  # mark, number, bytes that follow, checksum of these three and of those
_MARK = b"HWJ1"
_LENGTH = struct.Struct("<Q")
_FILE_BYTES = 64 << 20  # then the next begins


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

    @property
    def bytes(self) -> int:
        return sum(table.nbytes for table in (self.events, self.letters, self.lacking))


class Written(NamedTuple):
    number: int
    watermark: int  # of the warehouse, when it was written
    entry: Entry


class Journal:
    """Written by one thread; `let_go` may be called by another."""

    def __init__(self, folder: Path, owner: str) -> None:
        self._folder, self._owner = folder, owner
        self._lock = threading.Lock()  # of the files
        self._file: int | None = None
        self._size = 0
        self._files: list[tuple[Path, int]] = []  # with the newest number in each
        self._number = self._let_go = 0

    def waiting(self, stored: int) -> Iterator[Written]:
        """What the warehouse, which has all up to `stored`, does not have. Before the first `add`."""
        self._number, self._let_go, self._files = max(self._number, stored), stored, []
        for path in sorted(self._folder.glob("*.journal")):
            records = list(_records(pa.py_buffer(path.read_bytes()), path))
            self._number = max(self._number, int(path.stem), *(number for number, _ in records), 0)
            if records and _owner(records[0][1]) != self._owner:
                _log.error("%s is the journal of another warehouse: it is set aside", path.name)
                path.rename(path.with_suffix(".other"))
                continue
            for number, body in records[1:]:
                if number > stored:
                    yield Written(number, *_entry(body, records[0][1]))
            self._files.append((path, max((number for number, _ in records), default=0)))

    def add(self, entry: Entry, watermark: int = 0) -> int:
        """On disk when it returns."""
        number = self._number + 1
        record = _record(number, _parts(entry, watermark))
        self._number = number  # never used again, whatever becomes of it
        with self._lock:
            try:
                file = self._open(number)
                _write(file, record)
                os.fdatasync(file)
            except OSError as error:
                self._abandon()
                raise _meaning(error) from error
            self._size += len(record)
            self._files[-1] = (self._files[-1][0], number)
        return number

    def let_go(self, number: int) -> None:
        """The warehouse has all up to this one."""
        with self._lock:
            self._let_go = number
            self._remove_done()

    def rest(self) -> None:
        """While nothing waits nothing stays on disk, for a letter that is forgotten shall be gone."""
        with self._lock:
            if self._let_go == self._number:
                self._close()
                self._remove_done()

    def close(self) -> None:
        """What is not let go stays for the next start."""
        with self._lock:
            self._close()
            self._remove_done()

    def _remove_done(self) -> None:
        kept = []
        for path, newest in self._files:
            if newest > self._let_go or (self._file is not None and path == self._files[-1][0]):
                kept.append((path, newest))
            else:
                path.unlink(missing_ok=True)
        self._files = kept

    def _open(self, number: int) -> int:
        if self._size >= _FILE_BYTES:
            self._close()
        if self._file is None:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            path = self._folder / f"{number:020d}.journal"
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._files.append((path, 0))
            described = _record(0, _described(self._owner))
            _write(self._file, described)
            self._size = len(described)
            _sync_folder(self._folder)
        return self._file

    def _abandon(self) -> None:
        """After a failed write nobody knows what is on disk: the next entry begins a new file. Should this
        one reappear, its ids tell whether it was sent again."""
        if self._file is None:
            return
        with suppress(OSError):
            os.ftruncate(self._file, self._size)
        self._close()
        if not self._files[-1][1]:  # nothing of it was acknowledged
            self._files.pop()[0].unlink(missing_ok=True)

    def _close(self) -> None:
        if self._file is not None:
            file, self._file, self._size = self._file, None, 0
            os.close(file)


def _described(owner: str) -> list[memoryview | bytes]:
    """Once a file, so that a later version can read what an earlier one left."""
    told = [owner.encode(), *(schema.serialize().to_pybytes() for schema in _SCHEMAS)]
    return [part for text in told for part in (_LENGTH.pack(len(text)), text)]


def _record(number: int, parts: list[memoryview | bytes]) -> bytes:
    length = sum(map(len, parts))
    check = zlib.crc32(_HEAD.pack(_MARK, number, length, 0))
    for part in parts:
        check = zlib.crc32(part, check)
    return b"".join([_HEAD.pack(_MARK, number, length, check), *parts])


def _parts(entry: Entry, watermark: int) -> list[memoryview | bytes]:
    """Lengths before contents: of each table the number of its batches, and those."""
    parts: list[memoryview | bytes] = []
    for table in (entry.events, entry.letters, entry.lacking):
        batches = [batch for batch in table.to_batches() if len(batch)]
        parts.append(_LENGTH.pack(len(batches)))
        for batch in batches:
            body = memoryview(batch.serialize())
            parts += [_LENGTH.pack(len(body)), body]
    parts.append(orjson.dumps({"offsets": dict(entry.offsets), "watermark": watermark}))
    return parts


def _records(whole: pa.Buffer, path: Path) -> Iterator[tuple[int, pa.Buffer]]:
    """All that are whole. A torn one is the last; one with others after it has rotted since."""
    at, torn = 0, False
    while at >= 0:
        found = _record_at(whole, at)
        if found is None:
            torn = True
            at = whole.to_pybytes().find(_MARK, at + 1)
            continue
        if torn:
            torn = False
            _log.error("%s is damaged: some of what was acknowledged cannot be read", path.name)
            with suppress(OSError):
                os.link(path, path.with_suffix(".damaged"))
        yield found
        at += _HEAD.size + int(found[1].size)
        at = at if at < whole.size else -1


def _record_at(whole: pa.Buffer, at: int) -> tuple[int, pa.Buffer] | None:
    if whole.size - at < _HEAD.size:
        return None
    mark, number, length, check = _HEAD.unpack(whole.slice(at, _HEAD.size))
    if mark != _MARK or not 0 < length <= whole.size - at - _HEAD.size:
        return None
    body = whole.slice(at + _HEAD.size, length)
    same = zlib.crc32(body, zlib.crc32(_HEAD.pack(mark, number, length, 0))) == check
    return (number, body) if same else None


def owner_in(folder: Path) -> str:
    """Of the newest file that says it; empty where none does."""
    for path in sorted(folder.glob("*.journal"), reverse=True):
        for number, body in _records(pa.py_buffer(path.read_bytes()), path):
            if number == 0:
                return _owner(body)
    return ""


def _owner(described: pa.Buffer) -> str:
    text = _Text(described)
    return str(text.take(text.number()).to_pybytes(), "utf-8")


def _entry(body: pa.Buffer, described: pa.Buffer) -> tuple[int, Entry]:
    about, text = _Text(described), _Text(body)
    about.take(about.number())
    tables = []
    for wanted in _SCHEMAS:
        schema = pa.ipc.read_schema(about.take(about.number()))
        batches = [_batch(text.take(text.number()), schema) for _ in range(text.number())]
        tables.append(_fitted(pa.Table.from_batches(batches, schema), wanted))
    told = orjson.loads(text.take(text.left).to_pybytes())
    return told["watermark"], Entry(tables[0], tables[1], tables[2], told["offsets"])


def _batch(part: pa.Buffer, schema: pa.Schema) -> pa.RecordBatch:
    """From memory of its own, which begins where numbers may."""
    return pa.ipc.read_record_batch(pa.py_buffer(part.to_pybytes()), schema)


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
