"""What did not become a stored event since this process began: for each organisation, what, of which type
and why. For the page of data quality; the numbers over all organisations stand in /metrics.

In memory only: what was refused and repeated is counted for good with the day's quality, and what was shed or
put off was told to its sender, who still has it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Fate = Literal["shed", "put-off", "refused", "repeated", "quarantined"]
_MOST_KINDS = 2_000  # of one organisation


@dataclass(frozen=True, slots=True)
class Kind:
    """`event_type` and `priority` are empty for what nobody declared or could read."""

    fate: Fate
    event_type: str
    priority: str
    code: str = ""


class Losses:
    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.since = clock()
        self._lock = threading.Lock()
        self._of: dict[int, Counter[Kind]] = {}

    def add(self, organisation_id: int, found: Mapping[Kind, int]) -> None:
        with self._lock:
            counts = self._of.setdefault(organisation_id, Counter())
            for kind, events in found.items():
                known = kind in counts or len(counts) < _MOST_KINDS
                counts[kind if known else Kind(kind.fate, "", "")] += events

    def told(self, organisation_id: int) -> list[tuple[Kind, int]]:
        """The most frequent first."""
        with self._lock:
            return self._of.get(organisation_id, Counter()).most_common()
