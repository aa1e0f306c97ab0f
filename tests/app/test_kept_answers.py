"""What is kept, for how long: until something changed that it is made of, and no longer."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from app.core import Core
from app.local import LocalDoorway
from compute.scoping import Tables
from models.ask import Ask, Where
from models.desk import Desk
from models.holes import Query
from tests.app.conftest import JANUARY, Hill, desk_of
from tests.builders import dimension, event, events

LESSONS = Ask(measures=("lessons_completed",))
PEERS = Ask(measures=("mean_score",), audience="peers", by=("course_id",))


@pytest.fixture
def fetched(hill: Hill, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[frozenset[str]]]:
    """The tables of each query that reached the warehouse."""
    asked: list[frozenset[str]] = []
    fetch = hill.door.warehouse.fetch

    def noted(part: Query, **more: float) -> pa.Table:
        asked.append(hill.door.warehouse._compiler.tables(part))  # type: ignore[attr-defined]
        return fetch(part, **more)

    monkeypatch.setattr(hill.door.warehouse, "fetch", noted)
    yield asked


def learned(hill: Hill, student: str, **given: object) -> None:
    """As the writer does it: stored, then told."""
    row = event("lesson_complete", JANUARY, learner_id=hill.school.learners[student], **given)
    batch = events([row])
    appended = hill.door.warehouse.append(batch)
    hill.door.touched.add(batch, appended.watermark)


async def lessons(desk: Desk) -> int:
    return int((await desk.ask(LESSONS)).table["lessons_completed"][0].as_py())


async def test_an_answer_stands_while_only_others_learn(hill: Hill, fetched: list[frozenset[str]]) -> None:
    ada = await desk_of(LocalDoorway(hill.door), hill, "ada")
    learned(hill, "S1", lesson_id="l1")
    assert await lessons(ada) == 1
    before = len(fetched)
    key = (await ada.ask(LESSONS)).key
    for _ in range(3):
        learned(hill, "S2", lesson_id="l1")
    answer = await ada.ask(LESSONS)
    assert (len(fetched), answer.key) == (before, key)
    assert answer.watermark == hill.door.warehouse.watermark().number
    learned(hill, "S1", lesson_id="l2")
    assert await lessons(ada) == 2


async def test_a_guardian_s_answer_stands_until_one_of_the_children_learns(hill: Hill) -> None:
    guardian = await desk_of(LocalDoorway(hill.door), hill, "guardian")
    assert await lessons(guardian) == 0
    learned(hill, "S3", lesson_id="l1")
    assert await lessons(guardian) == 0
    learned(hill, "S2", lesson_id="l1")
    assert await lessons(guardian) == 1


async def test_what_was_stored_by_other_ways_is_seen_at_once(hill: Hill) -> None:
    ada = await desk_of(LocalDoorway(hill.door), hill, "ada")
    assert await lessons(ada) == 0
    hill.door.warehouse.append(
        events([event("lesson_complete", JANUARY, learner_id=hill.school.learners["S1"], lesson_id="l1")])
    )
    assert await lessons(ada) == 1


async def test_who_teaches_sees_every_commit(hill: Hill) -> None:
    teacher = await desk_of(LocalDoorway(hill.door), hill, "teacher")
    for number in (1, 2):
        learned(hill, f"S{number}", lesson_id="l1", course_id="c1")
        assert await lessons(teacher) == number


async def test_what_compares_with_others_follows_the_others(hill: Hill) -> None:
    """Twelve of one class, so that a mean may be told at all."""
    ada = await desk_of(LocalDoorway(hill.door), hill, "ada")
    scope = hill.door.scope(ada.viewer)
    tables = Tables(scope, "peers")
    assert not tables.of_named_learners
    await ada.ask(PEERS)
    before = hill.door.shelf.misses
    learned(hill, "S2", lesson_id="l1")
    await ada.ask(PEERS)
    assert hill.door.shelf.misses > before


async def test_titles_are_read_again_only_when_they_changed(
    hill: Hill, fetched: list[frozenset[str]]
) -> None:
    ada = await desk_of(LocalDoorway(hill.door), hill, "ada")

    async def own() -> list[str]:
        return [row["title"] for row in (await ada.look("relations"))["courses"]]

    def reads() -> int:
        return sum(tables == {"course"} for tables in fetched)

    first = await own()
    assert reads() == 1
    learned(hill, "S1", course_id="c1", lesson_id="l1")
    assert await own() == first and reads() == 1
    hill.door.warehouse.write("course", dimension("course", {"course_id": "c1", "title": "Music"}))
    assert await own() == ["Music"] and reads() == 2


async def test_core_tells_the_door_what_was_committed(core: Core, hill: Hill) -> None:
    """The chain of commits that all of this rests on, by the way in itself."""
    ada = await desk_of(LocalDoorway(hill.door), hill, "ada")
    await lessons(ada)
    since = hill.door.warehouse.watermark().number
    assert not hill.door.touched.since(since, since, hill.door.scope(ada.viewer))
    hill.happened("S1")
    now = hill.door.warehouse.watermark().number
    assert hill.door.touched.since(since, now, hill.door.scope(ada.viewer))


async def test_a_filter_by_a_child_rides_with_equal_filters_only(hill: Hill) -> None:
    guardian = await desk_of(LocalDoorway(hill.door), hill, "guardian")
    learned(hill, "S1", lesson_id="l1")
    for student, expected in (("S1", 1), ("S2", 0)):
        where = (Where("learner_id", "=", (hill.school.learners[student],)),)
        answer = await guardian.ask(Ask(measures=("lessons_completed",), where=where))
        assert answer.table["lessons_completed"].to_pylist() == [expected]
