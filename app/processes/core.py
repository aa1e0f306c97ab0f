"""Core: API and ingest on uvicorn, and the socket behind which the desk is."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys

import uvicorn

from app.build import build
from app.core import Core

GRACE_S = 5
_SWITCH_S = 0.001  # the writer's thread is often at work: the loop must not wait long for its turn
_GARBAGE = (50_000, 20, 50)  # what is read and stored leaves few cycles behind
BROKEN = 6  # exit code: whoever watches starts us again


def new_loop() -> asyncio.AbstractEventLoop:
    """A stream of requests costs the loop half where uvloop is to be had; Windows has none."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def serve_core(core: Core) -> int:
    """Answers /health at once; questions as soon as the databases are open."""
    server = uvicorn.Server(_config(core))
    # uvicorn repeats the signal that ended it; that one must not count as a crash.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    sys.setswitchinterval(_SWITCH_S)
    opening = asyncio.ensure_future(core.open())
    opening.add_done_callback(lambda done: _stop_if_failed(done, server))
    opening.add_done_callback(_settle)
    breaking = asyncio.ensure_future(_stop_when_broken(core, server))
    try:
        await server.serve()
        if opening.done() and not opening.cancelled():
            opening.result()
    finally:
        opening.cancel()
        breaking.cancel()
        await core.close()
    return BROKEN if core.broken.is_set() else 0


def _config(core: Core) -> uvicorn.Config:
    return uvicorn.Config(
        build(core),
        host=core.settings.host,
        port=core.settings.api_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        lifespan="off",
    )


async def _stop_when_broken(core: Core, server: uvicorn.Server) -> None:
    await core.broken.wait()
    server.should_exit = True


def _stop_if_failed(opening: asyncio.Task[None], server: uvicorn.Server) -> None:
    if not opening.cancelled() and opening.exception() is not None:
        server.should_exit = True


def _settle(_: asyncio.Task[None]) -> None:
    """What is there now stays: looking through it again and again would hold up events."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GARBAGE)
