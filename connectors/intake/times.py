"""When: text to UTC microseconds, and the organisation's own day and hour."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Micros = npt.NDArray[np.int64]
SECOND = 1_000_000
_DAY = 86_400 * SECOND
_SLOT = 900 * SECOND  # zones change their offset on quarters of an hour
_UTC_NS = pa.timestamp("ns", "UTC")
_UTC_US = pa.timestamp("us", "UTC")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_times(texts: pa.Array) -> tuple[Micros, npt.NDArray[np.bool_]]:
    """Microseconds, and which texts could be read. A time without a zone is none."""
    try:
        return _micros(texts.cast(_UTC_NS)), np.ones(len(texts), dtype=np.bool_)
    except pa.ArrowInvalid:
        read = [read_time(text) for text in texts.to_pylist()]
    known = np.array([moment is not None for moment in read], dtype=np.bool_)
    return np.array([moment or 0 for moment in read], dtype=np.int64), known


def _micros(times: pa.Array) -> Micros:
    return np.asarray(times.cast(pa.int64())) // 1000


def read_time(text: str) -> int | None:
    """What Arrow's fast reader refuses may be written more freely, or be nonsense."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            return None
        return (moment - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return None


def as_timestamps(micros: Micros) -> pa.Array:
    return pa.array(micros).view(_UTC_US)


class LocalTime:
    """Day and hour in a zone, with the zone's offsets remembered for each quarter of an hour."""

    def __init__(self, zone: str) -> None:
        self._offset = lru_cache(maxsize=200_000)(_offsets(ZoneInfo(zone)))

    def day_and_hour(self, micros: Micros) -> tuple[pa.Array, pa.Array]:
        slots, places = np.unique(micros // _SLOT, return_inverse=True)
        offsets = np.array([self._offset(slot) for slot in slots.tolist()], dtype=np.int64)
        local = micros + offsets[places]
        days = (local // _DAY).astype(np.int32)
        hours = ((local % _DAY) // (3600 * SECOND)).astype(np.int16)
        return pa.array(days).view(pa.date32()), pa.array(hours)


def _offsets(zone: ZoneInfo) -> Callable[[int], int]:
    def offset(slot: int) -> int:
        moment = datetime.fromtimestamp(slot * _SLOT // SECOND, tz=zone)
        shift = moment.utcoffset()
        assert shift is not None
        return int(shift.total_seconds()) * SECOND

    return offset


def clock() -> int:
    """Now, in microseconds."""
    return int(datetime.now(UTC).timestamp() * SECOND)
