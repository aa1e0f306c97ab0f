"""The pages, on Panel's own server. All it knows of the school it asks core for."""

from __future__ import annotations

import asyncio
import signal

from app.doorway import Doorway
from app.mount import serve
from app.remote import Line
from config.settings import Settings


async def serve_ui(settings: Settings) -> int:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    line = Line(settings.socket)
    await line.start()
    pages = asyncio.ensure_future(serve_pages(line, settings))
    stop = asyncio.ensure_future(stopping.wait())
    await asyncio.wait({pages, stop}, return_when=asyncio.FIRST_COMPLETED)
    for task in (pages, stop):
        task.cancel()
    await line.close()
    return 0 if stopping.is_set() else await pages


async def serve_pages(doorway: Doorway, settings: Settings) -> int:
    await serve(
        doorway,
        secret=settings.page_secret,
        port=settings.port,
        address=settings.host,
        origins=_origins(settings),
        demo=settings.demo,
        secure=any(origin.startswith("https://") for origin in settings.origins),
        proxies=settings.proxies,
    )
    return 0


def _origins(settings: Settings) -> list[str]:
    """As Bokeh takes them; it knows no IPv6 address there."""
    own = [f"{host}:{settings.port}" for host in ("localhost", "127.0.0.1", settings.host) if ":" not in host]
    return [*dict.fromkeys(own), *(origin.split("//", 1)[1] for origin in settings.origins)]
