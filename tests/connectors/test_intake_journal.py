"""The journal before the warehouse: what is in it is there after a crash, once, and nothing else."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import sleep
from typing import Any

import pyarrow as pa
import pytest

from compute.rollups import DELTAS
from connectors.intake import journal as module
from connectors.intake.decode import decode
from connectors.intake.journal import Entry, Journal
from connectors.intake.storing import place_of
from connectors.intake.submission import Outcome
from connectors.warehouse import Warehouse, open_warehouse
from models.errors import Unavailable
from models.tables import DEAD_LETTER, EVENTS
from tests.connectors.intake_school import Door, FixedSchools, Sent, body, sent, small
from tests.connectors.test_intake_kill import assert_rollups_equal_a_rebuild

OWNER = "a-warehouse"
BY_JOURNAL = small(stream_events=0)


def entry(number: int, events: int = 3) -> Entry:
    """Told apart by its offset and its sequence numbers."""
    columns = {f.name: pa.nulls(events, f.type) for f in module.EVENTS}
    columns["sequence"] = pa.array([1000 * number + place for place in range(events)], pa.int32())
    rows = pa.table(columns, schema=module.EVENTS)
    return Entry(rows, module.LETTERS.empty_table(), module.QUALITY.empty_table(), {"topic": str(number)})


def written(folder: Path, *numbers: int) -> None:
    journal = Journal(folder, OWNER)
    for number in numbers:
        journal.add(entry(number))
    journal._close()


def read(folder: Path, stored: int = 0) -> list[tuple[int, str, list[int]]]:
    return [
        (one.number, one.entry.offsets["topic"], one.entry.events["sequence"].to_pylist())
        for one in Journal(folder, OWNER).waiting(stored)
    ]


def told(number: int) -> tuple[int, str, list[int]]:
    return number, str(number), [1000 * number + place for place in range(3)]


def test_entries_come_back_in_their_order_and_those_that_are_stored_do_not(tmp_path: Path) -> None:
    written(tmp_path, 1, 2, 3)
    assert read(tmp_path) == [told(1), told(2), told(3)]
    assert read(tmp_path, stored=2) == [told(3)]
    assert read(tmp_path, stored=3) == []
    assert read(tmp_path / "none yet") == []


def test_a_torn_end_is_no_entry_wherever_it_tore(tmp_path: Path) -> None:
    written(tmp_path, 1)
    (file,) = tmp_path.glob("*.journal")
    one = file.stat().st_size
    file.unlink()
    written(tmp_path, 1, 2)
    whole = file.read_bytes()
    for end in [*range(0, one, 97), *range(one - 3, len(whole), 41), len(whole) - 1]:
        file.write_bytes(whole[:end])
        assert read(tmp_path) == ([told(1)] if end >= one else []), end
        # Or the size was on disk before the contents were.
        file.write_bytes(whole[:end].ljust(len(whole), b"\0"))
        assert read(tmp_path) == ([told(1)] if end >= one else []), end


def test_what_rotted_is_told_and_kept_and_the_rest_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    written(tmp_path, 1, 2, 3)
    (file,) = tmp_path.glob("*.journal")
    rotten = bytearray(file.read_bytes())
    rotten[rotten.rindex(module._MARK) - 20] ^= 1
    file.write_bytes(rotten)
    journal = Journal(tmp_path, OWNER)
    assert [one.number for one in journal.waiting(0)] == [1, 3]
    assert "damaged" in caplog.text
    journal.let_go(3)
    assert [path.suffix for path in tmp_path.iterdir()] == [".damaged"]


def test_the_journal_of_another_warehouse_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    written(tmp_path, 1)
    other = Journal(tmp_path, "another")
    assert not list(other.waiting(0))
    assert "another warehouse" in caplog.text
    assert other.add(entry(2)) == 2
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".journal", ".other"]


def test_after_a_start_numbers_go_on_and_no_file_is_written_twice(tmp_path: Path) -> None:
    written(tmp_path, 1, 2)
    (tmp_path / f"{3:020d}.journal").touch()  # a crash came before its first entry
    again = Journal(tmp_path, OWNER)
    assert [one.number for one in again.waiting(1)] == [2]
    assert again.add(entry(4)) == 4
    assert read(tmp_path, stored=2) == [told(4)]


def test_files_go_when_all_in_them_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FILE_BYTES", 1)
    journal = Journal(tmp_path, OWNER)
    for number in (1, 2, 3):
        journal.add(entry(number))
    assert len(list(tmp_path.iterdir())) == 3
    journal.let_go(2)
    assert read(tmp_path, stored=2) == [told(3)]
    assert len(list(tmp_path.iterdir())) == 1
    journal.close()
    assert len(list(tmp_path.iterdir())) == 1, "what waits must stay"
    journal.let_go(3)
    assert not list(tmp_path.iterdir())


def test_nothing_stays_on_disk_while_nothing_waits(tmp_path: Path) -> None:
    journal = Journal(tmp_path, OWNER)
    journal.add(entry(1))
    journal.rest()
    assert read(tmp_path) == [told(1)]
    journal.let_go(1)
    journal.rest()
    assert not list(tmp_path.iterdir())
    assert journal.add(entry(2)) == 2
    assert read(tmp_path, stored=1) == [told(2)]


def test_a_full_disk_leaves_no_files_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path, OWNER)

    def full(file: int, text: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", full)
        for _ in range(3):
            with pytest.raises(Unavailable, match="full"):
                journal.add(entry(1))
    assert not list(tmp_path.iterdir())
    journal.add(entry(7))
    assert read(tmp_path) == [(4, "7", [7000, 7001, 7002])]


@pytest.mark.parametrize(("number", "said"), [(errno.ENOSPC, "full"), (errno.EIO, "check the disk")])
def test_a_failed_write_is_told_and_the_next_begins_anew(
    number: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, OWNER)
    journal.add(entry(1))
    with monkeypatch.context() as broken:

        def fails(file: int) -> None:
            raise OSError(number, os.strerror(number))

        broken.setattr(os, "fdatasync", fails)
        with pytest.raises(Unavailable, match=said):
            journal.add(entry(2))
    journal.add(entry(3))
    assert read(tmp_path) == [told(1), told(3)]
    journal.let_go(3)
    journal.close()
    assert not list(tmp_path.iterdir())


def test_what_an_earlier_version_left_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = entry(1)
    with monkeypatch.context() as earlier:
        fewer = pa.schema([field for field in module.EVENTS if field.name != "browser"])
        earlier.setattr(module, "_SCHEMAS", (fewer, module.LETTERS, module.QUALITY))
        journal = Journal(tmp_path, OWNER)
        journal.add(Entry(one.events.select(fewer.names), one.letters, one.lacking, one.offsets))
        journal._close()
    (found,) = Journal(tmp_path, OWNER).waiting(0)
    assert found.entry.events.equals(one.events)


# ---- with a warehouse behind it


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "w.duckdb"


@pytest.fixture
def warehouse(place: Path) -> Iterator[Warehouse]:
    opened = open_warehouse(str(place), DELTAS)
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def door(warehouse: Warehouse, place: Path) -> Iterator[Door]:
    opened = opened_door(warehouse, place)
    yield opened
    opened.close()


def opened_door(warehouse: Warehouse, place: Path) -> Door:
    return Door(warehouse, FixedSchools.of(), BY_JOURNAL, journal=Path(f"{place}.journal"))


def some(count: int) -> list[Sent]:
    return [sent() for _ in range(count)]


def ids(events: list[Sent]) -> list[object]:
    return sorted(str(event["event_id"]) for event in events)


def stored_ids(door: Door) -> list[object]:
    return [row["event_id"] for row in door.stored()]


def test_a_commit_or_checkpoint_that_takes_long_keeps_no_answer(door: Door) -> None:
    events = some(5)
    door.writer.settle()
    with door.writer._storing._storing:
        assert door.send(*events).accepted == 5
        rows = door.warehouse.fetch(EVENTS.unbound)
        assert not len(rows), "nothing can have been stored meanwhile"
    assert stored_ids(door) == ids(events)


def test_a_repeat_of_what_waits_is_known_of_its_own_school_only(door: Door) -> None:
    events = some(4)
    door.writer.settle()
    with door.writer._storing._storing:
        assert door.send(*events).accepted == 4
        again = door.send(*events, sent())
        assert (again.accepted, again.duplicates) == (1, 4)
        assert door.send(*events, organisation_id=2).accepted == 4
    assert len(door.stored()) == 9


def test_a_warehouse_that_takes_nothing_loses_nothing(
    door: Door, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = some(6)
    door.writer.settle()
    refusing_once(warehouse, monkeypatch, before=True)
    assert door.send(*events).accepted == 6
    assert stored_ids(door) == ids(events)
    assert door.writer.failure is None


def test_a_try_that_failed_after_its_commit_stores_nothing_twice(
    door: Door, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    events, more = some(6), some(3)
    door.writer.settle()
    failed = refusing_once(warehouse, monkeypatch, before=False)
    assert door.send(*events).accepted == 6
    while not failed:
        pass
    with pytest.raises(Unavailable, match="of a test"):
        door.send(*more)
    assert stored_ids(door) == ids(events)
    assert door.send(*more).accepted == 3
    assert stored_ids(door) == ids(events + more)
    assert_rollups_equal_a_rebuild(warehouse)


def refusing_once(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, *, before: bool) -> list[bool]:
    append, failed = warehouse.append, list[bool]()

    def once(*given: Any, **more: Any) -> Any:
        if failed:
            return append(*given, **more)
        if not before:
            append(*given, **more)
        failed.append(True)
        raise Unavailable("A failure of a test.")

    monkeypatch.setattr(warehouse, "append", once)
    return failed


def test_what_waited_at_a_crash_is_stored_at_the_next_start_with_all_that_belongs_to_it(
    place: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = opened_door(warehouse, place)
    door.writer.settle()
    never: Callable[..., Any] = lambda *given, **more: (_ for _ in ()).throw(Unavailable("gone"))  # noqa: E731
    events, unknown = some(5), sent("hologram_viewed")
    with monkeypatch.context() as dead:
        dead.setattr(warehouse, "append", never)
        told = door.send(*events, unknown, sent(student_id=""))
        assert (told.accepted, told.quarantined, len(told.rejected)) == (5, 1, 1)
        door.close()
    assert not len(warehouse.fetch(EVENTS.unbound))
    again = opened_door(warehouse, place)
    repeated = again.send(*events, unknown)
    assert (repeated.accepted, repeated.duplicates) == (0, 6)
    assert stored_ids(again) == ids(events)
    letters = warehouse.fetch(DEAD_LETTER.unbound)["kind"].to_pylist()
    assert sorted(letters) == ["quarantined", "refused"]
    assert place_of(warehouse.offsets())[1] >= 1
    assert_rollups_equal_a_rebuild(warehouse)
    again.close()


def test_one_id_from_two_sources_in_one_group_is_stored_once(door: Door) -> None:
    door.writer.settle()
    events = some(3)
    with door.writer._checking:  # both wait, and are taken together
        answers = [
            door.put(decode(body(*events)), source="http"),
            door.put(decode(body(*events)), source="kafka"),
            door.put(decode(body(*events)), organisation_id=2, source="kafka"),
        ]
        sleep(0.2)
    told = [answer.get() for answer in answers]
    assert all(isinstance(one, Outcome) for one in told)
    assert [one.accepted for one in told if isinstance(one, Outcome)] == [3, 0, 3]
    assert len(door.stored()) == 6


def test_a_warehouse_from_a_backup_reads_its_sources_again(place: Path, warehouse: Warehouse) -> None:
    """Its journal is newer than it, so what lies between the two has gone: ids make a second reading safe."""
    first = opened_door(warehouse, place)
    first.send(sent())
    first.close()
    owner, stored = place_of(warehouse.offsets())
    journal = Journal(Path(f"{place}.journal"), owner)
    assert owner and not list(journal.waiting(stored))
    number = warehouse.watermark().number
    none = Entry(module.EVENTS.empty_table(), module.LETTERS.empty_table(), module.QUALITY.empty_table(), {})
    journal.add(replace(none, offsets={"topic": "5"}), number)
    journal.add(replace(none, offsets={"topic": "9"}), number + 1)
    journal.close()
    again = opened_door(warehouse, place)
    assert again.writer.offsets()["topic"] == "5"
    again.close()


def test_a_new_warehouse_takes_nothing_from_the_journal_of_an_older_one(
    place: Path, warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Path(f"{place}.journal")
    left = Journal(folder, "an-older-one")
    left.add(replace(entry(1), offsets={"topic": "5"}), 900)
    left._close()
    door = opened_door(warehouse, place)
    assert "topic" not in door.writer.offsets() and not door.stored()
    assert "another warehouse" in caplog.text
    assert [path.suffix for path in folder.iterdir()] == [".other"]
    door.close()


def test_the_first_entries_of_a_new_warehouse_are_its_own(
    place: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before any of them was stored, when the warehouse knows of no journal yet."""
    door, events = opened_door(warehouse, place), some(3)
    door.writer.settle()
    with monkeypatch.context() as dead:
        dead.setattr(door.writer._storing, "_turn", lambda: False)
        dead.setattr(door.writer._storing, "_store", lambda *given, **more: None)
        door.send(*events)
        door.close()
    again = opened_door(warehouse, place)
    assert stored_ids(again) == ids(events)
    again.close()


def test_an_unforeseen_failure_does_not_end_the_storing(
    door: Door, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.writer.settle()
    failed: list[bool] = []

    def wrong(*given: object) -> None:
        if not failed:
            failed.append(True)
            raise MemoryError

    monkeypatch.setattr(door.writer._storing, "_checkpoint_if_due", wrong)
    events = some(4)
    door.send(*events)
    assert stored_ids(door) == ids(events)
    more = some(2)
    _until_taken(door, more)
    assert failed and stored_ids(door) == ids(events + more)


def _until_taken(door: Door, events: list[Sent]) -> None:
    for _ in range(100):
        try:
            door.send(*events)
            return
        except Unavailable:
            sleep(0.05)
    raise AssertionError("nothing is taken any more")


def test_an_entry_that_was_written_twice_is_stored_once(place: Path, warehouse: Warehouse) -> None:
    """Its first write failed, was told so, and yet reached the disk; then it was sent again."""
    folder = Path(f"{place}.journal")
    first = opened_door(warehouse, place)
    first.writer.settle()
    kept: list[Entry] = []
    add = first.writer._storing._journal.add  # type: ignore[union-attr]
    first.writer._storing._journal.add = lambda one, at: kept.append(one) or add(one, at)  # type: ignore
    events = some(3)
    first.send(*events)
    first.close()
    owner, stored = place_of(warehouse.offsets())
    journal = Journal(folder, owner)
    assert not list(journal.waiting(stored))
    journal.add(kept[0])
    journal.add(kept[0])
    journal._close()
    again = opened_door(warehouse, place)
    assert stored_ids(again) == ids(events)
    again.close()
