"""A Kafka consumer with its writer that is killed again and again, as `kill_loop` does it: everything is
imported once, each life is a fork. Run as a process of its own; the broker lives in the test."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence

from connectors.intake.submission import Outcome, Submission
from connectors.sources import kafka
from connectors.sources.kafka import KafkaConsumer, KafkaTopics, Lag, WayIn
from connectors.warehouse import Warehouse
from models.errors import HeadwayError
from tests.connectors.intake_school import Door, FixedSchools, small
from tests.connectors.kill_loop import journal_of, migrated, warm

TOPICS = {"events": 1, "others": 2}
FAST = {"session.timeout.ms": "6000", "heartbeat.interval.ms": "500"}
_LONGEST_S = 60.0


def said(brokers: str, *, alone: bool, consumers: int = 1) -> KafkaTopics:
    return KafkaTopics(brokers, TOPICS, alone=alone, consumers=consumers, more=FAST)


class Told:
    """A byte for each commit, so that the kill comes while there is something to kill."""

    def __init__(self, door: Door, told: int) -> None:
        self._door, self._told = door, told

    def put(self, submission: Submission) -> None:
        told = submission.told

        def and_tell(outcome: Outcome | HeadwayError) -> None:
            os.write(self._told, b".")
            told(outcome)

        submission.told = and_tell
        self._door.writer.put(submission)


def _live(address: str, brokers: str, alone: bool, told: int, consumers: int = 2) -> None:
    warehouse = migrated(address)
    # Single messages are stored at once, batches by way of the journal.
    schools, limits = FixedSchools.of("s1", "s2", "s3"), small(stream_events=10)
    door = Door(warehouse, schools, limits, journal=journal_of(address))
    way = WayIn(Told(door, told).put, door.writer.offsets)
    for number in range(consumers):
        KafkaConsumer(said(brokers, alone=alone, consumers=consumers), way, Lag(), number).start()
    threading.Event().wait(_LONGEST_S)


def one_life(address: str, brokers: str, alone: bool, dice: random.Random) -> bool:
    """Was anything committed in it?"""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _live(address, brokers, alone, writing)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)  # it should have been killed
    os.close(writing)
    ready, _, _ = select.select([reading], [], [], 15.0)
    threading.Event().wait(dice.uniform(0, 0.06))
    os.kill(child, signal.SIGKILL)
    os.close(reading)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise SystemExit("a life ended by itself")
    return bool(ready)


def side_by_side(address: str, brokers: str, ends: Mapping[str, int], processes: int = 2) -> list[int]:
    """Processes of one group at once, until all is read; returns how often each committed."""
    start, go = os.pipe()
    children = [_beside(address, brokers, start, go) for _ in range(processes)]
    for _, reading in children:
        assert os.read(reading, 1) == b"r", "a process did not start"
    os.close(go)  # all join the group at once: it waits 3 s before its first assignment
    warehouse = migrated(address)
    until = time.monotonic() + _LONGEST_S
    while not drained(warehouse, ends):
        if time.monotonic() > until:
            raise SystemExit("not everything was read in time")
        time.sleep(0.05)
    warehouse.close()
    for child, _ in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return [len(os.read(reading, 1 << 16)) for _, reading in children]


def _beside(address: str, brokers: str, start: int, go: int) -> tuple[int, int]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(go)
            migrated(address).close()
            os.write(writing, b"r")
            os.read(start, 1)
            _live(address, brokers, False, writing, consumers=1)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)  # it should have been killed
    os.close(writing)
    return child, reading


def drained(warehouse: Warehouse, ends: Mapping[str, int]) -> bool:
    known = warehouse.offsets()
    return all(int(known.get(key, 0)) >= end for key, end in ends.items())


def main(arguments: Sequence[str]) -> None:
    address, brokers, way, *more = arguments
    warm()
    kafka._BATCH = 20  # so that a life has more than one commit to be killed in
    if way == "side-by-side":
        print(json.dumps(side_by_side(address, brokers, json.loads(more[0]))))
        return
    lives, seed = more
    dice = random.Random(int(seed))
    worked = sum(one_life(address, brokers, way == "alone", dice) for _ in range(int(lives)))
    print(worked)


if __name__ == "__main__":
    main(sys.argv[1:])
