"""Core: API and ingest on uvicorn, and the socket behind which the desk is."""

from __future__ import annotations

import asyncio
import signal

import uvicorn

from app.build import build
from app.core import Core

GRACE_S = 5
BROKEN = 6  # exit code: whoever watches starts us again


async def serve_core(core: Core) -> int:
    """Answers /health at once; questions as soon as the databases are open."""
    server = uvicorn.Server(_config(core))
    # uvicorn repeats the signal that ended it; that one must not count as a crash.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    opening = asyncio.ensure_future(core.open())
    opening.add_done_callback(lambda done: _stop_if_failed(done, server))
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
