"""Months that are over come to lie by learner, and no answer changes."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from compute.rollups import DELTAS
from connectors.warehouse import layout
from connectors.warehouse.duckdb import DuckDBWarehouse
from models.tables import LEARNER_EVENT
from tests.builders import MONDAY, Row, event, events

MARCH = MONDAY.replace(month=3, day=2)


def answers(month: int, seed: int, count: int = 60) -> list[Row]:
    dice = random.Random(seed)
    first = MARCH.replace(month=month)
    return [
        event("quiz_answer", first + timedelta(hours=dice.randrange(600)), learner_id=dice.randrange(9))
        for _ in range(count)
    ]


def lying(warehouse: DuckDBWarehouse, month: int) -> list[int]:
    """Learners of a month in the order of the file."""
    found = warehouse._root.execute(
        f"SELECT learner_id FROM learner_event WHERE month(day) = {month} ORDER BY rowid"
    )
    return [learner for (learner,) in found.fetchall()]


def told(warehouse: DuckDBWarehouse) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = warehouse.fetch(LEARNER_EVENT.unbound.order_by("event_id")).to_pylist()
    return rows


def is_sorted(learners: list[int]) -> bool:
    return learners == sorted(learners)


def test_a_month_that_is_over_lies_by_learner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "FEWEST", 10)
    warehouse = DuckDBWarehouse(":memory:", DELTAS)
    warehouse.migrate()
    for seed in range(3):
        warehouse.append(events(answers(3, seed) + answers(4, seed + 10)))
        warehouse.fold()
    before = told(warehouse)
    assert len(before) == 360
    assert not is_sorted(lying(warehouse, 3))
    warehouse.compact()
    assert is_sorted(lying(warehouse, 3))
    assert not is_sorted(lying(warehouse, 4)), "events of the newest month still come"
    assert told(warehouse) == before
    warehouse.append(events(answers(3, 20, 20)))
    warehouse.compact()
    assert not is_sorted(lying(warehouse, 3)), "a few that come late are not worth it"
    warehouse.append(events(answers(3, 21)))
    warehouse.compact()
    assert is_sorted(lying(warehouse, 3)) and len(lying(warehouse, 3)) == 260
    warehouse.rebuild()
    assert is_sorted(lying(warehouse, 3)) and is_sorted(lying(warehouse, 4))
    assert len(told(warehouse)) == 440
    assert layout.waiting(warehouse._root) == []
    warehouse.close()
