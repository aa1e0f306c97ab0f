"""Kafka topics, read without end: what was read is stored with how far it was read.

The broker is never told. On every assignment the consumers go to where the warehouse says, so that a
kill at any moment neither loses nor repeats. Producers key their messages by learner: then each
learner's events lie in one partition, in order, and work is divided between processes by learner.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition
from prometheus_client import CollectorRegistry, Gauge

from connectors.intake.decode import Decoded, Refused, decode
from connectors.intake.limits import LIMITS
from connectors.intake.replay import Answer
from connectors.intake.submission import Submission
from connectors.intake.times import clock
from connectors.intake.unpack import Unreadable
from models.errors import HeadwayError, TooLarge, Unavailable
from models.event import Rejected

SOURCE = "kafka"
_log = logging.getLogger(__name__)
_WAIT_S = 0.25  # for messages; also how soon a stop is noticed
_AWAY_S = 2.0  # between two tries while the broker or the warehouse is away
_LOOK_AGAIN_S = 60.0  # for partitions that are new, where the broker does not tell
_BATCH = 5_000
# The broker bounds a message's bytes, so its events need no bound of their own.
_LIMITS = replace(LIMITS, events=1_000_000)
_QUIET = frozenset((KafkaError._PARTITION_EOF,))
Place = tuple[str, int]  # topic and partition


@dataclass(frozen=True, slots=True)
class KafkaTopics:
    """`topics` say for which organisation each is read. `alone`: this process reads all partitions
    by itself, without the broker's group, and goes on at once after a restart."""

    brokers: str
    topics: Mapping[str, int]
    group: str = "headway"
    consumers: int = 1
    alone: bool = False
    member: str = ""
    more: Mapping[str, str] = field(default_factory=dict, repr=False)  # of librdkafka; may hold a password


@dataclass(frozen=True, slots=True)
class WayIn:
    """What a consumer needs of the process it runs in."""

    put: Callable[[Submission], None]
    offsets: Callable[[], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class _Got:
    place: Place
    offset: int
    value: bytes


def source_key(group: str, topic: str, partition: int) -> str:
    return f"{SOURCE}/{group}/{topic}/{partition}"


def read(payload: bytes) -> Decoded:
    """The events of one message: an object or an array. What is neither is one refused item."""
    try:
        return decode(payload, "json", _LIMITS)
    except (Unreadable, TooLarge):
        wrong = Rejected(0, None, "not-json", "The message is no JSON object or array.")
        return Decoded([], (Refused(wrong, payload),), None, len(payload))


class Lag:
    """Messages that wait at the broker, by partition."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._gauge = Gauge(
            "analytics_kafka_lag_messages",
            "Messages not yet read, by topic and partition.",
            ("topic", "partition"),
            registry=registry or CollectorRegistry(),
        )

    def set(self, place: Place, messages: int) -> None:
        self._gauge.labels(*map(str, place)).set(messages)

    def forget(self, places: Iterable[Place]) -> None:
        """Another process reads them now, and tells."""
        for place in places:
            self._gauge.remove(*map(str, place))


class KafkaConsumer:
    """One thread with one consumer. It stores a batch and waits for the answer before the next:
    the client fetches ahead meanwhile, and nothing is ever under way when partitions move."""

    def __init__(self, said: KafkaTopics, way: WayIn, lag: Lag, number: int = 0) -> None:
        self._said, self._way, self._lag, self._number = said, way, lag, number
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"kafka-{number}", daemon=True)
        self._assigned: list[Place] = []
        self._next: dict[Place, int] = {}
        self._told: set[Place] = set()
        self._moved = False  # assigned, but not yet placed where the warehouse says

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Asks for the end; `close` waits for it."""
        self._stop.set()

    def close(self) -> None:
        """Stores what was read, leaves the group."""
        self.stop()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                consumer = Consumer(_configuration(self._said, self._number), logger=_log)
                try:
                    self._consume(consumer)
                finally:
                    consumer.close()
                    self._forget()
            except (KafkaException, HeadwayError) as error:
                self._fail(error)

    def _consume(self, consumer: Consumer) -> None:
        self._join(consumer)
        looked = clock()
        while not self._stop.is_set():
            messages = consumer.consume(_BATCH, _WAIT_S)
            if self._said.alone and clock() - looked > _LOOK_AGAIN_S * 1e6:
                looked = clock()
                self._take_share(consumer)
            try:
                if self._moved:
                    # What came with the move may belong to another by now: it is read again.
                    self._go_to_places(consumer)
                else:
                    self._store([got for message in messages for got in _got(message)])
            except HeadwayError as error:
                self._moved = True
                consumer.assign([])
                self._fail(error)
            self._tell_lag(consumer)

    def _join(self, consumer: Consumer) -> None:
        if self._said.alone:
            self._take_share(consumer)
        else:
            topics = list(self._said.topics)
            consumer.subscribe(topics, on_assign=self._on_assign, on_revoke=self._on_revoke)

    def _take_share(self, consumer: Consumer) -> None:
        there = [
            (topic, partition)
            for topic in sorted(self._said.topics)
            for partition in sorted(consumer.list_topics(topic, timeout=_AWAY_S).topics[topic].partitions)
        ]
        share = there[self._number :: self._said.consumers]
        if share != self._assigned:
            self._assigned, self._moved = share, True

    def _on_assign(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        # Nothing is fetched before the warehouse has said from where.
        consumer.assign([])
        self._assigned, self._moved = [(p.topic, p.partition) for p in partitions], True

    def _on_revoke(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        consumer.unassign()
        self._assigned, self._moved = [], True

    def _go_to_places(self, consumer: Consumer) -> None:
        known = self._way.offsets()
        self._forget()
        for topic, partition in self._assigned:
            stored = known.get(source_key(self._said.group, topic, partition))
            self._next[topic, partition] = OFFSET_BEGINNING if stored is None else int(stored)
        consumer.assign([TopicPartition(*place, offset) for place, offset in self._next.items()])
        self._moved = False

    def _store(self, messages: Sequence[_Got]) -> None:
        batches: defaultdict[int, list[_Got]] = defaultdict(list)
        for message in messages:
            batches[self._said.topics[message.place[0]]].append(message)
        answers = [self._put(organisation_id, batch) for organisation_id, batch in batches.items()]
        for answer in answers:
            answer.get()
        self._next |= {message.place: message.offset + 1 for message in messages}

    def _put(self, organisation_id: int, messages: Sequence[_Got]) -> Answer:
        answer = Answer()
        decoded = [read(message.value) for message in messages if message.value]
        offsets = {source_key(self._said.group, *m.place): str(m.offset + 1) for m in messages}
        self._way.put(
            Submission(
                organisation_id,
                SOURCE,
                [event for one in decoded for event in one.events],
                sum(one.size for one in decoded),
                clock(),
                answer.told,
                refused=[refused for one in decoded for refused in one.refused],
                offsets=offsets,
                may_be_shed=False,
            )
        )
        return answer

    def _tell_lag(self, consumer: Consumer) -> None:
        for place, at in self._next.items():
            low, high = consumer.get_watermark_offsets(TopicPartition(*place), cached=True)
            if high >= 0:
                self._lag.set(place, high - max(at, low))
                self._told.add(place)

    def _forget(self) -> None:
        self._lag.forget(self._told)
        self._told.clear()
        self._next.clear()

    def _fail(self, error: Exception) -> None:
        detail = error.detail if isinstance(error, HeadwayError) else str(error.args[0])
        _log.warning("kafka: %s", detail)
        self._stop.wait(_AWAY_S)


def _got(message: Message) -> Iterator[_Got]:
    """Nothing for what is only news of the broker's."""
    error = message.error()
    if error is None:
        place = str(message.topic()), int(message.partition() or 0)
        yield _Got(place, int(message.offset() or 0), message.value() or b"")
    elif error.fatal():
        raise KafkaException(error)
    elif error.code() not in _QUIET:
        raise Unavailable(f"The Kafka brokers answered: {error.str()}.")


def _configuration(said: KafkaTopics, number: int) -> dict[str, object]:
    configuration: dict[str, object] = {
        "bootstrap.servers": said.brokers,
        "group.id": said.group,
        "client.id": f"headway-{number}",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # An offset that the broker no longer has: from the oldest on, ids tell what is known.
        "auto.offset.reset": "earliest",
        # The producers' aborted transactions are none of ours.
        "isolation.level": "read_committed",
        "queued.max.messages.kbytes": 32_768,
    }
    if said.member:
        configuration["group.instance.id"] = f"{said.member}-{number}"
    return configuration | dict(said.more)
