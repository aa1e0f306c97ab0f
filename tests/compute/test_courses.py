"""Where a learner stands in each course, and the school's calendar, on both engines against plain Python."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

import pytest

from compute.questions import question
from compute.scoping import Tables
from connectors.warehouse import Warehouse
from models.ask import Ask, Where
from models.errors import BadQuestion
from models.scope import Scope
from tests.builders import MONDAY, dimension, event, events

TODAY = MONDAY.date()
LESSONS = {"c1": ["a", "b", "c", "d"], "c2": ["e", "f"], "c3": []}
HANDED_IN = ("quiz_submit", "assignment_submit", "exercise_complete")
LEARNERS = (1, 2, 3)


def settle(engine: Warehouse) -> list[dict[str, Any]]:
    engine.write("learner", dimension("learner", *({"learner_id": n} for n in LEARNERS)))
    engine.write("course", dimension("course", *({"course_id": c, "title": c.upper()} for c in LESSONS)))
    lessons = [
        {"course_id": c, "lesson_id": one, "position": n, "title": f"L{one}", "expected_s": 60.0 * n}
        for c, ones in LESSONS.items()
        for n, one in enumerate(ones, 1)
    ]
    engine.write("lesson", dimension("lesson", *lessons))
    due = [("past", -1), ("soon", 3), ("later", 9), ("never", None)]
    tasks = [
        {"assessment_id": name, "course_id": "c1", "title": name.title(), "due_on": TODAY + timedelta(days=n)}
        if n is not None
        else {"assessment_id": name, "course_id": "c1", "title": name.title()}
        for name, n in due
    ]
    engine.write("assessment", dimension("assessment", *tasks))
    engine.write("class", dimension("class", {"class_id": "k1", "course_id": "c1"}))
    engine.write("class_member", dimension("class_member", {"class_id": "k1", "learner_id": 2}))
    dice = random.Random(3)
    kinds = [
        "lesson_complete",
        "page_view",
        "course_enroll",
        "course_unenroll",
        "course_complete",
        *HANDED_IN,
    ]
    rows = [
        event(
            dice.choice(kinds),
            MONDAY - timedelta(days=dice.randint(0, 20)),
            learner_id=dice.choice(LEARNERS),
            course_id=dice.choice(["c1", "c1", "c2", "c3", None]),
            lesson_id=dice.choice("abcdefz"),
            assessment_id=dice.choice(["past", "soon", "later"]),
            score=50.0,
        )
        for _ in range(60)
    ]
    engine.append(events(rows))
    return rows


def by_hand(rows: list[dict[str, Any]], learner: int, course: str) -> dict[str, Any] | None:
    own = [r for r in rows if r["learner_id"] == learner and r["course_id"] == course]
    count = {kind: sum(r["event_type"] == kind for r in own) for kind in {r["event_type"] for r in own}}
    joined, left = count.get("course_enroll", 0), count.get("course_unenroll", 0)
    completed = count.get("course_complete", 0) > 0
    if not own or (left and not completed and joined <= left):
        return None
    done = {r["lesson_id"] for r in own if r["event_type"] == "lesson_complete"} & set(LESSONS[course])
    open_ = [one for one in LESSONS[course] if one not in done]
    handed_in = {
        r["assessment_id"] for r in rows if r["learner_id"] == learner and r["event_type"] in HANDED_IN
    }
    due = [(n, name) for name, n in (("soon", 3), ("later", 9)) if course == "c1" and name not in handed_in]
    return {
        "learner_id": learner,
        "course_id": course,
        "title": course.upper(),
        "last_active": max(r["day"] for r in own),
        "completed": completed,
        "lessons": len(LESSONS[course]),
        "finished": len(done),
        "next_lesson": f"L{open_[0]}" if open_ else None,
        "next_lesson_s": 60.0 * (LESSONS[course].index(open_[0]) + 1) if open_ else None,
        "due": due[0][1].title() if due else None,
        "due_on": TODAY + timedelta(days=due[0][0]) if due else None,
    }


def told(engine: Warehouse, ask: Ask, scope: Scope) -> list[dict[str, Any]]:
    plan = question(ask.question).plan(ask, Tables(scope))
    rows: list[dict[str, Any]] = plan.finish(
        plan.join(tuple(engine.fetch(p) for p in plan.parts))
    ).to_pylist()
    return rows


EVERYBODY = Scope(1, "organisation", TODAY, sees_rows=True)


def test_standing_is_what_the_events_say(engine: Warehouse) -> None:
    rows = settle(engine)
    wanted = [by_hand(rows, n, c) for n in LEARNERS for c in LESSONS]
    found = told(engine, Ask(question="courses"), EVERYBODY)
    key = lambda r: (r["learner_id"], r["course_id"])  # noqa: E731
    assert sorted(found, key=key) == sorted((w for w in wanted if w), key=key)
    own = told(engine, Ask(question="courses"), Scope(1, "own", TODAY, learners=(2,), sees_rows=True))
    assert own == [row for row in found if row["learner_id"] == 2]


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        (Where("learner_id", "=", (3,)), lambda r: r["learner_id"] == 3),
        (Where("course_id", "in", ("c1", "c3")), lambda r: r["course_id"] != "c2"),
        (Where("class_id", "=", ("k1",)), lambda r: r["learner_id"] == 2),
    ],
)
def test_standing_is_narrowed_by_learner_course_and_class(engine: Warehouse, where: Where, kept: Any) -> None:
    settle(engine)
    whole = told(engine, Ask(question="courses"), EVERYBODY)
    found = told(engine, Ask(question="courses", where=(where,)), EVERYBODY)
    assert found == [row for row in whole if kept(row)]
    assert found


def test_standing_refuses_what_it_cannot_mean() -> None:
    tables = Tables(EVERYBODY)
    for ask in (
        Ask(question="courses", by=("week",)),
        Ask(question="courses", where=(Where("region", "=", ("north",)),)),
        Ask(question="courses", where=(Where("course_id", "!=", ("c1",)),)),
    ):
        with pytest.raises(BadQuestion, match="narrow it by learner_id, course_id, class_id"):
            question("courses").plan(ask, tables)
    with pytest.raises(BadQuestion, match="not single ones"):
        question("courses").plan(Ask(question="courses"), Tables(Scope(1, "organisation", TODAY)))


def test_the_calendar_has_the_days_of_the_span(engine: Warehouse) -> None:
    days = [{"day": TODAY + timedelta(days=n), "kind": "term" if n else "holiday"} for n in range(5)]
    days[0]["label"] = "May Day"
    other = {"day": TODAY, "kind": "weekend", "organisation_id": 2}
    engine.write("school_day", dimension("school_day", *days, other))
    ask = Ask(question="school_days", since=TODAY, until=TODAY + timedelta(days=3))
    found = told(engine, ask, EVERYBODY)
    assert [row["day"] for row in found] == [TODAY + timedelta(days=n) for n in range(3)]
    assert found[0] == {"day": TODAY, "kind": "holiday", "label": "May Day"}
    assert told(engine, Ask(question="school_days", until=date(2000, 1, 1)), EVERYBODY) == []
