"""The ui process's end of the socket: one line to core, and a desk on it for every viewer."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from app.doorway import Persona
from app.frames import LONGEST_REPLY, Call, Reply, error_of, frame, read_frame, unpack
from app.moving import Moving, Since
from app.telling import Telling
from models.ask import Answer, Ask, Watermark
from models.errors import Unavailable
from models.scope import Viewer

_LONGEST_WAIT_S = 2.0  # between two attempts to reach core
_NEVER = Watermark(0, datetime.fromtimestamp(0, UTC))
_DEEDS = ("do", "sign-in", "become", "sign-out")
_AWAY = "Headway's core is being restarted. Try again in a moment."


class _LostError(Exception):
    """The connection broke before the reply came."""


class Line:
    """One connection to core; it comes back by itself, and what only reads is asked again then."""

    def __init__(self, path: Path, patience_s: float = 15.0) -> None:
        self._path = path
        self._patience_s = patience_s
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[tuple[Reply, bytes]]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._up = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._telling: Telling[Watermark] = Telling()
        self._line_telling: Telling[bool] = Telling()
        self._newest = _NEVER
        self.moving = Moving(self.moved)

    @property
    def is_up(self) -> bool:
        return self._up.is_set()

    async def start(self) -> None:
        self._keeper = asyncio.ensure_future(self._keep())

    async def close(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)

    def watermark(self) -> Watermark:
        return self._newest

    def on_change(self, told: Callable[[Watermark], None]) -> Callable[[], None]:
        return self._telling.on_change(told)

    def on_line(self, told: Callable[[bool], None]) -> Callable[[], None]:
        return self._line_telling.on_change(told)

    async def desk(self, secret: str) -> RemoteDesk | None:
        viewer = msgspec.convert(await self.result("viewer", secret=secret), Viewer | None)
        return None if viewer is None else RemoteDesk(self, secret, viewer)

    async def personas(self) -> list[Persona]:
        return msgspec.convert(await self.result("personas"), list[Persona])

    async def sign_in(self, login: str, password: str, address: str, was: str = "") -> str:
        fields = {"login": login, "password": password, "address": address, "was": was}
        return str(await self.result("sign-in", fields=fields))

    async def become(self, login: str, was: str = "") -> str:
        return str(await self.result("become", fields={"login": login, "was": was}))

    async def sign_out(self, secret: str) -> None:
        await self.result("sign-out", secret=secret)

    async def ready(self) -> str | None:
        if not self.is_up:
            return _AWAY
        why_not = await self.result("ready")
        return None if why_not is None else str(why_not)

    async def moved(self, since: Sequence[Since]) -> list[bool]:
        found: list[bool] = await self.result("moved", since=list(since))
        return found

    async def result(self, what: str, **parts: Any) -> Any:
        reply, _ = await self.call(Call(next(self._ids), what, **parts))
        return msgspec.json.decode(reply.result)

    async def ask(self, secret: str, ask: Ask) -> Answer:
        reply, body = await self.call(Call(next(self._ids), "ask", secret, ask=ask))
        assert reply.answer is not None
        return unpack(reply.answer, body)

    async def call(self, call: Call) -> tuple[Reply, bytes]:
        """Raises the error core raised. A deed is never sent twice: nobody knows whether it was done."""
        try:
            async with asyncio.timeout(self._patience_s) as patience:
                while True:
                    await self._up.wait()
                    patience.reschedule(None)
                    with contextlib.suppress(_LostError):
                        reply, body = await self._send(call)
                        break
                    if call.what in _DEEDS:
                        raise Unavailable(_AWAY)
                    patience.reschedule(asyncio.get_running_loop().time() + self._patience_s)
        except TimeoutError:
            raise Unavailable(_AWAY) from None
        if reply.fault is not None:
            raise error_of(reply.fault)
        return reply, body

    async def _send(self, call: Call) -> tuple[Reply, bytes]:
        if self._writer is None:
            raise _LostError
        arrived: asyncio.Future[tuple[Reply, bytes]] = asyncio.get_running_loop().create_future()
        self._waiting[call.id] = arrived
        try:
            with contextlib.suppress(ConnectionError):  # then the reading side says that it is lost
                self._writer.writelines(frame(call))
                await self._writer.drain()
            return await arrived
        finally:
            self._waiting.pop(call.id, None)

    async def _keep(self) -> None:
        wait_s = 0.05
        while True:
            try:
                reader, self._writer = await asyncio.open_unix_connection(str(self._path))
            except OSError:
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
                continue
            wait_s = 0.05
            self._up.set()
            self._line_telling.tell(True)
            try:
                await self._read_replies(reader)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                self._lose()

    def _lose(self) -> None:
        self._up.clear()
        self._line_telling.tell(False)
        if self._writer is not None:
            self._writer.close()
        self._writer = None
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(_LostError())

    async def _read_replies(self, reader: asyncio.StreamReader) -> None:
        decode = msgspec.json.Decoder(Reply).decode
        while True:
            header, body = await read_frame(reader, LONGEST_REPLY)
            reply = decode(header)
            if reply.moved is not None:
                self._newest = reply.moved
                self._telling.tell(reply.moved)
            elif (waiting := self._waiting.get(reply.id)) is not None and not waiting.done():
                waiting.set_result((reply, body))


class RemoteDesk:
    """A viewer's desk in a process that holds no data and no credential but the session's secret."""

    def __init__(self, line: Line, secret: str, viewer: Viewer) -> None:
        self._line = line
        self._secret = secret
        self._viewer = viewer

    @property
    def viewer(self) -> Viewer:
        return self._viewer

    async def ask(self, ask: Ask) -> Answer:
        return await self._line.ask(self._secret, ask)

    async def names(self, learners: Sequence[int]) -> Mapping[int, str]:
        found = await self._line.result("names", secret=self._secret, learners=list(learners))
        return {int(learner): name for learner, name in found.items()}

    async def look(self, what: str, **fields: Any) -> Any:
        if what == "moved":
            return await self._line.moving.since(self._secret, fields["since"])
        return await self._line.result("look", secret=self._secret, name=what, fields=fields)

    async def do(self, deed: str, **fields: Any) -> Any:
        return await self._line.result("do", secret=self._secret, name=deed, fields=fields)

    def watermark(self) -> Watermark:
        return self._line.watermark()

    def on_change(self, told: Callable[[Watermark], None]) -> Callable[[], None]:
        return self._line.on_change(told)

    def on_line(self, told: Callable[[bool], None]) -> Callable[[], None]:
        return self._line.on_line(told)
