from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from app.shelf import Flights, Shelf
from models.ask import Answer, Ask


def answer(watermark: int = 1, rows: int = 1) -> Answer:
    table = pa.table({"events": pa.array(range(rows), pa.int64())})
    return Answer(Ask(), table, (), datetime(2026, 3, 2, tzinfo=UTC), watermark, "key")


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_live_is_exact_near_may_be_a_minute_old_and_batch_an_hour() -> None:
    seconds = Seconds()
    shelf = Shelf(1 << 20, seconds)
    shelf.put("q", answer(watermark=1))
    seconds.now = 59
    assert shelf.get("q", 1, "live") and shelf.get("q", 2, "near") and shelf.get("q", 2, "batch")
    assert shelf.get("q", 2, "live") is None
    seconds.now = 61
    assert shelf.get("q", 2, "near") is None
    assert shelf.get("q", 2, "batch")
    seconds.now = 3601
    assert shelf.get("q", 2, "batch") is None
    assert shelf.get("q", 1, "live"), "nothing has changed, so it is as fresh as can be"


def test_it_never_holds_more_than_its_bytes_and_drops_what_was_asked_for_longest_ago() -> None:
    shelf = Shelf(40_000)
    for number in range(10):
        shelf.put(number, answer(rows=500))  # 4,000 bytes and the frame
        shelf.get(0, 1, "live")
        assert shelf.bytes <= 40_000
    assert shelf.get(0, 1, "live")
    assert shelf.get(1, 1, "live") is None
    assert shelf.get(9, 1, "live")


def test_one_huge_answer_does_not_empty_it() -> None:
    shelf = Shelf(40_000)
    shelf.put("small", answer())
    shelf.put("huge", answer(rows=100_000))
    assert shelf.get("huge", 1, "live") is None
    assert shelf.get("small", 1, "live")


def test_after_clearing_nothing_is_told_again() -> None:
    shelf = Shelf(40_000)
    shelf.put("q", answer())
    shelf.clear()
    assert (shelf.get("q", 1, "live"), shelf.bytes, len(shelf)) == (None, 0, 0)


def test_putting_again_counts_once() -> None:
    shelf = Shelf(40_000)
    for _ in range(5):
        shelf.put("q", answer())
    assert len(shelf) == 1
    assert shelf.bytes < 5_000


async def test_who_gives_up_does_not_take_the_answer_from_the_others() -> None:
    flights, began, go = Flights(), 0, asyncio.Event()

    async def work() -> Answer:
        nonlocal began
        began += 1
        await go.wait()
        return answer()

    askers = [asyncio.ensure_future(flights.share("q", work)) for _ in range(3)]
    await asyncio.sleep(0)
    askers[0].cancel()
    await asyncio.sleep(0)
    go.set()
    assert (await askers[1]).key == (await askers[2]).key == "key"
    assert (began, len(flights)) == (1, 0)


async def test_a_failure_is_told_to_all_who_wait_and_not_kept() -> None:
    flights, tries = Flights(), 0

    async def work() -> Answer:
        nonlocal tries
        tries += 1
        await asyncio.sleep(0)
        raise ValueError("away")

    results = await asyncio.gather(*(flights.share("q", work) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [ValueError] * 3
    assert tries == 1
    with pytest.raises(ValueError):
        await flights.share("q", work)
    assert tries == 2
