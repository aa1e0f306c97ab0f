"""One module a process, so that the ui process never reads core's modules, nor core Panel's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from app.logs import start_logs
from config.settings import Settings

Loop = Callable[[], asyncio.AbstractEventLoop] | None


def run(settings: Settings, work: Coroutine[None, None, int], loop: Loop = None) -> int:
    """`loop` makes the event loop; Python's own without it."""
    start_logs(settings.log_level)
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(work)
