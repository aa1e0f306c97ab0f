"""Refresh through the pulse: two integers are compared, and only what is stale is asked again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from models.ask import Watermark
from models.desk import Desk
from models.errors import HeadwayError

PATIENCE_S = 60.0  # how old a card that is not live may get
TICK_S = 0.25  # moves that come closer together are one refresh


class Pulse:
    """Calls `refresh(everything, concerned)` when data moved: `everything` is False for the live cards only,
    `concerned` is False when it was others who learned, none of those whom the reader may see."""

    def __init__(self, desk: Desk, refresh: Callable[[bool, bool], Awaitable[None]]) -> None:
        self._desk = desk
        self._refresh = refresh
        self._seen = self._whole_seen = -1
        self._whole_at = self._asked_at = 0.0
        self._stop: Callable[[], None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._seen = self._whole_seen = self._desk.watermark().number
        self._whole_at = time.monotonic()
        self._stop = self._desk.on_change(self._told)

    def stop(self) -> None:
        if self._stop is not None:
            self._stop()
            self._stop = None
        if self._task is not None:
            self._task.cancel()

    def _told(self, mark: Watermark) -> None:
        # The desk may tell from a thread of its own.
        if self._loop is not None and mark.number != self._seen:
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._news.set()
        if self._stop is not None and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._follow())

    async def _follow(self) -> None:
        """Until the page shows the newest watermark and its slower cards have had their round, too."""
        whole_due = False
        while self._stop is not None:
            if self._seen == self._desk.watermark().number:
                if not whole_due:
                    return
                await self._news_within(self._until_whole())
            await asyncio.sleep(self._asked_at + TICK_S - time.monotonic())
            self._asked_at = time.monotonic()
            self._news.clear()
            since, self._seen = self._seen, self._desk.watermark().number
            whole = self._until_whole() <= 0
            if whole:
                since, self._whole_seen = self._whole_seen, self._seen
                self._whole_at = time.monotonic()
            concerned = await self._concerns(since)
            if whole or concerned:
                await self._refresh(whole, concerned)
            whole_due = not whole

    async def _concerns(self, since: int) -> bool:
        """One small question saves a page of them when others learned, not those whom this page shows."""
        if since == self._seen:
            return False
        try:
            return bool(await self._desk.look("moved", since=since))
        except HeadwayError:
            return True  # the cards say what is wrong

    async def _news_within(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)

    def _until_whole(self) -> float:
        return max(0.0, self._whole_at + PATIENCE_S - time.monotonic())
