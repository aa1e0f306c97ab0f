"""Three low scores in a course raise an intervention for its teacher at once, and once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core import Core
from app.desk import LocalDesk
from app.live.hub import Hub
from app.live.states import States
from app.live.struggle import Struggles
from compute.now import changes, scored
from compute.rollups import DELTAS
from connectors.warehouse import Warehouse, open_warehouse
from models.errors import Unavailable
from tests.app.conftest import Hill
from tests.builders import MONDAY, Row, event, events

PATIENCE_S = 20


def row(learner: int, score: float, minute: int, course: str = "c1", **more: object) -> Row:
    at = MONDAY - timedelta(hours=2) + timedelta(minutes=minute)
    return event("quiz_submit", at, learner_id=learner, course_id=course, score=score, **more)


def happened(core: Core, *rows: Row) -> None:
    """As the writer does it: commit, then publish."""
    batch = events(rows)
    core.live.publish(batch, core.door.warehouse.append(batch))


async def raised(core: Core, hill: Hill, at_least: int = 0) -> list[dict[str, object]]:
    """What the teacher of K1 (course c1) sees, once the hub has seen everything."""
    viewer = hill.metadata.sessions.viewer(hill.session("teacher"))
    assert viewer
    desk = LocalDesk(core.door, viewer)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = await desk.look("interventions")
            told = core.live.head == core.door.warehouse.watermark().number
            if told and len(found) >= at_least:
                return list(found)
            await asyncio.sleep(0.01)


async def test_the_third_low_score_tells_the_teacher_and_the_fourth_does_not(core: Core, hill: Hill) -> None:
    ada = hill.school.learners["S1"]
    happened(core, row(ada, 40, 0), row(ada, 59.9, 1))
    assert await raised(core, hill) == []
    happened(core, row(ada, 20, 2))
    (one,) = await raised(core, hill, 1)
    assert one["learner_id"] == str(ada) and one["open"]
    happened(core, row(ada, 10, 3))
    await raised(core, hill)
    await asyncio.to_thread(core.live.close)  # waits for what was being written
    assert len(await raised_now(core, hill)) == 1


async def raised_now(core: Core, hill: Hill) -> list[object]:
    viewer = hill.metadata.sessions.viewer(hill.session("teacher"))
    assert viewer
    return list(await LocalDesk(core.door, viewer).look("interventions"))


async def test_one_good_score_and_another_course_raise_nothing(core: Core, hill: Hill) -> None:
    ada, bo = hill.school.learners["S1"], hill.school.learners["S2"]
    happened(core, row(ada, 30, 0), row(ada, 60, 1), row(ada, 30, 2))
    happened(core, row(bo, 30, 0), row(bo, 30, 1), row(bo, 30, 2, course="c2"))
    await raised(core, hill)
    await asyncio.to_thread(core.live.close)
    assert await raised_now(core, hill) == []


async def test_a_new_start_does_not_raise_it_again(core: Core, hill: Hill) -> None:
    ada = hill.school.learners["S1"]
    happened(core, *(row(ada, 30, n) for n in range(3)))
    await raised(core, hill, 1)
    await asyncio.to_thread(core.live.close)
    again = Hub(hill.door.warehouse, hill.clock, struggles=Struggles(hill.metadata.interventions))
    again.open()
    batch = events([row(ada, 20, 9)])
    again.publish(batch, hill.door.warehouse.append(batch))
    await asyncio.to_thread(again.close)
    assert again.struggling(1, hill.clock().date()) == [ada]
    assert len(await raised_now(core, hill)) == 1


async def test_a_struggle_that_goes_on_is_raised_again_once_the_store_kept_quiet_long_enough(
    hill: Hill,
) -> None:
    """In one process that never starts anew, with a score a day and a clock that moves."""
    ada, teacher = hill.school.learners["S1"], hill.school.people["teacher"]
    store, raised_on = hill.metadata.interventions, []

    class Told:
        def raise_struggle(
            self, organisation_id: int, learner_id: int, course_id: str, scores: Sequence[float], at: datetime
        ) -> str | None:
            made = store.raise_struggle(organisation_id, learner_id, course_id, scores, at)
            if made is not None:
                raised_on.append((at - MONDAY).days)
            return made

    # Raised on day 0 before this process began; the teacher is done with it after twelve days.
    first = store.raise_struggle(hill.school.id, ada, "c1", (30.0, 20.0, 10.0), MONDAY - timedelta(days=2))
    assert first is not None
    struggles, states = Struggles(Told()), States()
    for day in range(30):
        at = MONDAY + timedelta(days=day)
        batch = events([row(ada, 30, 1440 * day + n) for n in range(3)])
        states.fold(changes(batch), scored(batch))
        struggles.told(list(states.lows(scored(batch), at.date())), at)
        struggles._thread.submit(lambda: None).result()  # what was told is written
        if day == 10:
            store.close(first, teacher, "helped")
    struggles.close()
    # Fourteen days after the first; the second is open, so there is no third.
    assert raised_on == [12]


class Noted:
    def __init__(self) -> None:
        self.calls: list[tuple[int, str, tuple[float, ...]]] = []

    def raise_struggle(
        self, organisation_id: int, learner_id: int, course_id: str, scores: Sequence[float], at: datetime
    ) -> str | None:
        self.calls.append((learner_id, course_id, tuple(scores)))
        return "x"


@given(
    st.lists(
        st.tuples(
            st.integers(1, 2), st.sampled_from(["c1", "c2"]), st.sampled_from([10.0, 59.5, 60.0, 90.0])
        ),
        max_size=25,
    ),
    st.integers(1, 5),
)
@settings(max_examples=60, deadline=None)
def test_whoever_comes_to_struggle_is_told_once_until_it_is_over(
    given_scores: list[tuple[int, str, float]], size: int
) -> None:
    """Against plain Python that looks at each batch's end at the newest five of each course."""
    states, store = States(), Noted()
    struggles = Struggles(store)
    rows = [row(learner, score, n, course) for n, (learner, course, score) in enumerate(given_scores)]
    wanted: list[tuple[int, str, tuple[float, ...]]] = []
    known: set[tuple[int, str]] = set()
    for start in range(0, len(rows), size):
        batch = events(rows[start : start + size])
        states.fold(changes(batch), scored(batch))
        struggles.told(list(states.lows(scored(batch), MONDAY.date())), datetime.now(UTC))
        seen = given_scores[: start + size]
        for place in dict.fromkeys((n, c) for n, c, _ in given_scores[start : start + size]):
            newest = [score for n, c, score in seen if (n, c) == place][:-6:-1]
            low = len(newest) >= 3 and max(newest) < 60
            if low and place not in known:
                wanted.append((*place, tuple(newest)))
            known = known | {place} if low else known - {place}
    struggles.close()
    assert store.calls == wanted


@contextmanager
def two_cores(address: str) -> Iterator[tuple[Warehouse, list[Hub], list[Noted]]]:
    """Two hubs on one Postgres: each is handed what its own process stores."""
    engine = open_warehouse(address, DELTAS)
    engine.migrate()
    stores = [Noted(), Noted()]
    hubs = [Hub(engine, lambda: MONDAY, struggles=Struggles(store), rest_s=0) for store in stores]
    for hub in hubs:
        hub.open()
    try:
        yield engine, hubs, stores
    finally:
        for hub in hubs:
            hub.close()
        engine.close()


def stored_by(hub: Hub, engine: Warehouse, *rows: Row) -> None:
    batch = events(rows)
    hub.publish(batch, engine.append(batch))
    hub._catch_up()


def test_scores_that_came_through_several_cores_are_judged_together(postgres_address: str) -> None:
    with two_cores(postgres_address) as (engine, (one, other), stores):
        stored_by(one, engine, row(1, 10, 0), row(2, 10, 0), row(2, 20, 1), row(3, 90, 5))
        stored_by(other, engine, row(1, 20, 1))
        assert one.standing(1, 1, None, MONDAY.date()) is other.standing(1, 1, None, MONDAY.date()) is None
        stored_by(one, engine, row(1, 30, 2))
        # What another core took in is good: three low scores here are not all there is.
        stored_by(other, engine, row(3, 10, 0), row(3, 20, 1), row(3, 30, 2), row(2, 80, 3))
        stored_by(one, engine, row(2, 30, 4))
    assert stores[0].calls == [(1, "c1", (30.0, 20.0, 10.0))]
    assert stores[1].calls == []


def test_a_warehouse_that_is_away_while_struggles_are_looked_up_costs_no_memory(
    postgres_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise Unavailable("The warehouse cannot be reached.")

    with two_cores(postgres_address) as (engine, (one, _), stores):
        with monkeypatch.context() as broken:
            broken.setattr(engine, "fetch", away)
            stored_by(one, engine, *(row(1, 10, n) for n in range(3)))
        assert one.struggling(1, MONDAY.date()) == [1], "what was folded stays"
        stored_by(one, engine, row(1, 20, 3))
    assert stores[0].calls == [(1, "c1", (20.0, 10.0, 10.0, 10.0))]


def test_scores_of_weeks_ago_are_not_recent() -> None:
    states, store = States(), Noted()
    batch = events([row(1, 10, n) for n in range(4)])
    states.fold(changes(batch), scored(batch))
    later = date.fromordinal(MONDAY.date().toordinal() + 15)
    Struggles(store).told(list(states.lows(scored(batch), later)), datetime.now(UTC))
    assert store.calls == []
