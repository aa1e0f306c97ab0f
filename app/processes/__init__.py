"""One module a process, so that the ui process never reads core's modules, nor core Panel's."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from app.logs import start_logs
from config.settings import Settings


def run(settings: Settings, work: Coroutine[None, None, int]) -> int:
    start_logs(settings.log_level)
    with asyncio.Runner() as runner:
        return runner.run(work)
