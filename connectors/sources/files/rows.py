"""The rows of a file, one by one, from any place on."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from connectors.sources.files.mapping import FieldMap
from connectors.sources.files.opening import LONGEST_LINE, Lines, Opened, UnreadableFile, skip
from models.errors import BadQuestion

Fault = Literal["bad-row", "bad-text", "too-long"]
_DELIMITERS = ",;\t|"
_OBJECT = msgspec.json.Decoder(dict[str, object])
_BATCH_ROWS = 2_000


class Place(msgspec.Struct, frozen=True):
    """Where a file is read on. `line` counts lines of text, `row` rows of data."""

    byte: int = 0
    line: int = 0
    row: int = 0
    done: bool = False


@dataclass(slots=True)
class Row:
    """`values` by column; bytes are an event as JSON already; a fault is why there are none."""

    line: int
    values: dict[str, object] | bytes | None
    after: Place
    fault: Fault | None = None


def ndjson_rows(opened: Opened, start: Place, mapping: FieldMap) -> Iterator[Row]:
    mapping.bind(None)
    skip(opened.data, start.byte)
    lines = Lines(opened.data, start.byte, start.line)
    row = start.row
    while (line := lines.next()) is not None:
        if line.isspace():
            continue
        row += 1
        if row == 1 and line.lstrip()[:1] == b"[":
            raise BadQuestion("This is a JSON array; make it one event a line, as with: jq -c '.[]' FILE")
        after = Place(lines.byte, lines.line, row)
        if len(line) >= LONGEST_LINE:
            yield Row(lines.line, None, after, "too-long")
        elif mapping.is_plain:
            yield Row(lines.line, line.strip(), after)
        else:
            yield _json_row(line, after)


def _json_row(line: bytes, after: Place) -> Row:
    try:
        return Row(after.line, _OBJECT.decode(line), after)
    except (ValueError, RecursionError):
        return Row(after.line, None, after, "bad-row")


class _Texts:
    """What csv reads from: it asks for one line more only when a quote is still open."""

    def __init__(self, lines: Lines, encoding: str) -> None:
        self._lines, self._encoding = lines, encoding

    def __iter__(self) -> _Texts:
        return self

    def __next__(self) -> str:
        line = self._lines.next()
        if line is None:
            raise StopIteration
        return line.decode(self._encoding)


def csv_rows(opened: Opened, start: Place, mapping: FieldMap) -> Iterator[Row]:
    lines = Lines(opened.data)
    header, delimiter = _header(lines, mapping)
    if start.byte > lines.byte:
        skip(opened.data, start.byte if opened.data.seekable() else start.byte - lines.byte)
        lines.byte, lines.line = start.byte, start.line
    texts = csv.reader(_Texts(lines, mapping.said.file.encoding), delimiter=delimiter, strict=False)
    row = start.row
    while True:
        line = lines.line + 1
        fault: Fault | None = None
        values: list[str] = []
        try:
            values = next(texts)
        except StopIteration:
            return
        except UnicodeDecodeError:
            fault = "bad-text"
        except csv.Error:
            fault = "too-long"
        if not values and fault is None:
            continue  # an empty line
        row += 1
        if len(values) != len(header):
            fault = fault or "bad-row"
        fields = None if fault else dict[str, object](zip(header, map(str.strip, values), strict=True))
        yield Row(line, fields, Place(lines.byte, lines.line, row), fault)


def _header(lines: Lines, mapping: FieldMap) -> tuple[list[str], str]:
    first = lines.next()
    try:
        text = (first or b"").decode(mapping.said.file.encoding).removeprefix("\ufeff").strip("\r\n")
    except UnicodeDecodeError:
        raise UnreadableFile(
            "The first line is no text; say the encoding in the map, under [file]."
        ) from None
    if not text.strip():
        raise UnreadableFile("The file is empty; its first line must name the columns.")
    delimiter = mapping.said.file.delimiter or max(_DELIMITERS, key=text.count)
    header = [name.strip() for name in next(csv.reader([text], delimiter=delimiter))]
    mapping.bind(header)
    return header, delimiter


def count_rows(path: Path) -> int:
    with _parquet(path) as file:
        return int(file.metadata.num_rows)


def parquet_rows(path: Path, start: Place, mapping: FieldMap) -> Iterator[Row]:
    with _parquet(path) as file:
        mapping.bind(file.schema_arrow.names)
        yield from _parquet_rows(file, start.row)


@contextmanager
def _parquet(path: Path) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            yield file
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError):
        raise UnreadableFile(f"{path.name} is not a readable Parquet file; get it again.") from None


def _parquet_rows(file: pq.ParquetFile, done: int) -> Iterator[Row]:
    groups, before = _groups_from(file, done)
    row = before
    for batch in file.iter_batches(_BATCH_ROWS, row_groups=groups, use_threads=False):
        if row + len(batch) <= done:
            row += len(batch)
            continue
        for values in batch.to_pylist():
            row += 1
            if row > done:
                yield Row(row, values, Place(row=row))


def _groups_from(file: pq.ParquetFile, done: int) -> tuple[list[int], int]:
    """The row groups that hold anything new, and how many rows lie before them."""
    before = 0
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if before + rows > done:
            return list(range(group, file.num_row_groups)), before
        before += rows
    return [], before


def written_place(place: Place) -> str:
    return msgspec.json.encode(place).decode()


def read_place(text: str | None) -> Place:
    return msgspec.json.decode(text, type=Place) if text else Place()
