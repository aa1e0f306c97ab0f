"""Who struggles is told of at once: three and more recent scores in a course, all of them low.

The hub says after each commit whose scores those are. What is raised is written by a thread of its own,
so that neither the stream nor the way in waits for the metadata database. After a restart a struggle may
be told again; the store knows what was raised.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Protocol

from app.live.states import Place

log = logging.getLogger("headway.struggle")
MOST_TOLD = 100_000


class Store(Protocol):
    def raise_struggle(
        self, organisation_id: int, learner_id: int, course_id: str, scores: Sequence[float], at: datetime
    ) -> str | None:
        """None where it is known already."""


class Struggles:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._told: dict[Place, None] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="struggle")

    def told(self, lows: Iterable[tuple[Place, tuple[float, ...]]], at: datetime) -> None:
        """Scores that are all low, the newest first; nothing where they are not. On the hub's thread."""
        for place, scores in lows:
            if not scores:
                self._told.pop(place, None)
            elif place not in self._told:
                self._told[place] = None
                self._thread.submit(self._raise, place, scores, at)
        while len(self._told) > MOST_TOLD:
            del self._told[next(iter(self._told))]

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
