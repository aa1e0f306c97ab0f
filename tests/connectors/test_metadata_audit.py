from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete, select, text, update

from connectors.metadata import AuditEntry, AuditReport, Metadata
from connectors.metadata.schema import AUDIT, AUDIT_HEAD
from models.errors import Unavailable
from tests.hill import SECRET, Clock, open_school


def entries(count: int, who: str = "p1") -> list[AuditEntry]:
    return [AuditEntry(who, "read", f"learner {n}", "teaching", 1, "203.0.113.9") for n in range(count)]


def run(metadata: Metadata, *statements: object) -> None:
    with metadata._store.write() as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[call-overload]


def test_what_was_written_is_read_back_and_whole(metadata: Metadata) -> None:
    metadata.audit.write("p1", "read", "42", "teaching", organisation_id=1, whence="::1", detail="names")
    metadata.audit.write_many(entries(3, "p2"))
    rows = metadata.audit.read(1)
    assert [row.seq for row in rows] == [4, 3, 2, 1]
    assert rows[-1].entry == AuditEntry("p1", "read", "42", "teaching", 1, "::1", "names")
    assert [row.seq for row in metadata.audit.read(1, who="p2", before=4, limit=1)] == [3]
    assert [row.seq for row in metadata.audit.read(whose="42")] == [1]
    assert metadata.audit.read(2) == []
    assert metadata.audit.verify() == AuditReport(4, ())


def test_an_empty_audit_is_whole(metadata: Metadata) -> None:
    assert metadata.audit.verify() == AuditReport(0, ())
    metadata.audit.write_many([])
    assert metadata.audit.verify() == AuditReport(0, ())


COLUMNS = [c.name for c in AUDIT.c if c.name not in ("seq", "mac")]


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("seq", [1, 3, 6])
def test_any_change_of_any_column_is_found(metadata: Metadata, column: str, seq: int) -> None:
    metadata.audit.write_many(entries(6))
    changed = 7 if column in ("organisation_id", "at") else "somebody else"
    run(metadata, update(AUDIT).where(AUDIT.c.seq == seq).values({column: changed}))
    assert f"row {seq} was changed or moved" in metadata.audit.verify().problems


@pytest.mark.parametrize("gone", [[1], [3], [2, 3, 4], [6], [4, 5, 6], [1, 2, 3, 4, 5, 6]])
def test_any_deletion_is_found(metadata: Metadata, gone: list[int]) -> None:
    metadata.audit.write_many(entries(6))
    run(metadata, delete(AUDIT).where(AUDIT.c.seq.in_(gone)))
    assert not metadata.audit.verify().whole


def test_a_deletion_that_closes_the_gap_is_found(metadata: Metadata) -> None:
    metadata.audit.write_many(entries(6))
    moves = [update(AUDIT).where(AUDIT.c.seq == n).values(seq=n - 1) for n in (4, 5, 6)]
    run(metadata, delete(AUDIT).where(AUDIT.c.seq == 3), *moves)
    assert not metadata.audit.verify().whole


def test_two_rows_swapped_are_found(metadata: Metadata) -> None:
    metadata.audit.write_many(entries(6))
    moves = [(2, 100), (5, 2), (100, 5)]
    run(metadata, *(update(AUDIT).where(AUDIT.c.seq == a).values(seq=b) for a, b in moves))
    assert "row 2 was changed or moved" in metadata.audit.verify().problems


def test_a_cut_end_with_the_head_put_back_is_found(metadata: Metadata, tmp_path: Path) -> None:
    """The attacker kept an old head row, sealed and valid, and cuts what was written since."""
    metadata.audit.write_many(entries(3))
    with metadata._store.read() as connection:
        old = dict(connection.execute(select(AUDIT_HEAD)).one()._mapping)
    metadata.audit.write_many(entries(3))
    run(metadata, delete(AUDIT).where(AUDIT.c.seq > 3), update(AUDIT_HEAD).values(**old))
    assert metadata.audit.verify().problems == ("rows after 3 are gone: the head file knows of 6",)
    (tmp_path / "audit-head").unlink()
    assert metadata.audit.verify().problems == ("the head file is missing",)


def test_everything_deleted_with_both_heads_gone_is_found_by_the_file(metadata: Metadata) -> None:
    metadata.audit.write_many(entries(3))
    run(metadata, delete(AUDIT), delete(AUDIT_HEAD))
    assert not metadata.audit.verify().whole


def test_everything_deleted_with_both_heads_and_the_file_is_found_then_and_ever_after(
    metadata: Metadata, tmp_path: Path
) -> None:
    metadata.audit.write_many(entries(3))
    run(metadata, delete(AUDIT), delete(AUDIT_HEAD))
    (tmp_path / "audit-head").unlink()
    lost = "the head of the chain is missing or was changed"
    assert metadata.audit.verify().problems == ("the head file is missing", lost)
    metadata.migrate()  # as every start does
    assert metadata.audit.verify().problems == ("the head file is missing", lost)
    metadata.audit.write_many(entries(2))  # what happens afterwards is recorded, and does not hide it
    assert metadata.audit.verify().problems == ("row 1 was changed or moved",)


def test_a_database_from_before_audits_began_with_it_keeps_what_it_has(
    metadata: Metadata, tmp_path: Path
) -> None:
    back = text("UPDATE alembic_version SET version_num = '0003'")
    run(metadata, delete(AUDIT_HEAD), back)  # as it was then, with nothing written yet
    (tmp_path / "audit-head").unlink()
    metadata.migrate()
    assert metadata.audit.verify() == AuditReport(0, ())
    metadata.audit.write_many(entries(3))
    run(metadata, back)
    metadata.migrate()
    assert metadata.audit.verify() == AuditReport(3, ())


def test_a_chain_built_anew_by_somebody_without_the_secret_is_found(
    metadata: Metadata, metadata_address: str, tmp_path: Path, clock: Clock
) -> None:
    metadata.audit.write_many(entries(3))
    run(metadata, delete(AUDIT), delete(AUDIT_HEAD))
    (tmp_path / "audit-head").unlink()
    with open_school(metadata_address, tmp_path, clock, secret=b"guessed " + os.urandom(32)) as forger:
        with forger._store.write() as connection:
            forger.audit.begin(connection)
        forger.audit.write_many(entries(3))
        assert forger.audit.verify().whole
    report = metadata.audit.verify()
    assert len(report.problems) >= 4  # each row, and the head


@pytest.mark.parametrize(
    "change", [lambda head: {"seq": head.seq - 1}, lambda head: {"mac": b"\0" * 32}, lambda _: {"seal": b""}]
)
def test_a_changed_head_is_found(metadata: Metadata, change: Callable[..., dict[str, object]]) -> None:
    metadata.audit.write_many(entries(3))
    with metadata._store.read() as connection:
        head = connection.execute(select(AUDIT_HEAD)).one()
    run(metadata, update(AUDIT_HEAD).values(**change(head)))
    assert "the head of the chain is missing or was changed" in metadata.audit.verify().problems


@pytest.mark.parametrize("content", ["", "nonsense", "3 00 00", "9 {mac} {seal}"])
def test_a_changed_head_file_is_found(metadata: Metadata, tmp_path: Path, content: str) -> None:
    metadata.audit.write_many(entries(3))
    file = tmp_path / "audit-head"
    _, mac, seal = file.read_text().split()
    file.write_text(content.format(mac=mac, seal=seal))
    assert metadata.audit.verify().problems == ("the head file was changed",)


def test_a_head_file_that_lags_behind_after_a_crash_is_no_alarm(metadata: Metadata, tmp_path: Path) -> None:
    metadata.audit.write_many(entries(3))
    shutil.copy(tmp_path / "audit-head", tmp_path / "kept")
    metadata.audit.write_many(entries(3))
    shutil.copy(tmp_path / "kept", tmp_path / "audit-head")
    assert metadata.audit.verify() == AuditReport(6, ())


def test_many_threads_and_two_processes_worth_of_writers_make_one_chain(
    metadata: Metadata, metadata_address: str, tmp_path: Path, clock: Clock
) -> None:
    with open_school(metadata_address, tmp_path, clock) as other:

        def write(audit: object, name: str) -> None:
            for n in range(10):
                (metadata if n % 2 else other).audit.write(name, "read", str(n))

        threads = [threading.Thread(target=write, args=(None, f"t{n}")) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert metadata.audit.verify().rows == 80
    # The file may be either writer's last; the chain and its head must be whole.
    assert metadata.audit.verify().whole
    for n in range(8):
        mine = [row.entry.whose for row in metadata.audit.read(who=f"t{n}")]
        assert mine == [str(k) for k in reversed(range(10))]


def test_a_write_that_fails_is_told_to_each_who_waited(
    metadata: Metadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise Unavailable("gone")

    monkeypatch.setattr(metadata.audit, "_commit", away)
    with pytest.raises(Unavailable):
        metadata.audit.write("p1", "read")
    monkeypatch.undo()
    metadata.audit.write("p1", "read")
    assert metadata.audit.verify() == AuditReport(1, ())


def test_what_was_acknowledged_survives_a_killed_process(metadata: Metadata, metadata_address: str) -> None:
    program = textwrap.dedent(f"""
        from connectors.metadata import open_metadata
        metadata = open_metadata({metadata_address!r}, {SECRET!r})
        for n in range(10_000):
            metadata.audit.write("p1", "read", str(n))
            print(n, flush=True)
    """)
    writer = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    told = [int(writer.stdout.readline()) for _ in range(20)]
    writer.send_signal(signal.SIGKILL)
    told += [int(line) for line in writer.stdout.read().split()]
    writer.wait()
    writer.stdout.close()
    kept = [int(row.entry.whose) for row in reversed(metadata.audit.read(limit=20_000))]
    assert kept[: len(told)] == told and len(kept) <= len(told) + 1
    assert [p for p in metadata.audit.verify().problems if "head file" not in p] == []
