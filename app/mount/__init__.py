"""The only user of Panel's server: pages, who may open them, headers, limits.

`build_server` makes it; `serve` runs it. What it needs of core is `Doorway`.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import panel as pn
from bokeh.server.urls import per_app_patterns
from panel.io.server import Server, get_server

from app.doorway import Doorway, Persona
from app.mount import levers
from app.mount.application import PageApplication
from app.mount.entry import COOKIE, SIGN_IN, SIGN_OUT, Entry
from app.mount.files import Library
from app.mount.handlers import (
    AssetFile,
    Download,
    Health,
    Home,
    Language,
    NothingHere,
    PageHandler,
    SignIn,
    SignOut,
    SocketHandler,
)
from app.mount.headers import Headers
from app.mount.proxies import Proxies
from pages import PAGES, Page

__all__ = ["COOKIE", "Doorway", "Persona", "build_server", "serve"]

LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}
TOKEN_HOURS = 12  # a tab that was asleep this long still comes back without loading again
LINGER_MS = 60_000  # how long a page is kept for a tab whose socket dropped


def build_server(
    doorway: Doorway,
    *,
    secret: bytes,
    port: int = 0,
    address: str = "127.0.0.1",
    origins: Sequence[str] = (),
    demo: bool = False,
    secure: bool = False,
    proxies: Sequence[str] = (),
    pages: tuple[Page, ...] = PAGES,
) -> Server:
    """Not started yet. `origins` are host:port pairs under which browsers reach it; `secure` says https;
    `proxies` are addresses or networks whose word on visitors is believed."""
    levers.pull()
    pn.extension()
    entry = Entry(doorway, {page.path: page for page in pages}, secret)
    believed = Proxies(proxies)
    ours = {"entry": entry, "pages": pages, "demo": demo, "secure": secure, "proxies": believed}
    reached = list(origins) or [f"{host}:{port}" for host in ("localhost", "127.0.0.1")]
    with _our_handlers(), _signals_kept():
        server = get_server(
            {page.path: PageApplication(page, pages, entry.bound) for page in pages},
            port=port,
            address=address,
            websocket_origin=reached,
            auth_provider=entry,
            secret_key=secret,
            sign_sessions=True,
            exclude_cookies=[COOKIE],
            exclude_headers=["Cookie", "Authorization"],
            session_token_expiration=TOKEN_HOURS * 3600,
            unused_session_lifetime_milliseconds=LINGER_MS,
            compress_response=True,
            use_index=False,
            extra_patterns=[
                (r"/", Home, ours),
                (SIGN_IN, SignIn, ours),
                (SIGN_OUT, SignOut, ours),
                (r"/language", Language, ours),
                (r"/health", Health, ours),
                (r"/download/([a-z-]+)/([a-z_]+)\.csv", Download, ours),
                (r"/assets/([\w.-]+)", AssetFile),
                (r"/static/(.*)", Library),
            ],
            default_handler_class=NothingHere,
        )
    server._tornado.transforms.insert(0, partial(Headers, believed))
    server._tornado.settings["hosts"] = LOOPBACK | {urlsplit(f"//{each}").hostname for each in reached}
    return server


async def serve(doorway: Doorway, **parts: Any) -> None:
    """Until cancelled, in the running loop."""
    server = build_server(doorway, **parts)
    server.start()
    try:
        await asyncio.Event().wait()
    finally:
        server.unlisten()
        server.stop()


@contextmanager
def _our_handlers() -> Iterator[None]:
    """Page and socket, and nothing else: no autoload script, no metadata."""
    stock = list(per_app_patterns)
    per_app_patterns[:] = [(r"/?", PageHandler), (r"/ws", SocketHandler)]
    try:
        yield
    finally:
        per_app_patterns[:] = stock


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Panel takes SIGINT for itself; the roles decide how a process ends."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        with suppress(ValueError):  # not the main thread: Panel could not take it either
            signal.signal(signal.SIGINT, before)
