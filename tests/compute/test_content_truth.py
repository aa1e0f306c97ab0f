"""What was planted in the demo school is found by the questions, without being told where to look."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow.compute as pc
import pytest

from app.mastery import fit_all
from compute.questions import question
from compute.rollups import DELTAS
from compute.scoping import Tables
from connectors.warehouse import Warehouse, open_warehouse
from models.ask import Ask
from models.scope import Scope
from tests.compute.content_class import Row
from tests.school import UNTIL, Lived

PLACES = ("northfield", "brightwater")
KINDS = ("video_progress", "video_pause", "video_complete", "quiz_answer")
DIMENSIONS = ("learner", "course", "video", "assessment", "item", "skill")


@pytest.fixture(scope="module")
def known(known_school: Lived) -> Iterator[Warehouse]:
    warehouse = open_warehouse(":memory:", DELTAS)
    warehouse.migrate()
    for name in DIMENSIONS:
        warehouse.write(name, known_school.tables[name])
    warehouse.append(known_school.events.filter(pc.field("event_type").isin(KINDS)))
    yield warehouse
    warehouse.close()


def told(warehouse: Warehouse, name: str, organisation: int) -> list[Row]:
    plan = question(name).plan(
        Ask(question=name), Tables(Scope(organisation, "organisation", UNTIL, sees_rows=True))
    )
    rows: list[Row] = plan.join(tuple(warehouse.fetch(part) for part in plan.parts)).to_pylist()
    return rows


@pytest.mark.parametrize("place", PLACES)
def test_the_weak_minute_of_one_video_is_the_only_place_named(
    known: Warehouse, known_school: Lived, place: str
) -> None:
    said = known_school.truth["organisations"][place]
    found = [row for row in told(known, "videos", said["organisation_id"]) if row["p"] is not None]
    assert [row["video_id"] for row in found] == [said["video"]["video_id"]]
    one = found[0]
    assert abs(one["drop_from_s"] - said["video"]["from_s"]) <= 10
    assert abs(one["drop_until_s"] - said["video"]["to_s"]) <= 10
    assert abs(one["drop_share"] - said["video"]["share_lost"]) < 0.1


@pytest.mark.parametrize("place", PLACES)
def test_the_badly_worded_item_is_the_only_one_that_misleads(
    known: Warehouse, known_school: Lived, place: str
) -> None:
    said = known_school.truth["organisations"][place]
    rows = told(known, "items", said["organisation_id"])
    assert [row["item_id"] for row in rows if row["verdict"] == "misleading"] == [said["item"]["item_id"]]
    assert sum(row["verdict"] == "good" for row in rows) > len(rows) / 2


def test_skills_are_fitted_once_and_tell_held_back_answers_better_than_the_baseline(
    known_school: Lived,
) -> None:
    """By the answers of a third of the learners: fitting takes as long as there are answers."""
    known = open_warehouse(":memory:", DELTAS)
    known.migrate()
    for name in ("learner", "item", "skill"):
        known.write(name, known_school.tables[name])
    answers = known_school.events.filter(pc.field("event_type") == "quiz_answer")
    third = [n for n in sorted(answers["learner_id"].unique().to_pylist()) if n][::3]
    known.append(answers.filter(pc.field("learner_id").isin(third)))
    now = datetime(2026, 3, 27, tzinfo=UTC)
    assert fit_all(known, now) == len(PLACES)
    assert fit_all(known, now) == 0, "nothing was answered since"
    for place in PLACES:
        organisation = known_school.truth["organisations"][place]["organisation_id"]
        (model,) = told(known, "mastery_model", organisation)
        assert model["held_back"] > 400
        assert model["auc"] > model["baseline_auc"] + 0.03 > 0.6
        assert told(known, "mastery", organisation)
    known.close()
