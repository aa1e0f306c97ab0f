"""kill -9 at random moments under load: what was answered is there once, and nothing is torn."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from connectors.warehouse import Warehouse
from models.tables import EVENTS, ROLLUPS
from tests.connectors.intake_school import Door, FixedSchools
from tests.connectors.kill_loop import found_in_journal, journal_of, migrated, read_diary

# On Postgres the server survives, so what can be torn is only what one transaction holds together.
LIVES = {"duckdb": 100, "postgres": 25}


def test_kills_lose_tear_and_repeat_nothing(warehouse_address: str, tmp_path: Path) -> None:
    first = migrated(warehouse_address)
    lives = LIVES[first.engine]
    first.close()
    diary = tmp_path / "diary"
    command = [sys.executable, "-m", "tests.connectors.kill_loop", warehouse_address, str(diary)]
    told = subprocess.run([*command, str(lives), "7"], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr[-3000:]

    warehouse = migrated(warehouse_address)
    journal = journal_of(warehouse_address)
    door = Door(warehouse, FixedSchools.of("s1"), journal=journal)
    door.writer.settle()
    door.close()
    if journal:
        assert not list(journal.iterdir())
        found = found_in_journal(diary)
        assert len([events for events in found if events]) > lives // 10, found
    asked, answered = read_diary(diary)
    events = EVENTS.unbound
    rows = warehouse.fetch(events.select("event_id"))["event_id"].to_pylist()
    stored = set(rows)
    assert len(stored) == len(rows), "an event is there twice"
    assert not [p for p in answered if not stored.issuperset(p.ids())], "an answered event is gone"
    torn = [p for p in asked if 0 < len(stored.intersection(p.ids())) < len(p.ids())]
    assert not torn, "a request is there in part"
    assert stored <= {one for parcel in asked for one in parcel.ids()}
    # A life in which all is answered shows that the loop had load to kill.
    assert len(answered) > 2 * lives and len(asked) > len(answered)
    assert len(Counter(parcel.life for parcel in asked)) > lives // 2
    assert_rollups_equal_a_rebuild(warehouse)
    warehouse.close()


def assert_rollups_equal_a_rebuild(warehouse: Warehouse) -> None:
    warehouse.compact()
    before = [sorted_rows(warehouse, number) for number in range(len(ROLLUPS))]
    warehouse.rebuild()
    after = [sorted_rows(warehouse, number) for number in range(len(ROLLUPS))]
    assert before == after


def sorted_rows(warehouse: Warehouse, number: int) -> list[dict[str, object]]:
    table = ROLLUPS[number]
    rows: list[dict[str, object]] = warehouse.fetch(table.unbound.order_by(list(table.key))).to_pylist()
    return rows
