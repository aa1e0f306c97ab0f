"""Compressed bodies, unpacked only as far as the limit: a bomb costs no more than an honest body."""

from __future__ import annotations

import io
import zlib

import zstandard

from models.errors import HeadwayError, TooLarge


class Unreadable(HeadwayError):
    """The body as a whole cannot be read; nothing of it was kept."""

    code, status, exit_code = "unreadable-body", 400, 2


class UnknownForm(HeadwayError):
    code, status, exit_code = "unsupported-media-type", 415, 2


def unpack(body: bytes, encoding: str, limit: int) -> bytes:
    """`encoding` as in Content-Encoding: nothing, identity, gzip or zstd."""
    match encoding.strip().lower():
        case "" | "identity":
            plain = body
        case "gzip" | "x-gzip":
            plain = _gunzip(body, limit)
        case "zstd":
            plain = _unzstd(body, limit)
        case _:
            raise UnknownForm("The body's encoding is unknown; send it plain, gzip or zstd.")
    if len(plain) > limit:
        raise too_large(limit)
    return plain


def too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit} bytes unpacked; send fewer events at once.")


def _gunzip(body: bytes, limit: int) -> bytes:
    parts: list[bytes] = []
    room, rest = limit + 1, body
    try:
        while rest and room > 0:
            member = zlib.decompressobj(wbits=31)
            parts.append(member.decompress(rest, room))
            room -= len(parts[-1])
            if not member.eof and room > 0:
                raise Unreadable("The gzip body ends too early; send it again.")
            rest = member.unused_data
    except zlib.error:
        raise Unreadable("The body says gzip but cannot be unpacked.") from None
    return b"".join(parts)


def _unzstd(body: bytes, limit: int) -> bytes:
    # The window is what a frame may make us hold at once: as much as the limit, not more.
    window = 1 << max(20, (limit - 1).bit_length())
    unpacker = zstandard.ZstdDecompressor(max_window_size=window)
    try:
        with unpacker.stream_reader(io.BytesIO(body), read_across_frames=True) as stream:
            return stream.read(limit + 1)
    except (zstandard.ZstdError, MemoryError) as error:
        if "too much memory" in str(error):
            raise too_large(limit) from None
        raise Unreadable("The body says zstd but cannot be unpacked.") from None
