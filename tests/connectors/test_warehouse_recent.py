"""What is committed and what is folded, seen by a question that falls in between."""

from __future__ import annotations

import threading
from pathlib import Path

import duckdb
import pytest

from compute.rollups import DELTAS
from connectors.warehouse.duckdb import DuckDBWarehouse
from connectors.warehouse.pace import CALM_S, REST, STREAM, Pace
from connectors.warehouse.sql import Compiler, rollup_statements
from connectors.warehouse.tail import after, folded_and_newest, reading
from models.errors import Unavailable
from models.tables import COURSE_DAY, EVENTS
from tests.builders import event, events


@pytest.fixture
def warehouse() -> DuckDBWarehouse:
    opened = DuckDBWarehouse(":memory:", DELTAS)
    opened.migrate()
    return opened


def _counted(warehouse: DuckDBWarehouse) -> int:
    return int(warehouse.fetch(COURSE_DAY.unbound.events.sum().as_table()).to_pylist()[0].popitem()[1] or 0)


@pytest.mark.parametrize("then", ["append", "fold", "append and fold"])
def test_a_question_sees_one_moment_whatever_commits_after_it_was_asked(
    warehouse: DuckDBWarehouse, then: str
) -> None:
    warehouse.append(events([event(), event()]))
    warehouse.fold()
    warehouse.append(events([event()]))
    rolled = COURSE_DAY.unbound.events.sum().as_table()
    raw = EVENTS.unbound.count().as_table()
    both = rolled.cross_join(raw)
    statement, _ = Compiler("duckdb").statement(both)
    cursor = warehouse._root.cursor()
    text = reading(cursor, statement, rollup_statements(DELTAS, "duckdb"))
    if "append" in then:
        warehouse.append(events([event()]))
    if "fold" in then:
        warehouse.fold()
    assert cursor.execute(text).fetchall() == [(3, 3)]
    cursor.close()
    assert _counted(warehouse) == (4 if "append" in then else 3)


def test_a_change_without_events_leaves_nothing_to_fold(warehouse: DuckDBWarehouse) -> None:
    warehouse.append(events([event()]))
    assert warehouse.fold() == 1
    warehouse.append(events([]))
    assert warehouse.fold() == 0
    folded, newest = folded_and_newest(warehouse._root)
    assert folded == newest
    assert _counted(warehouse) == 1


def test_what_an_older_program_left_to_be_folded_is_folded(tmp_path: Path) -> None:
    old = DuckDBWarehouse(str(tmp_path / "old.duckdb"), DELTAS)
    old.migrate()
    old.append(events([event(), event()]))
    old.fold()
    old.append(events([event()]))
    # As it was before events bore their commit's number.
    old._root.execute(f"INSERT INTO recent_event {after(folded_and_newest(old._root)[0])}")
    old._root.execute("ALTER TABLE events DROP COLUMN watermark")
    old._root.execute("DROP TABLE folded")
    old._root.execute(
        "DELETE FROM schema_version WHERE version >= "
        "(SELECT version FROM schema_version WHERE why LIKE 'the end of events%')"
    )
    old.close()
    new = DuckDBWarehouse(str(tmp_path / "old.duckdb"), DELTAS)
    new.migrate()
    assert _counted(new) == 3
    assert new.fold() == 1
    assert _counted(new) == 3
    new.rebuild()
    assert _counted(new) == 3
    new.close()


def test_the_pace_follows_the_stream(warehouse: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("connectors.warehouse.pace.monotonic", lambda: now)
    warehouse._root.execute("SET threads = 3")
    pace = Pace(warehouse._root)

    def second(events: int) -> int:
        nonlocal now
        pace.note(events)
        now += 1.0
        pace.settle()
        found = warehouse._root.execute("SELECT current_setting('threads')").fetchone()
        assert found and found[0] == pace.threads
        return pace.threads

    assert second(REST - 1) == 3
    assert second(STREAM + 1) == 1
    assert second((REST + STREAM) // 2) == 1, "between the two it stays as it is"
    calm = [second(REST - 1) for _ in range(round(CALM_S))]
    assert calm == [1] * (len(calm) - 1) + [3], "a checkpoint in the middle of a stream is no rest"
    pace.close()


def test_a_checkpoint_waits_for_whoever_looks_up_ids(tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(str(tmp_path / "busy.duckdb"), DELTAS)
    warehouse.migrate()
    warehouse.append(events([event()]))
    looking = warehouse._root.cursor()
    looking.execute("BEGIN")
    looking.execute("CREATE TABLE asked (id INTEGER)")
    with pytest.raises(duckdb.TransactionException):
        warehouse._root.cursor().execute("CHECKPOINT")
    done = threading.Timer(0.3, looking.execute, ["ROLLBACK"])
    done.start()
    warehouse.checkpoint()
    done.join()
    assert not (tmp_path / "busy.duckdb.wal").exists()
    warehouse.close()


def test_a_warehouse_that_closes_says_so(warehouse: DuckDBWarehouse) -> None:
    warehouse.close()
    with pytest.raises(Unavailable, match="closing"):
        warehouse.fold()
