"""All open pages hear of a move at the same time. What each then asks, whether it concerns its own reader,
goes over the line to core together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

TOGETHER_S = 0.02  # so long the first one waits for the others
Since: TypeAlias = tuple[str, int]  # a session's secret, the watermark that its page shows


class Moving:
    def __init__(self, ask: Callable[[Sequence[Since]], Awaitable[Sequence[bool]]]) -> None:
        self._ask = ask
        self._waiting: list[tuple[Since, asyncio.Future[bool]]] = []
        self._asking: set[asyncio.Task[None]] = set()

    async def since(self, secret: str, number: int) -> bool:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()
        self._waiting.append(((secret, number), done))
        if len(self._waiting) == 1:
            loop.call_later(TOGETHER_S, self._go)
        return await done

    def _go(self) -> None:
        asked, self._waiting = self._waiting, []
        task = asyncio.ensure_future(self._answer(asked))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _answer(self, asked: Sequence[tuple[Since, asyncio.Future[bool]]]) -> None:
        waiting = [(since, done) for since, done in asked if not done.done()]  # others gave up
        try:
            found = await self._ask([since for since, _ in waiting])
        except Exception as error:
            for _, done in waiting:
                if not done.done():
                    done.set_exception(error)
            return
        for (_, done), moved in zip(waiting, found, strict=True):
            if not done.done():
                done.set_result(moved)
