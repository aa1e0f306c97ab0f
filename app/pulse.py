"""One task a process: tells that data moved, and tidies the warehouse while nobody waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TypeAlias, TypeVar

from app.door import Door
from connectors.warehouse.deadletters import DeadLetters
from models.errors import Closed, HeadwayError

T = TypeVar("T")
Listen: TypeAlias = Callable[[asyncio.AbstractEventLoop, asyncio.Event], Callable[[], None]]
log = logging.getLogger("headway.pulse")
BEAT_S = 0.25  # how often listeners may hear of a change
IDLE_S = 5.0  # without a commit before tidying begins
PROBE_S = 2.0  # the watermark is known without asking the engine; this asks it
LETTERS_EVERY_S = 3600.0  # dead letters past their time are let go
TIDY_AT_LEAST_S = 300.0  # a school that never rests is tidied all the same
SETTLE_S = 1.0  # how often the engine is told whether events stream in
BEHIND = 10  # how far its thread stands back: a tenth of a processor that others want, all of an idle one
FOLD_S = 10.0  # events that wait beside the roll-ups make every reading of them a little dearer


class Pulse:
    def __init__(
        self,
        door: Door,
        beat_s: float = BEAT_S,
        idle_s: float = IDLE_S,
        on_closed: Callable[[], None] = lambda: None,
        listen: Listen | None = None,
        stalled: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        """`listen` sets an event when something was stored here; all else is seen with the next beat.
        `stalled` hears how long a checkpoint took: nothing is stored meanwhile."""
        self._door = door
        self._stalled = stalled
        self._listen = listen
        self._unlisten: Callable[[], None] = lambda: None
        self._news = asyncio.Event()
        self._on_closed = on_closed
        self._beat_s = beat_s
        self._idle_s = idle_s
        self._task: asyncio.Task[None] | None = None
        self._tidying: asyncio.Task[object] | None = None
        self._tidied = door.watermark().number
        self._tidied_at = self._moved_at = self._folded_at = 0.0
        self._folded = door.watermark().number
        self._probe_at = self._letters_at = self._settle_at = 0.0
        self._settling: asyncio.Task[object] | None = None
        self.failure: str | None = None
        # One thread: what it does excludes each other anyway.
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix="house", initializer=_stand_back)

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._listen is not None:
            self._unlisten = self._listen(loop, self._news)
        self._tidied_at = self._moved_at = self._folded_at = now
        self._task = asyncio.ensure_future(self._beat())

    async def stop(self) -> None:
        self._unlisten()
        for task in (self._task, self._tidying, self._settling):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        self._keeper.shutdown(wait=False, cancel_futures=True)

    async def _beat(self) -> None:
        while True:
            before = self._door.watermark().number
            self._news.clear()
            try:
                await self._look()
                self.failure = None
            except HeadwayError as error:
                self._failed(error)
            if self._door.watermark().number != before:
                await asyncio.sleep(self._beat_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), self._beat_s)

    def _failed(self, error: HeadwayError) -> None:
        if self.failure is None:
            log.warning("the warehouse does not answer: %s", error.detail)
        self.failure = error.detail
        if isinstance(error, Closed):
            self._on_closed()

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._probe_at:
            self._probe_at = now + PROBE_S
            await self._door.light(self._door.warehouse.offsets)
        if now >= self._letters_at:
            self._letters_at = now + LETTERS_EVERY_S
            await self._door.light(DeadLetters(self._door.warehouse).expire)
        mark = await self._door.light(self._door.warehouse.watermark)
        if mark.number != self._door.watermark().number:
            self._moved_at = now
            self._door.moved(mark)
        self._door.metrics.watermark.set(mark.number)
        self._door.metrics.watermark_age.set((datetime.now(UTC) - mark.at).total_seconds())
        self._settle(now)
        if self._tidying is not None and not self._tidying.done():
            return
        if self._is_time_to_tidy(now, mark.number):
            self._tidied_at = self._folded_at = now
            self._tidied = self._folded = mark.number
            self._tidying = asyncio.ensure_future(self._tidy())
        elif mark.number != self._folded and now - self._folded_at >= FOLD_S:
            self._folded_at = now
            self._folded = mark.number
            self._tidying = asyncio.ensure_future(self._keep(self._door.warehouse.fold))

    def _settle(self, now: float) -> None:
        if now >= self._settle_at and (self._settling is None or self._settling.done()):
            self._settle_at = now + SETTLE_S
            settle = self._door.warehouse.settle
            self._settling = asyncio.ensure_future(self._keep(settle, behind=False))

    def _is_time_to_tidy(self, now: float, number: int) -> bool:
        if number == self._tidied:
            return False
        return now - self._moved_at >= self._idle_s or now - self._tidied_at >= TIDY_AT_LEAST_S

    async def _tidy(self) -> None:
        self._door.metrics.compacted.inc(await self._keep(self._door.warehouse.compact) or 0)
        began = time.perf_counter()
        await self._keep(self._door.warehouse.checkpoint)
        self._stalled(time.perf_counter() - began)

    async def _keep(self, work: Callable[[], T], behind: bool = True) -> T | None:
        """Housekeeping that fails is tried again another time; nobody waits for it."""
        try:
            threads = self._keeper if behind else None
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        except HeadwayError as error:
            log.warning("tidying failed: %s", error.detail)
            if isinstance(error, Closed):
                self._on_closed()
            return None


def _stand_back() -> None:
    """Folding takes half a second of a processor in ten while events stream in: whoever sends them, and
    whoever asks, comes first. A thread of its own, because this cannot be taken back."""
    with contextlib.suppress(OSError, AttributeError):  # only Linux knows priorities of single threads
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + BEHIND)
