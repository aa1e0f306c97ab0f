"""Event ids: text to 128 bits, and 128 bits to the 64 by which a repeat is noticed."""

from __future__ import annotations

import uuid

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Words = npt.NDArray[np.uint64]
_DASHES = [8, 13, 18, 23]
_DIGITS = [i for i in range(36) if i not in _DASHES]
_VALUE = np.full(256, 255, dtype=np.uint8)
for _digit in "0123456789abcdef":
    _VALUE[ord(_digit)] = int(_digit, 16)


def read_ids(texts: pa.Array) -> tuple[pa.Array, Words, npt.NDArray[np.bool_]]:
    """The ids in their one spelling, as high and low words (n x 2), and which were UUIDs."""
    words = _plain(texts)
    if words is not None:
        return texts, words, np.ones(len(texts), dtype=np.bool_)
    read = [_read_id(text) for text in texts.to_pylist()]
    known = np.array([one is not None for one in read], dtype=np.bool_)
    spelled = pa.array([str(one) if one else str(uuid.UUID(int=0)) for one in read], pa.string())
    words = _plain(spelled)
    assert words is not None
    return spelled, words, known


def _plain(texts: pa.Array) -> Words | None:
    """The fast way, for lower-case ids with dashes; None when any is spelled otherwise."""
    count = len(texts)
    starts = np.frombuffer(texts.buffers()[1], dtype=np.int32)[texts.offset : texts.offset + count + 1]
    if not (np.diff(starts) == 36).all():
        return None
    letters = np.frombuffer(texts.buffers()[2] or b"", dtype=np.uint8)
    letters = letters[starts[0] : starts[0] + 36 * count].reshape(count, 36)
    values = _VALUE[letters[:, _DIGITS]]
    if (values == 255).any() or (letters[:, _DASHES] != ord("-")).any():
        return None
    joined = (values[:, ::2] << 4) | values[:, 1::2]
    return np.ascontiguousarray(joined).view(">u8").astype(np.uint64)


def _read_id(text: str) -> uuid.UUID | None:
    if len(text) not in (32, 36):
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


_MIX = tuple(
    np.uint64(c) for c in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))


def fingerprints(organisation_id: int, words: Words, key: int = 0) -> Words:
    """Never 0, which means empty in the set. `key` is random in each process, so that nobody can
    make ids that collide on purpose."""
    start = np.uint64((key ^ (organisation_id * 0xD6E8FEB86659FD93)) & 0xFFFFFFFFFFFFFFFF)
    mixed = _finish(_finish(words[:, 0] ^ start) + words[:, 1] * _MIX[0])
    mixed[mixed == 0] = 1
    return mixed


def _finish(x: Words) -> Words:
    x = (x ^ (x >> _SHIFTS[0])) * _MIX[1]
    x = (x ^ (x >> _SHIFTS[1])) * _MIX[2]
    return x ^ (x >> _SHIFTS[2])
