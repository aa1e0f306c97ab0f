"""The pages' server in the test's own loop, and a browser without a screen: page, token, socket."""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.websocket import WebSocketClientConnection, websocket_connect

from app.doorway import Doorway
from app.local import LocalDoorway
from app.mount import COOKIE, build_server
from app.tour import free_ports
from tests.pages.elm import Elm

PAGE_SECRET = b"the pages' secret in tests, 32 b."
_TOKEN = re.compile(r'"token":\s*"([^"]+)"')


@dataclass
class Mounted:
    server: Any
    port: int
    school: Elm

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def session(self, login: str) -> str:
        return self.school.secret(login)

    async def get(self, path: str, secret: str = "", **headers: str) -> HTTPResponse:
        return await self._fetch("GET", path, secret, headers)

    async def post(self, path: str, secret: str = "", origin: str | None = None, **form: str) -> HTTPResponse:
        headers = {"Origin": self.address if origin is None else origin} if origin != "" else {}
        return await self._fetch("POST", path, secret, headers, urlencode(form))

    async def _fetch(
        self, method: str, path: str, secret: str, headers: dict[str, str], body: str | None = None
    ) -> HTTPResponse:
        cookie = {"Cookie": f"{COOKIE}={secret}"} if secret else {}
        request = HTTPRequest(
            self.address + path,
            method,
            headers={**cookie, **headers},
            body=body,
            follow_redirects=False,
            request_timeout=30,
        )
        return await AsyncHTTPClient().fetch(request, raise_error=False)

    async def token(self, path: str, secret: str) -> str:
        answer = await self.get(path, secret)
        assert answer.code == 200, answer.code
        found = _TOKEN.search(html.unescape(answer.body.decode()))
        assert found, "the page carries no token"
        return found.group(1)

    async def socket(
        self, path: str, secret: str, token: str, origin: str | None = None
    ) -> WebSocketClientConnection:
        """Raises HTTPClientError when the handshake is refused."""
        headers = {"Origin": origin or self.address, "Cookie": f"{COOKIE}={secret}"}
        request = HTTPRequest(f"ws://127.0.0.1:{self.port}{path}/ws", headers=headers)
        return await websocket_connect(request, subprotocols=["bokeh", token])

    async def swept(self) -> None:
        """Bokeh's own sweep through the sessions, now rather than every 17 s."""
        await asyncio.sleep(0.05)
        for application in self.server._tornado._applications.values():
            await application._cleanup_sessions(1)
        await asyncio.sleep(0.05)

    async def open(self, path: str, secret: str) -> Tab:
        socket = await self.socket(path, secret, await self.token(path, secret))
        tab = Tab(socket)
        await tab.ready()
        return tab


@dataclass
class Tab:
    """An open page: its socket spoken to as bokehjs would."""

    socket: WebSocketClientConnection
    heard: list[Any] = field(default_factory=list)

    async def ready(self) -> None:
        assert (await self.message())["msgtype"] == "ACK"
        for part in ({"msgid": "a", "msgtype": "PULL-DOC-REQ"}, {}, {}):
            await self.socket.write_message(json.dumps(part))
        while (await self.message())["msgtype"] != "PULL-DOC-REPLY":
            pass

    async def message(self) -> Any:
        """The header of the next message; its content is kept in `heard`."""
        parts = [await asyncio.wait_for(self.socket.read_message(), 20) for _ in range(3)]
        if parts[0] is None:
            raise ConnectionError("the server closed the socket")
        header, _, content = (json.loads(part) for part in parts)
        self.heard.append(content)
        return header

    async def close(self) -> None:
        self.socket.close()
        while await self.socket.read_message() is not None:
            pass


@asynccontextmanager
async def mounted(school: Elm, doorway: Doorway | None = None, **parts: Any) -> AsyncIterator[Mounted]:
    parts = {"secret": PAGE_SECRET, "port": free_ports(), **parts}
    server = build_server(doorway or LocalDoorway(school.door), **parts)
    server.start()
    try:
        yield Mounted(server, server.port, school)
    finally:
        server.unlisten()
        server.stop()
        await server._http.close_all_connections()
        await _at_rest()


# What ends with the loop only: it sends nothing.
_LASTING = {"_tell", "WebSocketProtocol13._receive_frame_loop"}


async def _at_rest(seconds: float = 5) -> None:
    """Pages that a test left behind fill themselves to the end: a loop that closes in the middle of it leaves
    messages that nobody awaits, which the next collection of garbage holds against some later test."""
    loop = asyncio.get_running_loop()
    end, mine = loop.time() + seconds, asyncio.current_task()
    calm = 0
    while calm < 3 and loop.time() < end:
        tasks = asyncio.all_tasks() - {mine}
        busy = {task for task in tasks if getattr(task.get_coro(), "__qualname__", "") not in _LASTING}
        if busy:
            await asyncio.wait(busy, timeout=0.5)
        calm = 0 if busy else calm + 1
        await asyncio.sleep(0)
