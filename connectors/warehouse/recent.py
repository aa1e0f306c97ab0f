"""Whether events wait to be folded, so that a question need not read an empty table.

Told wrongly, a question would miss events that are committed; so it is only told what is sure.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_NOT_YET = -1  # the file may hold some from before


class Recent:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._arrivals = 0
        self._empty_at = _NOT_YET
        self.waiting = 0  # about how many; only to see when they are too many

    def moment(self) -> tuple[int, bool]:
        """A number that changes whenever an event may have come, and whether none waited then."""
        with self._lock:
            return self._arrivals, self._arrivals == self._empty_at

    @property
    def is_empty(self) -> bool:
        return self.moment()[1]

    @contextmanager
    def arriving(self) -> Iterator[None]:
        """Counted before the commit and after it: who looks in between must not believe to have seen all."""
        self._count()
        try:
            yield
        finally:
            self._count()

    def _count(self) -> None:
        with self._lock:
            self._arrivals += 1

    def folded(self, moment: int, rows: int) -> None:
        """All that had come at that moment is folded."""
        with self._lock:
            self._empty_at = moment
            self.waiting = max(0, self.waiting - rows)
