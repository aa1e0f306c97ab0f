"""The consumers of a core process: topics of Kafka, read into the one writer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import BadSettings, NotFound

if TYPE_CHECKING:
    from app.metrics import Metrics
    from config.settings import Settings
    from connectors.intake.writer import Writer
    from connectors.metadata import Metadata
    from connectors.sources.kafka import KafkaConsumer


class Consumers:
    def __init__(self, consumers: list[KafkaConsumer]) -> None:
        self._consumers = consumers
        for consumer in consumers:
            consumer.start()

    def close(self) -> None:
        """Before the writer closes: what was read is stored."""
        for consumer in self._consumers:
            consumer.stop()
        for consumer in self._consumers:
            consumer.close()


def open_consumers(settings: Settings, metadata: Metadata, writer: Writer, metrics: Metrics) -> Consumers:
    if not settings.kafka_brokers:
        return Consumers([])
    from connectors.sources.kafka import KafkaConsumer, KafkaTopics, Lag, WayIn

    said = KafkaTopics(
        brokers=",".join(settings.kafka_brokers),
        topics=topics_of(settings, metadata),
        group=settings.kafka_group,
        consumers=settings.kafka_consumers,
        alone=settings.kafka_alone,
        member=settings.kafka_member,
        more=_more(settings.kafka_config),
    )
    way, lag = WayIn(writer.put, writer.offsets), Lag(metrics.registry)
    return Consumers([KafkaConsumer(said, way, lag, number) for number in range(settings.kafka_consumers)])


def topics_of(settings: Settings, metadata: Metadata) -> Mapping[str, int]:
    topics: dict[str, int] = {}
    for said in settings.kafka_topics:
        topic, _, number = said.partition("=")
        organisation = number or settings.kafka_organisation
        if organisation is None or not str(organisation).isdecimal():
            raise BadSettings(
                f"HEADWAY_KAFKA_TOPICS: '{said}' does not say whose events these are; "
                f"write {topic}=1, or set HEADWAY_KAFKA_ORGANISATION."
            )
        topics[topic] = int(organisation)
    for topic, organisation_id in topics.items():
        _must_exist(metadata, topic, organisation_id)
    return topics


def _must_exist(metadata: Metadata, topic: str, organisation_id: int) -> None:
    try:
        metadata.organisations.get(organisation_id)
    except NotFound:
        raise BadSettings(
            f"HEADWAY_KAFKA_TOPICS: topic {topic} is of organisation {organisation_id}, which does not "
            "exist; see ./headway organisation list."
        ) from None


def _more(file: Path | None) -> Mapping[str, str]:
    if file is None:
        return {}
    try:
        lines = [line.strip() for line in file.read_text().splitlines()]
    except OSError as error:
        raise BadSettings(f"HEADWAY_KAFKA_CONFIG cannot be read: {error.strerror}.") from None
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {key.strip(): value.strip() for key, _, value in pairs}
