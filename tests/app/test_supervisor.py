"""A part that dies or hangs is started again; one that says that it cannot serve is let be."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from app.parts import Part, http_status
from app.supervisor import Supervisor


@pytest.fixture
def starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In place of Python: a program that notes that it was started, and sleeps."""
    noted, program = tmp_path / "noted", tmp_path / "sleeper"
    program.write_text(f"#!/bin/sh\necho $$ >> '{noted}'\nexec sleep 60\n")
    program.chmod(0o700)
    monkeypatch.setattr("app.supervisor.sys.executable", str(program))
    return noted


def _pids(noted: Path) -> list[int]:
    return [int(line) for line in noted.read_text().split()] if noted.exists() else []


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - another process tells nobody
            await asyncio.sleep(0.02)


async def _supervised(
    lives: Callable[[], Awaitable[bool]],
) -> tuple[Supervisor, asyncio.Task[int], list[str]]:
    async def answers() -> bool:
        return True

    said: list[str] = []
    part = Part("sleeper", [], dict(os.environ), answers, lives)
    supervisor = Supervisor([part], said.append, look_every_s=0.01)
    return supervisor, asyncio.create_task(supervisor.run(lambda: None)), said


async def test_a_part_that_hangs_is_ended_and_started_again(starts: Path) -> None:
    async def lives() -> bool:
        return len(_pids(starts)) > 1  # the first one hangs, the second does not

    supervisor, running, said = await _supervised(lives)
    await _until(lambda: len(_pids(starts)) > 1)
    supervisor.stop()
    await running
    first = _pids(starts)[0]
    assert any("has not answered" in line for line in said)
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


async def test_a_part_that_misses_a_few_looks_is_let_be(starts: Path) -> None:
    looks = 0

    async def lives() -> bool:
        nonlocal looks
        looks += 1
        return looks % 4 == 0  # three misses in a row, then an answer

    supervisor, running, said = await _supervised(lives)
    await _until(lambda: looks > 40)
    supervisor.stop()
    await running
    assert (len(_pids(starts)), said) == (1, [])


async def test_a_server_that_cannot_serve_yet_lives(unused_tcp_port: int) -> None:
    async def unready(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(unready, "127.0.0.1", unused_tcp_port):
        assert await http_status(unused_tcp_port, "/health") == 503
    assert await http_status(unused_tcp_port, "/health") is None
