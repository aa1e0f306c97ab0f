"""Several ingest processes on one Postgres at once: every event is there once, roll-ups equal a rebuild."""

from __future__ import annotations

import json
import subprocess
import sys

from models.tables import EVENTS
from tests.connectors.kill_loop import migrated
from tests.connectors.side_by_side import SIZE, batch
from tests.connectors.test_intake_kill import assert_rollups_equal_a_rebuild

PROCESSES, BATCHES = 3, 12


def test_processes_that_store_at_once_store_every_event_once(postgres_address: str) -> None:
    migrated(postgres_address).close()
    words = [postgres_address, str(PROCESSES), str(BATCHES)]
    command = [sys.executable, "-m", "tests.connectors.side_by_side", *words]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr[-3000:]
    answers = json.loads(told.stdout)
    wanted = sorted(
        {str(e["event_id"]) for p in range(PROCESSES) for n in range(BATCHES) for e in batch(p, n)}
    )

    warehouse = migrated(postgres_address)
    rows = warehouse.fetch(EVENTS.unbound.select("event_id"))["event_id"].to_pylist()
    assert sorted(map(str, rows)) == wanted
    assert sum(accepted for accepted, _ in answers) == len(wanted), "each was told of as new exactly once"
    assert [accepted + known for accepted, known in answers] == [BATCHES * SIZE] * PROCESSES
    # What only one process sent is a third; that nobody stored all of the rest shows that they overlapped.
    shared = BATCHES * SIZE * 2 // 3
    assert all(accepted < BATCHES * SIZE // 3 + shared for accepted, _ in answers), answers
    assert_rollups_equal_a_rebuild(warehouse)
    warehouse.close()
