"""What holds on both engines."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import psycopg
import pyarrow as pa
import pytest

from compute.rollups import DELTAS, merged
from connectors.warehouse import Warehouse, open_warehouse
from models.errors import BadSettings, NewerSchema, Unavailable
from models.tables import DIMENSION_TABLES, EVENTS, LEARNER, LEARNER_DAY, TABLE, TABLES
from tests.builders import MONDAY, arrow, dimension, event, event_id, events


def stored(engine: Warehouse) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = engine.fetch(EVENTS.unbound.order_by("event_id")).to_pylist()
    return rows


def test_events_come_back_as_they_were_stored(engine: Warehouse) -> None:
    odd = [
        event("quiz_answer", correct=True, choice='a "quoted", comma\nand a line', score=None),
        event("quiz_submit", score=66.66, payload='{"a": "ü"}', lesson_id="", sequence=7),
        event("order_paid", amount_cents=4900, currency="EUR", correct=False),
    ]
    batch = events(odd)
    engine.append(batch)
    assert engine.fetch(EVENTS.unbound.order_by("event_id")).to_pylist() == batch.to_pylist()


def test_an_answer_has_the_types_its_expression_promises(engine: Warehouse) -> None:
    engine.append(events([event("quiz_submit", score=50.0), event("quiz_submit", score=51.0)]))
    table = EVENTS.unbound
    totals = table.agg(
        n=table.count(), mean=table.score.mean(), total=table.amount_cents.sum(), last=table.occurred_at.max()
    )
    answer = engine.fetch(totals)
    assert answer.schema.types == totals.schema().to_pyarrow().types
    assert answer.to_pylist() == [{"n": 2, "mean": 50.5, "total": None, "last": MONDAY}]
    assert engine.fetch(table.filter(table.learner_id == -1)).num_rows == 0


@pytest.mark.parametrize("declared", TABLES, ids=lambda table: table.name)
def test_every_declared_table_can_be_read_empty(engine: Warehouse, declared) -> None:  # type: ignore[no-untyped-def]
    answer = engine.fetch(declared.unbound)
    assert answer.num_rows == 0
    assert tuple(answer.column_names) == declared.names()


def test_a_repeated_id_changes_nothing_even_with_another_time(engine: Warehouse) -> None:
    first = event("lesson_complete", event_id=event_id(10**6), duration_s=60.0)
    later = event("lesson_complete", MONDAY + timedelta(days=40), event_id=event_id(10**6), duration_s=99.0)
    assert engine.append(events([first, first])).inserted.to_pylist() == [True, False]
    again = engine.append(events([later, event(event_id=event_id(10**6 + 1))]))
    assert again.inserted.to_pylist() == [False, True]
    assert [row["duration_s"] for row in stored(engine)] == [60.0, None]
    assert engine.fetch(LEARNER_DAY.unbound.learning_s.sum().as_table()).to_pylist()[0].popitem()[1] == 60.0


def test_two_organisations_may_use_the_same_id(engine: Warehouse) -> None:
    both = [event(event_id=event_id(10**6), organisation_id=n) for n in (1, 2)]
    assert engine.append(events(both)).inserted.to_pylist() == [True, True]


def test_known_ids_are_told_exactly(engine: Warehouse) -> None:
    engine.append(events([event(event_id=event_id(10**6))]))
    asked = pa.table({"organisation_id": [1, 2, 1], "event_id": [event_id(10**6)] * 2 + [event_id(5)]})
    assert engine.known(asked).to_pylist() == [True, False, False]
    assert engine.known(asked, [MONDAY.date()]).to_pylist() == [True, False, False]
    assert engine.event_ids(MONDAY.date()).to_pylist() == [
        {"organisation_id": 1, "event_id": event_id(10**6)}
    ]
    assert engine.event_ids(MONDAY.date() + timedelta(days=1)).num_rows == 0


def test_the_watermark_moves_with_every_commit_and_survives_reopening(
    engine: Warehouse, warehouse_address: str
) -> None:
    start = engine.watermark().number
    after_events = engine.append(events([event()]), offsets={"kafka/0": "41"}).watermark
    engine.append(events([event()]), offsets={"kafka/0": "42", "kafka/1": "7"})
    engine.write("learner", dimension("learner"))
    assert after_events.number == start + 1
    assert engine.watermark().number == start + 3
    assert engine.offsets() == {"kafka/0": "42", "kafka/1": "7"}
    engine.close()
    again = open_warehouse(warehouse_address, DELTAS)
    again.migrate()
    assert again.watermark().number == start + 3
    assert len(stored(again)) == 2
    again.close()


def test_an_empty_batch_may_still_store_offsets(engine: Warehouse) -> None:
    assert engine.append(events([]), offsets={"kafka/0": "3"}).inserted.to_pylist() == []
    assert engine.offsets() == {"kafka/0": "3"}


def test_dimension_rows_are_replaced_by_key_and_the_last_one_counts(engine: Warehouse) -> None:
    engine.write("learner", dimension("learner", {"learner_id": 1, "region": "old"}, {"learner_id": 2}))
    new = ({"learner_id": 1, "region": "first"}, {"learner_id": 1, "region": "last"})
    engine.write("learner", dimension("learner", *new))
    learners = LEARNER.unbound
    rows = engine.fetch(learners.select("learner_id", "region").order_by("learner_id")).to_pylist()
    assert rows == [{"learner_id": 1, "region": "last"}, {"learner_id": 2, "region": None}]
    assert engine.delete("learner", dimension("learner", {"learner_id": 2}, {"learner_id": 9})) == 1
    assert engine.fetch(learners.learner_id.max().as_table()).to_pylist()[0].popitem()[1] == 1


@pytest.mark.parametrize("declared", DIMENSION_TABLES, ids=lambda table: table.name)
def test_every_dimension_can_be_written(engine: Warehouse, declared) -> None:  # type: ignore[no-untyped-def]
    rows = dimension(declared.name)
    engine.write(declared.name, rows)
    engine.write(declared.name, rows)
    assert engine.fetch(declared.unbound).to_pylist() == rows.to_pylist()


def test_a_failed_append_leaves_no_trace(engine: Warehouse) -> None:
    before = engine.watermark()
    wrong = {"source_offset": pa.table({"source": [None], "position": ["1"]}, arrow_offsets)}
    with pytest.raises(Exception, match="refused"):
        engine.append(events([event("quiz_submit", score=5.0)]), also=wrong)
    assert stored(engine) == []
    assert engine.fetch(LEARNER_DAY.unbound).num_rows == 0
    assert engine.watermark() == before
    assert engine.append(events([event()])).inserted.to_pylist() == [True]


arrow_offsets = pa.schema({"source": pa.string(), "position": pa.string()})


def test_a_warehouse_opened_without_rollups_can_be_read_but_takes_no_events(
    engine: Warehouse, warehouse_address: str
) -> None:
    engine.append(events([event()]))
    engine.close()
    reader = open_warehouse(warehouse_address)
    assert len(stored(reader)) == 1
    with pytest.raises(BadSettings, match="opened for reading"):
        reader.append(events([event()]))
    reader.close()


def test_a_question_that_takes_too_long_is_stopped(engine: Warehouse) -> None:
    engine.append(events([event(sequence=n) for n in range(400)]))
    rows = EVENTS.unbound.select("sequence")
    pairs = rows
    for n in range(3):
        pairs = pairs.cross_join(rows.rename({f"s{n}": "sequence"}))
    with pytest.raises(Unavailable, match=r"longer than its 0\.2 s"):
        engine.fetch(pairs.agg(total=(pairs.sequence * pairs.s0 + pairs.s1 * pairs.s2).sum()), limit_s=0.2)
    assert len(stored(engine)) == 400


def test_a_newer_schema_is_refused(engine: Warehouse, warehouse_address: str, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    engine.close()
    older = open_warehouse(warehouse_address, DELTAS)
    monkeypatch.setattr("connectors.warehouse.migrations.MIGRATIONS", ())
    with pytest.raises(NewerSchema, match=r"schema version \d+, this program knows 0: start the newer"):
        older.migrate()
    older.close()


def test_an_older_warehouse_gets_the_new_roll_ups_filled(engine: Warehouse, warehouse_address: str) -> None:
    """Events that were folded and events that wait, from before there were these tables."""
    filled = ("learner_lesson_day", "learner_video_day", "sale_day", "result", "learner_event")
    kinds = (
        "lesson_start",
        "lesson_complete",
        "video_progress",
        "video_complete",
        "order_paid",
        "quiz_submit",
    )
    some = [
        event(
            kind,
            MONDAY + timedelta(days=n),
            lesson_id=f"l{n % 2}",
            video_id="v1",
            object_id=f"p{n % 3}",
            position_s=3.5,
            duration_s=15.0,
            score=60.0 + n,
            amount_cents=100 + n,
            item_id=f"i{n}",
            choice="A",
            payload='{"attempt":1}',
        )
        for n in range(0, 60, 4)
        for kind in (*kinds, "quiz_submit")
    ]
    engine.append(events(some[:60]))
    engine.compact()
    engine.append(events(some[60:]))
    wanted = {name: rolled_up(engine, name) for name in filled}
    assert all(wanted.values())
    engine.close()
    statements = [f"DROP TABLE {name}" for name in filled]
    if engine.engine == "postgres":
        statements += [
            f"ALTER TABLE recent_event DROP COLUMN {name}"
            for name in ("assessment_id", "skill_id", "object_id", "item_id", "choice", "payload")
        ]
    statements.append("DELETE FROM schema_version WHERE version >= 7")
    execute(warehouse_address, statements)
    newer = open_warehouse(warehouse_address, DELTAS)
    newer.migrate()
    assert {name: rolled_up(newer, name) for name in filled} == wanted
    newer.compact()
    assert {name: rolled_up(newer, name) for name in filled} == wanted
    newer.close()


def rolled_up(warehouse: Warehouse, name: str) -> list[dict[str, object]]:
    table = TABLE[name]
    rows = merged(table, table.unbound).order_by(list(table.key))
    found: list[dict[str, object]] = warehouse.fetch(rows).to_pylist()
    return found


def execute(address: str, statements: list[str]) -> None:
    if address.startswith("postgres"):
        with psycopg.connect(address, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())
    else:
        with duckdb.connect(address) as file:
            for statement in statements:
                file.execute(statement)


def test_rows_outside_the_declared_columns_are_no_builder_s_rows() -> None:
    with pytest.raises(AssertionError, match="no column"):
        arrow(LEARNER, [{"learner": 1}])


def test_days_are_the_school_s_own() -> None:
    late = event(at=MONDAY.replace(hour=23, minute=30))
    assert (late["day"], late["hour"]) == (date(2026, 3, 3), 0)
