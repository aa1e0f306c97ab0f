"""`learner_now` from memory is `learner_now` from the warehouse, or it is not told from memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core import Core
from app.live.hub import Hub
from app.local import LocalDoorway
from compute import remembered
from compute.questions import question
from compute.remembered import SOURCE, Register
from compute.rollups import DELTAS
from compute.scoping import Tables
from connectors.warehouse import Warehouse, open_warehouse
from models.ask import Ask, Where
from models.errors import BadQuestion
from models.scope import Scope
from tests.app.conftest import Hill, desk_of
from tests.builders import MONDAY, Row, dimension, event, events
from tests.compute.test_now import FREE, TODAY, happened

LEARNERS = (1, 2, 3)
NOW = Ask("learner_now")


def where(name: str, *values: int | str) -> Ask:
    return Ask("learner_now", where=(Where(name, "in", values),))


def own(learner: int, on: date = TODAY) -> Scope:
    return Scope(1, "own", on, learners=(learner,), sees_rows=True)


TAUGHT = Scope(1, "taught", TODAY, classes=("K1", "K2"), sees_rows=True)
SCHOOL = Scope(1, "organisation", TODAY, sees_rows=True)
ASKED: Sequence[tuple[Ask, Scope]] = (
    (NOW, own(77)),
    (NOW, own(1, TODAY + timedelta(days=6))),
    (where("learner_id", 2, 3), Scope(1, "linked", TODAY, learners=(1, 2), sees_rows=True)),
    (NOW, TAUGHT),
    (where("class_id", "K1"), TAUGHT),
    (where("class_id", "K9"), TAUGHT),
    (where("learner_id", 2, 77), TAUGHT),
    (Ask("learner_now", limit=2), SCHOOL),
    (NOW, Scope(2, "organisation", TODAY, sees_rows=True)),
)


def school(engine: Warehouse) -> None:
    engine.write("school_day", dimension("school_day", *({"day": day, "kind": "weekend"} for day in FREE)))
    engine.write("learner", dimension("learner", *({"learner_id": n} for n in LEARNERS)))
    classes = ({"class_id": "K1", "course_id": "c1"}, {"class_id": "K2", "course_id": "c2"})
    engine.write("class", dimension("class", *classes))
    since, until = TODAY - timedelta(days=90), TODAY - timedelta(days=1)
    members = (
        {"class_id": "K1", "learner_id": 1, "valid_from": since},
        {"class_id": "K1", "learner_id": 2, "valid_from": since},
        {"class_id": "K2", "learner_id": 2, "valid_from": since},
        {"class_id": "K2", "learner_id": 3, "valid_from": since, "valid_until": until},  # has left
        {"class_id": "K2", "learner_id": 78, "valid_from": since},  # nobody the school has
    )
    engine.write("class_member", dimension("class_member", *members))


def from_memory(ask: Ask, scope: Scope, engine: Warehouse, hub: Hub) -> pa.Table | None:
    assert remembered.is_for(ask, scope)
    register = Register.of(scope)
    everybody = frozenset(engine.fetch(register.everybody)["learner_id"].to_pylist())
    members = engine.fetch(register.members) if register.members else None
    return remembered.recalled(ask, scope, everybody, members, hub)


def from_warehouse(ask: Ask, scope: Scope, engine: Warehouse) -> pa.Table:
    plan = question("learner_now").plan(ask, Tables(scope))
    return plan.join(tuple(engine.fetch(part) for part in plan.parts))


def published(engine: Warehouse, hub: Hub, rows: Sequence[Row]) -> None:
    """As the writer does it."""
    batch = events(rows)
    hub.publish(batch, engine.append(batch))


only_duckdb = pytest.mark.parametrize("fresh_engine", ["duckdb"], indirect=True)


@only_duckdb
@given(
    rows=st.lists(happened(learners=3), max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=3),
    before=st.integers(0, 10),
)
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_memory_and_warehouse_say_the_same(
    fresh_engine: Callable[[], Warehouse], rows: list[Row], cuts: list[int], before: int
) -> None:
    """Some was stored before the start; the rest comes in batches, with dimensions written in between."""
    engine = fresh_engine()
    school(engine)
    if rows[:before]:
        engine.append(events(rows[:before]))
    hub = Hub(engine, lambda: MONDAY)
    hub.open()
    places = sorted({before, *(min(max(cut, before), len(rows)) for cut in cuts), max(len(rows), before)})
    for start, end in pairwise(places):
        if rows[start:end]:
            published(engine, hub, rows[start:end])
        engine.write("learner", dimension("learner", {"learner_id": 3}))
    for ask, scope in ASKED:
        told = from_memory(ask, scope, engine, hub)
        assert told is not None, (ask, scope)
        assert told.equals(from_warehouse(ask, scope, engine)), (ask, scope)
    hub.close()


@pytest.fixture
def duck(fresh_engine: Callable[[], Warehouse]) -> Warehouse:
    engine = fresh_engine()
    school(engine)
    return engine


@pytest.fixture
def hub(duck: Warehouse) -> Hub:
    hub = Hub(duck, lambda: MONDAY)
    hub.open()
    return hub


def test_where_others_may_store_events_memory_is_silent(postgres_address: str) -> None:
    engine = open_warehouse(postgres_address, DELTAS)
    engine.migrate()
    school(engine)
    hub = Hub(engine, lambda: MONDAY)
    hub.open()
    published(engine, hub, [event("lesson_complete", MONDAY, learner_id=1)])
    assert from_memory(NOW, own(1), engine, hub) is None
    hub.close()
    engine.close()


@only_duckdb
def test_what_was_committed_is_in_the_answer_whether_or_not_the_hub_came_to_it(
    duck: Warehouse, hub: Hub
) -> None:
    for lessons in range(1, 4):  # the hub's own thread rests a quarter of a second after the first
        published(duck, hub, [event("lesson_complete", MONDAY, learner_id=1, lesson_id=f"l{lessons}")])
        told = from_memory(NOW, own(1), duck, hub)
        assert told is not None and told["lessons_today"].to_pylist() == [lessons]
    hub.close()


@only_duckdb
def test_a_commit_that_is_not_handed_over_yet_makes_memory_silent(duck: Warehouse, hub: Hub) -> None:
    batch = events([event("lesson_complete", MONDAY, learner_id=1)])
    appended = duck.append(batch)
    assert from_memory(NOW, own(2), duck, hub) is None
    hub.publish(batch, appended)
    assert from_memory(NOW, own(2), duck, hub) is not None
    hub.close()


@only_duckdb
def test_after_a_commit_that_was_never_handed_over_memory_stays_silent(duck: Warehouse, hub: Hub) -> None:
    duck.append(events([event("lesson_complete", MONDAY, learner_id=1)]))
    published(duck, hub, [event("lesson_complete", MONDAY, learner_id=1)])
    assert from_memory(NOW, own(1), duck, hub) is None
    hub.close()


@only_duckdb
def test_who_was_forgotten_is_not_made_up(duck: Warehouse, hub: Hub) -> None:
    published(duck, hub, [event("lesson_complete", MONDAY, learner_id=1)])
    hub.forget(1, 1)
    assert from_memory(NOW, own(1), duck, hub) is None
    assert from_memory(NOW, own(2), duck, hub) is not None
    hub.close()


@only_duckdb
def test_a_client_s_clock_that_is_days_ahead_makes_memory_silent(duck: Warehouse, hub: Hub) -> None:
    """Its days would take the place of this week's in the ring."""
    published(duck, hub, [event("lesson_complete", MONDAY - timedelta(days=6), learner_id=1)])
    published(duck, hub, [event("lesson_complete", MONDAY + timedelta(days=2), learner_id=1)])
    assert from_memory(NOW, own(1), duck, hub) is None
    assert from_memory(NOW, own(1, TODAY - timedelta(days=3)), duck, hub) is None  # before it was read
    hub.close()


@only_duckdb
def test_a_holiday_that_is_written_now_counts_now(duck: Warehouse, hub: Hub) -> None:
    days = [MONDAY, MONDAY - timedelta(days=4)]
    published(duck, hub, [event("page_view", day, learner_id=1) for day in days])
    for expected, holidays in ((1, ()), (2, (3,))):
        rows = [{"day": TODAY - timedelta(days=back), "kind": "holiday"} for back in holidays]
        if rows:
            duck.write("school_day", dimension("school_day", *rows))
        told = from_memory(NOW, own(1), duck, hub)
        assert told is not None and told["streak"].to_pylist() == [expected]
        assert told.equals(from_warehouse(NOW, own(1), duck))
    hub.close()


def test_whom_memory_cannot_know_the_warehouse_is_asked_about() -> None:
    assert not remembered.is_for(NOW, Scope(1, "sponsored", TODAY, sponsor_id="C1", sees_rows=True))
    assert not remembered.is_for(NOW, Scope(1, "nothing", TODAY, sees_rows=True))
    assert not remembered.is_for(where("class_id", "K1"), own(1))
    with pytest.raises(BadQuestion):
        remembered.is_for(Ask("learner_now", by=("day",)), own(1))


async def test_the_door_tells_it_from_memory_to_whom_it_may_and_notes_it(core: Core, hill: Hill) -> None:
    doorway = LocalDoorway(hill.door)
    at = datetime(2026, 3, 2, 8, 30, tzinfo=MONDAY.tzinfo)
    batch = events([event("lesson_complete", at, learner_id=hill.school.learners["S1"], course_id="c1")])
    appended = hill.door.warehouse.append(batch)
    core.live.publish(batch, appended)
    students = {"ada": {"S1"}, "guardian": {"S1", "S2"}, "teacher": {"S1", "S2"}, "cy": {"S3"}}
    for login, seen in students.items():
        answer = await (await desk_of(doorway, hill, login)).ask(NOW)
        assert answer.source == SOURCE
        lessons = {row["learner_id"]: row["lessons_today"] for row in answer.rows()}
        assert lessons == {hill.school.learners[student]: int(student == "S1") for student in seen}
    read = [row.entry.what for row in hill.metadata.audit.read() if row.entry.what == "read learner_now"]
    assert len(read) == 4, "two children and two pupils of the class; one's own is not noted"
    core.live.forget(1, hill.school.learners["S1"])
    hill.door.shelf.clear()
    answer = await (await desk_of(doorway, hill, "ada")).ask(NOW)
    assert answer.source != SOURCE and answer.table["lessons_today"].to_pylist() == [1]
