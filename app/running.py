"""The two servers: core's uvicorn and the pages' Tornado, alone or in one event loop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine

import click
import uvicorn

from app.build import build
from app.core import Core
from app.doorway import Doorway
from app.logs import start_logs
from app.remote import Line
from app.roles import end_with_parent
from config.settings import Settings

GRACE_S = 5


def run_core(settings: Settings, watched: bool) -> int:
    return _run(settings, watched, _serve_core(Core(settings)))


def run_ui(settings: Settings, watched: bool) -> int:
    return _run(settings, watched, _ui(settings))


def run_single(settings: Settings, greeting: str) -> int:
    """Core and pages in one process; the desk is at hand, no socket is needed for it."""
    return _run(settings, False, _single(settings, greeting))


def _run(settings: Settings, watched: bool, work: Coroutine[None, None, int]) -> int:
    start_logs(settings.log_level)
    if watched:
        end_with_parent()
    with asyncio.Runner() as runner:
        return runner.run(work)


async def _serve_core(core: Core) -> int:
    settings = core.settings
    config = uvicorn.Config(
        build(core),
        host=settings.host,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        lifespan="off",
    )
    server = uvicorn.Server(config)
    # uvicorn repeats the signal that ended it; that one must not count as a crash.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    opening = asyncio.ensure_future(core.open())
    opening.add_done_callback(lambda done: _stop_if_failed(done, server))
    try:
        await server.serve()
        if opening.done() and not opening.cancelled():
            opening.result()
    finally:
        opening.cancel()
        await core.close()
    return 0


def _stop_if_failed(opening: asyncio.Task[None], server: uvicorn.Server) -> None:
    if not opening.cancelled() and opening.exception() is not None:
        server.should_exit = True


async def _ui(settings: Settings) -> int:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    line = Line(settings.socket)
    await line.start()
    pages = asyncio.ensure_future(_pages(line, settings))
    stop = asyncio.ensure_future(stopping.wait())
    await asyncio.wait({pages, stop}, return_when=asyncio.FIRST_COMPLETED)
    for task in (pages, stop):
        task.cancel()
    await line.close()
    return 0 if stopping.is_set() else await pages


async def _pages(doorway: Doorway, settings: Settings) -> int:
    from app.mount import serve  # Panel is heavy, and core alone never needs it

    await serve(
        doorway,
        secret=settings.page_secret,
        port=settings.port,
        address=settings.host,
        origins=_origins(settings),
        demo=settings.demo,
        secure=any(origin.startswith("https://") for origin in settings.origins),
    )
    return 0


def _origins(settings: Settings) -> list[str]:
    own = [f"{host}:{settings.port}" for host in ("localhost", "127.0.0.1", "[::1]", settings.host)]
    return [*dict.fromkeys(own), *(origin.split("//", 1)[1] for origin in settings.origins)]


async def _single(settings: Settings, greeting: str) -> int:
    core = Core(settings)
    serving = asyncio.ensure_future(_serve_core(core))
    pages = asyncio.ensure_future(_pages_of(core, greeting))
    try:
        await asyncio.wait({serving, pages}, return_when=asyncio.FIRST_COMPLETED)
        return await (serving if serving.done() else pages)
    finally:
        for task in (pages, serving):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _pages_of(core: Core, greeting: str) -> int:
    while core.why_not:  # noqa: ASYNC110 - once, at the start
        await asyncio.sleep(0.05)
    click.echo(greeting)
    return await _pages(core.doorway, core.settings)
