"""Each learner over time, by skill and in one row: what plain Python says of the same events."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from compute.plan import Plan
from compute.questions import question
from compute.scoping import Tables
from connectors.warehouse import Warehouse
from models.ask import Ask, Where
from models.errors import BadQuestion
from models.scope import Scope
from tests.builders import MONDAY, ZONE, dimension, event, events

Row = dict[str, Any]
School = tuple[Warehouse, list[Row]]
ON = date(2026, 5, 6)  # a Wednesday
EVERYBODY = Scope(1, "organisation", ON, sees_rows=True)
QUESTIONS = tuple(f"learner_{n}" for n in ("periods", "trends", "profile", "skills", "habits", "anomalies"))
SCORING = {"quiz_submit", "assignment_submit", "exercise_complete"}
KINDS = ("lesson_complete", *sorted(SCORING), "quiz_answer", "page_view")
HOLIDAYS = {date(2026, 4, 6) + timedelta(days=n) for n in range(5)}
LESSONS = {"l1": ("c1", "s1"), "l2": ("c1", "s1"), "l3": ("c1", "s2"), "l4": ("c2", None)}


def is_free(day: date) -> bool:
    return day.weekday() >= 5 or day in HOLIDAYS


def lived(seed: int, size: int) -> list[Row]:
    """Of learners 1 to 3, nine weeks; 4 has one event, 5 none, 6 a gap of a year, 7 a clock run ahead."""
    rng = random.Random(seed)
    rows = []
    for _ in range(size):
        at = MONDAY + timedelta(minutes=rng.randrange(60 * 24 * 65))
        kind = rng.choice(KINDS)
        lesson = rng.choice(["l1", "l2", "l3", "l4", "gone"])
        rows.append(
            event(
                kind,
                at,
                learner_id=rng.choice([1, 2, 3, 3]),
                session_id=rng.randrange(40),
                course_id=LESSONS.get(lesson, ("deleted", None))[0],
                lesson_id=lesson,
                skill_id=rng.choice([None, "s1", "s2", "unknown"]),
                item_id="i1",
                assessment_id="a1",
                correct=rng.choice([None, True, True, False]),
                score=rng.choice([None, 20.0, 55.5, 80.0, 130.0]) if kind in SCORING else None,
                duration_s=rng.choice([None, 60.0, 900.5]),
            )
        )
    rows.append(event("page_view", MONDAY, learner_id=4))
    for learner, days in ((6, (0, -370)), (7, (0, 900))):
        apart = (MONDAY + timedelta(days=n) for n in days)
        rows += [event("lesson_complete", at, learner_id=learner, lesson_id="l1") for at in apart]
    return rows


def settle(warehouse: Warehouse, rows: list[Row]) -> None:
    days = [date(2025, 1, 1) + timedelta(days=n) for n in range(600)]
    kinds = [
        {"day": day, "kind": "holiday" if day in HOLIDAYS else "weekend" if is_free(day) else "term"}
        for day in days
    ]
    warehouse.write("organisation", dimension("organisation"))
    warehouse.write("learner", dimension("learner", *({"learner_id": n} for n in range(1, 8))))
    warehouse.write("school_day", dimension("school_day", *kinds))
    given = [
        {"lesson_id": lesson, "course_id": course, "skill_id": skill}
        for lesson, (course, skill) in LESSONS.items()
    ]
    warehouse.write("lesson", dimension("lesson", *given))
    warehouse.write("skill", dimension("skill", {"skill_id": "s1"}, {"skill_id": "s2", "title": "Roots"}))
    warehouse.write("class", dimension("class", {"class_id": "k1", "course_id": "c1"}))
    warehouse.write("class_member", dimension("class_member", {"class_id": "k1", "learner_id": 1}))
    rng = random.Random(1)
    shuffled = rng.sample(rows, len(rows))  # clients run behind: what was earlier comes later
    for start in range(0, len(rows), 200):
        warehouse.append(events(shuffled[start : start + 200]))


def asked(warehouse: Warehouse, ask: Ask, scope: Scope = EVERYBODY) -> list[Row]:
    plan: Plan = question(ask.question).plan(ask, Tables(scope))
    table = plan.finish(plan.join(tuple(warehouse.fetch(part) for part in plan.parts)))
    assert [column.name for column in plan.columns] == table.column_names
    rows: list[Row] = table.to_pylist()
    return rows


@pytest.fixture
def school(engine: Warehouse) -> Iterator[School]:
    rows = lived(3, 700)
    settle(engine, rows)
    yield engine, rows


def step(frame: str, day: date) -> date:
    match frame:
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "year":
            return day.replace(month=1, day=1)
    return day


def close(got: Any, wanted: Any) -> bool:
    if got is None or wanted is None or not isinstance(wanted, float):
        return bool(got == wanted)
    return bool(abs(got - wanted) < 1e-6 * max(1.0, abs(wanted)))


def check(got: Row, wanted: Row) -> None:
    wrong = {name: (got[name], value) for name, value in wanted.items() if not close(got[name], value)}
    assert not wrong, (got["learner_id"], wrong)


def totals(mine: list[Row], school_days: int) -> Row:
    """What a learner did in some days, by plain Python."""
    scored = [r["score"] for r in mine if r["event_type"] in SCORING and r["score"] is not None]
    lessons = sum(r["event_type"] == "lesson_complete" for r in mine)
    answers = [bool(r["correct"]) for r in mine if r["event_type"] == "quiz_answer"]
    minutes = (
        sum((r["duration_s"] or 0.0) for r in mine if r["event_type"] in {*SCORING, "lesson_complete"}) / 60
    )
    active, work = len({r["day"] for r in mine}), lessons + len(scored)
    share = [active / school_days, minutes / (20 * school_days), work / school_days] if school_days else []
    return {
        "active_days": active,
        "activities": work,
        "lessons": lessons,
        "minutes": float(minutes),
        "scores": len(scored),
        "mean_score": sum(scored) / len(scored) if scored else None,
        "accuracy": sum(answers) / len(answers) if answers else None,
        "school_days": school_days,
        "engagement": sum(min(1.0, part) for part in share) / 3 if share else None,
    }


def school_days(first: date, until: date) -> int:
    return sum(not is_free(first + timedelta(days=n)) for n in range((until - first).days))


def test_periods_are_those_of_plain_python(school: School) -> None:
    for frame in ("day", "week", "month", "quarter", "year"):
        compare_periods(*school, frame)


def compare_periods(warehouse: Warehouse, rows: list[Row], frame: str) -> None:
    since = date(2026, 3, 9)
    got = asked(warehouse, Ask("learner_periods", since=since, options=(("frame", frame),)))
    found = {(r["learner_id"], r["period"]): r for r in got}
    assert len(found) == len(got)
    for learner in range(1, 8):
        mine = [r for r in rows if r["learner_id"] == learner and since <= r["day"] <= ON]
        if not mine:
            assert not any(n == learner for n, _ in found)
            continue
        first = min(r["day"] for r in mine)
        wanted = {step(frame, first + timedelta(days=n)) for n in range((ON - first).days + 1)}
        assert {p for n, p in found if n == learner} == wanted
        for period in wanted:
            inside = [r for r in mine if step(frame, r["day"]) == period]
            days = [
                day
                for n in range((ON - first).days + 1)
                if step(frame, day := first + timedelta(days=n)) == period
                and (day < ON or any(r["day"] == ON for r in inside))
            ]
            told = totals(inside, sum(not is_free(day) for day in days))
            told["velocity"] = told["activities"] / told["school_days"] if told["school_days"] else None
            told["is_over"] = step(frame, ON) != period
            check(found[learner, period], told)


def test_visits_are_counted_in_the_period_in_which_they_began(school: School) -> None:
    warehouse, _ = school
    measured = asked(warehouse, Ask("measures", ("sessions",), ("learner_id", "week"), until=ON))
    wanted = {(r["learner_id"], r["week"]): r["sessions"] for r in measured if r["learner_id"] < 4}
    got = asked(warehouse, Ask("learner_periods", until=ON))
    assert {(r["learner_id"], r["period"]): r["sessions"] for r in got if r["learner_id"] < 4} == wanted


def test_a_profile_is_that_of_plain_python(school: School) -> None:
    warehouse, rows = school
    got = {r["learner_id"]: r for r in asked(warehouse, Ask("learner_profile"))}
    assert list(got) == [1, 2, 3, 4, 5, 6, 7]
    for learner in (1, 2, 3, 4, 6, 7):
        mine = [r for r in rows if r["learner_id"] == learner and ON - timedelta(days=182) < r["day"] <= ON]
        first, last = min(r["day"] for r in mine), max(r["day"] for r in mine)
        told = totals(mine, school_days(first, ON + timedelta(days=1) if last == ON else ON))
        told |= {"first_active": first, "last_active": last, "days_away": (ON - last).days}
        told["school_days_away"] = school_days(last + timedelta(days=1), ON) if last < ON else 0
        told |= {"have": told["active_days"], "need": 8, "enough": told["active_days"] >= 8}
        if told["enough"]:
            weekdays = Counter(day.isoweekday() for day in {r["day"] for r in mine})
            most = max(weekdays.values())
            told["preferred_weekday"] = min(d for d, n in weekdays.items() if n == most)
        check(got[learner], told)
    assert got[5] | {"learner_id": 5} == {
        **dict.fromkeys(got[5]),
        **dict.fromkeys(("active_days", "activities", "lessons", "scores", "streak", "longest_streak"), 0),
        "have": 0,
        "learner_id": 5,
        "minutes": 0.0,
        "need": 8,
        "enough": False,
        "strengths": [],
        "weaknesses": [],
    }
    assert not got[4]["enough"] and got[4]["preferred_hour"] is None


def test_the_preferred_hour_is_the_school_s_own(engine: Warehouse) -> None:
    """Nine visits at half past six in the morning of the school's zone, also when clocks change."""
    local = [datetime(2026, 3, 24, 6, 30, tzinfo=ZONE) + timedelta(days=n) for n in range(9)]
    rows = [event("page_view", at.astimezone(UTC), session_id=n, learner_id=1) for n, at in enumerate(local)]
    settle(engine, rows)
    (mia, *_) = asked(engine, Ask("learner_profile"))
    assert (mia["preferred_hour"], mia["preferred_hour_share"], mia["part_of_day"]) == (6, 1.0, "morning")


def test_skills_are_those_of_plain_python(school: School) -> None:
    warehouse, rows = school
    got = {(r["learner_id"], r["skill_id"]): r for r in asked(warehouse, Ask("learner_skills"))}
    answers: defaultdict[tuple[int, str], list[tuple[date, bool]]] = defaultdict(list)
    lessons: defaultdict[tuple[int, str], set[str]] = defaultdict(set)
    for r in rows:
        if not ON - timedelta(days=365) < r["day"] <= ON:
            continue
        if r["event_type"] == "quiz_answer" and r["skill_id"] and r["correct"] is not None:
            answers[r["learner_id"], r["skill_id"]].append((r["day"], r["correct"]))
        course, skill = LESSONS.get(r["lesson_id"], ("", None))
        if r["event_type"] == "lesson_complete" and skill and r["course_id"] == course:
            lessons[r["learner_id"], skill].add(r["lesson_id"])
    assert got.keys() == answers.keys() | lessons.keys()
    for key, row in got.items():
        right = [correct for _, correct in answers[key]]
        before = [correct for day, correct in answers[key] if day <= ON - timedelta(days=28)]
        size = {"s1": 2, "s2": 1}.get(key[1], 0)
        share = sum(right) / len(right) if right else None
        check(
            row,
            {
                "answers": len(right),
                "correct": sum(right),
                "share": share,
                "before_share": sum(before) / len(before) if before else None,
                "lessons": size,
                "finished": len(lessons[key]),
                "progress": len(lessons[key]) / size if size else None,
                "verdict": "unknown"
                if share is None or len(right) < 5
                else "strength"
                if share >= 0.8
                else "weakness"
                if share < 0.6
                else "between",
            },
        )
        if share is not None:
            # Wilson's ends solve (share - p)^2 = z^2 p (1 - p) / n.
            for p in (row["low"], row["high"]):
                assert abs((share - p) ** 2 - 1.959964**2 * p * (1 - p) / len(right)) < 1e-9
    year = Ask("learner_profile", since=ON - timedelta(days=364))
    known = {r["learner_id"]: r for r in asked(warehouse, year)}
    for learner, row in known.items():
        verdicts = {skill: r["verdict"] for (n, skill), r in got.items() if n == learner}
        assert set(row["strengths"]) == {s for s, v in verdicts.items() if v == "strength"}
        assert set(row["weaknesses"]) == {s for s, v in verdicts.items() if v == "weakness"}


def test_every_question_keeps_to_the_scope_and_the_ask(school: School) -> None:
    # The scope is the same expression on both engines; on the second, the one with most parts is enough.
    for name in QUESTIONS if school[0].engine == "duckdb" else ("learner_profile",):
        compare_scopes(school[0], name)


def compare_scopes(warehouse: Warehouse, name: str) -> None:
    own = Scope(1, "own", ON, learners=(3,), sees_rows=True)
    linked = Scope(1, "linked", ON, learners=(2, 3), sees_rows=True)
    taught = Scope(1, "taught", ON, classes=("k1",), sees_rows=True)
    elsewhere = Scope(2, "organisation", ON, sees_rows=True)
    everybody = asked(warehouse, Ask(name))
    mine = asked(warehouse, Ask(name), own)
    assert mine == [r for r in everybody if r["learner_id"] == 3]
    child = Ask(name, where=(Where("learner_id", "=", (3,)),))
    assert asked(warehouse, child, linked) == mine == asked(warehouse, child)
    assert asked(warehouse, Ask(name, where=(Where("learner_id", "=", (1,)),)), linked) == []
    of_class = Ask(name, where=(Where("class_id", "in", ("k1",)), Where("course_id", "=", ("c1",))))
    of_taught = asked(warehouse, Ask(name), taught)
    assert of_taught == asked(warehouse, of_class)
    assert {r["learner_id"] for r in of_taught} <= {1}
    assert asked(warehouse, Ask(name), elsewhere) == []
    for wrong in (
        Ask(name, by=("week",)),
        Ask(name, where=(Where("region", "=", ("north",)),)),
        Ask(name, options=(("frame", "fortnight"),)),
    ):
        with pytest.raises(BadQuestion):
            asked(warehouse, wrong)
    with pytest.raises(BadQuestion, match="learner_id"):
        asked(warehouse, Ask(name), Scope(1, "organisation", ON))


def test_too_little_is_said_and_never_guessed(school: School) -> None:
    """One event; none; a gap of a year; a clock run ahead."""
    warehouse, _ = school
    poor = {4, 5, 6, 7}
    trends = asked(warehouse, Ask("learner_trends"))
    assert {r["learner_id"] for r in trends if not r["enough"]} >= poor
    for row in trends:
        if row["learner_id"] in poor:
            assert (row["verdict"], row["enough"], row["need"]) == ("unknown", False, 8)
        if not row["enough"]:
            assert row["slope"] is None and row["expected"] is None and row["have"] < row["need"]
    for row in asked(warehouse, Ask("learner_habits")):
        if row["learner_id"] in poor:
            assert (row["verdict"], row["value"], row["enough"]) == ("unknown", None, False)
    assert not {r["learner_id"] for r in asked(warehouse, Ask("learner_anomalies"))} & poor
