"""A disk that fails or is full, a Postgres that is cut off: answers say so, what was acknowledged stays."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from connectors.warehouse import Warehouse
from models.errors import Unavailable
from models.tables import EVENTS
from tests.connectors.intake_school import Door, FixedSchools
from tests.connectors.kill_loop import Parcel, journal_of, migrated
from tests.connectors.test_intake_kill import assert_rollups_equal_a_rebuild

BROKEN = """
import sys
from models.errors import Unavailable
from tests.connectors import refusing
from tests.connectors.intake_school import Door, FixedSchools, small
from tests.connectors.kill_loop import Parcel, journal_of, migrated

warehouse = migrated(sys.argv[1])
journal = journal_of(sys.argv[1]) if sys.argv[3] == "in a stream" else None
schools = FixedSchools.of("s1", "s2", "s3", "s4", "s5")
door = Door(warehouse, schools, small(stream_events=0), journal=journal)
for number in range(8):
    door.send(*Parcel(0, 0, number).events())
if sys.argv[2] == "full after a checkpoint":
    warehouse.checkpoint()
{"fsync fails": refusing.refuse_syncing}.get(sys.argv[2], refusing.refuse_writing)()
for number in range(8, 12):
    try:
        door.send(*Parcel(0, 0, number).events())
    except Unavailable as error:
        assert door.writer.failure is error
        print(error.detail, flush=True)
    else:
        raise SystemExit("acknowledged without a disk")
import os
os._exit(0)  # as a process that has lost its disk
"""


@pytest.mark.parametrize("way", ["one by one", "in a stream"])
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("fsync fails", "check the disk"),
        ("full", "full: free some space"),
        ("full after a checkpoint", "full: free some space"),
    ],
)
def test_a_broken_disk_acknowledges_nothing_and_loses_nothing(
    fault: str, said: str, way: str, tmp_path: Path
) -> None:
    path = str(tmp_path / "w.duckdb")
    command = [sys.executable, "-c", BROKEN, path, fault, way]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr[-3000:]
    assert said in told.stdout.splitlines()[0]
    again = migrated(path)
    parcels = [Parcel(0, 0, number) for number in range(12)]
    recovered(again, path)
    assert_acknowledged_once(again, parcels[:8], parcels)
    repeat_all_and_check(again, parcels)
    again.close()


ROOM_AGAIN = """
import resource, sys
from models.errors import Unavailable
from tests.connectors.intake_school import Door, FixedSchools, small
from tests.connectors.kill_loop import Parcel, journal_of, migrated

journal = journal_of(sys.argv[1]) if sys.argv[2] == "in a stream" else None
schools = FixedSchools.of("s1", "s2", "s3", "s4", "s5")
door = Door(migrated(sys.argv[1]), schools, small(stream_events=0), journal=journal)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
refused = []
for number in range(400):
    try:
        door.send(*Parcel(0, 0, number).events())
    except Unavailable:
        refused.append(number)
        if len(refused) == 3:
            break
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
door.writer.settle()  # in a stream what waits is stored first; until then new events are refused
for again in refused:
    outcome = door.send(*Parcel(0, 0, again).events())
    assert outcome.accepted == len(Parcel(0, 0, again).ids()), outcome
assert door.writer.failure is None
print(number + 1, len(refused))
door.close()
door.warehouse.close()
"""


@pytest.mark.parametrize("way", ["one by one", "in a stream"])
def test_once_there_is_room_again_the_same_process_goes_on(way: str, tmp_path: Path) -> None:
    path = str(tmp_path / "w.duckdb")
    command = [sys.executable, "-c", ROOM_AGAIN, path, way]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr[-3000:]
    sent, refused = map(int, told.stdout.split())
    assert refused == 3
    warehouse = migrated(path)
    parcels = [Parcel(0, 0, number) for number in range(sent)]
    assert_acknowledged_once(warehouse, parcels, parcels)
    assert_rollups_equal_a_rebuild(warehouse)
    warehouse.close()


def test_postgres_cut_off_in_the_middle_of_commits(postgres_address: str) -> None:
    warehouse = migrated(postgres_address)
    door = Door(warehouse, FixedSchools.of("s1", "s2", "s3", "s4", "s5"))
    parcels: list[Parcel] = []
    tries: list[int] = []

    def send(sender: int) -> None:
        """On a fast machine a cut may long fall between two commits: until one was felt."""
        for number in range(300):
            if number >= 12 and max(tries) > 1:
                return
            mine = Parcel(0, sender, number)
            parcels.append(mine)
            tries.append(_until_acknowledged(door, mine))

    with cutting_off(postgres_address):
        senders = [threading.Thread(target=send, args=(n,)) for n in range(3)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    assert len(tries) == len(parcels) and max(tries) > 1, "nothing was cut off"
    assert_acknowledged_once(warehouse, parcels, parcels)
    assert_rollups_equal_a_rebuild(warehouse)
    door.close()
    warehouse.close()


def recovered(warehouse: Warehouse, path: str) -> None:
    """What waited in the journal, as at every start."""
    door = Door(warehouse, FixedSchools.of("s1"), journal=journal_of(path))
    door.writer.settle()
    door.close()


def _until_acknowledged(door: Door, parcel: Parcel) -> int:
    for attempt in range(1, 1000):
        try:
            door.send(*parcel.events())
        except Unavailable:
            continue
        return attempt
    raise AssertionError("never acknowledged")


@contextmanager
def cutting_off(address: str) -> Iterator[None]:
    """The server ends every connection to this database, again and again."""
    stop, dice = threading.Event(), random.Random(3)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"

    def work() -> None:
        with psycopg.connect(address, autocommit=True) as connection:
            while not stop.wait(dice.uniform(0.005, 0.4)):
                connection.execute(f"{cut} AND pid <> pg_backend_pid()")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def assert_acknowledged_once(warehouse: Warehouse, acknowledged: list[Parcel], sent: list[Parcel]) -> None:
    rows = warehouse.fetch(EVENTS.unbound.select("event_id"))["event_id"].to_pylist()
    stored = set(rows)
    assert len(stored) == len(rows)
    assert {one for parcel in acknowledged for one in parcel.ids()} <= stored
    assert stored <= {one for parcel in sent for one in parcel.ids()}
    assert not [p for p in sent if 0 < len(stored.intersection(p.ids())) < len(p.ids())]


def repeat_all_and_check(warehouse: Warehouse, parcels: list[Parcel]) -> None:
    """What the client does when it was not acknowledged."""
    door = Door(warehouse, FixedSchools.of("s1", "s2", "s3", "s4", "s5"))
    for parcel in parcels:
        door.send(*parcel.events())
    assert_acknowledged_once(warehouse, parcels, parcels)
    assert_rollups_equal_a_rebuild(warehouse)
    door.close()
