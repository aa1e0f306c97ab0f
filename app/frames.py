"""What core and ui say to each other over the Unix socket.

A frame is two lengths, a JSON header and a body; the body is an Arrow stream or empty. Calls carry
an id, so that many are under way on one connection; frames with id 0 are pushed by core.
"""

from __future__ import annotations

import asyncio
import struct
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa

from models import errors
from models.ask import Answer, Ask, ColumnMeaning, Watermark

_LENGTHS = struct.Struct("<II")
LONGEST_CALL = 1 << 20  # bytes of a header towards core; a question is a few hundred
LONGEST_REPLY = 1 << 30


class Call(msgspec.Struct, omit_defaults=True):
    id: int
    what: str
    secret: str = ""
    name: str = ""
    ask: Ask | None = None
    learners: list[int] = []
    fields: dict[str, Any] = {}
    since: list[tuple[str, int]] = []  # for "moved": sessions, each with the watermark that its page shows


class Fault(msgspec.Struct, omit_defaults=True):
    code: str
    detail: str
    retry_after_s: int = 1


class AnswerHead(msgspec.Struct):
    """An answer without its table, which is the body."""

    ask: Ask
    columns: tuple[ColumnMeaning, ...]
    as_of: datetime
    watermark: int
    key: str
    source: str
    suppressed: int
    notes: tuple[str, ...]


class Reply(msgspec.Struct, omit_defaults=True):
    id: int
    fault: Fault | None = None
    answer: AnswerHead | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    moved: Watermark | None = None


def frame(head: msgspec.Struct, body: pa.Buffer | bytes = b"") -> list[pa.Buffer | bytes]:
    header = msgspec.json.encode(head)
    return [_LENGTHS.pack(len(header), len(body)) + header, body]


async def read_frame(reader: asyncio.StreamReader, longest: int) -> tuple[bytes, bytes]:
    header, body = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
    if header + body > longest:
        raise errors.TooLarge(f"A frame of {header + body} bytes is longer than the socket takes.")
    return await reader.readexactly(header), await reader.readexactly(body)


def pack(answer: Answer) -> tuple[AnswerHead, pa.Buffer]:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, answer.table.schema) as stream:
        stream.write_table(answer.table)
    parts = {name: getattr(answer, name) for name in AnswerHead.__struct_fields__}
    return AnswerHead(**parts), sink.getvalue()


def unpack(head: AnswerHead, body: bytes) -> Answer:
    table = pa.ipc.open_stream(pa.py_buffer(body)).read_all()
    parts = {name: getattr(head, name) for name in AnswerHead.__struct_fields__}
    return Answer(table=table, **parts)


def fault_of(error: errors.HeadwayError) -> Fault:
    return Fault(error.code, error.detail, getattr(error, "retry_after_s", 1))


_KINDS: dict[str, type[errors.HeadwayError]] = {
    kind.code: kind for kind in errors.HeadwayError.__subclasses__() if kind is not errors.TooMany
}


def error_of(fault: Fault) -> errors.HeadwayError:
    if fault.code == errors.TooMany.code:
        return errors.TooMany(fault.detail, fault.retry_after_s)
    return _KINDS.get(fault.code, errors.Unavailable)(fault.detail)
