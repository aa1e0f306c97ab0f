"""What was planted about learners in the demo school is found by the questions, unaided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta

import pyarrow.compute as pc
import pytest

from compute.learners.anomalies import SPAN_DAYS
from compute.questions import question
from compute.rollups import DELTAS
from compute.scoping import Tables
from connectors.warehouse import Warehouse, open_warehouse
from models.ask import Ask, Where
from models.scope import Scope
from tests.compute.content_class import Row
from tests.school import UNTIL, Lived

PLACE, ORGANISATION = "northfield", 1
DIMENSIONS = ("organisation", "learner", "course", "lesson", "skill", "item", "school_day")
# What learners' questions read; the rest of the events would only take time.
KINDS = (
    "page_view",
    "quiz_answer",
    "quiz_submit",
    "exercise_complete",
    "assignment_submit",
    "lesson_complete",
)


@pytest.fixture(scope="module")
def known(known_school: Lived) -> Iterator[Warehouse]:
    warehouse = open_warehouse(":memory:", DELTAS)
    warehouse.migrate()
    for name in DIMENSIONS:
        warehouse.write(name, known_school.tables[name])
    here = pc.field("organisation_id") == ORGANISATION
    warehouse.append(known_school.events.filter(here & pc.field("event_type").isin(KINDS)))
    yield warehouse
    warehouse.close()


def told(warehouse: Warehouse, name: str, *learners: int) -> list[Row]:
    where = (Where("learner_id", "in", learners),) if learners else ()
    scope = Scope(ORGANISATION, "organisation", UNTIL, sees_rows=True)
    plan = question(name).plan(Ask(question=name, where=where), Tables(scope))
    rows: list[Row] = plan.finish(plan.join(tuple(warehouse.fetch(p) for p in plan.parts))).to_pylist()
    return rows


def planted(school: Lived) -> Row:
    about: Row = school.truth["organisations"][PLACE]
    return about


def test_weekenders_and_crammers_are_told_from_the_others_by_their_habits(
    known: Warehouse, known_school: Lived
) -> None:
    """Crammers learn in the evening, weekenders at the weekend, and the others neither."""
    of: dict[int, dict[str, Row]] = defaultdict(dict)
    for row in told(known, "learner_habits"):
        of[row["learner_id"]][row["habit"]] = row
    segments = planted(known_school)["segments"]
    truth = {int(n): name for name, about in segments.items() for n in about["learners"]}
    guess = {}
    for learner, habits in of.items():
        if learner in truth and habits["weekday"]["enough"] and habits["time_of_day"]["enough"]:
            is_weekender = habits["weekday"]["verdict"] == "weekends"
            is_late = habits["time_of_day"]["verdict"] == "evening"
            guess[learner] = "weekender" if is_weekender else "crammer" if is_late else "steady"
    assert len(guess) > 400 and set(guess.values()) == set(segments)
    assert sum(truth[n] == name for n, name in guess.items()) / len(guess) > 0.95


def test_nothing_is_said_of_the_learner_with_hardly_any_data(known: Warehouse, known_school: Lived) -> None:
    poor = int(planted(known_school)["data_poor_learner"])
    rich = int(next(iter(planted(known_school)["cast"].values())))
    assert [row["kind"] for row in told(known, "insights", poor)] == ["not_enough"]
    assert "not_enough" not in [row["kind"] for row in told(known, "insights", rich)]
    for name in ("learner_trends", "learner_profile", "learner_habits"):
        assert not any(row["enough"] for row in told(known, name, poor)), name
        assert any(row["enough"] for row in told(known, name, rich)), name
    assert told(known, "learner_anomalies", poor) == []
    assert all(row["state"] == "unknown" for row in told(known, "mastery", poor))


def test_who_dropped_out_of_late_is_found_by_being_away(known: Warehouse, known_school: Lived) -> None:
    """Of those who were known well enough, and are away for long enough to be missed."""
    left = {int(n): date.fromisoformat(on) for n, on in planted(known_school)["drop_out"]["learners"].items()}
    well_known = {row["learner_id"] for row in told(known, "learner_profile") if row["active_days"] >= 8}
    first, last = UNTIL - timedelta(days=SPAN_DAYS), UNTIL - timedelta(days=25)
    missed = {learner for learner in well_known & left.keys() if first <= left[learner] <= last}
    away = {
        row["learner_id"]
        for row in told(known, "learner_anomalies")
        if row["kind"] == "engagement" and row["direction"] == "down" and row["until"] is None
    }
    assert len(missed) >= 8
    assert len(away & missed) / len(missed) > 0.6
    assert len(away & left.keys()) / len(away) > 0.8
