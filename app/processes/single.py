"""Core and pages in one process and one event loop, for tests and tiny machines."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click

from app.core import Core
from app.parts import Part
from app.processes.core import serve_core
from app.processes.ui import serve_pages
from app.supervisor import beside
from config.settings import Settings


async def serve_both(settings: Settings, greeting: str, live: Sequence[Part]) -> int:
    core = Core(settings)
    serving = asyncio.ensure_future(serve_core(core))
    pages = asyncio.ensure_future(_pages_of(core, greeting, live))
    try:
        await asyncio.wait({serving, pages}, return_when=asyncio.FIRST_COMPLETED)
        return await (serving if serving.done() else pages)
    finally:
        for task in (pages, serving):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _pages_of(core: Core, greeting: str, live: Sequence[Part]) -> int:
    """The desk is at hand, so no socket is needed for it."""
    while core.why_not:  # noqa: ASYNC110 - once, at the start
        await asyncio.sleep(0.05)
    click.echo(greeting)
    async with beside(live):
        return await serve_pages(core.doorway, core.settings)
