"""Every measure by its usual dimensions, from every table that may answer, is what plain Python says."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from compute.dimensions import DIMENSION, DIMENSIONS
from compute.measures import MEASURES, SUBJECTS
from compute.measures.measure import Measure
from compute.planner import plan
from compute.scoping import Tables
from compute.sources import SOURCES
from connectors.warehouse import Warehouse
from models.ask import Ask
from models.errors import BadQuestion
from models.scope import Scope
from models.tables import TABLE
from tests.builders import MONDAY, event
from tests.compute import classroom

_organisations = count(100)
# Data quality is counted at the way in, not made from stored events: tests/compute/test_quality.py.
LEARNED = tuple(m for m in MEASURES if m.family != "quality")


def tables(organisation: int) -> Tables:
    return Tables(Scope(organisation, "organisation", MONDAY.date(), sees_rows=True))


def answers(
    warehouse: Warehouse, ask: Ask, organisation: int, source: str | None = None
) -> tuple[str, dict[str, dict[tuple[Any, ...], Any]]]:
    planned = plan(ask, tables(organisation), source)
    table = planned.finish(planned.join(tuple(warehouse.fetch(part) for part in planned.parts)))
    rows = table.to_pylist()
    found = {name: {tuple(row[d] for d in ask.by): row[name] for row in rows} for name in ask.measures}
    assert all(len(cells) == len(rows) for cells in found.values()), "two rows for one cell"
    return planned.source, found


def same(got: Any, wanted: Any) -> bool:
    if wanted is None or got is None or isinstance(wanted, date):
        return got is wanted or got == wanted
    return abs(got - wanted) <= 1e-6 * max(1.0, abs(wanted))


def filled(cells: dict[tuple[Any, ...], Any], measure: Measure) -> dict[tuple[Any, ...], Any]:
    """Cells in which something happened; for the total there is always one."""
    nothing = (0, None) if measure.counts else (None,)
    return {key: v for key, v in cells.items() if key == () or v not in nothing}


def check(got: dict[tuple[Any, ...], Any], rows: list[dict[str, Any]], measure: Measure, by: Any) -> None:
    wanted = filled(classroom.answer(rows, measure.name, by), measure)
    got = filled(got, measure)
    assert got.keys() == wanted.keys(), (measure.name, by)
    # The spread is a difference of large sums, on a grid of a millionth.
    slack = 0.02 if measure.name == "score_spread" else 0.0
    wrong = {
        key: (got[key], wanted[key])
        for key in wanted
        if not same(got[key], wanted[key]) and not (slack and abs(got[key] - wanted[key]) < slack)
    }
    assert not wrong, (measure.name, by, wrong)


_EVERYDAY: dict[str, list[Any]] = {
    "learner_id": [1, 2, 3, 4, 5, -(2**62)],
    "session_id": [1, 2, 3, 4],
    "course_id": [None, "c1", "c1", "c2", "c9"],
    "lesson_id": ["l1", "l2", "l3", "l9"],
    "video_id": [None, "v1", "v2"],
    "assessment_id": [None, "a1"],
    "item_id": ["i1", "i2"],
    "skill_id": [None, "s1"],
    "object_id": ["p1", "p2", "p3", "p9"],
    "device_type": [None, "mobile", "desktop"],
    "os": [None, "ios"],
    "correct": [None, True, False],
    "position_s": [None, 0.0, 9.75, 10.0, 35.5, 61.25],
    "duration_s": [None, 0.0, 30.5, 600.25],
    "score": [None, 0.0, 59.5, 60.0, 88.5, 100.0],
    "amount_cents": [0, 999, 4900],
}


def everyday(seed: int, size: int) -> list[dict[str, Any]]:
    """A larger class than hypothesis makes, the same for every run."""
    rng = random.Random(seed)
    return [
        event(
            rng.choice(classroom.KINDS),
            MONDAY + timedelta(minutes=rng.randrange(60 * 24 * 35)),
            **{name: rng.choice(values) for name, values in _EVERYDAY.items()},
        )
        for _ in range(size)
    ]


def sources_of(measure: Measure, by: tuple[str, ...], organisation: int) -> Iterator[str]:
    for source in SOURCES[measure.family]:
        try:
            plan(Ask(measures=(measure.name,), by=by), tables(organisation), source.table)
        except BadQuestion:
            continue
        yield source.table


@pytest.mark.parametrize("subject", [s for s in SUBJECTS if s != "quality"])
def test_every_table_that_may_answer_gives_the_number_of_plain_python(
    engine: Warehouse, subject: str
) -> None:
    rows = classroom.settle(engine, 1, everyday(7, 600))
    for measure in (m for m in MEASURES if m.subject == subject):
        for by in measure.usual:
            used = list(sources_of(measure, by, 1))
            assert used[-1] == "events", f"raw events must answer {measure.name} by {by}"
            for source in used:
                _, got = answers(engine, Ask(measures=(measure.name,), by=by), 1, source)
                check(got[measure.name], rows, measure, by)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(classroom.classes())
def test_any_class_s_numbers_are_those_of_plain_python(engine: Warehouse, rows: list[dict[str, Any]]) -> None:
    """Each class is an organisation of its own among those of the examples before it."""
    organisation = next(_organisations)
    rows = classroom.settle(engine, organisation, rows)
    for by in sorted({by for m in LEARNED for by in m.usual} | {("week", "course_id")}):
        asked = [m for m in LEARNED if by in m.usual]
        if asked:
            _, got = answers(engine, Ask(measures=tuple(m.name for m in asked), by=by), organisation)
            for measure in asked:
                check(got[measure.name], rows, measure, by)


@pytest.mark.parametrize("dimension", [d.name for d in DIMENSIONS])
def test_every_dimension_divides_the_rows_as_plain_python_does(engine: Warehouse, dimension: str) -> None:
    rows = classroom.settle(engine, 1, everyday(8, 200))
    for name in ("events", "sessions", "video_views"):
        measure = next(m for m in MEASURES if m.name == name)
        used = list(sources_of(measure, (dimension,), 1))
        assert used or name != "events" or dimension == "bucket"
        for source in used:
            _, got = answers(engine, Ask(measures=(name,), by=(dimension,)), 1, source)
            check(got[name], rows, measure, (dimension,))


def of_skills() -> list[dict[str, Any]]:
    """Answers and results on both sides of each mark: (learner, skill, right, wrong), (learner, results)."""
    known = [(1, "s1", 4, 1), (1, "s2", 3, 2), (1, None, 5, 0), (2, "s1", 4, 0), (2, "s2", 2, 3)]
    known += [(3, "s1", 5, 1), (3, "s2", 14, 11), (4, "s1", 0, 5), (5, "s1", 3, 1)]
    results = {1: [60.0, 60.0, 60.0], 2: [60.0, 60.0, 59.5], 3: [10.0, 20.0], 4: [0.0, 100.0, 30.0, 20.0]}
    made = []
    for learner, skill, right, wrong in known:
        for n in range(right + wrong):
            at = MONDAY + timedelta(days=n % 9, minutes=len(made))
            about = {"course_id": ("c1", "c2")[n % 2], "skill_id": skill, "item_id": "i1"}
            made.append(event("quiz_answer", at, learner_id=learner, correct=n < right, **about))
    for learner, scores in results.items():
        for n, score in enumerate(scores):
            at = MONDAY + timedelta(days=3 * n)
            made.append(event("quiz_submit", at, learner_id=learner, course_id="c1", score=score))
    return made


def test_skills_and_struggles_are_counted_at_their_marks(engine: Warehouse) -> None:
    rows = classroom.settle(engine, 1, of_skills())
    names = ("struggling_learners", "strong_skills", "weak_skills")
    _, got = answers(engine, Ask(measures=names), 1)
    assert {name: got[name][()] for name in names} == dict(zip(names, (2, 2, 3), strict=True))
    for measure in (m for m in MEASURES if m.name in names):
        for by in {*measure.usual, ("skill_id",), ("learner_id",), ("course_id", "week")}:
            for source in sources_of(measure, by, 1):
                _, found = answers(engine, Ask(measures=(measure.name,), by=by), 1, source)
                check(found[measure.name], rows, measure, by)


def test_small_tables_answer_what_they_can() -> None:
    asked = {
        ("lessons_completed", "week"): "course_day",
        ("active_learners", "week"): "learner_day",
        ("active_learners", "course_id"): "learner_course_day",
        ("active_learners", "device_type"): "events",
        ("sessions", "day"): "sessions",
        ("video_views", "bucket"): "video_bucket_day",
        ("video_viewers", "bucket"): "events",
        ("video_viewers", "video_id"): "learner_video_day",
        ("completion_share", "course_id"): "learner_course_day",
        ("course_progress", "region"): "learner_course_day + learner_lesson_day",
        ("median_score", "course_id"): "result",
        ("commission", "week"): "sale_day",
        ("accuracy", "item_id"): "learner_event",
        ("strong_skills", "skill_id"): "learner_event",
        ("struggling_learners", "week"): "learner_day",
        ("guided_learners", "course_id"): "learner_course_day",
    }
    found = {key: plan(Ask(measures=key[:1], by=key[1:]), tables(1)).source for key in asked}
    assert found == asked


def test_the_catalogue_is_whole() -> None:
    names = [m.name for m in MEASURES]
    assert len(set(names)) == len(names) >= 30
    assert len(SUBJECTS) == 7
    assert len(DIMENSIONS) >= 15
    assert {m.name for m in LEARNED} == classroom.PLAIN.keys()
    for measure in MEASURES:
        assert measure.meaning.endswith(".") and measure.unit and measure.grain and measure.usual
        assert all(name in DIMENSION for by in measure.usual for name in by), measure.name
        assert measure.behind, measure.name
    for dimension in DIMENSIONS:
        assert dimension.meaning.endswith(".")
        assert dimension.label is None or dimension.label.column in TABLE[dimension.label.table].names()
