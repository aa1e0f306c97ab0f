"""Where a learner stands: against plain Python over raw events, whatever the order of arrival."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compute.now import Active, Facts, Standing, Visit, changes, facts_of, joined, merged, scored, standing
from compute.questions import question
from compute.scoping import Tables
from compute.standings import SCHEMA
from connectors.warehouse import Warehouse
from models.ask import Ask, Where
from models.errors import BadQuestion
from models.scope import Scope
from tests.builders import MONDAY, Row, dimension, event, events

TODAY = MONDAY.date()
FREE = tuple(TODAY - timedelta(days=back) for back in (1, 2, 8, 9))  # weekends
TYPES = (
    "page_view",
    "lesson_complete",
    "exercise_complete",
    "quiz_submit",
    "session_end",
    "achievement_unlocked",
    "milestone_reached",
    "level_complete",
)
IDLE = timedelta(minutes=30)


@st.composite
def happened(draw: st.DrawFn, learners: int = 2) -> Row:
    """Close together often, so that visits have gaps of about half an hour."""
    back = draw(st.sampled_from([0, 0, 0, 1, 1, 2, 3, 4, 6, 7, 8, 13, 14, 15, 30]))
    at = MONDAY - timedelta(days=back, minutes=draw(st.integers(0, 200)), seconds=draw(st.integers(0, 2)))
    return event(
        draw(st.sampled_from(TYPES)),
        at,
        learner_id=draw(st.integers(1, learners)),
        session_id=draw(st.integers(1, 2)),
        course_id=draw(st.sampled_from(["c1", "c2", None])),
        sequence=draw(st.one_of(st.none(), st.integers(0, 2))),
        score=draw(st.one_of(st.none(), st.sampled_from([0.125, 40.0, 59.875, 60.0, 80.0, 100.0]))),
        duration_s=draw(st.one_of(st.none(), st.sampled_from([0.125, 60.0, 90.5]))),
    )


Rows = list[dict[str, Any]]


def in_plain_python(rows: Rows, today: date, free: Sequence[date]) -> Standing:
    of_today = [r for r in rows if r["day"] == today]
    week = [r for r in rows if today - timedelta(days=7) < r["day"] <= today]
    days = sorted({r["day"] for r in rows if r["day"] <= today})
    kinds = ("quiz_submit", "assignment_submit", "exercise_complete")
    of_scores = [r for r in rows if r["event_type"] in kinds and r["score"] is not None]
    scores = [r["score"] for r in of_scores if r in week]
    recent = _recent(of_scores, today)
    visit = _visit(rows, today)
    ago = (today - days[-1]).days if days else 99
    lessons = sum(r["event_type"] == "lesson_complete" for r in of_today)
    return Standing(
        last_active=days[-1] if days else None,
        session_started_at=visit[0]["occurred_at"] if visit else None,
        session_last_at=visit[-1]["occurred_at"] if visit else None,
        open_until=visit[-1]["occurred_at"] + IDLE
        if visit and not any(r["event_type"] == "session_end" for r in visit)
        else None,
        lessons_today=lessons,
        exercises_today=sum(r["event_type"] == "exercise_complete" for r in of_today),
        minutes_today=sum(
            r["duration_s"] or 0 for r in of_today if r["event_type"] in (*kinds, "lesson_complete")
        )
        / 60,
        high_scores_today=sum(r["score"] >= 80 for r in of_scores if r in of_today),
        activities_week=sum(r["event_type"] in (*kinds, "lesson_complete") for r in week),
        mean_score_week=sum(scores) / len(scores) if scores else None,
        active_days_week=len({r["day"] for r in week}),
        achievements_week=sum(r["event_type"] == "achievement_unlocked" for r in week),
        milestones_week=sum(r["event_type"] == "milestone_reached" for r in week),
        levels_week=sum(r["event_type"] == "level_complete" for r in week),
        streak=_streak(set(days), today, set(free)),
        momentum="high"
        if ago == 0 and lessons
        else "medium"
        if ago <= 1
        else "low"
        if ago <= 3
        else "stalled",
        recent_scores=tuple(recent),
        struggling=len(recent) >= 3 and max(recent) < 60,
    )


def _recent(of_scores: Rows, today: date) -> list[float]:
    since = datetime(today.year, today.month, today.day, tzinfo=UTC) - timedelta(days=14)
    newest = sorted(of_scores, key=_age, reverse=True)[:5]
    return [r["score"] for r in newest if r["occurred_at"] >= since]


def _age(r: dict[str, Any]) -> tuple[datetime, int, str]:
    return r["occurred_at"], -1 if r["sequence"] is None else r["sequence"], r["event_id"]


def _visit(rows: Rows, today: date) -> Rows:
    """The newest visit; of two that end together the later started, then the greater id."""
    visits: list[Rows] = []
    for session in {r["session_id"] for r in rows}:
        mine = sorted((r for r in rows if r["session_id"] == session), key=lambda r: r["occurred_at"])
        for r in mine:
            last = visits[-1][-1] if visits else {"session_id": None}
            if last["session_id"] == session and r["occurred_at"] - last["occurred_at"] <= IDLE:
                visits[-1].append(r)
            else:
                visits.append([r])
    since = datetime(today.year, today.month, today.day, tzinfo=UTC) - timedelta(days=2)
    ends = [(v[-1]["occurred_at"], v[0]["occurred_at"], v[0]["session_id"], n) for n, v in enumerate(visits)]
    return visits[max(ends)[3]] if ends and max(ends)[0] >= since else []


def _streak(days: set[date], today: date, free: set[date]) -> int:
    """Back from today, one day at a time."""
    length, day = 0, today
    while day > today - timedelta(days=60):
        if day in days:
            length += 1
        elif day not in free and day != today:
            break
        day -= timedelta(days=1)
    return length


@given(
    rows=st.lists(happened(), max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=4),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=50, deadline=None)
def test_facts_add_up_to_the_same_whatever_arrives_when(rows: Rows, cuts: list[int], order: Any) -> None:
    shuffled = list(rows)
    order.shuffle(shuffled)
    known: dict[int, Facts] = {}
    ends = sorted({0, *(min(cut, len(rows)) for cut in cuts), len(rows)})
    for start, end in pairwise(ends):
        batch = events(shuffled[start:end])
        for (_, learner, _), facts in facts_of(changes(batch), scored(batch)).items():
            known[learner] = merged([known[learner], facts]) if learner in known else facts
    for learner in (1, 2):
        mine = [r for r in rows if r["learner_id"] == learner]
        told = standing(known.get(learner, Facts()), TODAY, FREE)
        assert told == in_plain_python(mine, TODAY, FREE)


def asked(warehouse: Warehouse, scope: Scope, *where: Where) -> dict[int, dict[str, object]]:
    ask = Ask("learner_now", where=where)
    plan = question("learner_now").plan(ask, Tables(scope))
    table = plan.join(tuple(warehouse.fetch(part) for part in plan.parts))
    assert table.schema == SCHEMA
    assert [column.name for column in plan.columns] == table.column_names
    return {row["learner_id"]: row for row in table.to_pylist()}


EVERYBODY = Scope(1, "organisation", TODAY, sees_rows=True)


def school(warehouse: Warehouse) -> None:
    warehouse.write("learner", dimension("learner", *({"learner_id": n} for n in (1, 2, 3))))
    days = [{"day": TODAY - timedelta(days=back)} for back in range(20)]
    kinds = [day | {"kind": "weekend" if day["day"] in FREE else "term"} for day in days]
    warehouse.write("school_day", dimension("school_day", *kinds))


@given(rows=st.lists(happened(), min_size=1, max_size=30))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_question_agrees_with_plain_python(fresh_engine: Callable[[], Warehouse], rows: Rows) -> None:
    engine = fresh_engine()
    school(engine)
    for start in range(0, len(rows), 10):
        engine.append(events(rows[start : start + 10]))
    told = asked(engine, EVERYBODY)
    assert list(told) == [1, 2, 3]
    for learner, row in told.items():
        mine = in_plain_python([r for r in rows if r["learner_id"] == learner], TODAY, FREE)
        row["recent_scores"] = tuple(row["recent_scores"])  # type: ignore[arg-type]
        assert {name: getattr(mine, name) for name in row if name != "learner_id"} == {
            name: value for name, value in row.items() if name != "learner_id"
        }


def test_the_question_keeps_to_the_scope(engine: Warehouse) -> None:
    school(engine)
    engine.write("class", dimension("class", {"class_id": "K1", "course_id": "c1"}))
    engine.write("class_member", dimension("class_member", {"class_id": "K1", "learner_id": 1}))
    rows = [
        event("lesson_complete", course_id=course, learner_id=learner, duration_s=60.0)
        for learner, course in ((1, "c1"), (1, "c2"), (2, "c1"))
    ]
    engine.append(events(rows))
    engine.append(events([event("lesson_complete", organisation_id=2, learner_id=1, course_id="c1")]))

    def lessons(scope: Scope) -> dict[int, object]:
        return {learner: row["lessons_today"] for learner, row in asked(engine, scope).items()}

    assert lessons(EVERYBODY) == {1: 2, 2: 1, 3: 0}
    assert lessons(Scope(1, "own", TODAY, learners=(2,), sees_rows=True)) == {2: 1}
    # A teacher sees what was done in the class's own course.
    assert lessons(Scope(1, "taught", TODAY, classes=("K1",), sees_rows=True)) == {1: 1}
    assert lessons(Scope(1, "nothing", TODAY, sees_rows=True)) == {}
    in_class = asked(engine, EVERYBODY, Where("class_id", "=", ("K1",)))
    assert list(in_class) == [1]
    assert list(asked(engine, EVERYBODY, Where("learner_id", "in", ("2", "3")))) == [2, 3]


def test_the_question_refuses_what_it_does_not_know() -> None:
    plan = question("learner_now").plan
    for ask in (
        Ask("learner_now", measures=("events",)),
        Ask("learner_now", where=(Where("course_id", "=", ("c1",)),)),
        Ask("learner_now", since=TODAY),
    ):
        with pytest.raises(BadQuestion, match="narrow it by learner_id, class_id"):
            plan(ask, Tables(EVERYBODY))
    with pytest.raises(BadQuestion, match="not single ones"):
        plan(Ask("learner_now"), Tables(Scope(1, "organisation", TODAY)))


def test_a_streak_is_looked_for_in_400_days() -> None:
    active = Active()
    for day in (5, 1000, 601, 600, 999, 2000, 1998):
        active = active.on(day)
    assert [(day - date(1970, 1, 1)).days for day in active.days()] == [2000, 1998]
    one, other = Active().on(10).on(20), Active().on(15).on(409)
    both = [(day - date(1970, 1, 1)).days for day in one.both(other).days()]
    assert both == [409, 20, 15, 10] == [(d - date(1970, 1, 1)).days for d in other.both(one).days()]


def test_a_late_event_joins_two_visits() -> None:
    minute = 60_000_000
    early, late = Visit(10 * minute, 0, 1, False), Visit(90 * minute, 60 * minute, 1, False)
    assert joined([early, late]) == (late, early)
    assert joined([late, early, Visit(35 * minute, 35 * minute, 1, True)]) == (
        Visit(90 * minute, 0, 1, True),
    )
    assert joined([early, Visit(30 * minute, 20 * minute, 2, False)])[0].session_id == 2


def test_visits_kept_are_bounded() -> None:
    hostile = [Visit(n, n, n, False) for n in range(1000)]
    assert len(joined(hostile)) == 32
