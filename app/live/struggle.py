"""Who struggles is told of at once: three and more recent scores in a course, all of them low.

The hub says after each commit whose scores those are. What is raised is written by a thread of its own,
so that neither the stream nor the way in waits for the metadata database. A struggle that goes on may be
told again, and after a restart is; the store knows what was raised, and how long it keeps quiet.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Protocol

from app.live.states import Place

log = logging.getLogger("headway.struggle")
MOST_TOLD = 100_000
AGAIN = timedelta(
    days=1
)  # a struggle that goes on: so often, at most, the store is asked whether to raise it
_NEVER = datetime.min.replace(tzinfo=UTC)


class Store(Protocol):
    def raise_struggle(
        self, organisation_id: int, learner_id: int, course_id: str, scores: Sequence[float], at: datetime
    ) -> str | None:
        """None where it is known already."""


class Struggles:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._told: dict[Place, datetime] = {}  # the one told of longest ago first
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="struggle")

    def told(self, lows: Iterable[tuple[Place, tuple[float, ...]]], at: datetime) -> None:
        """Scores that are all low, the newest first; nothing where they are not. On the hub's thread."""
        for place, scores in lows:
            if not scores:
                self._told.pop(place, None)
            elif at - self._told.get(place, _NEVER) >= AGAIN:
                self._told.pop(place, None)
                self._told[place] = at
                self._thread.submit(self._raise, place, scores, at)
        while len(self._told) > MOST_TOLD:
            self._told.pop(next(iter(self._told)), None)

    def _raise(self, place: Place, scores: tuple[float, ...], at: datetime) -> None:
        organisation_id, learner_id, course_id = place
        try:
            self._store.raise_struggle(organisation_id, learner_id, course_id, scores, at)
        except Exception as error:
            # The next low score tries again.
            log.error("a struggle could not be raised: %s", type(error).__name__)
            self._told.pop(place, None)

    def close(self) -> None:
        """What was seen is written first."""
        self._thread.shutdown()
