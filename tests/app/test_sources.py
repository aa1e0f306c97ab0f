"""What the settings say of Kafka, and that core reads it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import Producer

from app.core import Core
from app.sources import topics_of
from config.settings import Settings, read_settings
from connectors.metadata import Consent, Metadata
from models.errors import BadSettings
from models.tables import EVENTS
from tests.connectors.intake_school import sent
from tests.hill import SECRET, found


def said(topics: str, **given: str) -> Settings:
    environ = {"HEADWAY_KAFKA_BROKERS": "k:9092", "HEADWAY_KAFKA_TOPICS": topics}
    return read_settings(environ | given, demo=True, secret=SECRET)


@pytest.mark.parametrize("metadata_address", ["sqlite"], indirect=True)
def test_topics_say_whose_events_they_hold(metadata: Metadata) -> None:
    north = found(metadata).id
    assert topics_of(said(f"a={north}, b={north}"), metadata) == {"a": north, "b": north}
    assert topics_of(said("a", HEADWAY_KAFKA_ORGANISATION=str(north)), metadata) == {"a": north}
    for topics, says in (("a", "whose events"), ("a=north", "whose events"), ("a=99", "does not exist")):
        with pytest.raises(BadSettings, match=says):
            topics_of(said(topics), metadata)


def test_brokers_without_topics_and_no_consumers_are_refused() -> None:
    with pytest.raises(BadSettings, match="HEADWAY_KAFKA_TOPICS"):
        said("")
    with pytest.raises(BadSettings, match="HEADWAY_KAFKA_CONSUMERS"):
        said("a=1", HEADWAY_KAFKA_CONSUMERS="0")


async def test_core_reads_the_topics_until_it_closes(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer = Producer({"bootstrap.servers": "", "test.mock.num.brokers": 1, "log_level": 0})
    brokers = [f"{one.host}:{one.port}" for one in producer.list_topics(timeout=10).brokers.values()]
    now = datetime.now(UTC) - timedelta(hours=1)
    for _ in range(20):
        producer.produce("events", json.dumps(sent(at=now, student_id="S1")).encode(), "S1")
    assert producer.flush(10) == 0
    config = tmp_path / "kafka.properties"
    config.write_text("# librdkafka's\nclient.rack = hill\n")
    core = Core(
        read_settings(
            {}, demo=True, data=settings.data, secret=SECRET, socket=settings.socket, port=0, api_port=0,
            kafka_brokers=tuple(brokers), kafka_topics=("events=1",), kafka_alone=True, kafka_config=config,
        )
    )  # fmt: skip
    metadata = core._open_metadata()
    school = found(metadata)
    since = datetime(2025, 9, 1, tzinfo=UTC)
    metadata.consents.grant_many(school.id, [Consent(school.learners["S1"], "legitimate-interest", since)])
    metadata.close()
    await core.open()
    try:
        events = EVENTS.unbound
        stored = 0
        for _ in range(200):
            stored = core.door.warehouse.fetch(events.filter(events.source == "kafka").count())[0][0].as_py()
            if stored == 20:
                break
            await asyncio.sleep(0.05)
        assert stored == 20
        assert b"analytics_kafka_lag_messages" in core.metrics.text()
    finally:
        await core.close()
