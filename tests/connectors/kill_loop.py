"""A writer under load that is killed again and again: what it answered, and what it was asked, survive it.

Run as a process of its own. Everything is imported once; each life is a fork, so that a hundred lives
take seconds. A life opens the warehouse, repeats what its forerunner left unanswered, and goes on with
new events until the kill. Its diary is a plain file: what was written there survives a kill -9.
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import random
import select
import signal
import sys
import threading
import traceback
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from compute.rollups import DELTAS
from config.taxonomy import taxonomy
from connectors.intake.journal import Journal, owner_in
from connectors.intake.payloads import payload_types
from connectors.intake.storing import place_of
from connectors.warehouse import Warehouse, open_warehouse
from connectors.warehouse.sql import rollup_statements
from tests.connectors.intake_school import NOON, Door, FixedSchools, Sent, sent, small

SENDERS = 3
_LONGEST_S = 60
_PAYLOADS = {
    "lesson_complete": {"duration_s": 61.25},
    "quiz_submit": {"score": 72.5, "duration_s": 33},
    "video_progress": {"position_s": 12, "duration_s": 5},
    "page_view": {"path": "/"},
}


@dataclass(frozen=True, slots=True, order=True)
class Parcel:
    """One request: its events follow from its number alone, so it can be sent again by anybody."""

    life: int
    sender: int
    number: int

    def ids(self) -> list[str]:
        count = 1 + random.Random(repr(self)).randrange(60)
        start = ((self.life * SENDERS + self.sender) << 64) | (self.number << 16)
        return [str(uuid.UUID(int=start + place + 1)) for place in range(count)]

    def events(self) -> list[Sent]:
        return [_event(one) for one in self.ids()]

    def line(self, verb: str, accepted: int = 0) -> bytes:
        return f"{verb} {self.life} {self.sender} {self.number} {accepted}\n".encode()


def _event(event_id: str) -> Sent:
    dice = random.Random(event_id)
    kind = dice.choice(list(_PAYLOADS))
    at = NOON + timedelta(minutes=dice.randrange(5 * 24 * 60))
    who = {"student_id": f"s{dice.randrange(1, 6)}", "session_id": f"x{dice.randrange(8)}"}
    return sent(kind, at, event_id=event_id, payload=_PAYLOADS[kind], **who)


def read_diary(path: Path) -> tuple[set[Parcel], dict[Parcel, int]]:
    """What was sent, and of what was answered how much was new."""
    asked: set[Parcel] = set()
    answered: dict[Parcel, int] = {}
    for line in path.read_text().splitlines():
        verb, *numbers = line.split()
        life, sender, number, accepted = map(int, numbers)
        if verb == "found":
            continue
        parcel = Parcel(life, sender, number)
        asked.add(parcel)
        if verb == "answered":
            answered[parcel] = answered.get(parcel, 0) + accepted
    return asked, answered


def found_in_journal(path: Path) -> list[int]:
    """Of each life how many events its forerunner had acknowledged, and not stored yet."""
    lines = [line.split() for line in path.read_text().splitlines()]
    return [int(line[-1]) for line in lines if line[0] == "found"]


class Life:
    def __init__(self, address: str, diary: Path, number: int) -> None:
        self.number = number
        asked, answered = read_diary(diary)
        self._left = sorted(asked - set(answered))
        self._diary = os.open(diary, os.O_WRONLY | os.O_APPEND)
        self.warehouse = open_warehouse(address, DELTAS)
        self._note(f"found {number} 0 0 {waiting_in(journal_of(address), self.warehouse)}\n".encode())
        # Small groups are stored at once, larger ones by way of the journal.
        limits, journal = small(stream_events=40), journal_of(address)
        schools = FixedSchools.of("s1", "s2", "s3", "s4", "s5")
        self._door = Door(self.warehouse, schools, limits, journal=journal)

    def live(self, told: int) -> None:
        """Until the kill. One byte goes to `told` at the first answer."""
        threading.Thread(target=self._tidy, daemon=True).start()
        for sender in range(SENDERS):
            threading.Thread(target=self._send, args=(sender, told), daemon=True).start()
        threading.Event().wait(_LONGEST_S)

    def _send(self, sender: int, told: int) -> None:
        for parcel in self._parcels(sender):
            self._note(parcel.line("asked"))
            outcome = self._door.send(*parcel.events())
            assert not outcome.rejected, outcome
            self._note(parcel.line("answered", outcome.accepted))
            os.write(told, b".")

    def _parcels(self, sender: int) -> Iterator[Parcel]:
        yield from self._left[sender::SENDERS]
        for number in range(1 << 30):
            yield Parcel(self.number, sender, number)

    def _note(self, line: bytes) -> None:
        os.write(self._diary, line)

    def _tidy(self) -> None:
        """Folding, merging and checkpoints are killed as well."""
        while True:
            self.warehouse.compact()
            self.warehouse.checkpoint()
            threading.Event().wait(0.02)


def one_life(address: str, diary: Path, number: int, dice: random.Random) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            Life(address, diary, number).live(writing)
        except BaseException:
            traceback.print_exc()
        finally:
            faulthandler.dump_traceback()
            os._exit(1)  # it should have been killed
    os.close(writing)
    if dice.random() < 0.15:
        _nap(dice.uniform(0, 0.1))  # while it starts
    else:
        select.select([reading], [], [], _LONGEST_S)
        _nap(dice.uniform(0, 0.12))
    os.kill(child, signal.SIGKILL)
    os.close(reading)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise SystemExit(f"life {number} ended by itself")


def _nap(seconds: float) -> None:
    threading.Event().wait(seconds)


def warm() -> None:
    """Pays once for what every life needs; opens nothing and starts no thread."""
    for engine in ("duckdb", "postgres"):
        importlib.import_module(f"connectors.warehouse.{engine}")
    rollup_statements(DELTAS, "duckdb")
    rollup_statements(DELTAS, "postgres")
    payload_types(taxonomy())


def journal_of(address: str) -> Path | None:
    return None if "://" in address else Path(address + ".journal")


def waiting_in(journal: Path | None, warehouse: Warehouse) -> int:
    if journal is None:
        return 0
    owner, stored = place_of(warehouse.offsets())
    left = Journal(journal, owner or owner_in(journal)).waiting(stored)
    return sum(len(one.entry.events) for one in left)


def migrated(address: str) -> Warehouse:
    warehouse = open_warehouse(address, DELTAS)
    warehouse.migrate()
    return warehouse


def main(arguments: Sequence[str]) -> None:
    address, diary, lives, seed = arguments
    warm()
    Path(diary).touch()
    dice = random.Random(int(seed))
    for number in range(int(lives)):
        one_life(address, Path(diary), number, dice)


if __name__ == "__main__":
    main(sys.argv[1:])
