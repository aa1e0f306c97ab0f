"""Work that core does again and again in a thread of its own, where nobody waits for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic, sleep

_LONGEST_S = 10.0  # for which a stop waits
_AGAIN_S = 1.0  # until it is seen whether core is still busy
_PATIENCE_S = 1800.0  # a core that is always busy is looked at all the same


@dataclass(slots=True)
class Watch:
    """`look` is called some time after the start, when whoever waits for a page has it, and then again and
    again. It raises nothing: what it cannot do it logs. While core is `busy`, a look waits: seconds of
    arithmetic in this process are seconds in which a stream of events is answered late."""

    look: Callable[[], None]
    first_s: float
    every_s: float
    busy: Callable[[], bool] = lambda: False
    patience_s: float = _PATIENCE_S
    again_s: float = _AGAIN_S
    _task: asyncio.Task[None] | None = field(default=None, init=False)
    _looking: asyncio.Future[None] | None = field(default=None, init=False)

    def start(self) -> None:
        self._task = asyncio.ensure_future(self._watch())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._looking is not None:
            # The thread goes on: the warehouse must not close under it.
            await asyncio.wait([self._looking], timeout=_LONGEST_S)

    async def _watch(self) -> None:
        await asyncio.sleep(self.first_s)
        while True:
            await self._until_quiet()
            self._looking = asyncio.ensure_future(asyncio.to_thread(self.look))
            await asyncio.shield(self._looking)
            await asyncio.sleep(self.every_s)

    async def _until_quiet(self) -> None:
        until = asyncio.get_running_loop().time() + self.patience_s
        while self.busy() and asyncio.get_running_loop().time() < until:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(self.again_s)


def rest_while(busy: Callable[[], bool], patience_s: float = _PATIENCE_S, again_s: float = _AGAIN_S) -> None:
    """The same in the thread of a look that has many parts, between two of them."""
    until = monotonic() + patience_s
    while busy() and monotonic() < until:
        sleep(again_s)
