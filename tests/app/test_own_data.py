"""One's own data: counted and copied for its learner alone; consents told and taken back; a goal."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest

from app.doorway import Doorway
from connectors.metadata import Consent
from models.ask import Ask
from models.errors import BadQuestion, HeadwayError, NotFound
from models.tables import EVENTS
from tests.app.conftest import JANUARY, Hill, desk_of

BEGAN = datetime(2025, 9, 1, 12, tzinfo=UTC)
HELD = ("lesson_start", "quiz_start", "quiz_start", "lesson_start", "quiz_start")


def happened(hill: Hill) -> None:
    for day, kind in enumerate(HELD):
        hill.happened("S1", day, event_type=kind)
    hill.happened("S2", 3, event_type="search")


def grant(hill: Hill, student: str, basis: Any, purpose: Any = "analytics", since: datetime = BEGAN) -> None:
    one = Consent(hill.school.learners[student], basis, since, purpose=purpose)
    hill.metadata.consents.grant_many(hill.school.id, [one])


async def uses(doorway: Doorway, hill: Hill, login: str) -> list[dict[str, Any]]:
    desk = await desk_of(doorway, hill, login)
    return [
        {**use, "learner_id": row["learner_id"]}
        for row in await desk.look("consents")
        for use in row["purposes"]
    ]


async def use(doorway: Doorway, hill: Hill, purpose: str, login: str = "ada") -> dict[str, Any]:
    return next(one for one in await uses(doorway, hill, login) if one["purpose"] == purpose)


async def test_ones_own_events_are_counted_and_copied_whole(doorway: Doorway, hill: Hill) -> None:
    happened(hill)
    desk = await desk_of(doorway, hill, "ada")
    counted = (await desk.ask(Ask("own_record"))).rows()
    # One page view came with the school.
    assert {row["event_type"]: row["events"] for row in counted} == Counter((*HELD, "page_view"))
    days = [JANUARY.toordinal() + day for day, kind in enumerate(HELD) if kind == "quiz_start"]
    views = next(row for row in counted if row["event_type"] == "quiz_start")
    assert (views["first_on"], views["last_on"]) == (
        date.fromordinal(days[0]),
        date.fromordinal(days[-1]),
    )
    copied = (await desk.ask(Ask("own_events"))).table
    kinds = [kind for kind in copied["event_type"].to_pylist() if kind != "page_view"]
    assert kinds == list(HELD)  # as they happened
    ours = {"organisation_id", "learner_id", "session_id"}
    assert {*copied.column_names} == {*EVENTS.names()} - ours
    stored = hill.door.warehouse.fetch(EVENTS.unbound.select("learner_id", "event_id")).to_pylist()
    mine = {str(row["event_id"]) for row in stored if row["learner_id"] == hill.school.learners["S1"]}
    assert {*copied["event_id"].to_pylist()} == mine


@pytest.mark.parametrize("login", ["guardian", "teacher", "administrator", "executive", "data_scientist"])
@pytest.mark.parametrize("question", ["own_record", "own_events"])
async def test_nobody_else_may_ask_for_it(doorway: Doorway, hill: Hill, question: str, login: str) -> None:
    happened(hill)
    desk = await desk_of(doorway, hill, login)
    with pytest.raises(NotFound):
        await desk.ask(Ask(question))
    with pytest.raises(NotFound):
        await desk.look("own_data")


async def test_a_consent_is_told_taken_back_and_given_again(doorway: Doorway, hill: Hill) -> None:
    grant(hill, "S1", "legitimate-interest")
    grant(hill, "S1", "guardian-consent", "research")
    desk = await desk_of(doorway, hill, "ada")
    told = await use(doorway, hill, "research")
    assert (told["basis"], told["since"], told["may_withdraw"]) == ("guardian-consent", "2025-09-01", True)
    assert (await use(doorway, hill, "marketing"))["basis"] is None
    await desk.do("withdraw_consent", purpose="research")
    told = await use(doorway, hill, "research")
    assert (told["basis"], told["withdrawn_on"], told["may_give"]) == (None, "2026-03-02", True)
    hill.clock.forward(hours=1)
    await desk.do("give_consent", purpose="research")
    told = await use(doorway, hill, "research")
    assert (told["basis"], told["may_withdraw"]) == ("consent", True)
    assert (await use(doorway, hill, "analytics"))["basis"] == "legitimate-interest"  # untouched


async def test_what_rests_on_no_consent_is_not_ended_by_withdrawing(doorway: Doorway, hill: Hill) -> None:
    """The school's own interest ends by an objection that the school answers."""
    grant(hill, "S1", "legitimate-interest")
    grant(hill, "S1", "consent")
    assert not (await use(doorway, hill, "analytics"))["may_withdraw"]
    desk = await desk_of(doorway, hill, "ada")
    for deed in ("withdraw_consent", "give_consent"):
        for purpose in ("analytics", "marketing", "anything"):
            with pytest.raises(HeadwayError):
                await desk.do(deed, purpose=purpose)
    assert len(hill.metadata.consents.of(hill.school.id, hill.school.learners["S1"])) == 2


async def test_under_thirteen_a_guardian_decides(doorway: Doorway, hill: Hill) -> None:
    hill.clock.now = datetime(2025, 5, 5, 12, tzinfo=UTC)  # the day before Ada is thirteen
    grant(hill, "S1", "guardian-consent", "research", datetime(2025, 1, 1, tzinfo=UTC))
    assert not (await use(doorway, hill, "research"))["may_withdraw"]
    with pytest.raises(BadQuestion):
        await (await desk_of(doorway, hill, "ada")).do("withdraw_consent", purpose="research")
    hill.clock.forward(days=1)
    assert (await use(doorway, hill, "research"))["may_withdraw"]


async def test_a_guardian_reads_the_childrens_and_changes_nothing(doorway: Doorway, hill: Hill) -> None:
    grant(hill, "S1", "consent", "research")
    grant(hill, "S3", "consent", "research")
    told = await uses(doorway, hill, "guardian")
    assert {one["learner_id"] for one in told} == {str(hill.school.learners[s]) for s in ("S1", "S2")}
    assert not any(one["may_withdraw"] or one["may_give"] for one in told)
    desk = await desk_of(doorway, hill, "guardian")
    with pytest.raises(NotFound):
        await desk.do("withdraw_consent", purpose="research")
    whose = str(hill.school.learners["S1"])
    assert "read consents" in {row.entry.what for row in hill.metadata.audit.read(whose=whose)}
    assert await uses(doorway, hill, "teacher") == []


async def test_what_is_known_and_who_looked(doorway: Doorway, hill: Hill) -> None:
    happened(hill)
    teacher = await desk_of(doorway, hill, "teacher")
    await teacher.ask(Ask("learners", measures=("events",)))
    hill.clock.forward(days=31)
    guardian = await desk_of(doorway, hill, "guardian")
    await guardian.look("consents")
    told = await (await desk_of(doorway, hill, "ada")).look("own_data")
    known = told["known"]
    assert (known["name"], known["email"], known["born_on"]) == (
        "Ada Example",
        "ada@hill.test",
        "2012-05-06",
    )
    assert told["looked"] == [{"role": "guardian", "people": 1, "days": 1}]  # the teacher's look is older


async def test_a_goal_is_kept_changed_and_taken_away(doorway: Doorway, hill: Hill) -> None:
    desk = await desk_of(doorway, hill, "ada")
    await desk.do("set_goal", measure="learning_minutes", amount=90)
    await desk.do("set_goal", measure="lessons_completed", amount=3)
    goal = {"measure": "lessons_completed", "amount": 3}
    assert (await desk.look("settings"))["week_goal"] == goal
    for measure, amount in (("revenue", 3), ("lessons_completed", -1), ("lessons_completed", 61)):
        with pytest.raises(BadQuestion):
            await desk.do("set_goal", measure=measure, amount=amount)
    with pytest.raises(BadQuestion):
        await desk.do("save_setting", name="week_goal", value={"measure": "x"})
    assert (await desk.look("settings"))["week_goal"] == goal
    await desk.do("set_goal", measure="lessons_completed", amount=0)
    assert "week_goal" not in await desk.look("settings")
    with pytest.raises(NotFound):
        await (await desk_of(doorway, hill, "teacher")).do("set_goal", measure="lessons_completed", amount=1)
