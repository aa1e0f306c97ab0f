"""What goes wrong outside is said in one sentence, and nothing that was stored is lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compute.rollups import DELTAS
from connectors.warehouse import Warehouse, open_warehouse
from models.errors import BadSettings, HeadwayError, Unavailable
from models.tables import EVENTS, LEARNER_DAY
from tests.builders import event, events
from tests.servers import start_postgres


def count(warehouse: Warehouse) -> int:
    n: int = warehouse.fetch(EVENTS.unbound.count().name("n").as_table())["n"][0].as_py()
    return n


def filled(address: str) -> Warehouse:
    warehouse = open_warehouse(address, DELTAS)
    warehouse.migrate()
    warehouse.append(events([event(), event()]))
    return warehouse


@contextmanager
def elsewhere(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process of its own that says a line when it is ready and ends when its input does."""
    command = [sys.executable, "-c", script, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        process.stdout.readline()
        yield process
    finally:
        process.communicate("\n")


def test_a_file_that_another_process_holds(tmp_path: Path) -> None:
    hold = "import duckdb,sys; c = duckdb.connect(sys.argv[1]); print('ready', flush=True); input()"
    path = str(tmp_path / "held.duckdb")
    with elsewhere(hold, path), pytest.raises(Unavailable, match="open in another process: stop that one"):
        open_warehouse(path)
    open_warehouse(path).close()


def test_a_file_that_is_no_warehouse(tmp_path: Path) -> None:
    path = tmp_path / "letter.duckdb"
    path.write_text("Dear school, " * 1000)
    with pytest.raises(BadSettings, match="not a readable warehouse: move it away"):
        open_warehouse(str(path))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="does its folder exist"):
        open_warehouse(str(tmp_path / "nowhere" / "w.duckdb"))


def test_a_warehouse_that_was_never_migrated(warehouse_address: str) -> None:
    warehouse = open_warehouse(warehouse_address, DELTAS)
    with pytest.raises(BadSettings, match=r"run `\./headway migrate`"):
        warehouse.append(events([event()]))
    with pytest.raises(BadSettings, match=r"run `\./headway migrate`"):
        warehouse.fetch(LEARNER_DAY.unbound)
    warehouse.close()


FULL = """
import resource, sys
from tests.builders import event, events
from tests.connectors.test_warehouse_failures import count, filled
from models.errors import Unavailable
warehouse, before = filled(sys.argv[1]), 2
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
try:
    while before < 100_000:
        before += sum(warehouse.append(events([event() for _ in range(400)])).inserted.to_pylist())
except Unavailable as error:
    assert "w.duckdb is full: free some space" in error.detail, error.detail
    assert "/" not in error.detail, "clients of the API read it too"
else:
    raise SystemExit("the disk was never full")
assert count(warehouse) == before
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
warehouse.append(events([event()]))
warehouse.close()
print(before + 1)
"""


def test_a_full_disk_loses_nothing_that_was_stored(tmp_path: Path) -> None:
    path = str(tmp_path / "w.duckdb")
    told = subprocess.run([sys.executable, "-c", FULL, path], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    again = open_warehouse(path, DELTAS)
    assert count(again) == int(told.stdout)
    incremental = again.fetch(LEARNER_DAY.unbound.events.sum().name("n").as_table())
    assert incremental["n"][0].as_py() == int(told.stdout)
    again.close()


def test_nobody_answers_at_the_address_of_postgres(tmp_path: Path) -> None:
    away = open_warehouse(f"postgresql://postgres@/headway?host={tmp_path}", DELTAS)
    for call in (away.migrate, away.watermark, lambda: away.append(events([event()]))):
        with pytest.raises(Unavailable, match="does not answer: is it running"):
            call()


def test_a_database_that_is_not_there(postgres_server: str) -> None:
    with pytest.raises(HeadwayError, match="Postgres"):
        open_warehouse(postgres_server.format(database="nowhere"), DELTAS).watermark()


def test_postgres_goes_away_and_comes_back(tmp_path: Path) -> None:
    with own_postgres(tmp_path / "pg") as (address, stop, start):
        warehouse = filled(address)
        stop()
        for call in (lambda: count(warehouse), lambda: warehouse.append(events([event()]))):
            with pytest.raises(Unavailable, match="does not answer"):
                call()
        start()
        warehouse.append(events([event()]))
        assert count(warehouse) == 3
        stop()
        start()
        assert count(warehouse) == 3, "a connection that died while it was idle is not noticed"
        warehouse.close()


@contextmanager
def own_postgres(folder: Path) -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
    """A server of its own that may be stopped and started."""
    server = start_postgres(folder)
    try:
        yield server.get_uri(), server.stop, server.start
    finally:
        server.cleanup()
