"""Each learner's last response to each problem, and how much of each section was tried, as Open edX Aspects
publishes both for the same events."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from compute.rollups import DELTAS
from connectors.warehouse import Warehouse, open_warehouse
from tests.builders import dimension, event, events
from tests.compute.content_class import told

FOLDER = Path(__file__).parents[3] / "shared/data/aspects-metrics"
DIRECT = "right beneath "
pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not FOLDER.exists(), reason="the reference data is not beside the project"),
]


def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def answered() -> Iterator[tuple[Warehouse, dict[str, int]]]:
    """The events in a warehouse, and the numbers that learners bear there."""
    given = [row for row in rows("problems/problem_events_expected.csv") if row["responses"]]
    learners = {name: n for n, name in enumerate(sorted({row["actor_id"] for row in given}), 1)}
    warehouse = open_warehouse(":memory:", DELTAS)
    warehouse.migrate()
    problems = [
        row for row in rows("courses/dim_course_blocks_expected.csv") if row["block_type"] == "problem"
    ]
    items = [
        {
            "item_id": row["block_id"],
            "assessment_id": assessment_of(row),
            "course_id": row["course_key"],
        }
        for row in problems
    ]
    places = {assessment_of(row): row for row in problems}
    warehouse.write("item", dimension("item", *items))
    warehouse.write(
        "assessment",
        dimension(
            "assessment",
            *(
                {"assessment_id": name, "course_id": row["course_key"], "lesson_id": row["section_block_id"]}
                for name, row in places.items()
            ),
        ),
    )
    warehouse.append(
        events(
            [
                event(
                    "quiz_answer",
                    datetime.fromisoformat(row["emission_time"] + "+00:00"),
                    event_id=row["event_id"],
                    learner_id=learners[row["actor_id"]],
                    course_id=row["course_key"],
                    assessment_id=row["problem_id"],
                    item_id=row["problem_id"],
                    correct=row["success"] == "true",
                    choice=row["responses"],
                    payload=f'{{"attempt":{row["attempts"]}}}',
                )
                for row in given
            ]
        )
    )
    yield warehouse, learners
    warehouse.close()


def assessment_of(problem: dict[str, str]) -> str:
    """Its subsection. Problems right beneath a section, in none, are a part of their own there."""
    return problem["subsection_block_id"] or f"{DIRECT}{problem['section_block_id']}"


def test_how_much_of_each_section_was_tried_is_what_aspects_publishes(
    answered: tuple[Warehouse, dict[str, int]],
) -> None:
    """A subsection has one of two states. A section has one row for each state that its tried parts are
    in, so up to two, and parts that were not opened do not count. (Later versions of Aspects count the
    whole section, as our own column `state` does.)"""
    warehouse, learners = answered
    wanted: defaultdict[tuple[int, str, str], set[str]] = defaultdict(set)
    for row in rows("problems/fact_problem_engagement_expected.csv"):
        key = (learners[row["actor_id"]], row["content_level"], row["block_id"])
        wanted[key].add(row["section_subsection_problem_engagement"])
    states = {"tried_all": "All problems attempted", "tried_some": "At least one problem attempted"}
    levels = {"assessment": "subsection", "lesson": "section"}
    found = {
        (row["learner_id"], levels[row["level"]], row["id"]): {
            said for column, said in states.items() if row[column]
        }
        for row in told(warehouse, "engagement")
        if not row["id"].startswith(DIRECT)
    }
    assert len(wanted) == 1277
    assert found == wanted


def test_last_responses_are_those_that_aspects_publishes(
    answered: tuple[Warehouse, dict[str, int]],
) -> None:
    warehouse, learners = answered
    wanted = {
        (learners[row["actor_id"]], row["problem_id"]): (
            row["course_key"], int(row["attempts"]), row["success"] == "true", row["responses"],
            row["emission_time"],
        )
        for row in rows("problems/dim_learner_last_response_expected.csv")
    }  # fmt: skip
    found = {
        (row["learner_id"], row["item_id"]): (
            row["course_id"], row["attempts"], row["correct"], row["choice"],
            f"{row['last_at']:%Y-%m-%d %H:%M:%S}",
        )
        for row in told(warehouse, "last_responses")
    }  # fmt: skip
    assert len(wanted) == 873
    assert found == wanted
