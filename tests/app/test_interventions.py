"""Who may see and record what was done for a learner, and a recommendation's way into the events."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.core import Core
from app.doorway import Doorway
from connectors.metadata import Consent, NewPerson, NewRelation
from models.ask import Ask
from models.desk import Desk
from models.errors import BadQuestion, HeadwayError, NotFound
from models.tables import EVENTS
from tests.app.conftest import Hill, desk_of
from tests.hill import TODAY


async def seen(desk: Desk, **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await desk.look("interventions", **more)
    return found


async def test_a_teacher_records_what_was_done_and_takes_it_back(doorway: Doorway, hill: Hill) -> None:
    desk = await desk_of(doorway, hill, "teacher")
    ada = str(hill.school.learners["S1"])
    made = await desk.do("intervene", learner_id=ada, plan="talk", text="after the lesson")
    note = await desk.do("intervention_step", intervention_id=made, kind="note", value="went well")
    on = (TODAY + timedelta(days=7)).isoformat()
    await desk.do("intervention_step", intervention_id=made, kind="follow_up", value=on)
    (one,) = await seen(desk)
    assert (one["learner_id"], one["course_id"], one["plan"], one["text"]) == (
        ada,
        "c1",
        "talk",
        "after the lesson",
    )
    assert one["by"] == "teacher Person" and one["to_me"] and one["open"] and one["follow_up"] == on
    assert [(s["kind"], s["text"], s["mine"]) for s in one["steps"]][1] == ("note", "went well", True)
    await desk.do("undo_intervention_step", intervention_id=made, step_id=note)
    await desk.do("intervention_step", intervention_id=made, kind="outcome", value="helped")
    (one,) = await seen(desk)
    assert [s["kind"] for s in one["steps"]] == ["made", "follow_up", "outcome"] and not one["open"]
    assert await seen(desk, open_only=True) == []
    assert len(await seen(desk, learner_id=ada)) == 1
    assert await seen(desk, learner_id=str(hill.school.learners["S2"])) == []


async def test_nobody_but_the_classs_teachers_learns_of_it(doorway: Doorway, hill: Hill) -> None:
    desk = await desk_of(doorway, hill, "teacher")
    ada, cy = str(hill.school.learners["S1"]), str(hill.school.learners["S3"])
    with pytest.raises(NotFound):  # of another class
        await desk.do("intervene", learner_id=cy, plan="talk")
    with pytest.raises(NotFound):  # in another course
        await desk.do("intervene", learner_id=ada, plan="talk", course_id="c2")
    made = await desk.do("intervene", learner_id=ada, plan="talk")
    for login in ("ada", "guardian", "administrator", "executive", "data_scientist"):
        with pytest.raises(NotFound):
            await seen(await desk_of(doorway, hill, login))
        with pytest.raises(NotFound):
            other = await desk_of(doorway, hill, login)
            await other.do("intervention_step", intervention_id=made, kind="note", value="hello")
    # Of a course the teacher does not teach, nothing is told, though the learner is the same.
    hill.metadata.interventions.raise_struggle(
        hill.school.id, hill.school.learners["S1"], "c2", [1, 2, 3], hill.clock.now
    )
    assert [one["id"] for one in await seen(desk)] == [made]
    hill.metadata.relations.end(hill.school.people["teacher"], "teaches", "K1", TODAY)
    assert await seen(desk) == []
    with pytest.raises(NotFound):
        await desk.do("intervention_step", intervention_id=made, kind="note", value="hello")


async def test_a_task_goes_only_to_who_teaches_the_class(doorway: Doorway, hill: Hill) -> None:
    (second,) = hill.metadata.people.add_many(
        hill.school.id, [NewPerson("second", "Second Teacher", None, "teacher")]
    )
    desk = await desk_of(doorway, hill, "teacher")
    made = await desk.do("intervene", learner_id=str(hill.school.learners["S1"]), plan="practice")
    give = {"intervention_id": made, "kind": "assigned", "value": second}
    with pytest.raises(BadQuestion, match="same class"):
        await desk.do("intervention_step", **give)
    assert await desk.look("colleagues") == []
    hill.metadata.relations.add_many([NewRelation(second, "teaches", "K1")])
    assert await desk.look("colleagues") == [{"person_id": second, "name": "Second Teacher"}]
    await desk.do("intervention_step", **give)
    (one,) = await seen(desk)
    assert one["to"] == "Second Teacher" and not one["to_me"]


async def test_bad_wishes_are_refused_in_a_sentence(doorway: Doorway, hill: Hill) -> None:
    desk = await desk_of(doorway, hill, "teacher")
    ada = str(hill.school.learners["S1"])
    for wrong in ({"learner_id": "ada"}, {"learner_id": ada, "plan": "shout"}):
        with pytest.raises(HeadwayError):
            await desk.do("intervene", **{"plan": "talk", **wrong})
    made = await desk.do("intervene", learner_id=ada, plan="talk")
    for kind, value in (
        ("follow_up", "soon"),
        ("follow_up", "2020-01-01"),
        ("dance", "x"),
        ("outcome", "cured"),
    ):
        with pytest.raises(BadQuestion):
            await desk.do("intervention_step", intervention_id=made, kind=kind, value=value)


async def test_every_reading_is_in_the_audit_by_learner(doorway: Doorway, hill: Hill) -> None:
    ada = hill.school.learners["S1"]
    desk = await desk_of(doorway, hill, "teacher")
    await desk.do("intervene", learner_id=str(ada), plan="talk")
    await seen(desk)
    written = [(row.entry.what, row.entry.whose) for row in hill.metadata.audit.read(hill.school.id)]
    assert ("read interventions", str(ada)) in written
    assert "do intervene" in {what for what, _ in written}


async def test_a_recommendations_steps_are_the_learners_own_events(core: Core, hill: Hill) -> None:
    consent = Consent(hill.school.learners["S1"], "legitimate-interest", datetime(2025, 9, 1, tzinfo=UTC))
    hill.metadata.consents.grant_many(hill.school.id, [consent])
    desk = await desk_of(core.doorway, hill, "ada")
    step = {"recommendation_id": "r1", "strategy": "next_lesson", "target_id": "l2"}
    on = {"type": "tablet", "os": "Android", "browser": "Chrome", "spy": "x"}
    assert await desk.do("recommendation", step="shown", device=on, **step) is True
    stored = EVENTS.unbound
    shown = hill.door.warehouse.fetch(stored.filter(stored.event_type == "recommendation_shown")).to_pylist()
    kept = [(row["device_type"], row["os"], row["browser"], row["object_id"]) for row in shown]
    assert kept == [("tablet", "Android", "Chrome", "r1")]
    assert shown[0]["sequence"] == 9 * 3600
    assert await desk.do("recommendation", step="shown", **step) is False  # the same day: one event
    assert await desk.do("recommendation", step="accepted", **step) is True
    assert await desk.do("recommendation", step="rated", rating=4, **step) is True
    for wrong in ({"step": "rated"}, {"step": "eaten"}, {"step": "shown", "recommendation_id": ""}):
        with pytest.raises(HeadwayError):
            await desk.do("recommendation", **{**step, **wrong})
    answer = await desk.ask(
        Ask(measures=("recommendations_shown", "recommendations_accepted"), since=date(2026, 3, 1))
    )
    assert answer.rows() == [{"recommendations_shown": 1, "recommendations_accepted": 1}]
    teacher = await desk_of(core.doorway, hill, "teacher")
    with pytest.raises(NotFound):
        await teacher.do("recommendation", step="shown", **step)


async def test_what_a_reader_found_useful_is_counted_by_kind(doorway: Doorway, hill: Hill) -> None:
    desk = await desk_of(doorway, hill, "teacher")
    for useful in (True, True, False):
        await desk.do("judge_insight", kind="score_fell", useful=useful)
    await desk.do("judge_insight", kind="score_fell", useful=True, undo=True)
    assert (await desk.look("settings"))["insights.judged"] == {"score_fell": [1, 1]}
    with pytest.raises(BadQuestion):
        await desk.do("judge_insight", kind="learner/42", useful=True)
    assert "42" not in json.dumps(await desk.look("settings"))
