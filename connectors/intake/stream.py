"""Whether events stream in just now: then what nobody waits for gives way."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

DENSE = 2_000  # events a second
_OVER_S = 2.0  # so much of the past counts


class Stream:
    """Noted by the writer's thread, read by any."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._seen: tuple[float, float] = (-_OVER_S, 0.0)  # when, and about how many events a second

    def note(self, events: int) -> None:
        now = self._clock()
        self._seen = (now, self._rate(now) + events / _OVER_S)

    def _rate(self, now: float) -> float:
        """What was seen counts less and less, and after two seconds not at all."""
        at, rate = self._seen
        return rate * max(0.0, 1 - (now - at) / _OVER_S)

    @property
    def is_dense(self) -> bool:
        return self._rate(self._clock()) > DENSE
