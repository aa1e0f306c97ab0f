"""Whose rows were read is on disk before the answer is given, and nobody else waits for that."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from app.door import THREADS
from app.doorway import Doorway
from app.notes import Notes
from connectors.metadata import AuditEntry
from models.errors import Unavailable
from tests.app.conftest import Hill
from tests.app.test_desk import BY_LEARNER, desk_of


class Paper:
    """An audit that waits to be let go, and may fail."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.began = threading.Event()
        self.commits: list[list[AuditEntry]] = []
        self.error: Exception | None = None

    def write_many(self, entries: Sequence[AuditEntry]) -> None:
        self.began.set()
        self.go.wait(20)
        if self.error is not None:
            raise self.error
        self.commits.append(list(entries))


@pytest.fixture
def paper() -> Iterator[tuple[Paper, Notes]]:
    paper: Any = Paper()
    notes = Notes(paper)
    yield paper, notes
    paper.go.set()
    notes.close()


def entries(reader: int) -> list[AuditEntry]:
    return [AuditEntry(f"reader-{reader}", "read", str(learner)) for learner in range(3)]


async def test_all_who_wait_while_one_is_written_go_into_one_commit(paper: tuple[Paper, Notes]) -> None:
    audit, notes = paper
    first = asyncio.ensure_future(notes.write(entries(0)))
    await asyncio.to_thread(audit.began.wait, 20)
    others = [asyncio.ensure_future(notes.write(entries(n))) for n in range(1, 9)]
    await asyncio.sleep(0.01)
    assert not first.done() and not any(one.done() for one in others)
    audit.go.set()
    await asyncio.gather(first, *others)
    assert [len(commit) for commit in audit.commits] == [3, 24]
    written = [entry for commit in audit.commits for entry in commit]
    assert sorted(written, key=str) == sorted((e for n in range(9) for e in entries(n)), key=str)


async def test_nobody_is_told_anything_when_the_audit_cannot_be_written(paper: tuple[Paper, Notes]) -> None:
    audit, notes = paper
    audit.error = Unavailable("The disk of the metadata database is full.")
    audit.go.set()
    told = await asyncio.gather(*(notes.write(entries(n)) for n in range(5)), return_exceptions=True)
    assert [type(one) for one in told] == [Unavailable] * 5
    audit.error = None
    await notes.write(entries(9))
    assert audit.commits == [entries(9)]


async def test_a_reader_who_gives_up_takes_nothing_from_the_others(paper: tuple[Paper, Notes]) -> None:
    audit, notes = paper
    first = asyncio.ensure_future(notes.write(entries(0)))
    await asyncio.to_thread(audit.began.wait, 20)
    gone, stays = (asyncio.ensure_future(notes.write(entries(n))) for n in (1, 2))
    await asyncio.sleep(0.01)
    gone.cancel()
    audit.go.set()
    await asyncio.gather(first, stays)
    assert stays.done() and gone.cancelled()


async def test_a_pupil_does_not_wait_while_teachers_reads_are_written(
    doorway: Doorway, hill: Hill, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper = Paper()
    monkeypatch.setattr(hill.metadata.audit, "write_many", paper.write_many)
    teacher, ada = await desk_of(doorway, hill, "teacher"), await desk_of(doorway, hill, "ada")
    reads = [asyncio.ensure_future(teacher.ask(BY_LEARNER)) for _ in range(2 * THREADS)]
    await asyncio.to_thread(paper.began.wait, 20)
    try:
        async with asyncio.timeout(10):  # ended by the audit's own 20 s, it would be too late
            assert (await ada.ask(BY_LEARNER)).table.num_rows
        assert not any(read.done() for read in reads)
    finally:
        paper.go.set()
    await asyncio.gather(*reads)
    assert len([entry for commit in paper.commits for entry in commit]) == 2 * THREADS * 2
