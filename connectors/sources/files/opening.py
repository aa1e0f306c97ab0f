"""A file as bytes: unpacked on the way, with its fingerprint, and how far it was read."""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

import zstandard

from models.errors import BadQuestion, HeadwayError, NotFound

Format = Literal["csv", "ndjson", "parquet"]
_ENDINGS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
}
_PACKED = (".gz", ".zst")
_BLOCK = 1 << 20
# A longer line is no event; what is held of one at once is bounded by this.
LONGEST_LINE = 1 << 20


class UnreadableFile(HeadwayError):
    """A file that cannot be read any further."""

    code, status, exit_code = "unreadable-file", 400, 2


@dataclass(slots=True)
class Opened:
    """`data` is unpacked; `tell_raw` says how much of the file on disk was read for it."""

    data: BinaryIO
    raw: BinaryIO

    def tell_raw(self) -> int:
        return self.raw.tell()


def format_of(path: Path) -> Format:
    endings = [ending for ending in path.suffixes if ending not in _PACKED]
    if endings and endings[-1].lower() in _ENDINGS:
        return _ENDINGS[endings[-1].lower()]
    raise BadQuestion(f"{path.name}: say what it is with --format csv, ndjson or parquet.")


def fingerprint(path: Path) -> str:
    """Of the whole content: the same file under another name is the same file."""
    with _raw(path) as raw:
        digest = hashlib.blake2b(digest_size=32)
        while block := raw.read(_BLOCK):
            digest.update(block)
        return digest.hexdigest()


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    with _raw(path) as raw:
        data: BinaryIO = raw
        if path.suffix == ".gz":
            data = cast(BinaryIO, gzip.GzipFile(fileobj=raw))
        elif path.suffix == ".zst":
            data = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        with io.BufferedReader(cast(io.RawIOBase, data), _BLOCK) as buffered:
            yield Opened(buffered, raw)


@contextmanager
def _raw(path: Path) -> Iterator[BinaryIO]:
    try:
        with open(path, "rb", buffering=0) as raw:
            yield cast(BinaryIO, raw)
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.") from None
    except IsADirectoryError:
        raise BadQuestion(f"{path} is a folder; name the files in it.") from None
    except (EOFError, gzip.BadGzipFile, zstandard.ZstdError):
        raise UnreadableFile(f"{path.name} ends too early or cannot be unpacked; get it again.") from None


@dataclass(slots=True)
class Lines:
    """Lines of bytes one by one, with their number and where the next one begins. Unlike a generator
    it goes on after a line that is no text."""

    data: BinaryIO
    byte: int = 0
    line: int = 0

    def next(self) -> bytes | None:
        """None at the end. What is longer than a line may be is cut."""
        line = self.data.readline(LONGEST_LINE)
        if not line:
            return None
        self.byte += len(line)
        self.line += 1
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            self._skip_rest()
        return line

    def _skip_rest(self) -> None:
        while rest := self.data.readline(LONGEST_LINE):
            self.byte += len(rest)
            if rest.endswith(b"\n"):
                return


def skip(data: BinaryIO, byte: int) -> None:
    """What is packed cannot be jumped into: it is unpacked and thrown away."""
    if data.seekable():
        data.seek(byte)
        return
    left = byte
    while left and (block := data.read(min(left, _BLOCK))):
        left -= len(block)
