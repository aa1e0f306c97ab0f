"""Several processes, each with a writer of its own, that store into one Postgres at once and send what the
others send too. Run as a process of its own: ADDRESS PROCESSES BATCHES. Everything is imported once and each
process is a fork. Prints what each was answered: accepted and duplicates."""

from __future__ import annotations

import json
import os
import sys
import traceback
import uuid
from collections.abc import Sequence
from datetime import timedelta

from tests.connectors.intake_school import NOON, Door, FixedSchools, Sent, sent
from tests.connectors.kill_loop import migrated, warm

SIZE = 60
_KINDS = ("lesson_complete", "video_progress", "page_view")
_PAYLOADS: tuple[Sent, ...] = ({"duration_s": 61.25}, {"position_s": 12, "duration_s": 5}, {"path": "/"})


def batch(process: int, number: int) -> list[Sent]:
    """Two of three events are sent by every process, each with a time of its own: the id decides.

    Learners and sessions run through all processes.
    """
    return [_event(process, number, place) for place in range(SIZE)]


def _event(process: int, number: int, place: int) -> Sent:
    sender = process if place % 3 == 0 else 99
    at = NOON + timedelta(minutes=7 * number + place % 5, seconds=process, days=place % 2 * 30)
    return sent(
        _KINDS[place % 3],
        at,
        event_id=str(uuid.UUID(int=sender << 64 | number << 16 | place)),
        student_id=f"s{place % 5 + 1}",
        session_id=f"x{place % 4}",
        payload=_PAYLOADS[place % 3],
    )


def _store(address: str, process: int, batches: int, start: int, told: int) -> None:
    warehouse = migrated(address)
    door = Door(warehouse, FixedSchools.of("s1", "s2", "s3", "s4", "s5"))
    os.write(told, b".")
    os.read(start, 1)  # ends for all at once, when every process is ready
    accepted = duplicates = 0
    first = process * batches // 3  # each begins elsewhere, so each is the first with some of what all send
    for number in (*range(first, batches), *range(first)):
        outcome = door.send(*batch(process, number))
        assert not outcome.rejected, outcome
        accepted, duplicates = accepted + outcome.accepted, duplicates + outcome.duplicates
        if number % 4 == process % 4:
            warehouse.fold()
    door.close()
    warehouse.close()
    os.write(told, json.dumps([accepted, duplicates]).encode())


def _all(reading: int) -> bytes:
    with os.fdopen(reading, "rb") as whole:
        return whole.read()


def main(arguments: Sequence[str]) -> None:
    address, processes, batches = arguments
    warm()
    start, go = os.pipe()
    children = []
    for process in range(int(processes)):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(go)
            code = 1
            try:
                _store(address, process, int(batches), start, writing)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        os.close(writing)
        children.append((child, reading))
    for _, reading in children:
        assert os.read(reading, 1) == b".", "a process did not start"
    os.close(go)
    answers = [json.loads(_all(reading)) for _, reading in children]
    ended = [os.waitpid(child, 0)[1] for child, _ in children]
    if any(ended):
        raise SystemExit("a process failed")
    print(json.dumps(answers))


if __name__ == "__main__":
    main(sys.argv[1:])
