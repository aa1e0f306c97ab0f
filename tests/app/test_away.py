"""Postgres away at the start and in the middle; a warehouse that closes itself."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import httpx
import psycopg
import pytest

from app.build import build
from app.core import Core
from config.settings import Settings
from connectors.metadata import NewPerson
from models.errors import Closed
from tests.app.conftest import Hill
from tests.hill import PASSWORD


class Way:
    """A TCP way to a Postgres that listens on a Unix socket; it can be cut and mended."""

    def __init__(self, folder: str) -> None:
        self._to = f"{folder}/.s.PGSQL.5432"
        self._listening: socket.socket | None = None
        self._open: list[socket.socket] = []
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])

    def mend(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def cut(self) -> None:
        for each in (self._listening, *self._open):
            if each is not None:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
        self._open.clear()

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listening.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._to)
                self._open += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=_copy, args=pair, daemon=True).start()


def _copy(source: socket.socket, to: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            to.sendall(data)
    with contextlib.suppress(OSError):
        to.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def way(postgres_address: str) -> Iterator[Way]:
    found = re.search(r"host=([^&]+)", postgres_address)
    assert found
    way = Way(found[1])
    way.mend()
    yield way
    way.cut()


@pytest.fixture
def remote_settings(settings: Settings, way: Way, postgres_address: str) -> Settings:
    database = postgres_address.split("?")[0].rsplit("/", 1)[1]
    with psycopg.connect(postgres_address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {database}_people")
    address = f"postgresql://postgres@127.0.0.1:{way.port}/{database}"
    return replace(settings, warehouse=address, metadata=f"{address}_people")


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.05)


async def test_core_waits_for_a_postgres_that_is_away_and_outlives_one_that_goes(
    remote_settings: Settings, way: Way
) -> None:
    way.cut()
    core = Core(remote_settings)
    opening = asyncio.ensure_future(core.open())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(build(core)), base_url="http://127.0.0.1:0"
    ) as client:
        await until(lambda: core.why_not and "cannot be reached" in core.why_not)
        answered = await client.get("/health")
        assert answered.status_code == 503
        assert "cannot be reached" in answered.json()["why"]

        way.mend()
        await opening
        assert (await client.get("/health")).status_code == 200
        organisation = core.door.metadata.organisations.add("Elm", "Europe/Berlin", "en")
        person = NewPerson("root", "Root Person", None, "administrator", PASSWORD)
        core.door.metadata.people.add_many(organisation, [person])
        token = core.door.metadata.tokens.create("root", ["ask-measures"])
        auth = {"authorization": f"Bearer {token}"}
        url = "/api/v1/query?measures=events"
        assert (await client.get(url, headers=auth)).json()["rows"] == [{"events": 0}]

        way.cut()
        away = await client.get(url, headers=auth)
        assert (away.status_code, away.json()["code"]) == (503, "unavailable")
        assert "postgres" not in away.text
        await until(lambda: core.not_ready())
        assert (await client.get("/health")).status_code == 503

        way.mend()
        await until(lambda: core.not_ready() is None)
        assert (await client.get(url, headers=auth)).status_code == 200
    await core.close()


async def test_a_warehouse_that_closed_itself_ends_core_so_that_a_new_one_opens_it(
    hill: Hill, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.pulse import Pulse

    def closed() -> None:
        raise Closed("Writing failed, so the warehouse closed.")

    monkeypatch.setattr(hill.door.warehouse, "offsets", closed)
    pulse = Pulse(hill.door, beat_s=0.01, on_closed=core.broken.set)
    pulse.start()
    await asyncio.wait_for(core.broken.wait(), 5)
    await pulse.stop()
