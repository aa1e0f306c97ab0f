"""How many threads DuckDB may use: at rest all of them, for questions; in a stream of events the caller only.

A caller polls while a thread of the engine works for it. That is nothing beside a long scan, but a stream of
small commits pays for it with twice the processor time, in inserting, committing and folding alike.
"""

from __future__ import annotations

import threading
from time import monotonic

from connectors.warehouse.duckdb_parts import Connection, number_of

STREAM, REST = 2_000, 500  # events a second: above is a stream, below is rest
CALM_S = 5.0  # so long: a checkpoint in the middle of a stream is no rest
_SHORTEST_S = 0.5


class Pace:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection.cursor()
        self._all = number_of(self._connection.execute("SELECT current_setting('threads')"))
        self._now = self._all
        self._lock = threading.Lock()
        self._events, self._since = 0, monotonic()
        self._streamed_at = -CALM_S

    @property
    def threads(self) -> int:
        return self._now

    def note(self, events: int) -> None:
        with self._lock:
            if not self._events:
                self._since = monotonic()
            self._events += events

    def settle(self) -> None:
        """Once a second or so, beside the writer: the engine lets running questions come to an end first."""
        with self._lock:
            rate = self._events / max(monotonic() - self._since, _SHORTEST_S)
            self._events = 0
            if rate >= REST:
                self._streamed_at = monotonic()
            calm = monotonic() - self._streamed_at >= CALM_S
            wanted = 1 if rate > STREAM else self._all if calm else self._now
            changed, self._now = wanted != self._now, wanted
        if changed:
            self._connection.execute(f"SET threads = {wanted}")

    def close(self) -> None:
        self._connection.close()
