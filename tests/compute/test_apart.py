"""What is asked about many learners at once says of each what it says of that one alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from app.rides import MOST_TOGETHER, apart_by_learner
from compute import forms, related
from compute.planner import _of_one
from compute.questions import QUESTIONS
from compute.scoping import Tables
from models.ask import Ask, Where
from models.errors import BadQuestion, NotFound
from models.holes import Query
from models.scope import Scope
from tests.school import UNTIL, FilledSchool

SINCE = UNTIL - timedelta(days=40)
ASKS = (
    *(Ask(question.name) for question in QUESTIONS if question.name not in ("measures", "leaderboard")),
    Ask(measures=("learning_minutes", "mean_score", "active_learners", "visits"), since=SINCE),
    Ask(measures=("events", "mean_score", "visits"), by=("day",), since=SINCE),
    Ask(measures=("mean_score",), by=("day", "assessment_id"), options=(("labels", True),)),
    Ask(measures=("lessons_completed", "video_minutes"), by=("course_id",)),
    Ask(measures=("learning_minutes",), since=UNTIL + timedelta(days=900)),  # nothing of anybody
)


def own(learner: int) -> Tables:
    return Tables(Scope(1, "own", UNTIL, learners=(learner,), sees_rows=True))


def crowded(parts: Iterable[object]) -> list[Query]:
    return [part for part in parts if isinstance(part, Query) and part.crowd]


def parts_of(ask: Ask, learner: int) -> list[Query]:
    question = next(q for q in QUESTIONS if q.name == ask.question)
    return crowded(question.plan(ask, own(learner)).parts)


def of_relations(learner: int) -> list[Query]:
    """What is asked beside the questions: which classes and courses one may narrow them to."""
    return crowded(related.parts(own(learner)))


def rows(table: Any) -> list[str]:
    return sorted(map(repr, table.to_pylist()))


def test_rows_of_each_are_the_same_alone_and_in_a_crowd(filled_school: FilledSchool) -> None:
    warehouse = filled_school.warehouse
    every = warehouse.fetch(Tables(Scope(1, "organisation", UNTIL, sees_rows=True))["learner"])
    learners = [*every["learner_id"].to_pylist()[: MOST_TOGETHER - 2], 77]  # one whom nobody knows
    tried: set[Any] = set()
    told: defaultdict[Any, int] = defaultdict(int)
    ways: list[Callable[[int], list[Query]]] = [of_relations, *(partial(parts_of, ask) for ask in ASKS)]
    for parts in ways:
        try:
            several = {learner: parts(learner) for learner in (*learners[:3], 77)}
        except (BadQuestion, NotFound):
            continue  # not for a learner, or about one thing that has to be named
        for number in range(len(several[77])):
            each = {learner: found[number] for learner, found in several.items()}
            crowds = [part.crowd for part in each.values() if part.crowd]
            assert len({(crowd.form, crowd.others) for crowd in crowds}) == 1
            whole = warehouse.fetch(crowds[0].of(learners))
            assert set(whole["learner_id"].to_pylist()) <= set(learners)
            for (learner, part), table in zip(each.items(), apart_by_learner(whole, crowds), strict=True):
                alone = warehouse.fetch(part)
                assert rows(table) == rows(alone), (parts, learner, number)
                assert set(alone["learner_id"].to_pylist()) <= {learner}
                build = part.form[0]  # type: ignore[index]
                tried.add(build)
                told[build] += len(alone)
    marked = {build for build in forms._APART if build.__module__.startswith("compute")}
    assert marked == tried
    assert not [build for build in marked if not told[build] and build.__name__ not in ("_told",)]


@pytest.mark.parametrize("rows", ["taught", "organisation", "sponsored", "nothing"])
def test_only_who_asks_about_named_learners_goes_along(rows: Any) -> None:
    scope = Scope(1, rows, UNTIL, classes=("K1",), sponsor_id="C", sees_rows=True)
    plan = next(q for q in QUESTIONS if q.name == "courses").plan(Ask("courses"), Tables(scope))
    assert not [part for part in plan.parts if isinstance(part, Query) and part.crowd]


def test_whoever_compares_with_others_goes_alone() -> None:
    scope = Scope(1, "own", UNTIL, learners=(1,), sees_rows=True)
    ask = Ask(measures=("mean_score",), audience="peers", since=SINCE)
    plan = next(q for q in QUESTIONS if q.name == "measures").plan(ask, Tables(scope, "peers"))
    assert not [part for part in plan.parts if isinstance(part, Query) and part.crowd]


def test_other_schools_other_days_and_other_filters_go_apart() -> None:
    ask = Ask("courses", where=(Where("course_id", "=", ("C1",)),))
    scope = Scope(1, "own", UNTIL, learners=(1,), sees_rows=True)
    others = [
        (ask, replace(scope, organisation_id=2)),
        (ask, replace(scope, on=UNTIL - timedelta(days=1))),
        (replace(ask, where=(Where("course_id", "=", ("C2",)),)), scope),
        (ask, replace(scope, rows="linked")),
    ]
    question = next(q for q in QUESTIONS if q.name == "courses")
    keys = set()
    for wish, whose in ((ask, scope), (ask, replace(scope, learners=(2,))), *others):
        part = question.plan(wish, Tables(whose)).parts[0]
        assert isinstance(part, Query) and part.crowd
        keys.add((part.crowd.form, part.crowd.others))
    assert len(keys) == 1 + len(others)


def test_nothing_of_anybody_is_one_row_of_nothing(filled_school: FilledSchool) -> None:
    ask = Ask(measures=("learning_minutes", "mean_score"), since=UNTIL + timedelta(days=900))
    for part in parts_of(ask, 77):
        table = _of_one(filled_school.warehouse.fetch(part), [])
        assert [set(row.values()) for row in table.to_pylist()] == [{None}]
