"""Kafka: exactly once through kills, rebalances and a warehouse that is away.

The broker is librdkafka's mock cluster: the real protocol over TCP within the test's own process. Its
limits: it keeps about 5 MB a partition, shows aborted transactions to readers, answers no admin call,
does not give a static member its partitions back, waits 3 s before a group's first
assignment and refuses session timeouts under 6 s. So nothing is claimed here about throughput, isolation or
how soon a group heals; and most kills are done without the group, which takes seconds to notice each.

More kills than the suite has time for: HEADWAY_TEST_KILLS=200 pytest tests/connectors/test_sources_kafka.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from connectors.intake.submission import Submission
from connectors.sources.kafka import KafkaConsumer, Lag, WayIn, read, source_key
from connectors.warehouse import Warehouse
from connectors.warehouse.deadletters import DeadLetters, LetterFilter
from models.errors import TooMany, Unavailable
from models.tables import EVENTS, LEARNER_COURSE_DAY
from tests.connectors.intake_school import NOON, Door, FixedSchools, sent
from tests.connectors.kafka_lives import drained, said
from tests.connectors.kill_loop import journal_of, migrated

KILLS = int(os.environ.get("HEADWAY_TEST_KILLS", "100"))
POISON = b'{"event_id": "broken'


class Broker:
    def __init__(self) -> None:
        self._producer = Producer({"bootstrap.servers": "", "test.mock.num.brokers": 1, "log_level": 0})
        brokers = self._producer.list_topics(timeout=10).brokers.values()
        self.address = ",".join(f"{one.host}:{one.port}" for one in brokers)
        self.ends: dict[str, int] = {}

    def send(self, value: bytes | None, key: str = "", topic: str = "events") -> None:
        self._producer.produce(topic, value, key, on_delivery=self._delivered)
        self._producer.poll(0)

    def _delivered(self, error: object, message: object) -> None:
        assert error is None, error
        place = source_key("headway", message.topic(), message.partition())  # type: ignore[attr-defined]
        self.ends[place] = max(self.ends.get(place, 0), message.offset() + 1)  # type: ignore[attr-defined]

    def flush(self) -> None:
        assert self._producer.flush(20) == 0


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    for topic in ("events", "others"):  # the first message makes the topic
        broker.send(None, topic=topic)
    broker.flush()
    yield broker
    broker.flush()


def happened(number: int, organisation: int = 1) -> dict[str, object]:
    """Every learner's events bear rising sequence numbers."""
    return sent(
        "lesson_complete",
        NOON + timedelta(seconds=number),
        event_id=str(uuid.UUID(int=organisation << 64 | number + 1)),
        student_id=f"s{number % 3 + 1}",
        payload={"duration_s": number % 50},
        sequence=number,
    )


def fill(broker: Broker, count: int) -> None:
    """Events of two organisations, some sent twice, some arrays, some poison."""
    for number in range(count):
        key = f"s{number % 3 + 1}"
        body = json.dumps(happened(number)).encode()
        broker.send(body, key)
        if number % 10 == 0:
            broker.send(body, key)
            broker.send(
                json.dumps([happened(number, 2), happened(number + count, 2)]).encode(), key, "others"
            )
        if number % 50 == 0:
            broker.send(POISON + str(number).encode(), key)
    broker.flush()


def assert_all_there_once(warehouse: Warehouse, count: int) -> None:
    events = EVENTS.unbound
    rows = warehouse.fetch(events.select("organisation_id", "event_id", "source")).to_pylist()
    found = sorted((row["organisation_id"], uuid.UUID(str(row["event_id"])).int) for row in rows)
    tens = range(0, count, 10)
    wanted = [(1, 1 << 64 | n + 1) for n in range(count)]
    wanted += [(2, 2 << 64 | n + 1) for n in (*tens, *(n + count for n in tens))]
    assert found == sorted(wanted)
    assert {row["source"] for row in rows} == {"kafka"}
    letters = DeadLetters(warehouse).newest(LetterFilter(1, limit=count))
    assert [letter["code"] for letter in letters] == ["not-json"] * len(range(0, count, 50))
    seconds = sum(n % 50 for n in range(count))
    assert learning(warehouse) == seconds
    warehouse.rebuild()
    assert learning(warehouse) == seconds


def learning(warehouse: Warehouse) -> float:
    days = LEARNER_COURSE_DAY.unbound
    total: float = warehouse.fetch(days.filter(days.organisation_id == 1).learning_s.sum())[0][0].as_py()
    return total


class Reading:
    """Consumers in this process, over a door."""

    def __init__(
        self,
        warehouse: Warehouse,
        broker: Broker,
        *,
        alone: bool = True,
        consumers: int = 1,
        journal: Path | None = None,
    ) -> None:
        self.door = Door(warehouse, FixedSchools.of("s1", "s2", "s3"), journal=journal)
        self.registry = CollectorRegistry()
        self._broker, self._lag = broker, Lag(self.registry)
        self._said = said(broker.address, alone=alone, consumers=consumers)
        self.consumers: list[KafkaConsumer] = []

    def start(
        self,
        number: int = 0,
        put: Callable[[Submission], None] | None = None,
        offsets: Callable[[], dict[str, str]] | None = None,
    ) -> KafkaConsumer:
        way = WayIn(put or self.door.writer.put, offsets or self.door.writer.offsets)
        consumer = KafkaConsumer(self._said, way, self._lag, number)
        self.consumers.append(consumer)
        consumer.start()
        return consumer

    def drain(self, wait_s: float = 40) -> None:
        until = time.monotonic() + wait_s
        while not drained(self.door.warehouse, self._broker.ends):
            assert time.monotonic() < until, "not everything was read in time"
            time.sleep(0.02)

    def lag(self) -> float:
        return sum(sample.value for metric in self.registry.collect() for sample in metric.samples)

    def close(self) -> None:
        for consumer in self.consumers:
            consumer.close()
        self.door.close()


Open = Callable[..., Reading]


@pytest.fixture
def open_reading(broker: Broker) -> Iterator[Open]:
    opened: list[Reading] = []

    def reading(warehouse: Warehouse, **said: Any) -> Reading:
        opened.append(Reading(warehouse, broker, **said))
        return opened[-1]

    yield reading
    for one in opened:
        one.close()


def test_messages_become_events_once_each_and_poison_a_dead_letter(
    engine: Warehouse, broker: Broker, open_reading: Open
) -> None:
    fill(broker, 300)
    reading = open_reading(engine)
    reading.start()
    reading.drain()
    reading.close()
    assert_all_there_once(engine, 300)
    assert reading.lag() == 0


def test_each_learners_events_are_stored_in_the_order_they_were_sent(
    engine: Warehouse, broker: Broker, open_reading: Open
) -> None:
    fill(broker, 200)
    reading = open_reading(engine, consumers=2)
    reading.start(0)
    reading.start(1)
    reading.drain()
    reading.close()
    events = EVENTS.unbound
    mine = events.filter(events.organisation_id == 1).order_by("learner_id", "received_at", "sequence")
    rows = engine.fetch(mine.select("learner_id", "sequence")).to_pylist()
    for learner in {row["learner_id"] for row in rows}:
        order = [row["sequence"] for row in rows if row["learner_id"] == learner]
        assert order == sorted(order)


@pytest.mark.parametrize("warehouse_address", ["duckdb"], indirect=True)
def test_killed_at_random_moments_every_message_is_there_once(warehouse_address: str, broker: Broker) -> None:
    count = 150 * KILLS
    fill(broker, count)
    worked = lives(warehouse_address, broker, "alone", KILLS)
    assert worked > KILLS * 0.6, "the kills hit nothing"
    finish(warehouse_address, broker, count)


@pytest.mark.slow
@pytest.mark.parametrize("warehouse_address", ["postgres"], indirect=True)
def test_killed_in_a_group_every_message_is_there_once(warehouse_address: str, broker: Broker) -> None:
    """On Postgres: the group hands a dead consumer's partitions to the living only after its session."""
    fill(broker, 1_500)
    assert lives(warehouse_address, broker, "group", 2) > 0
    finish(warehouse_address, broker, 1_500)


@pytest.mark.parametrize("warehouse_address", ["postgres"], indirect=True)
def test_two_processes_at_once_share_the_topics_and_store_every_message_once(
    warehouse_address: str, broker: Broker
) -> None:
    fill(broker, 600)
    migrated(warehouse_address).close()
    words = [warehouse_address, broker.address, "side-by-side", json.dumps(broker.ends)]
    command = [sys.executable, "-m", "tests.connectors.kafka_lives", *words]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr[-3000:]
    commits = json.loads(told.stdout)
    assert len(commits) == 2 and min(commits) > 0, commits
    warehouse = migrated(warehouse_address)
    assert_all_there_once(warehouse, 600)
    warehouse.close()


def lives(address: str, broker: Broker, way: str, count: int) -> int:
    migrated(address).close()
    command = [sys.executable, "-m", "tests.connectors.kafka_lives", address, broker.address, way, str(count)]
    told = subprocess.run([*command, "7"], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr[-3000:]
    return int(told.stdout)


def finish(address: str, broker: Broker, count: int) -> None:
    warehouse = migrated(address)
    assert len(warehouse.offsets()) > 0, "what was read before the kills is known"
    reading = Reading(warehouse, broker, journal=journal_of(address))
    reading.start()
    reading.drain()
    reading.close()
    assert_all_there_once(warehouse, count)
    warehouse.close()


@pytest.mark.slow
@pytest.mark.parametrize("warehouse_address", ["duckdb"], indirect=True)
def test_a_second_consumer_takes_its_share_and_then_what_the_first_leaves(
    engine: Warehouse, broker: Broker, open_reading: Open
) -> None:
    reading = open_reading(engine, alone=False)
    first = reading.start(0)
    fill(broker, 200)
    reading.drain()

    def shares() -> list[int]:
        return [len(consumer._assigned) for consumer in reading.consumers]

    reading.start(1)
    until = time.monotonic() + 30
    while shares() != [4, 4] and time.monotonic() < until:
        time.sleep(0.05)
    assert shares() == [4, 4]
    first.close()
    for number in range(200, 400):
        broker.send(json.dumps(happened(number)).encode(), f"s{number % 3 + 1}")
    broker.flush()
    reading.drain()
    reading.close()
    events = EVENTS.unbound
    assert engine.fetch(events.filter(events.organisation_id == 1).count())[0][0].as_py() == 400


@pytest.mark.parametrize("warehouse_address", ["duckdb"], indirect=True)
def test_a_commit_that_fails_or_must_wait_is_read_again_and_the_lag_is_told(
    engine: Warehouse, broker: Broker, open_reading: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sources.kafka._AWAY_S", 0.3)
    fill(broker, 300)
    reading = open_reading(engine)
    failures = iter([TooMany("full"), Unavailable("away"), "told", "told", "dies"])
    lags: list[float] = []

    def put(submission: Submission) -> None:
        lags.append(reading.lag())  # how long the topic is is known a moment after the first messages
        match next(failures, None):
            case None:
                reading.door.writer.put(submission)
            case "told":
                submission.told(Unavailable("the commit failed"))
            case "dies":  # the answer is lost after the commit
                told = submission.told
                submission.told = lambda _: told(Unavailable("no answer"))
                reading.door.writer.put(submission)
            case error:
                raise error

    away = iter([Unavailable("the warehouse is away")])

    def offsets() -> dict[str, str]:
        for error in away:
            raise error
        return dict(engine.offsets())

    reading.start(put=put, offsets=offsets)
    reading.drain()
    reading.close()
    assert_all_there_once(engine, 300)
    assert max(lags) > 300
    assert reading.lag() == 0


def test_a_payload_is_an_object_or_an_array_and_all_else_is_one_refused_item() -> None:
    one, two = sent(), sent()
    assert [e.event_id for e in read(json.dumps(one).encode()).events] == [one["event_id"]]
    assert len(read(json.dumps([one, two]).encode()).events) == 2
    for poison in (POISON, b"\xff\x00", b"[1,", b" ", b"[" * 100_000):
        assert not read(poison).events
        assert len(read(poison).refused) == 1
