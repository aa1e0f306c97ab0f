"""The last response of each learner to each problem, as Open edX Aspects publishes it for the same events."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import pytest

from compute.rollups import DELTAS
from connectors.warehouse import open_warehouse
from tests.builders import event, events
from tests.compute.content_class import told

FOLDER = Path(__file__).parents[3] / "shared/data/aspects-metrics/problems"
pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not FOLDER.exists(), reason="the reference data is not beside the project"),
]


def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_last_responses_are_those_that_aspects_publishes() -> None:
    given = [row for row in rows("problem_events_expected.csv") if row["responses"]]
    learners = {name: n for n, name in enumerate(sorted({row["actor_id"] for row in given}), 1)}
    warehouse = open_warehouse(":memory:", DELTAS)
    warehouse.migrate()
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
    wanted = {
        (learners[row["actor_id"]], row["problem_id"]): (
            row["course_key"], int(row["attempts"]), row["success"] == "true", row["responses"],
            row["emission_time"],
        )
        for row in rows("dim_learner_last_response_expected.csv")
    }  # fmt: skip
    found = {
        (row["learner_id"], row["item_id"]): (
            row["course_id"], row["attempts"], row["correct"], row["choice"],
            f"{row['last_at']:%Y-%m-%d %H:%M:%S}",
        )
        for row in told(warehouse, "last_responses")
    }  # fmt: skip
    warehouse.close()
    assert len(wanted) == 873
    assert found == wanted
