"""Where events come from besides HTTP. A source turns what it reads into events of the way in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """`module` has `read(payload) -> Decoded`: the events of one payload, and what was no event."""

    name: str
    module: str
    meaning: str


# Named here rather than imported: whoever sends no Kafka need not load its client.
SOURCES: tuple[Source, ...] = (
    Source("kafka", "connectors.sources.kafka", "Topics of a Kafka cluster, read without end."),
    Source("files", "connectors.sources.files", "CSV, NDJSON and Parquet files, read once."),
)
