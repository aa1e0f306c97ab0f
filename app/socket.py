"""Core's end of the Unix socket: every call brings its session, and core looks it up anew."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import uuid
from pathlib import Path
from typing import Any

import msgspec

from app.doorway import Doorway
from app.frames import LONGEST_CALL, Call, Reply, fault_of, frame, pack, read_frame
from models.ask import Watermark
from models.desk import Desk
from models.errors import BadQuestion, HeadwayError, NotSignedIn, Unavailable

log = logging.getLogger("headway.socket")
MOST_UNDER_WAY = 4096  # calls of one ui process at a time; what comes then waits unread


class DeskSocket:
    """Serves a doorway to the ui processes of this machine's same user."""

    def __init__(self, doorway: Doorway, path: Path) -> None:
        self._doorway = doorway
        self._path = path
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        old = os.umask(0o177)  # from its first moment the socket is this user's only
        try:
            self._server = await asyncio.start_unix_server(self._accept, str(self._path))
        finally:
            os.umask(old)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        self._path.unlink(missing_ok=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(_Connection(self._doorway, reader, writer).run())
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)


class _Connection:
    def __init__(self, doorway: Doorway, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._doorway = doorway
        self._reader = reader
        self._writer = writer
        self._room = asyncio.Semaphore(MOST_UNDER_WAY)
        self._calls: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        stop = self._doorway.on_change(self._push)
        try:
            self._push(self._doorway.watermark())
            await self._read_calls()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the ui process went away; it comes back by itself
        except (HeadwayError, msgspec.MsgspecError) as wrong:
            log.warning("a ui process sent what is no call: %s", wrong)
        finally:
            stop()
            for call in self._calls:
                call.cancel()
            self._writer.close()

    def _push(self, moved: Watermark) -> None:
        self._writer.writelines(frame(Reply(0, moved=moved)))

    async def _read_calls(self) -> None:
        decode = msgspec.json.Decoder(Call).decode
        while True:
            await self._room.acquire()
            header, _ = await read_frame(self._reader, LONGEST_CALL)
            task = asyncio.ensure_future(self._answer(decode(header)))
            self._calls.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        self._room.release()

    async def _answer(self, call: Call) -> None:
        try:
            reply = await self._reply(call)
        except HeadwayError as error:
            reply = frame(Reply(call.id, fault=fault_of(error)))
        except Exception as error:
            incident = uuid.uuid4().hex[:8]
            log.error("incident %s: %s in call %s", incident, type(error).__name__, call.what)
            fault = fault_of(Unavailable(f"Something went wrong here. It is noted as incident {incident}."))
            reply = frame(Reply(call.id, fault=fault))
        with contextlib.suppress(ConnectionError):
            # Header and body of one reply must follow each other: written in one go, then drained.
            self._writer.writelines(reply)
            await self._writer.drain()

    async def _reply(self, call: Call) -> list[Any]:
        if call.what == "ask" and call.ask is not None:
            head, body = pack(await (await self._desk(call)).ask(call.ask))
            return frame(Reply(call.id, answer=head), body)
        result = await self._result(call)
        return frame(Reply(call.id, result=msgspec.Raw(msgspec.json.encode(result))))

    async def _desk(self, call: Call) -> Desk:
        desk = await self._doorway.desk(call.secret)
        if desk is None:
            raise NotSignedIn("Your session has ended. Sign in again.")
        return desk

    async def _result(self, call: Call) -> Any:
        match call.what:
            case "viewer":
                desk = await self._doorway.desk(call.secret)
                return None if desk is None else desk.viewer
            case "personas":
                return await self._doorway.personas()
            case "sign-in":
                return await self._doorway.sign_in(**call.fields)
            case "become":
                return await self._doorway.become(**call.fields)
            case "sign-out":
                return await self._doorway.sign_out(call.secret)
            case "ready":
                return await self._doorway.ready()
            case "names":
                return await (await self._desk(call)).names(call.learners)
            case "look":
                return await (await self._desk(call)).look(call.name, **call.fields)
            case "moved":
                return await self._doorway.moved(call.since)
            case "do":
                return await (await self._desk(call)).do(call.name, **call.fields)
        raise BadQuestion(f"The socket knows no call '{call.what[:40]}'.")
