"""Contracts hold where the rows are: inside the engine."""

from __future__ import annotations

import ibis
import pytest

from connectors.warehouse import Warehouse
from models.contracts import broken, contract
from models.tables import DIMENSION_TABLES, EVENTS, LEARNER, TABLES, TRAINER, Table
from tests.builders import arrow, dimension, event, events


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
    assert {t.name: broken(t.name, inside.table(t.name)) for t in TABLES} == {t.name: [] for t in TABLES}
    inside.disconnect()


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


def test_rows_of_another_table_are_told_by_their_columns() -> None:
    rows = dimension("learner").drop(["region"])
    assert broken(LEARNER.name, ibis.memtable(rows)) == ["region: column_in_dataframe"]
    assert broken(LEARNER.name, ibis.memtable(rows.slice(0, 0))) == ["region: column"]
