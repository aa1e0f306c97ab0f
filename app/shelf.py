"""Answers kept for a while, and equal questions computed once.

Kept under question and scope: what one scope was told can never be handed to another.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass

from models.ask import Answer, Freshness

# How old an answer of each tier may be when newer data has come; "live" must be exact.
OLDEST_S: dict[Freshness, float] = {"live": 0.0, "near": 60.0, "batch": 3600.0}
_FRAME_BYTES = 2048  # what an answer costs beside its table


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: Answer
    since: float
    size: int


class Shelf:
    """Bounded in bytes; the answer that was asked for longest ago goes first."""

    def __init__(self, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._max = max_bytes
        self._clock = clock
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._lock = threading.RLock()  # the loop looks here, and so do the threads that fetch
        self.bytes = 0
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(
        self,
        key: Hashable,
        watermark: int,
        freshness: Freshness,
        still: Callable[[int], bool] = lambda since: False,
    ) -> Answer | None:
        """`still` tells of an older answer whether nothing that it is made of has changed since."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or not (
                self._is_fresh(kept, watermark, freshness) or still(kept.answer.watermark)
            ):
                self.misses += 1
                return None
            self.hits += 1
            self._kept.move_to_end(key)
            return kept.answer

    def _is_fresh(self, kept: _Kept, watermark: int, freshness: Freshness) -> bool:
        return kept.answer.watermark == watermark or self._clock() - kept.since < OLDEST_S[freshness]

    def put(self, key: Hashable, answer: Answer) -> None:
        size = answer.table.nbytes + _FRAME_BYTES
        if size > self._max // 4:
            return  # one huge answer must not empty the shelf
        with self._lock:
            self._drop(key)
            self._kept[key] = _Kept(answer, self._clock(), size)
            self.bytes += size
            while self.bytes > self._max:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: Hashable) -> None:
        gone = self._kept.pop(key, None)
        if gone is not None:
            self.bytes -= gone.size

    def clear(self) -> None:
        """After an erasure nothing that was derived before may be told again."""
        with self._lock:
            self._kept.clear()
            self.bytes = 0


class Flights:
    """Whoever asks what is already being computed waits for that."""

    def __init__(self) -> None:
        self._flying: dict[Hashable, asyncio.Task[Answer]] = {}

    def __len__(self) -> int:
        return len(self._flying)

    async def share(self, key: Hashable, work: Callable[[], Awaitable[Answer]]) -> Answer:
        task = self._flying.get(key)
        if task is None:
            task = asyncio.ensure_future(work())
            self._flying[key] = task
            task.add_done_callback(lambda done: self._landed(key, done))
        # One asker who gives up must not take the answer from the others.
        return await asyncio.shield(task)

    def _landed(self, key: Hashable, done: asyncio.Task[Answer]) -> None:
        del self._flying[key]
        if not done.cancelled():
            done.exception()  # looked at, so that a failure nobody waits for is not reported as lost
