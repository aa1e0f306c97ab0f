"""The newest batches, for whoever listens: a ring bounded in bytes. A listener is a place in it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

MOST_BYTES = 64 << 20
MOST_BATCHES = 4096
# What of an event a listener can be told.
COLUMNS = (
    "organisation_id",
    "event_id",
    "event_type",
    "occurred_at",
    "received_at",
    "day",
    "learner_id",
    "session_id",
    "sequence",
    "course_id",
    "lesson_id",
    "video_id",
    "assessment_id",
    "item_id",
    "device_type",
    "position_s",
    "duration_s",
    "score",
    "correct",
)


@dataclass(frozen=True, slots=True)
class Batch:
    number: int  # of the watermark that its commit set
    at: datetime
    table: pa.Table
    size: int


@dataclass(frozen=True, slots=True)
class Span:
    """What came after a place: `gap` commits that are gone already, then `batches`, up to `head`."""

    gap: int
    batches: tuple[Batch, ...]
    head: int


class Recent:
    def __init__(self, head: int, most_bytes: int = MOST_BYTES, most_batches: int = MOST_BATCHES) -> None:
        self.head = self.floor = head
        self._most_bytes, self._most_batches = most_bytes, most_batches
        self._batches: deque[Batch] = deque()
        self.bytes = 0

    def add(self, number: int, at: datetime, table: pa.Table) -> None:
        batch = Batch(number, at, table, table.nbytes)
        self._batches.append(batch)
        self.bytes += batch.size
        self.head = max(self.head, number)
        while self._batches and (self.bytes > self._most_bytes or len(self._batches) > self._most_batches):
            gone = self._batches.popleft()
            self.bytes -= gone.size
            self.floor = max(self.floor, gone.number)

    def since(self, place: int, most_events: int | None = None) -> Span:
        """`most_events` cuts the span short after a whole batch."""
        if place < self.floor:
            return Span(self.floor - place, (), self.head)
        found: list[Batch] = []
        left = most_events
        for batch in self._newer(place):
            found.append(batch)
            left = None if left is None else left - len(batch.table)
            if left is not None and left <= 0:
                return Span(0, tuple(found), batch.number)
        return Span(0, tuple(found), self.head)

    def _newer(self, place: int) -> list[Batch]:
        """From the newest back, as most listeners are nearly there."""
        found: list[Batch] = []
        for batch in reversed(self._batches):
            if batch.number <= place:
                break
            found.append(batch)
        return found[::-1]
