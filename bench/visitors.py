"""A browser without a screen: fetches a page and its files, opens its socket, waits until it is complete.

It says to the server what bokehjs says, so that hundreds fit beside the server on one machine.
"""

from __future__ import annotations

import asyncio
import html
import json
import re
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

_TOKEN = re.compile(r'"token":\s*"([^"]+)"')
_FILE = re.compile(r'(?:src|href)="/?((?:static|assets)/[^"]+)"')
_IS_FILLED = re.compile(r'"filled":\s*[1-9]')
_FILLED = '"attr":"filled"'
_PROBLEM = 'class=\\"problem\\"'
_PULL: tuple[dict[str, str], ...] = ({"msgid": "a", "msgtype": "PULL-DOC-REQ"}, {}, {})
PATIENCE_S = 60.0


class PageFailedError(Exception):
    """The server did not give what it should have."""


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    body: bytes
    size: int  # bytes on the wire


@dataclass
class Tab:
    """One open page. `heard` is called with each message that comes after the first complete page."""

    address: str
    path: str
    cookie: str
    cold: bool = True  # fetches the page's files, too, as a browser does that was never here
    until_filled: bool = True  # a page that is none of Headway's is complete with its document
    heard: Callable[[str, float], None] | None = None
    bytes: int = 0
    framed_at: float = 0.0
    completed_at: float = 0.0
    problems: int = 0  # cards that say that something went wrong: then the page is not complete
    _socket: WebSocketClientConnection | None = None
    _listener: asyncio.Task[None] | None = None
    _whole: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> None:
        """Until every card stands on the page."""
        page = await self._get(self.path)
        text = html.unescape(page.body.decode())
        token = _TOKEN.search(text)
        if token is None:
            raise PageFailedError("the page carries no token")
        self.framed_at = time.perf_counter()
        files = sorted(set(_FILE.findall(text))) if self.cold else []
        await asyncio.gather(*(self._get("/" + name) for name in files))
        request = HTTPRequest(
            f"{self.address.replace('http', 'ws', 1)}{self.path.split('?')[0]}/ws",
            headers={"Origin": self.address, "Cookie": self.cookie},
            connect_timeout=PATIENCE_S,
            request_timeout=PATIENCE_S,
        )
        self._socket = await websocket_connect(request, subprotocols=["bokeh", token.group(1)])
        await self._pull()
        self._listener = asyncio.ensure_future(self._listen())
        await asyncio.wait_for(self._whole.wait(), PATIENCE_S)

    async def close(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        if self._socket is not None:
            self._socket.close()

    async def _get(self, path: str) -> Answered:
        answer = await get(self.address, path, self.cookie)
        if answer.status != 200:
            raise PageFailedError(f"{path.split('?')[0]} answered {answer.status}")
        self.bytes += answer.size
        return answer

    async def _pull(self) -> None:
        assert self._socket is not None
        if (await self._message())[0].get("msgtype") != "ACK":
            raise PageFailedError("the socket was not acknowledged")
        for part in _PULL:
            await self._socket.write_message(json.dumps(part))
        while True:
            header, content = await self._message()
            if header["msgtype"] == "PULL-DOC-REPLY":
                break
        self.problems += content.count(_PROBLEM)
        if not self.until_filled or _IS_FILLED.search(content):
            self._complete()

    async def _listen(self) -> None:
        while True:
            _, content = await self._message()
            if self._whole.is_set():
                if self.heard is not None:
                    self.heard(content, time.perf_counter())
            else:
                self.problems += content.count(_PROBLEM)
                if _FILLED in content:
                    self._complete()

    def _complete(self) -> None:
        self.completed_at = time.perf_counter()
        self._whole.set()

    async def _message(self) -> tuple[dict[str, Any], str]:
        header = json.loads(await self._part())
        await self._part()
        content = await self._part()
        for _ in range(2 * header.get("num_buffers", 0)):
            await self._part()
        return header, content

    async def _part(self) -> str:
        assert self._socket is not None
        part = await self._socket.read_message()
        if part is None:
            raise PageFailedError("the server closed the socket")
        self.bytes += len(part)
        return part if isinstance(part, str) else ""


async def get(address: str, path: str, cookie: str = "") -> Answered:
    """Over a connection of its own; packed, as browsers ask."""
    host, _, port = address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        head = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept-Encoding: gzip\r\nConnection: close\r\n"
        writer.write((head + (f"Cookie: {cookie}\r\n" if cookie else "") + "\r\n").encode())
        told = await asyncio.wait_for(reader.read(-1), PATIENCE_S)
    finally:
        writer.close()
    head_bytes, _, body = told.partition(b"\r\n\r\n")
    fields = head_bytes.decode("latin-1").lower()
    if "transfer-encoding: chunked" in fields:
        body = _joined(body)
    if "content-encoding: gzip" in fields:
        body = zlib.decompress(body, 31)
    return Answered(int(fields.split(" ", 2)[1]), body, len(told))


def _joined(chunks: bytes) -> bytes:
    out = bytearray()
    while chunks:
        length, _, chunks = chunks.partition(b"\r\n")
        size = int(length, 16)
        if not size:
            break
        out += chunks[:size]
        chunks = chunks[size + 2 :]
    return bytes(out)
