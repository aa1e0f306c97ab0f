"""What the way in counts, for /metrics. Numbers only: no label ever names a person."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from connectors.intake.losses import Losses

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Counters:
    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self.losses = Losses()

        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(name, meaning, labels, registry=registry)

        def seconds(name: str, meaning: str) -> Histogram:
            return Histogram(name, meaning, buckets=_SECONDS, registry=registry)

        self.processed = counter("analytics_events_processed_total", "Events stored, by source.", "source")
        self.duplicates = counter(
            "analytics_events_duplicate_total", "Events known already, by source.", "source"
        )
        self.quarantined = counter("analytics_events_quarantined_total", "Events of unknown type.", "source")
        self.rejected = counter("analytics_events_rejected_total", "Events refused, by code.", "code")
        self.shed = counter(
            "analytics_events_shed_total", "Events shed under overload.", "event_type", "priority"
        )
        self.put_off = counter(
            "analytics_events_put_off_total", "Events whose sender was told to come back later.", "priority"
        )
        self.lost_letters = counter(
            "analytics_dead_letters_dropped_total", "Refused events beyond what is kept as dead letters."
        )
        self.failed_commits = counter("analytics_ingest_commit_failures_total", "Commits that failed.")
        self.processing = seconds(
            "analytics_processing_time_seconds", "From arrival to commit, by event group."
        )
        self.commit = seconds("analytics_ingest_commit_seconds", "Storing one group, roll-ups included.")
        self.checkpoint = seconds("analytics_ingest_checkpoint_seconds", "Checkpoints of the warehouse.")
        self.queue_bytes = Gauge(
            "analytics_ingest_queue_bytes", "Bytes that wait for a commit.", registry=registry
        )
        self.queue_peak = Gauge(
            "analytics_ingest_queue_peak_bytes", "Most bytes that ever waited.", registry=registry
        )
        self.journal_bytes = Gauge(
            "analytics_ingest_journal_bytes",
            "Acknowledged, in the journal, and not in the warehouse yet.",
            registry=registry,
        )
        self.lag = Gauge(
            "analytics_ingest_lag_seconds", "Age of the oldest event waiting for a commit.", registry=registry
        )
        self.known_ids = Gauge("analytics_ingest_known_ids", "Event ids in memory.", registry=registry)
