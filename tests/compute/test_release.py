"""What is offered to who may not see rows holds over the real catalogue, on both engines."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from compute import planner
from compute.disclosure import canonical, cells, protect
from compute.measures import MEASURES
from compute.release import AXES, OFFERED, SALES, is_told, supports
from compute.scoping import Tables
from connectors.warehouse import Warehouse
from models.ask import Ask, Where
from models.errors import BadQuestion
from models.scope import Scope
from tests.builders import dimension, event, events

EXECUTIVE = Scope(1, "organisation", date(2026, 5, 10))
OFFERED_GROUPS = tuple(name for name in OFFERED if name not in ("month", "quarter", "year"))


def fetched(engine: Warehouse, ask: Ask) -> pa.Table:
    plan = planner.plan(ask, Tables(EXECUTIVE))
    return plan.join(tuple(engine.fetch(part) for part in plan.parts))


def answered(engine: Warehouse, ask: Ask) -> pa.Table:
    asked = canonical(ask, EXECUTIVE)
    canon = [fetched(engine, each.ask) for each in cells(asked, EXECUTIVE)]
    return protect(fetched(engine, asked), asked, EXECUTIVE, canon).table


@pytest.fixture
def filled(engine: Warehouse) -> Warehouse:
    """30 learners in March and April; 3 of them live in the east; some events belong to no course."""
    learners = [
        {"learner_id": n, "region": "east" if n < 3 else ("north", "west")[n % 2], "country": "FI"}
        for n in range(30)
    ]
    engine.write("learner", dimension("learner", *learners))
    engine.write("course", dimension("course", {"course_id": "c1"}, {"course_id": "c2", "subject": "art"}))
    days = [datetime(2026, month, 10, 9, tzinfo=UTC) for month in (3, 4)]
    rows = [
        event(
            "lesson_complete",
            at=day,
            learner_id=n,
            session_id=n,
            course_id=course,
            device_type="mobile",
            duration_s=60.0,
        )
        for day in days
        for n in range(30)
        for course in (("c1", "c2", None)[: 1 + n % 3])
    ]
    rows += [
        event("order_paid", at=day, learner_id=n, amount_cents=500, object_id="p1")
        for day in days
        for n in range(12)
    ]
    engine.append(events(rows))
    return engine


def test_the_groups_of_a_dimension_add_up_to_the_total(filled):
    """Else what is missing would be a hidden group that nobody has decided on."""
    (total,) = fetched(filled, Ask(measures=("events",))).column("events").to_pylist()
    for name in OFFERED_GROUPS:
        groups = fetched(filled, Ask(measures=("events",), by=(name,)))
        assert sum(groups.column("events").to_pylist()) == total, name


def test_a_small_region_and_the_one_beside_it_are_hidden(filled):
    april = {"since": date(2026, 4, 1), "until": date(2026, 5, 1)}
    table = answered(filled, Ask(measures=("active_learners", "lessons_completed"), by=("region",), **april))
    found = {row["region"]: row["active_learners"] for row in table.to_pylist()}
    assert found["east"] is None
    assert sorted(value is None for value in found.values()) == [False, True, True]


def test_what_counts_a_learner_once_is_known_of_every_measure():
    """A new measure that does so and is not noticed would leave a few learners between two answers."""
    whole = Ask(by=("gender",), until=date(2026, 5, 1))
    once = {each.name for each in MEASURES if not is_told(each.name, whole)}
    assert {
        "active_learners",
        "payers",
        "lessons_per_learner",
        "revenue_per_payer",
        "course_progress",
    } <= once
    assert {name for name in once if not is_told(name, replace(whole, by=("month", "gender")))} == set()
    assert not {"events", "active_days", "mean_score", "learning_minutes", "revenue", "accuracy"} & once
    devices = Ask(by=("month",), where=(Where("device_type", "!=", ("mobile",)),))
    assert not is_told("active_days", devices) and is_told("events", devices)


def test_revenue_of_enough_payers_is_shown_and_of_too_few_is_not(filled):
    few = answered(filled, Ask(measures=("revenue",), by=("region",)))
    assert set(few.column("revenue").to_pylist()) == {None}
    total = answered(filled, Ask(measures=("revenue",), by=("month",)))
    assert total.column("revenue").to_pylist() == [60.0, 60.0]


def test_what_can_be_asked_can_be_decided():
    """The canonical cells of every measure and dimension that the planner answers can be fetched too."""
    planned = set()
    for measure, axis in itertools.product(MEASURES, AXES):
        ask = Ask(measures=(measure.name,), by=axis.dimensions[-1:], until=date(2026, 5, 1))
        try:
            asked = canonical(ask, EXECUTIVE)
            planner.plan(asked, Tables(EXECUTIVE))
        except BadQuestion:
            continue
        for each in {each.ask for each in cells(asked, EXECUTIVE)} - planned:
            planner.plan(each, Tables(EXECUTIVE))
            planned.add(each)
    assert len(planned) > 100


def test_a_measure_needs_enough_learners_for_each_of_its_columns():
    named = {measure.name: measure for measure in MEASURES}
    assert supports(named["net_revenue"]) == {"net_revenue", "revenue", "refunded"}
    assert supports(named["accuracy"]) == {"accuracy", "answers", "answers_correct"}


def test_every_offered_dimension_belongs_to_one_axis_of_learning_and_one_of_sales():
    for name in OFFERED_GROUPS:
        learning = [axis for axis in AXES if axis is not SALES and name in axis.dimensions]
        assert len(learning) == (0 if name in ("product_id", "trainer_id") else 1)
