"""What Prometheus is told, under the names of P7 and our own. Labels never name a person.
What the way in counts stands in connectors/intake/counters.py, in the same registry."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0)


class Metrics:
    """One registry a core, so that two cores in one test run do not count together."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.responses = self._seconds(
            "analytics_api_response_time_seconds",
            "Time to answer a request, by route and status.",
            ["method", "route", "status"],
        )
        self.model_accuracy = self._gauge(
            "analytics_model_accuracy",
            "0 to 1, by model, on what it had not seen; of mastery the area under the ROC curve.",
            ["model"],
        )
        self.quality = self._gauge(
            "analytics_data_quality_score", "Data quality from 0 to 100, by dimension.", ["dimension"]
        )
        self.questions = self._seconds(
            "headway_question_seconds", "Time to answer a question at the desk.", ["question", "outcome"]
        )
        self.kept_answers = self._gauge("headway_kept_answers_bytes", "Memory of answers kept.", [])
        self.watermark = self._gauge("headway_watermark", "Number of the last commit.", [])
        self.watermark_age = self._gauge(
            "headway_watermark_age_seconds", "Seconds since the last commit.", []
        )
        self.compacted = Counter(
            "headway_compacted_rows", "Roll-up rows merged away.", registry=self.registry
        )

    def _seconds(self, name: str, meaning: str, labels: list[str]) -> Histogram:
        return Histogram(name, meaning, labels, buckets=_SECONDS, registry=self.registry)

    def _gauge(self, name: str, meaning: str, labels: list[str]) -> Gauge:
        return Gauge(name, meaning, labels, registry=self.registry)

    def text(self) -> bytes:
        return generate_latest(self.registry)
