"""One suite for both desks: the one inside core and the one over the socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from app.doorway import Doorway
from compute.disclosure import cells
from models.ask import Ask, Where
from models.errors import BadQuestion, NotFound, NotSignedIn, Unavailable
from tests.app.conftest import JANUARY, Hill, desk_of

BY_LEARNER = Ask(measures=("events",), by=("learner_id",))
EVENTS = Ask(measures=("events",))


async def told(doorway: Doorway, hill: Hill, login: str, ask: Ask = BY_LEARNER) -> dict[object, object]:
    answer = await (await desk_of(doorway, hill, login)).ask(ask)
    return {row["learner_id"]: row["events"] for row in answer.rows()}


async def test_everybody_is_told_of_their_own_learners_only(doorway: Doorway, hill: Hill) -> None:
    s1, s2, s3 = hill.school.learners.values()
    assert await told(doorway, hill, "ada") == {s1: 1}
    assert await told(doorway, hill, "guardian") == {s1: 1, s2: 1}
    assert await told(doorway, hill, "teacher") == {s1: 1, s2: 1}
    assert await told(doorway, hill, "administrator") == {s1: 1, s2: 1, s3: 1}
    assert await told(doorway, hill, "data_scientist") == {s1: 1, s2: 1, s3: 1}


async def test_a_filter_on_somebody_elses_learner_finds_nobody(doorway: Doorway, hill: Hill) -> None:
    other = Ask(
        measures=("events",),
        by=("learner_id",),
        where=(Where("learner_id", "=", (hill.school.learners["S3"],)),),
    )
    assert await told(doorway, hill, "ada", other) == {}
    assert await told(doorway, hill, "teacher", other) == {}


async def test_who_may_not_ask_sees_what_does_not_exist(doorway: Doorway, hill: Hill) -> None:
    with pytest.raises(NotFound):
        await (await desk_of(doorway, hill, "operator")).ask(EVENTS)


async def test_a_group_under_ten_is_hidden_from_who_may_not_see_rows(doorway: Doorway, hill: Hill) -> None:
    answer = await (await desk_of(doorway, hill, "executive")).ask(EVENTS)
    assert [row["events"] for row in answer.rows()] == [None]
    assert answer.suppressed == 1
    assert answer.table.column_names == ["events"]


async def test_what_decides_on_hiding_is_told_to_nobody(doorway: Doorway, hill: Hill) -> None:
    desk = await desk_of(doorway, hill, "executive")
    scope = hill.metadata.scope_of(desk.viewer, hill.clock.now.date())
    decisive = [cell.ask for cell in cells(EVENTS, scope)]
    assert decisive
    for ask in (EVENTS, *decisive):
        for row in (await desk.ask(ask)).rows():
            assert {row[name] for name in ask.measures} == {None}


async def test_a_relation_that_ends_narrows_the_next_question_of_an_open_desk(
    doorway: Doorway, hill: Hill
) -> None:
    desk = await desk_of(doorway, hill, "teacher")
    assert len((await desk.ask(BY_LEARNER)).rows()) == 2
    hill.metadata.relations.end(hill.school.people["teacher"], "teaches", "K1", date(2026, 3, 2))
    assert (await desk.ask(BY_LEARNER)).rows() == []
    assert await desk.names(list(hill.school.learners.values())) == {}


async def test_a_child_who_comes_of_age_is_no_longer_told_of(doorway: Doorway, hill: Hill) -> None:
    desk = await desk_of(doorway, hill, "guardian")
    s1, s2 = hill.school.learners["S1"], hill.school.learners["S2"]
    assert set(await desk.names([s1, s2])) == {s1, s2}
    hill.clock.forward(days=2)  # Bo, born on 4 March 2008, is 18
    desk = await desk_of(doorway, hill, "guardian")
    assert set(await desk.names([s1, s2])) == {s1}
    assert [row["learner_id"] for row in (await desk.ask(BY_LEARNER)).rows()] == [s1]


async def test_a_session_that_ended_answers_nothing(doorway: Doorway, hill: Hill) -> None:
    secret = hill.session("ada")
    desk = await doorway.desk(secret)
    assert desk is not None
    hill.metadata.sessions.close(secret)
    calls: list[Callable[[], object]] = [
        lambda: desk.ask(EVENTS),
        lambda: desk.names([1]),
        lambda: desk.look("me"),
        lambda: desk.do("sign_out"),
    ]
    for call in calls:
        with pytest.raises(NotSignedIn):
            await call()  # type: ignore[misc]
    assert await doorway.desk(secret) is None


async def test_signing_out_at_the_desk_ends_the_session(doorway: Doorway, hill: Hill) -> None:
    secret = hill.session("ada")
    desk = await doorway.desk(secret)
    assert desk is not None
    await desk.do("sign_out")
    assert await doorway.desk(secret) is None


async def test_names_are_told_inside_the_scope_and_to_those_who_may_see_them(
    doorway: Doorway, hill: Hill
) -> None:
    everybody = list(hill.school.learners.values())
    s1, s2, s3 = everybody
    assert await (await desk_of(doorway, hill, "teacher")).names(everybody) == {
        s1: "Ada Example",
        s2: "Bo Example",
    }
    assert await (await desk_of(doorway, hill, "ada")).names(everybody) == {s1: "Ada Example"}
    assert await (await desk_of(doorway, hill, "data_scientist")).names(everybody) == {}
    assert s3 in await (await desk_of(doorway, hill, "administrator")).names(everybody)


def read_of(hill: Hill, learner: str) -> list[tuple[str, str, str]]:
    rows = hill.metadata.audit.read(whose=str(hill.school.learners[learner]))
    return [(row.entry.who, row.entry.what, row.entry.why) for row in rows]


async def test_each_read_of_a_named_learner_by_somebody_else_is_one_audit_row(
    doorway: Doorway, hill: Hill
) -> None:
    desk = await desk_of(doorway, hill, "teacher")
    who = hill.school.people["teacher"]
    await desk.ask(Ask(measures=("events",), by=("learner_id",), purpose="planning lessons"))
    assert read_of(hill, "S1") == [(who, "read measures", "planning lessons")]
    await desk.names([hill.school.learners["S1"]])
    assert read_of(hill, "S1")[0] == (who, "read names", "teaching")
    assert len(read_of(hill, "S1")) == 2
    assert len(read_of(hill, "S2")) == 1
    assert read_of(hill, "S3") == []
    assert hill.metadata.audit.verify().whole


@pytest.mark.parametrize(
    ("login", "why"),
    [
        ("teacher", "teaching"),
        ("guardian", "looking after a child"),
        ("administrator", "administration"),
        ("data_scientist", "analysis"),
    ],
)
async def test_a_read_without_a_purpose_is_for_what_the_role_is_for(
    doorway: Doorway, hill: Hill, login: str, why: str
) -> None:
    desk = await desk_of(doorway, hill, login)
    await desk.ask(BY_LEARNER)
    await desk.names([hill.school.learners["S1"]])
    await desk.look("relations")  # a guardian's children are named there
    read = read_of(hill, "S1")
    assert (hill.school.people[login], "read measures", why) in read
    assert ("read names" in {what for _, what, _ in read}) == (login != "data_scientist")
    assert {purpose for _, _, purpose in read} == {why}


async def test_an_answer_from_the_shelf_is_audited_like_a_fresh_one(doorway: Doorway, hill: Hill) -> None:
    desk = await desk_of(doorway, hill, "teacher")
    for _ in range(3):
        await desk.ask(BY_LEARNER)
    assert len(read_of(hill, "S1")) == 3


async def test_own_rows_and_aggregates_are_not_reads_of_somebody_else(doorway: Doorway, hill: Hill) -> None:
    ada = await desk_of(doorway, hill, "ada")
    await ada.ask(BY_LEARNER)
    await ada.names([hill.school.learners["S1"]])
    await (await desk_of(doorway, hill, "teacher")).ask(EVENTS)
    assert read_of(hill, "S1") == []


async def test_a_guardians_totals_are_reads_of_the_children(doorway: Doorway, hill: Hill) -> None:
    await (await desk_of(doorway, hill, "guardian")).ask(EVENTS)
    assert len(read_of(hill, "S1")) == len(read_of(hill, "S2")) == 1


async def test_a_total_narrowed_to_one_learner_is_a_read_of_that_learner(
    doorway: Doorway, hill: Hill
) -> None:
    one = Ask(measures=("events",), where=(Where("learner_id", "=", (hill.school.learners["S2"],)),))
    await (await desk_of(doorway, hill, "teacher")).ask(one)
    assert (len(read_of(hill, "S1")), len(read_of(hill, "S2"))) == (0, 1)


async def test_equal_questions_of_equal_scope_share_a_key_and_others_do_not(
    doorway: Doorway, hill: Hill
) -> None:
    teacher = await desk_of(doorway, hill, "teacher")
    first, again = await teacher.ask(EVENTS), await teacher.ask(EVENTS)
    assert first.key == again.key
    ada = await (await desk_of(doorway, hill, "ada")).ask(EVENTS)
    assert ada.key != first.key
    hill.happened("S1", day=1, course_id="c1")
    assert (await teacher.ask(EVENTS)).key != first.key


async def test_a_commit_is_in_the_next_answer(doorway: Doorway, hill: Hill) -> None:
    desk = await desk_of(doorway, hill, "ada")
    before = await desk.ask(EVENTS)
    hill.happened("S1", day=1, course_id="c1")
    after = await desk.ask(EVENTS)
    assert [before.rows()[0]["events"], after.rows()[0]["events"]] == [1, 2]
    assert after.watermark > before.watermark


@pytest.fixture
def fetched(hill: Hill, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What reached the warehouse."""
    found: list[object] = []
    fetch = hill.door.warehouse.fetch

    def counting(expr: Any, **given: Any) -> object:
        found.append(expr)
        return fetch(expr, **given)

    monkeypatch.setattr(hill.door.warehouse, "fetch", counting)
    return found


async def test_equal_questions_asked_at_once_are_computed_once(
    doorway: Doorway, hill: Hill, fetched: list[object]
) -> None:
    desk = await desk_of(doorway, hill, "ada")
    answers = await asyncio.gather(*(desk.ask(EVENTS) for _ in range(20)))
    assert len(fetched) == 1
    assert {answer.key for answer in answers} == {answers[0].key}


async def test_what_is_equal_for_two_askers_is_read_once_and_what_is_not_is_not(
    doorway: Doorway, hill: Hill, fetched: list[object]
) -> None:
    titled = Ask(measures=("events",), by=("course_id",), options=(("labels", True),))
    ada, guardian = await desk_of(doorway, hill, "ada"), await desk_of(doorway, hill, "guardian")
    own = (await ada.ask(titled)).rows()
    assert len(fetched) == 2, "events and titles"
    both = (await guardian.ask(titled)).rows()
    assert len(fetched) == 3, "the titles are the school's"
    assert [sum(row["events"] for row in rows) for rows in (own, both)] == [1, 2]
    hill.happened("S1", day=1, course_id="c1")
    now = (await ada.ask(titled)).rows()
    assert len(fetched) == 4, "nothing about learners is taken for known at another watermark; titles are"
    assert sum(row["events"] for row in now) == 2


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (Ask(measures=("evnts",)), "did you mean 'events'"),
        (Ask(measures=("events",), by=("wek",)), "did you mean 'week'"),
        (Ask(question="measurs"), "did you mean 'measures'"),
        (Ask(measures=("events",), since=date(2026, 3, 2), until=date(2026, 3, 1)), "before until"),
    ],
)
async def test_a_wrong_question_says_what_would_be_right(
    doorway: Doorway, hill: Hill, ask: Ask, said: str
) -> None:
    with pytest.raises(BadQuestion, match=said):
        await (await desk_of(doorway, hill, "administrator")).ask(ask)


async def test_what_nobody_expected_is_told_without_its_message(
    doorway: Doorway, hill: Hill, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("duplicate key: ada@hill.test")

    monkeypatch.setattr(hill.door.warehouse, "fetch", broken)
    with pytest.raises(Unavailable, match="incident") as error:
        await (await desk_of(doorway, hill, "ada")).ask(EVENTS)
    assert "ada@hill.test" not in str(error.value) + caplog.text
    assert "RuntimeError" in caplog.text


async def test_me_tells_the_frame_what_it_needs(doorway: Doorway, hill: Hill) -> None:
    me = await (await desk_of(doorway, hill, "guardian")).look("me")
    assert (me["name"], me["role"], me["zone"]) == ("guardian Person", "guardian", "Europe/Berlin")
    assert me["organisation"]["name"] == "Hill School"
    children = {child["learner_id"]: child["name"] for child in me["children"]}
    s1, s2 = str(hill.school.learners["S1"]), str(hill.school.learners["S2"])
    assert children == {s1: "Ada Example", s2: "Bo Example"}


async def test_relations_offer_own_classes_and_courses_only(doorway: Doorway, hill: Hill) -> None:
    related = await (await desk_of(doorway, hill, "teacher")).look("relations")
    assert [row["class_id"] for row in related["classes"]] == ["K1"]
    assert [row["course_id"] for row in related["courses"]] == ["c1"]
    everything = await (await desk_of(doorway, hill, "administrator")).look("relations")
    assert {row["course_id"] for row in everything["courses"]} == {"c1", "c2"}
    own = await (await desk_of(doorway, hill, "cy")).look("relations")
    assert [row["course_id"] for row in own["courses"]] == ["c2"]


async def test_the_catalogue_leaves_out_what_the_role_may_not_ask(doorway: Doorway, hill: Hill) -> None:
    def names(told: dict[str, list[dict[str, str]]], kind: str) -> set[str]:
        return {entry["name"] for entry in told[kind]}

    own = await (await desk_of(doorway, hill, "ada")).look("catalogue")
    whole = await (await desk_of(doorway, hill, "administrator")).look("catalogue")
    groups = await (await desk_of(doorway, hill, "executive")).look("catalogue")
    assert "revenue" in names(whole, "measures") - names(own, "measures")
    assert "learner_id" in names(whole, "dimensions") - names(groups, "dimensions")


async def test_a_setting_is_saved_for_oneself_alone(doorway: Doorway, hill: Hill) -> None:
    ada, bo = await desk_of(doorway, hill, "ada"), await desk_of(doorway, hill, "bo")
    await ada.do("save_setting", name="theme", value={"dark": True})
    assert await ada.look("settings") == {"theme": {"dark": True}}
    assert await bo.look("settings") == {}
    await ada.do("save_setting", name="theme", value=None)
    assert await ada.look("settings") == {}


async def test_wrong_looks_and_deeds_are_refused_by_name(doorway: Doorway, hill: Hill) -> None:
    desk = await desk_of(doorway, hill, "ada")
    with pytest.raises(BadQuestion, match="did you mean 'settings'"):
        await desk.look("setings")
    with pytest.raises(BadQuestion, match="did you mean 'save_setting'"):
        await desk.do("save_settings")
    with pytest.raises(BadQuestion, match="name, value"):
        await desk.do("save_setting", nam="theme")
    with pytest.raises(BadQuestion, match="lower-case"):
        await desk.do("save_setting", name="../x", value=1)


async def test_listeners_hear_that_data_moved_until_they_stop(doorway: Doorway, hill: Hill) -> None:
    desk = await desk_of(doorway, hill, "ada")
    heard: list[int] = []
    stop = desk.on_change(lambda mark: heard.append(mark.number))
    hill.happened("S1", day=1)
    hill.door.moved(hill.door.warehouse.watermark())
    await asyncio.sleep(0.05)
    assert heard[-1:] == [hill.door.warehouse.watermark().number]
    assert desk.watermark().number == heard[-1]
    stop()
    hill.happened("S1", day=2)
    hill.door.moved(hill.door.warehouse.watermark())
    await asyncio.sleep(0.05)
    assert heard[-1] < hill.door.warehouse.watermark().number


async def test_days_are_the_schools_own(doorway: Doorway, hill: Hill) -> None:
    desk = await desk_of(doorway, hill, "ada")
    answer = await desk.ask(Ask(measures=("events",), by=("day",)))
    assert [row["day"] for row in answer.rows()] == [JANUARY.date()]
