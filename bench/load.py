"""An open-loop load of events over loopback, in a process of its own: it sends when it is time, whatever
came back so far, and counts every answer from the moment at which it should have been sent."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import orjson

_BODIES = 60  # distinct bodies; their ids are new each time
_ID_LENGTH = 36
_MOST_OPEN = 512


@dataclass(frozen=True, slots=True)
class Load:
    folder: str
    port: int
    tokens: tuple[str, ...]  # of each organisation of the demo
    rate: int
    seconds: float
    batch: int
    place: int | None = None  # of one organisation's learners only


@dataclass(slots=True)
class Told:
    """`late_ms` of every answer counts from the intended time."""

    latencies_ms: list[float]
    accepted: int = 0
    refused: int = 0
    put_off: int = 0  # 429: asked to come back later
    failed: int = 0
    seconds: float = 0.0
    bytes: int = 0


class Body:
    """A request whose event ids are written anew each time it is sent."""

    def __init__(self, events: Sequence[dict[str, object]], token: str) -> None:
        mark = "#" * _ID_LENGTH
        marked = json.dumps([event | {"event_id": mark} for event in events], separators=(",", ":"))
        head = (
            f"POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(marked.encode())}\r\n\r\n"
        )
        whole = (head + marked).encode()
        self._bytes = np.frombuffer(bytearray(whole), np.uint8)
        self.count, self.size = len(events), len(marked)
        starts = [found.start() for found in re.finditer(mark.encode(), whole)]
        dashes = (8, 13, 18, 23)
        digits = [place for place in range(_ID_LENGTH) if place not in dashes]
        self._digits = np.add.outer(starts, digits)
        self._bytes[np.add.outer(starts, dashes)] = ord("-")

    def fresh(self) -> bytes:
        digits = np.frombuffer(os.urandom(16 * self.count).hex().encode(), np.uint8)
        self._bytes[self._digits] = digits.reshape(self.count, -1)
        return self._bytes.tobytes()


def bodies(load: Load) -> list[Body]:
    from connectors.demo.day import open_days

    days = open_days(Path(load.folder), load.rate, seed=7)
    now = datetime.now(UTC) - timedelta(minutes=10)
    made = []
    for number in range(_BODIES):
        place = load.place
        if place is None:
            place = 0 if len(days) == 1 or number % 10 < 10 * days[0].share else 1
        at = (now + timedelta(seconds=number + k / load.batch) for k in range(load.batch))
        made.append(Body([days[place].take(1, moment)[0] for moment in at], load.tokens[place]))
    return made


class Sender:
    def __init__(self, port: int, told: Told) -> None:
        self._port, self._told = port, told
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._open = asyncio.Semaphore(_MOST_OPEN)

    async def send(self, body: Body, intended: float, counts: bool) -> None:
        async with self._open:
            reader, writer = self._rested() or await self._connect()
            writer.write(body.fresh())
            status, answer = await _answer(reader)
            self._free.append((reader, writer))
        if counts:
            self._count(status, answer, (time.perf_counter() - intended) * 1000)

    def _rested(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """One that is still open: the server hangs up on those that rest for some seconds."""
        while self._free:
            reader, writer = self._free.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return None

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port)

    def _count(self, status: int, answer: bytes, late_ms: float) -> None:
        told = self._told
        if status == 200:
            read = orjson.loads(answer)
            told.accepted += read["accepted"]
            told.refused += len(read["rejected"])
            told.latencies_ms.append(late_ms)
        elif status == 429:
            told.put_off += 1
        else:
            told.failed += 1


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    return int(head.split(b" ", 2)[1]), await reader.readexactly(length)


async def sending(load: Load) -> Told:
    told = Told([])
    sender, ready = Sender(load.port, told), bodies(load)
    await _run(sender, ready, load, 1.0, counts=False)
    print("ready", flush=True)
    began = time.perf_counter()
    await _run(sender, ready, load, load.seconds, counts=True)
    told.seconds = time.perf_counter() - began
    told.bytes = sum(body.size for body in ready) // sum(body.count for body in ready)
    return told


async def _run(sender: Sender, ready: Sequence[Body], load: Load, seconds: float, counts: bool) -> None:
    began, under_way = time.perf_counter(), set()
    for number in range(max(1, round(seconds * load.rate / load.batch))):
        intended = began + number * load.batch / load.rate
        if (wait := intended - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.ensure_future(sender.send(ready[number % len(ready)], intended, counts))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    result = asyncio.run(sending(Load(**given | {"tokens": tuple(given["tokens"])})))
    print(json.dumps(asdict(result)))
