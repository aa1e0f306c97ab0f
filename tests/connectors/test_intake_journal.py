"""The journal before the warehouse: what is in it is there after a crash, once, and nothing else."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from compute.rollups import DELTAS
from connectors.intake import journal as module
from connectors.intake.journal import SOURCE, Entry, Journal
from connectors.warehouse import Warehouse, open_warehouse
from models.errors import Unavailable
from models.tables import DEAD_LETTER, EVENTS
from tests.connectors.intake_school import Door, FixedSchools, Sent, sent, small
from tests.connectors.test_intake_kill import assert_rollups_equal_a_rebuild

BY_JOURNAL = small(stream_events=0)


def entry(number: int, events: int = 3) -> Entry:
    """Told apart by its offset and its sequence numbers."""
    columns = {f.name: pa.nulls(events, f.type) for f in module.EVENTS}
    columns["sequence"] = pa.array([1000 * number + place for place in range(events)], pa.int32())
    rows = pa.table(columns, schema=module.EVENTS)
    return Entry(rows, module.LETTERS.empty_table(), module.QUALITY.empty_table(), {"topic": str(number)})


def written(folder: Path, *numbers: int) -> None:
    journal = Journal(folder)
    for number in numbers:
        journal.add(entry(number))
    journal._close()


def read(folder: Path, stored: int = 0) -> list[tuple[int, str, list[int]]]:
    return [
        (number, one.offsets["topic"], one.events["sequence"].to_pylist())
        for number, one in Journal(folder).waiting(stored)
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


def test_what_rotted_is_no_entry_and_ends_its_file(tmp_path: Path) -> None:
    written(tmp_path, 1, 2)
    (file,) = tmp_path.glob("*.journal")
    rotten = bytearray(file.read_bytes())
    rotten[-20] ^= 1
    file.write_bytes(rotten)
    assert read(tmp_path) == [told(1)]


def test_after_a_start_numbers_go_on_and_no_file_is_written_twice(tmp_path: Path) -> None:
    written(tmp_path, 1, 2)
    (tmp_path / f"{3:020d}.journal").touch()  # a crash came before its first entry
    again = Journal(tmp_path)
    assert [number for number, _ in again.waiting(1)] == [2]
    assert again.add(entry(4)) == 4
    assert read(tmp_path, stored=2) == [told(4)]


def test_files_go_when_all_in_them_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FILE_BYTES", 1)
    journal = Journal(tmp_path)
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


@pytest.mark.parametrize(("number", "said"), [(errno.ENOSPC, "full"), (errno.EIO, "check the disk")])
def test_a_failed_write_is_told_and_the_next_begins_anew(
    number: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)
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
        journal = Journal(tmp_path)
        journal.add(Entry(one.events.select(fewer.names), one.letters, one.lacking, one.offsets))
        journal._close()
    ((_, found),) = Journal(tmp_path).waiting(0)
    assert found.events.equals(one.events)


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
    assert int(warehouse.offsets()[SOURCE]) >= 1
    assert_rollups_equal_a_rebuild(warehouse)
    again.close()


def test_an_entry_that_was_written_twice_is_stored_once(place: Path, warehouse: Warehouse) -> None:
    """Its first write failed, was told so, and yet reached the disk; then it was sent again."""
    folder = Path(f"{place}.journal")
    first = opened_door(warehouse, place)
    first.writer.settle()
    kept: list[Entry] = []
    add = first.writer._storing._journal.add  # type: ignore[union-attr]
    first.writer._storing._journal.add = lambda one: kept.append(one) or add(one)  # type: ignore
    events = some(3)
    first.send(*events)
    first.close()
    journal = Journal(folder)
    for _ in journal.waiting(int(warehouse.offsets()[SOURCE])):
        pass
    journal.add(kept[0])
    journal.add(kept[0])
    journal._close()
    again = opened_door(warehouse, place)
    assert stored_ids(again) == ids(events)
    again.close()
