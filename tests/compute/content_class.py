"""A small class whose course content can be counted by hand: made by dice, told again in plain Python."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

from compute.questions import question
from compute.scoping import Tables
from connectors.warehouse import Warehouse
from models.ask import Ask, Where
from models.scope import Scope
from tests.builders import MONDAY, dimension, event, events

Row = dict[str, Any]
TODAY = MONDAY.date()
LESSONS = {"c1": ["l1", "l2", "l3", "l4"], "c2": ["m1", "m2"]}
ITEMS = {f"i{n}": ("a1" if n < 4 else "a2") for n in range(1, 7)}  # of course c1
SKILLS = {"s1": None, "s2": "s1", "s3": "s2"}
SKILL_OF = {"i1": "s1", "i2": "s1", "i3": "s2", "i4": "s2", "i5": "s3", "i6": None}
RIGHT = "A"
LEARNERS = tuple(range(1, 26))
CLASS = (2, 3, 5, 7, 11, 13)
LENGTH = 120.0
EVERYBODY = Scope(1, "organisation", TODAY, sees_rows=True)
TEACHER = Scope(1, "taught", TODAY, classes=("k1",), sees_rows=True)


def own(learner: int) -> Scope:
    return Scope(1, "own", TODAY, learners=(learner,), sees_rows=True)


def settle(engine: Warehouse, seed: int = 5) -> list[Row]:
    """Also what should not be there: a deleted course, a video shorter than its events, an item nobody
    answered, scores over 100, a lesson no course has, an event without its fields."""
    engine.write("learner", dimension("learner", *({"learner_id": n} for n in LEARNERS)))
    engine.write("course", dimension("course", {"course_id": "c1"}, {"course_id": "c2", "title": "Drawing"}))
    lessons = [
        {"course_id": c, "lesson_id": one, "position": n, "title": one.upper()}
        for c, ones in LESSONS.items()
        for n, one in enumerate(ones, 1)
    ]
    engine.write("lesson", dimension("lesson", *lessons))
    engine.write("video", dimension("video", {"video_id": "v1", "length_s": LENGTH, "title": "Film"}))
    tests = [{"assessment_id": a, "title": a.upper(), "lesson_id": "l1"} for a in ("a1", "a2", "a3")]
    engine.write("assessment", dimension("assessment", *tests))
    items = [
        {"item_id": i, "assessment_id": a, "position": n, "title": i, "right_choice": RIGHT}
        | {"skill_id": SKILL_OF[i]}
        for n, (i, a) in enumerate(ITEMS.items(), 1)
    ]
    nobody = {"item_id": "i9", "assessment_id": "a2", "position": 9, "title": "Nobody"}
    engine.write("item", dimension("item", *items, nobody))
    skills = [{"skill_id": s, "requires_skill_id": r, "title": s.upper()} for s, r in SKILLS.items()]
    engine.write("skill", dimension("skill", *skills))
    engine.write("class", dimension("class", {"class_id": "k1"}, {"class_id": "empty"}))
    engine.write("class_member", dimension("class_member", *({"learner_id": n} for n in CLASS)))
    rows = happened(random.Random(seed))
    engine.append(events(rows))
    return rows


def happened(dice: random.Random) -> list[Row]:
    rows: list[Row] = []

    def add(kind: str, learner: int, **given: Any) -> None:
        at = MONDAY - timedelta(minutes=dice.randint(10, 60 * 24 * 60))
        given = {"course_id": "c1", "session_id": dice.randint(1, 3), **given}
        rows.append(event(kind, at, learner_id=learner, **given))

    for learner in LEARNERS:
        for course, lessons in (*LESSONS.items(), ("gone", ["x1"])):
            add("course_enroll", learner, course_id=course)
            for lesson in lessons[: dice.randint(0, len(lessons))]:
                add("lesson_start", learner, course_id=course, lesson_id=lesson)
                if dice.random() < 0.8:
                    add("lesson_complete", learner, course_id=course, lesson_id=lesson)
        if dice.random() < 0.3:
            add("course_complete", learner)
        for _ in range(dice.randint(0, 9)):
            end = dice.randint(1, 150)
            watched = dice.choice([None, float(dice.randint(1, min(end, 40)))])
            add("video_progress", learner, video_id="v1", position_s=float(end), duration_s=watched)
        if dice.random() < 0.4:
            place = dice.randint(20, 110)
            back = f'{{"to_s":{place - 15}}}'
            add("video_seek", learner, video_id="v1", position_s=float(place), payload=back)
        if dice.random() < 0.3:
            add("video_complete", learner, video_id="v1", position_s=LENGTH)
        if dice.random() < 0.2:
            add("video_progress", learner, video_id="lost", position_s=33.0, duration_s=10.0)
        able = dice.random()
        for item in [*ITEMS, "taken-away"]:
            for attempt in range(1, dice.randint(0, 3) + 1):
                right = dice.random() < 0.25 + 0.6 * able
                add(
                    "quiz_answer",
                    learner,
                    assessment_id=ITEMS.get(item, "a9"),
                    item_id=item,
                    correct=right,
                    choice=RIGHT if right else dice.choice("BCD"),
                    payload=dice.choice([None, f'{{"attempt":{attempt}}}']),
                )
        for _ in range(dice.randint(0, 3)):
            score = dice.choice([float(dice.randint(0, 100)), 100.0, 100.0, 640.0, -5.0])
            add("quiz_submit", learner, assessment_id=dice.choice(["a1", "a2", "a9"]), score=score)
        for _ in range(dice.randint(0, 3)):
            kind = dice.choice(["post_create", "post_reply", "post_reply"])
            add(kind, learner, object_id=f"t{dice.randint(1, 12)}")
    rows.append(event("video_progress", learner_id=1, course_id="c1", video_id="v1"))
    rows.append(event("quiz_answer", learner_id=1, course_id="c1", assessment_id="a1"))
    return rows


def told(engine: Warehouse, name: str, scope: Scope = EVERYBODY, **where: Any) -> list[Row]:
    narrowed = tuple(Where(d, "=", (v,)) for d, v in where.items() if d not in ("since", "until", "limit"))
    rest = {n: v for n, v in where.items() if n in ("since", "until", "limit")}
    ask = Ask(question=name, where=narrowed, **rest)
    plan = question(name).plan(ask, Tables(scope))
    table = plan.finish(plan.join(tuple(engine.fetch(p) for p in plan.parts)))
    assert table.column_names == [c.name for c in plan.columns]
    rows: list[Row] = table.to_pylist()
    return rows


def seen_by(rows: list[Row], scope: Scope) -> list[Row]:
    """Which events a scope may count: a teacher those of the class in its course."""
    if scope.rows == "own":
        return [r for r in rows if r["learner_id"] in scope.learners]
    if scope.rows == "taught":
        return [r for r in rows if r["learner_id"] in CLASS and r["course_id"] == "c1"]
    return rows


def in_order(row: Row) -> tuple[Any, ...]:
    return (row["occurred_at"], row["sequence"] or -1, row["event_id"])


def quiet_day() -> date:
    """Ten weekdays back: no calendar is stored."""
    day, left = TODAY, 10
    while left:
        day -= timedelta(days=1)
        left -= day.weekday() < 5
    return day
