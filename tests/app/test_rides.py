"""Who asks the same waits for one query; who asks it of other learners goes along and gets the own rows."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from app import rides
from app.rides import MOST_TOGETHER, Rides
from compute.plan import Part
from models.holes import Crowd, Query


def about(learners: Sequence[int], others: str = "") -> Query:
    crowd = Crowd("form", others, tuple(learners), lambda more: about(more, others))
    return Query("form", lambda: pytest.fail("nothing is built here"), {"who": str(learners)}, crowd)


class Engine:
    """Answers with a row for each learner asked about, when the test lets it."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.compiled: list[int] = []
        self.began, self.go, self.made = threading.Event(), threading.Event(), threading.Event()
        self.fails = False

    def fetch(self, part: Part) -> pa.Table:
        assert isinstance(part, Query) and part.crowd
        self.began.set()
        self.asked.append(sorted(set(part.crowd.learners)))
        self.go.wait(10)
        if self.fails:
            raise ValueError("broken")
        learners = [n for n in sorted(set(part.crowd.learners)) if n < 900]
        return pa.table({"learner_id": pa.array(learners, pa.int64()), "n": [n * 10 for n in learners]})

    def compile(self, part: Part) -> None:
        assert isinstance(part, Query) and part.crowd
        self.compiled.append(len(part.crowd.learners))
        self.made.set()


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


async def ridden(
    engine: Engine, threads: ThreadPoolExecutor, *some: tuple[Query, object]
) -> list[list[dict[str, int]]]:
    """The first is on its way before the others come; it keeps the only seat."""
    of = Rides(engine.fetch, engine.compile, threads, at_once=1)
    first = asyncio.ensure_future(of.take(*some[0]))
    await asyncio.to_thread(engine.began.wait, 10)
    rest = [asyncio.ensure_future(of.take(part, key)) for part, key in some[1:]]
    await asyncio.sleep(0)
    engine.go.set()
    return [table.to_pylist() for table in await asyncio.gather(first, *rest)]


async def test_who_comes_meanwhile_goes_along_and_gets_the_own_rows(
    engine: Engine, threads: ThreadPoolExecutor
) -> None:
    found = await ridden(engine, threads, *((about([n]), n) for n in (1, 2, 3)), (about([3, 4]), "two"))
    assert engine.asked == [[1], [2, 3, 4]]
    assert [[row["n"] for row in rows] for rows in found] == [[10], [20], [30], [30, 40]]


async def test_who_has_no_rows_gets_none(engine: Engine, threads: ThreadPoolExecutor) -> None:
    found = await ridden(engine, threads, *((about([n]), n) for n in (1, 2, 999)))
    assert [len(rows) for rows in found] == [1, 1, 0]


async def test_the_same_at_the_same_watermark_is_asked_once(
    engine: Engine, threads: ThreadPoolExecutor
) -> None:
    part = about([1])
    found = await ridden(engine, threads, (part, "at 5"), (part, "at 5"), (part, "at 6"))
    assert engine.asked == [[1], [1]]  # what was on its way when 6 was committed may have missed it
    assert found[0] == found[1] == found[2]


async def test_what_differs_in_more_than_the_learner_goes_apart(
    engine: Engine, threads: ThreadPoolExecutor
) -> None:
    await ridden(engine, threads, (about([1]), 1), (about([2], "a"), 2), (about([3], "b"), 3))
    assert engine.asked == [[1], [2], [3]]


async def test_no_more_go_together_than_there_is_room(engine: Engine, threads: ThreadPoolExecutor) -> None:
    many = [(about([n]), n) for n in range(1, MOST_TOGETHER + 5)]
    found = await ridden(engine, threads, *many)
    assert [len(each) for each in engine.asked] == [1, MOST_TOGETHER, 3]
    assert [[row["learner_id"] for row in rows] for rows in found] == [[n] for _, n in many]


async def test_a_query_that_fails_fails_for_those_in_it_and_no_others(
    engine: Engine, threads: ThreadPoolExecutor
) -> None:
    of = Rides(engine.fetch, engine.compile, threads, at_once=1)
    engine.fails = True
    engine.go.set()
    with pytest.raises(ValueError, match="broken"):
        await of.take(about([1]), 1)
    engine.fails = False
    assert (await of.take(about([1]), 1)).num_rows == 1


async def test_one_who_gives_up_takes_nothing_from_the_others(
    engine: Engine, threads: ThreadPoolExecutor
) -> None:
    of = Rides(engine.fetch, engine.compile, threads, at_once=1)
    gone = asyncio.ensure_future(of.take(about([1]), 1))
    stays = asyncio.ensure_future(of.take(about([1]), 1))
    await asyncio.sleep(0)
    gone.cancel()
    engine.go.set()
    assert (await stays).num_rows == 1


async def test_the_text_for_many_is_compiled_when_nobody_waits(
    engine: Engine, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rides, "REST_S", 0.01)
    of = Rides(engine.fetch, engine.compile, threads, at_once=1)
    engine.go.set()
    for learner in (1, 2):
        await of.take(about([learner]), learner)
    await asyncio.to_thread(engine.made.wait, 10)
    await of.take(about([3]), 3)
    await asyncio.sleep(0.05)
    assert engine.compiled == [MOST_TOGETHER]
