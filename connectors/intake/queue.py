"""What waits for the writer: bounded in bytes; low priorities give way before the rest is put off."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Literal

from connectors.intake.counters import Counters
from connectors.intake.decode import Refused
from connectors.intake.limits import Limits
from connectors.intake.losses import Kind
from connectors.intake.submission import Submission
from models.errors import TooMany, Unavailable
from models.event import Rejected

# Above this share of the bound these priorities are shed. P0 never is: its sender is told to wait.
SHED_AT = {"P2": 0.5, "P1": 0.75}
_DETAIL = "The way in is overloaded; send this event again later."
Known = Callable[[str], tuple[str, str]]  # of a type as it was sent: its declared name, its priority


class Queue:
    def __init__(self, limits: Limits, known: Known, counters: Counters) -> None:
        self._limits, self._known, self._counters = limits, known, counters
        self._waiting: deque[Submission] = deque()
        self._changed = threading.Condition()
        self._bytes = 0
        self._peak = 0
        self._closed = False

    def put(self, submission: Submission) -> None:
        with self._changed:
            if self._closed:
                raise Unavailable("The way in is closing; send this again in a moment.")
            self._make_room(submission)
            self._bytes += submission.size
            self._peak = max(self._peak, self._bytes)
            self._waiting.append(submission)
            self._changed.notify()

    def _make_room(self, submission: Submission) -> None:
        share = (self._bytes + submission.size) / self._limits.queue_bytes
        if share > 1 and self._waiting:
            self._count_put_off(submission)
            raise TooMany("More events arrive than can be stored; send this again in a second.", 1)
        if share > SHED_AT["P2"] and not submission.may_be_shed and self._waiting:
            raise TooMany("More events arrive than can be stored; this source waits a moment.", 1)
        submission.crowd = share

    def shed(self, submission: Submission) -> None:
        """Once it is read: what the queue was too full for when it came."""
        priorities = {priority for priority, limit in SHED_AT.items() if submission.crowd > limit}
        if priorities and submission.may_be_shed:
            self._shed(submission, priorities)

    def _shed(self, submission: Submission, priorities: set[str]) -> None:
        """A good deal cheaper than storing, or it would not help."""
        events = submission.events
        types = Counter(event.event_type for event in events)
        gone = {name for name in types if self._known(name)[1] in priorities}
        kept = [place for place, event in enumerate(events) if event.event_type not in gone]
        shed = [
            Refused(Rejected(submission.index(place), event.event_id, "shed", _DETAIL), b"")
            for place, event in enumerate(events)
            if event.event_type in gone
        ]
        submission.indexes = [submission.index(place) for place in kept]
        submission.events = [events[place] for place in kept]
        submission.refused = [*submission.refused, *shed]
        self._count(submission.organisation_id, "shed", {name: types[name] for name in gone})

    def _count_put_off(self, submission: Submission) -> None:
        """What was not read has no types yet: to read it would cost what storing does."""
        organisation_id = submission.organisation_id
        self._count(organisation_id, "put-off", Counter(event.event_type for event in submission.events))
        if submission.unread is not None:
            events = submission.unread.about()
            self._counters.put_off.labels("").inc(events)
            self._counters.losses.add(organisation_id, {Kind("put-off", "", ""): events})

    def _count(
        self, organisation_id: int, fate: Literal["shed", "put-off"], types: Mapping[str, int]
    ) -> None:
        """Under the declared names: what a sender calls its events must not fill /metrics."""
        found: Counter[Kind] = Counter()
        for name, events in types.items():
            found[Kind(fate, *self._known(name))] += events
        for kind, events in found.items():
            if fate == "shed":
                self._counters.shed.labels(kind.event_type or "unknown", kind.priority).inc(events)
            else:
                self._counters.put_off.labels(kind.priority).inc(events)
        self._counters.losses.add(organisation_id, found)

    def take(self, wait_s: float | None) -> list[Submission]:
        """All that waits, up to about the bytes of a group; empty when nothing came in time."""
        with self._changed:
            if not self._waiting and not self._closed:
                self._changed.wait(wait_s)
            taken: list[Submission] = []
            size = 0
            while self._waiting and size < self._limits.group_bytes:
                taken.append(self._waiting.popleft())
                size += taken[-1].size
            return taken

    def done(self, taken: list[Submission]) -> None:
        """Their bytes are free again: what is being committed still counts as waiting."""
        with self._changed:
            self._bytes -= sum(submission.size for submission in taken)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        return self._closed and not self._waiting

    def measure(self, now: int) -> None:
        with self._changed:
            oldest = self._waiting[0].received if self._waiting else now
            self._counters.queue_bytes.set(self._bytes)
            self._counters.queue_peak.set(self._peak)
            self._counters.lag.set(max(0, now - oldest) / 1e6)
