"""Contracts hold where the rows are: inside the engine."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import ibis
import pytest

from connectors.warehouse import Warehouse
from connectors.warehouse.checking import broken_since
from models.contracts import broken, contract
from models.tables import DIMENSION_TABLES, EVENTS, LEARNER, TABLES, TRAINER, Table
from tests.builders import arrow, dimension, event, events

HIDDEN = "watermark"  # on DuckDB the commit of each event stands beside it; no question sees that column


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_has_a_contract_over_its_columns(table: Table) -> None:
    assert tuple(contract(table.name).columns) == table.names()


def test_what_the_warehouse_holds_keeps_its_contracts(engine: Warehouse, warehouse_address: str) -> None:
    kinds = ("quiz_submit", "video_play", "lesson_complete", "order_paid")
    engine.append(events([event(kind, score=50.0, video_id="v1", position_s=3.0) for kind in kinds]))
    for table in DIMENSION_TABLES:
        engine.write(table.name, dimension(table.name))
    engine.compact()
    engine.close()
    inside = (
        ibis.duckdb.connect(warehouse_address)
        if engine.engine == "duckdb"
        else ibis.connect(warehouse_address)
    )
    held = {t.name: inside.table(t.name) for t in TABLES}
    if engine.engine == "duckdb":
        held["events"] = held["events"].drop(HIDDEN)
    assert {name: broken(name, rows) for name, rows in held.items()} == {t.name: [] for t in TABLES}
    inside.disconnect()


def test_what_came_since_is_checked_while_others_write(engine: Warehouse) -> None:
    early, late = datetime(2026, 3, 4, tzinfo=UTC), datetime(2026, 3, 5, tzinfo=UTC)
    engine.append(events([event(received_at=early, device_type="fridge"), event(received_at=late)]))
    assert broken_since(engine, 1, late) == []
    assert broken_since(engine, 2, early) == []
    (found,) = broken_since(engine, 1, early)
    assert found.startswith("device_type: isin")
    assert engine.append(events([event(received_at=late)])).inserted.to_pylist() == [True]


@pytest.mark.parametrize(
    ("table", "wrong", "rule"),
    [
        (EVENTS, event(hour=24), "hour: less_than_or_equal_to(23)"),
        (EVENTS, event(device_type="fridge"), "device_type: isin(('desktop', 'mobile', 'tablet'))"),
        (EVENTS, event(learner_id=None), "learner_id: not_nullable"),
        (
            TRAINER,
            dimension("trainer", {"commission": -0.1}).to_pylist()[0],
            "commission: greater_than_or_equal_to(0)",
        ),
    ],
)
def test_a_broken_contract_names_the_column_and_the_rule(table: Table, wrong: dict, rule: str) -> None:  # type: ignore[type-arg]
    assert broken(table.name, ibis.memtable(arrow(table, [wrong]))) == [rule]


def test_checking_a_contract_leaves_the_times_of_the_process_alone() -> None:
    """In a process of its own: the library is imported once, and what it sets would stay."""
    said = subprocess.run(
        [sys.executable, "-c", _TIME_AFTER_A_CHECK],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )
    assert said.stdout.split() == ["2026-03-04T08:30:00+00:00", "None", "None"]


_TIME_AFTER_A_CHECK = """
import os
from datetime import UTC, datetime
from zoneinfo import ZoneInfo
import pyarrow as pa
from models.contracts import contract
contract("events")
at = datetime(2026, 3, 4, 9, 30, tzinfo=ZoneInfo("Europe/Berlin"))
(told,) = pa.array([at], pa.timestamp("us", "UTC")).to_pylist()
print(told.isoformat(), os.environ.get("PYARROW_IGNORE_TIMEZONE"), os.environ.get("SPARK_LOCAL_IP"))
"""


def test_rows_of_another_table_are_told_by_their_columns() -> None:
    rows = dimension("learner").drop(["region"])
    assert broken(LEARNER.name, ibis.memtable(rows)) == ["region: column_in_dataframe"]
    assert broken(LEARNER.name, ibis.memtable(rows.slice(0, 0))) == ["region: column"]
