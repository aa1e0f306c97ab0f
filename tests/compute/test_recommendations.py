"""The next best steps: the rules one by one, and as a question on both engines against plain Python."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from compute.questions import question
from compute.recommendations.steps import (
    Course,
    Done,
    Learner,
    Skill,
    Told,
    fulfilled,
    name_of,
    refused,
    steps,
    taken,
)
from compute.scoping import Tables
from connectors.warehouse import Warehouse
from models.ask import Ask, Where
from models.errors import BadQuestion
from models.scope import Scope
from tests.builders import MONDAY, dimension, event, events

TODAY = MONDAY.date()
LESSON = {"lesson_id": "l3", "title": "Third", "expected_s": 1200.0, "skill_id": "top"}


def skill(name: str, state: str = "learning", **more: Any) -> Skill:
    given = {"requires": None, "mastery": 0.7, "next_right": 0.7, "answers": 6, "last_on": TODAY}
    return Skill(name, name.title(), state=state, **{**given, **more})


def course(**more: Any) -> Course:
    given = {"finished": 2, "lessons": 8, "last_active": TODAY, "upcoming": LESSON}
    return Course("c1", "Algebra", **{**given, **more})


def shown(
    *courses: Course, skills: tuple[Skill, ...] = (), unwanted: frozenset[str] = frozenset()
) -> list[Any]:
    return steps(Learner(1, courses, {one.skill_id: one for one in skills}), TODAY, unwanted)


def test_the_next_lesson_says_how_far_it_brings_the_course() -> None:
    (step,) = shown(course())
    assert (step.strategy, step.target_kind, step.target_id, step.minutes) == (
        "next_lesson",
        "lesson",
        "l3",
        20,
    )
    assert (step.expected_now, step.expected_then) == (2 / 8, 3 / 8)


def test_what_is_due_within_days_comes_first_and_what_is_over_is_no_more_told() -> None:
    def due(name: str, days: int) -> dict[str, Any]:
        return {"assessment_id": name, "title": name, "due_on": TODAY + timedelta(days=days)}

    found = shown(course(due=(due("past", -1), due("far", 11), due("soon", 2), due("later", 8))))
    assert [step.target_id for step in found] == ["soon", "later", "l3"]
    assert found[0].amount == 2 and found[0].due_on == TODAY + timedelta(days=2)


def test_a_skill_that_the_next_lesson_builds_on_comes_before_the_lesson() -> None:
    skills = (skill("top", requires="base"), skill("base", "gap", mastery=0.2, learns=0.1, forgets=0.05))
    found = shown(course(), skills=skills)
    assert [(s.strategy, s.target_id) for s in found][:2] == [("prerequisite", "base"), ("next_lesson", "l3")]
    known = 0.2
    for _ in range(5):
        known = known * 0.95 + (1 - known) * 0.1
    assert found[0].because == "Third"
    assert (found[0].expected_now, found[0].expected_then) == (0.2, pytest.approx(known))
    assert len([s for s in found if s.target_id == "base"]) == 1  # the gap is the same thing to do


def test_a_mastered_ground_and_a_circle_of_prerequisites_ask_for_nothing() -> None:
    circle = (skill("top", requires="base"), skill("base", requires="top"))
    assert [s.strategy for s in shown(course(), skills=circle)] == ["next_lesson"]


def test_a_look_back_is_due_later_the_more_was_practised() -> None:
    for answers, days in ((4, 10), (8, 20), (12, 40), (40, 60)):
        one = skill("top", "mastered", answers=answers)
        early = replace(one, last_on=TODAY - timedelta(days=days - 1))
        late = replace(one, last_on=TODAY - timedelta(days=days))
        assert shown(skills=(early,)) == []
        (step,) = shown(skills=(late,))
        assert (step.strategy, step.amount, step.expected_kind) == ("review", days, "keep")


def test_what_is_hardly_known_is_not_judged() -> None:
    assert shown(skills=(skill("top", "unknown", last_on=TODAY - timedelta(days=90)),)) == []


def test_what_was_refused_rests_for_two_weeks() -> None:
    name = name_of(1, "next_lesson", "l3", TODAY)
    for days, is_shown in ((0, False), (13, False), (14, True)):
        told = [Told(name, "rejected", TODAY - timedelta(days=days))]
        assert bool(shown(course(), unwanted=refused(told, TODAY))) == is_shown
    last = name_of(1, "next_lesson", "l3", TODAY - timedelta(days=28))  # the id of the four weeks before
    assert shown(course(), unwanted=frozenset({last})) == []


def test_what_was_taken_up_and_then_done_is_told_once() -> None:
    name = name_of(1, "gap", "base", TODAY)
    accepted = Told(name, "accepted", TODAY - timedelta(days=2))

    def done(days: int, count: int) -> list[tuple[str, str, date, int]]:
        return [("skill", "base", TODAY - timedelta(days=days), count)]

    assert fulfilled(1, [accepted], done(1, 5), TODAY) == [Done(name, "gap", "base", is_told=False)]
    assert fulfilled(1, [accepted], done(1, 4), TODAY) == []  # a practice has five answers
    assert fulfilled(1, [accepted], done(3, 5), TODAY) == []  # before it was taken up


@pytest.mark.parametrize(("days", "is_shown"), [(0, True), (6, True), (7, False)])
def test_what_is_done_can_be_rated_for_a_week(days: int, is_shown: bool) -> None:
    name, work = name_of(1, "gap", "base", TODAY), [("skill", "base", TODAY - timedelta(days=days), 5)]
    accepted = Told(name, "accepted", TODAY - timedelta(days=days))
    called = Told(name, "completed", TODAY - timedelta(days=days))
    again = Told(name, "completed", TODAY)  # counts from the first time
    ended = [Done(name, "gap", "base", is_told=True)] if is_shown else []
    assert fulfilled(1, [again, accepted, called], work, TODAY) == ended
    assert fulfilled(1, [accepted, called, Told(name, "rated", TODAY)], work, TODAY) == []


def test_the_learners_last_word_counts() -> None:
    name = name_of(1, "next_lesson", "l3", TODAY)

    def at(hour: int, step: str, days: int = 0) -> Told:
        day = TODAY - timedelta(days=days)
        return Told(name, step, day, datetime(day.year, day.month, day.day, hour, tzinfo=UTC))

    chosen, changed = at(8, "accepted"), at(9, "modified")
    assert (taken([chosen], TODAY), refused([chosen], TODAY)) == ({name}, frozenset())
    assert (taken([changed, chosen], TODAY), refused([changed, chosen], TODAY)) == (frozenset(), {name})
    back = [changed, chosen, at(10, "accepted")]
    assert (taken(back, TODAY), refused(back, TODAY)) == ({name}, frozenset())
    assert taken([*back, at(11, "completed")], TODAY) == frozenset()
    assert taken([*back, at(9, "completed")], TODAY) == {name}  # done once, and chosen again
    assert [bool(taken([at(8, "accepted", days)], TODAY)) for days in (13, 14)] == [True, False]


def test_what_was_chosen_stays_in_front_but_for_what_is_due_at_once() -> None:
    review = skill("old", "mastered", last_on=TODAY - timedelta(days=20))
    assert [s.target_id for s in shown(course(), skills=(review,))] == ["l3", "old"]
    chosen = frozenset({name_of(1, "review", "old", TODAY)})
    learner = Learner(1, (course(),), {"old": review})
    found = steps(learner, TODAY, frozenset(), chosen)
    assert [(s.target_id, s.said) for s in found] == [("old", "accepted"), ("l3", "")]
    due = {"assessment_id": "soon", "title": "soon", "due_on": TODAY + timedelta(days=1)}
    busy = Learner(1, (course(due=(due,)),), {"old": review})
    assert [s.target_id for s in steps(busy, TODAY, frozenset(), chosen)] == ["soon", "old", "l3"]


def test_a_refused_practice_does_not_come_back_for_another_reason() -> None:
    skills = (skill("top", requires="base"), skill("base", "gap"))
    unwanted = frozenset({name_of(1, "prerequisite", "base", TODAY)})
    assert [s.target_id for s in shown(course(), skills=skills)] == ["base", "l3"]
    assert [s.target_id for s in shown(course(), skills=skills, unwanted=unwanted)] == ["l3"]


def test_ids_hold_no_learner_and_last_four_weeks() -> None:
    number = 123456789012345678
    name = name_of(number, "gap", "base", TODAY)
    assert str(number) not in name and f"{number:x}" not in name
    period = [name_of(number, "gap", "base", TODAY + timedelta(days=n)) for n in range(28)]
    assert len(set(period)) == 2 - (TODAY.toordinal() % 28 == 0)


def settle(engine: Warehouse) -> None:
    tables: dict[str, list[dict[str, Any]]] = {
        "learner": [{"learner_id": n} for n in (1, 2)],
        "course": [{"course_id": "c1", "title": "Algebra"}],
        "class": [{"class_id": "k1", "course_id": "c1"}],
        "class_member": [{"class_id": "k1", "learner_id": n} for n in (1, 2)],
        "skill": [
            {"skill_id": "base", "title": "Base"},
            {"skill_id": "top", "title": "Top", "requires_skill_id": "base"},
        ],
        "lesson": [
            {
                "lesson_id": f"l{n}",
                "course_id": "c1",
                "position": n,
                "title": f"L{n}",
                "skill_id": "top",
                "expected_s": 600.0,
            }
            for n in (1, 2, 3)
        ],
        "assessment": [
            {"assessment_id": "a1", "course_id": "c1", "title": "Essay", "due_on": TODAY + timedelta(days=2)},
            {"assessment_id": "old", "course_id": "c1", "title": "Old", "due_on": TODAY - timedelta(days=2)},
        ],
        "skill_model": [{"skill_id": s} for s in ("base", "top")],
    }
    for name, rows in tables.items():
        engine.write(name, dimension(name, *rows))
    happened = [
        event("course_enroll", MONDAY - timedelta(days=9), learner_id=n, course_id="c1") for n in (1, 2)
    ]
    happened.append(
        event("lesson_complete", MONDAY - timedelta(days=3), learner_id=1, course_id="c1", lesson_id="l1")
    )
    happened.append(
        event("quiz_submit", MONDAY, learner_id=2, course_id="c1", assessment_id="a1", score=70.0)
    )
    for n in range(6):
        at = MONDAY - timedelta(days=3, minutes=n)
        for name, right in (("base", False), ("top", n % 2 == 0)):
            happened.append(
                event(
                    "quiz_answer", at, learner_id=1, course_id="c1", item_id="i", skill_id=name, correct=right
                )
            )
    engine.append(events(happened))


def told(engine: Warehouse, scope: Scope, **parts: Any) -> list[dict[str, Any]]:
    plan = question("recommendations").plan(Ask(question="recommendations", **parts), Tables(scope))
    table = plan.finish(plan.join(tuple(engine.fetch(part) for part in plan.parts)))
    assert [c.name for c in plan.columns] == table.column_names
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


SCHOOL = Scope(1, "organisation", TODAY, sees_rows=True)


def test_the_question_ranks_what_the_events_say(engine: Warehouse) -> None:
    settle(engine)
    rows = told(engine, SCHOOL)
    first = [(r["rank"], r["strategy"], r["target_id"]) for r in rows if r["learner_id"] == 1]
    assert first == [(1, "due", "a1"), (2, "prerequisite", "base"), (3, "next_lesson", "l2")]
    lesson = next(r for r in rows if r["learner_id"] == 1 and r["strategy"] == "next_lesson")
    assert (lesson["expected_now"], lesson["expected_then"]) == (1 / 3, 2 / 3)
    assert (lesson["minutes"], lesson["course_title"], lesson["amount"]) == (10, "Algebra", 2)
    second = [(r["strategy"], r["target_id"]) for r in rows if r["learner_id"] == 2]
    assert second == [("next_lesson", "l1")]  # the essay was handed in, no skill is known


def test_what_the_learner_said_is_heard(engine: Warehouse) -> None:
    settle(engine)
    rows = {r["strategy"]: r for r in told(engine, SCHOOL) if r["learner_id"] == 1}
    lesson, essay = rows["next_lesson"]["recommendation_id"], rows["due"]["recommendation_id"]
    engine.append(
        events(
            [
                event("recommendation_rejected", MONDAY, learner_id=1, object_id=essay),
                event("recommendation_accepted", MONDAY, learner_id=1, object_id=lesson),
                event("lesson_complete", MONDAY, learner_id=1, course_id="c1", lesson_id="l2"),
            ]
        )
    )
    found = [(r["rank"], r["strategy"], r["target_id"]) for r in told(engine, SCHOOL) if r["learner_id"] == 1]
    assert found == [(1, "prerequisite", "base"), (2, "next_lesson", "l3"), (0, "done", "l2")]


def test_what_was_chosen_instead_stands_and_what_is_done_waits_to_be_rated(engine: Warehouse) -> None:
    settle(engine)
    rows = {r["strategy"]: r for r in told(engine, SCHOOL) if r["learner_id"] == 1}
    assert {r["said"] for r in rows.values()} == {""}
    lesson, essay = rows["next_lesson"]["recommendation_id"], rows["due"]["recommendation_id"]

    def say(step: str, name: str, minute: int) -> None:
        at = MONDAY + timedelta(minutes=minute)
        engine.append(events([event(f"recommendation_{step}", at, learner_id=1, object_id=name)]))

    def seen() -> list[tuple[int, str, str]]:
        return [(r["rank"], r["target_id"], r["said"]) for r in told(engine, SCHOOL) if r["learner_id"] == 1]

    say("accepted", essay, 1)
    say("modified", essay, 2)
    say("accepted", lesson, 3)
    assert seen() == [(1, "l2", "accepted"), (2, "base", "")]
    engine.append(events([event("lesson_complete", MONDAY, learner_id=1, course_id="c1", lesson_id="l2")]))
    assert seen() == [(1, "base", ""), (2, "l3", ""), (0, "l2", "")]
    say("completed", lesson, 5)
    assert seen()[-1] == (0, "l2", "completed")
    say("rated", lesson, 6)
    assert seen() == [(1, "base", ""), (2, "l3", "")]


def test_the_scope_narrows_and_bad_asks_are_refused(engine: Warehouse) -> None:
    settle(engine)
    own = told(engine, Scope(1, "own", TODAY, learners=(2,), sees_rows=True))
    assert {r["learner_id"] for r in own} == {2}
    one = told(engine, SCHOOL, where=(Where("learner_id", "=", (1,)),))
    assert {r["learner_id"] for r in one} == {1}
    taught = told(engine, Scope(1, "taught", TODAY, classes=("k1",), sees_rows=True))
    assert {r["learner_id"] for r in taught} == {1, 2}
    with pytest.raises(BadQuestion):
        told(engine, SCHOOL, since=TODAY)
