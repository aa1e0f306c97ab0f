from __future__ import annotations

import asyncio
import os
import sys
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from app.pulse import BEHIND, Pulse
from connectors.warehouse.deadletters import DeadLetters, LetterFilter
from models.errors import Unavailable
from tests.app.conftest import Hill


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


async def test_listeners_hear_of_many_commits_once_a_beat(hill: Hill) -> None:
    pulse = Pulse(hill.door, beat_s=0.1)
    heard: list[int] = []
    hill.door.telling.on_change(lambda mark: heard.append(mark.number))
    pulse.start()
    for day in range(20):
        hill.happened("S1", day=day)
    await until(lambda: heard[-1:] == [hill.door.warehouse.watermark().number])
    assert len(heard) < 20
    await pulse.stop()


async def test_it_tidies_when_nobody_writes_and_only_after_a_change(
    hill: Hill, monkeypatch: pytest.MonkeyPatch
) -> None:
    tidied: list[str] = []
    monkeypatch.setattr(hill.door.warehouse, "checkpoint", lambda: tidied.append("checkpoint"))
    compact = hill.door.warehouse.compact
    monkeypatch.setattr(hill.door.warehouse, "compact", lambda: tidied.append("compact") or compact())
    hill.door.moved(hill.door.warehouse.watermark())
    stalls: list[float] = []
    pulse = Pulse(hill.door, beat_s=0.01, idle_s=0.1, stalled=stalls.append)
    pulse.start()
    await asyncio.sleep(0.3)
    assert tidied == [] and stalls == []
    hill.happened("S1", day=1)
    await until(lambda: tidied == ["compact", "checkpoint"])
    await asyncio.sleep(0.3)
    assert tidied == ["compact", "checkpoint"] and len(stalls) == 1 and stalls[0] >= 0
    await pulse.stop()


async def test_a_warehouse_that_is_away_is_said_and_it_recovers(
    hill: Hill, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = True
    watermark = hill.door.warehouse.watermark

    def sometimes() -> object:
        if away:
            raise Unavailable("The warehouse cannot be reached.")
        return watermark()

    monkeypatch.setattr(hill.door.warehouse, "watermark", sometimes)
    pulse = Pulse(hill.door, beat_s=0.01)
    pulse.start()
    await until(lambda: pulse.failure == "The warehouse cannot be reached.")
    away = False
    await until(lambda: pulse.failure is None)
    await pulse.stop()


async def test_dead_letters_past_their_time_are_let_go(hill: Hill) -> None:
    letters = DeadLetters(hill.door.warehouse)
    now = datetime.now(UTC)
    for place, age in enumerate((0, 29, 31)):
        letter = {
            "organisation_id": 1,
            "letter_id": str(uuid.UUID(int=place)),
            "kept_at": now - timedelta(days=age),
            "kind": "refused",
            "status": "waiting",
            "source": "http",
            "code": "not-json",
            "detail": "The item is not JSON.",
        }
        letters.write([letter])
    pulse = Pulse(hill.door, beat_s=0.01)
    pulse.start()
    await until(lambda: len(letters.newest(LetterFilter())) == 2)
    await pulse.stop()
    assert {letter["letter_id"] for letter in letters.newest(LetterFilter())} == {
        str(uuid.UUID(int=0)),
        str(uuid.UUID(int=1)),
    }


async def test_what_is_stored_here_is_told_at_once_and_not_with_the_next_beat(hill: Hill) -> None:
    told: list[int] = []
    wakes: list[Callable[[], None]] = []

    def listen(loop: asyncio.AbstractEventLoop, news: asyncio.Event) -> Callable[[], None]:
        wakes.append(lambda: loop.call_soon_threadsafe(news.set))
        return wakes.clear

    hill.door.moved(hill.door.warehouse.watermark())
    hill.door.telling.on_change(lambda mark: told.append(mark.number))
    pulse = Pulse(hill.door, beat_s=1000, listen=listen)
    pulse.start()
    await asyncio.sleep(0.05)  # past its first look, which is in nobody's way
    hill.happened("S1", day=1)
    wakes[0]()
    await until(lambda: told == [hill.door.warehouse.watermark().number])
    await pulse.stop()
    assert wakes == []


async def test_housekeeping_stands_back_where_the_machine_can_do_that(
    hill: Hill, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def compact() -> int:
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return 0

    monkeypatch.setattr(hill.door.warehouse, "compact", compact)
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    pulse = Pulse(hill.door, beat_s=0.01, idle_s=0.05)
    pulse.start()
    hill.happened("S1", day=1)
    await until(lambda: bool(seen))
    await pulse.stop()
    assert seen == [own + BEHIND] if sys.platform == "linux" else seen
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == own
