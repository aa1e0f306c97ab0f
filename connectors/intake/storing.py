"""From the gate into the warehouse: at once while little comes; in a stream by way of the journal.

A commit of the warehouse costs as much as a thousand events, and a checkpoint stalls it for seconds. So in a
stream an entry is acknowledged when the journal has it, and a thread of its own stores all that wait there,
together and in their order.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.intake.counters import Counters
from connectors.intake.gatekeeper import SCHEMA
from connectors.intake.journal import SOURCE, Entry, Journal
from connectors.intake.quality import SCHEMA as QUALITY
from connectors.intake.quality import Judge, Tally, not_own, under_target
from connectors.warehouse import Also, Appended, Warehouse
from connectors.warehouse.deadletters import SCHEMA as LETTERS
from models.errors import HeadwayError, Unavailable

_log = logging.getLogger(__name__)
_MOST_EVENTS = 40_000  # in one commit
_REST_S = 0.2  # from one commit of what waits to the next: that many events together are cheaper
_MOST_WAITING = 500_000  # events acknowledged and not stored yet, of 300 bytes each
_AGAIN_S = 1.0  # between two tries of a commit that failed
_IDLE_S = 0.5
_CHECKPOINT_EVENTS = 100_000  # about 25 MB of log: then an idle moment is used to write it away
_CHECKPOINT_SOON = 1_000_000  # then no idle moment is waited for: a start after a kill reads the log again
_NOT_YET = Unavailable("What was acknowledged could not be stored yet; it waits in the journal.")
_NOTHING = Entry(SCHEMA.empty_table(), LETTERS.empty_table(), QUALITY.empty_table(), {})
Published = Callable[[pa.Table, Appended], None]
Mask = npt.NDArray[np.bool_]


class Storing:
    def __init__(
        self,
        warehouse: Warehouse,
        judge: Judge,
        counters: Counters,
        published: Published | None = None,
        journal: Path | None = None,
    ) -> None:
        """Without a journal each entry is stored at once: on Postgres, where a commit costs less, and others
        must see its ids."""
        self._warehouse, self._judge, self._counters = warehouse, judge, counters
        self._published = published
        self._journal = Journal(journal) if journal else None
        self._ids_are_new = warehouse.engine == "duckdb"
        self._changed = threading.Condition()
        self._waiting: deque[tuple[int, Entry]] = deque()  # with their numbers
        self._events = 0  # in them
        self._storing = threading.Lock()  # one commit or checkpoint at a time
        self._uncounted: list[pa.Table] = []  # how good batches were of which nothing was stored
        self._since_checkpoint = 0
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="storing", daemon=True)
        self.failure: HeadwayError | None = None  # of the last commit of what waits

    def recover(self) -> None:
        """What was acknowledged before a kill, first of all."""
        if self._journal is None:
            return
        taken: list[tuple[int, Entry]] = []
        for number, entry in self._journal.waiting(self._stored()):
            taken.append((number, entry))
            if sum(len(one.events) for _, one in taken) >= _MOST_EVENTS:
                self._store(taken, ids_are_new=False)
                taken = []
        if taken:
            self._store(taken, ids_are_new=False)
        if self._thread.ident is None:
            self._thread.start()

    def put(self, entry: Entry, in_a_stream: bool) -> Appended | None:
        """It is durable when this returns. Tells what was done, if it is in the warehouse already."""
        if self._journal is None:
            with self._storing:
                return self._append(entry, self._ids_are_new)
        if not in_a_stream and not self._waiting and self._storing.acquire(blocking=False):
            try:
                return self._append(entry, self._ids_are_new)
            finally:
                self._storing.release()
        self._wait_for_room()
        number = self._journal.add(entry)
        with self._changed:
            self._waiting.append((number, entry))
            self._events += len(entry.events)
            self._counters.journaled.set(self._events)
            self._changed.notify_all()
        return None

    def count_later(self, lacking: pa.Table) -> None:
        """Batches that were nothing but repeats are no reason for a commit of their own while others wait."""
        if len(lacking):
            with self._changed:
                self._uncounted.append(lacking)

    def holds(self, ids: pa.Table) -> Mask:
        """Which ids (organisation_id, event_id) wait to be stored. Asked before the warehouse is: what is in
        neither is new."""
        found = np.zeros(len(ids), np.bool_)
        with self._changed:
            waiting = [entry.events for _, entry in self._waiting]
        if not waiting:
            return found
        held = pa.concat_tables([table.select(["organisation_id", "event_id"]) for table in waiting])
        organisations = np.asarray(ids["organisation_id"])
        for organisation_id in np.unique(organisations).tolist():
            same = held.filter(pc.equal(held["organisation_id"], organisation_id))["event_id"]
            there = np.asarray(pc.is_in(ids["event_id"], value_set=same.combine_chunks()))
            found |= there & (organisations == organisation_id)
        return found

    def settle(self, patience_s: float) -> None:
        """Until all that was acknowledged is in the warehouse."""
        with self._changed:
            last = self._waiting[-1][0] if self._waiting else 0
            if not self._changed.wait_for(
                lambda: not self._waiting or self._waiting[0][0] > last, patience_s
            ):
                raise Unavailable("Events that were acknowledged are still being stored: try again.")

    def tidy(self) -> None:
        """In an idle moment of the way in."""
        if self._storing.acquire(blocking=False):
            self._storing.release()
            self._count_rest()

    def close(self) -> None:
        """What waits is stored. What cannot be stored stays in the journal for the next start."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()
        self._count_rest()
        if self._journal is not None:
            self._journal.close()

    def _wait_for_room(self) -> None:
        with self._changed:
            while self._events > _MOST_WAITING and self.failure is None and not self._closing:
                self._changed.wait(_IDLE_S)
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._waiting and not self._closing:
                    self._changed.wait(_IDLE_S)
                taken = self._oldest()
                if not taken and self._closing:
                    return
            if not taken:
                self._checkpoint_if_due(_CHECKPOINT_EVENTS)
                continue
            started = perf_counter()
            if not self._try_to_store(taken) and self._closing:
                return
            self._checkpoint_if_due(_CHECKPOINT_SOON)
            self._gather(started)

    def _oldest(self) -> list[tuple[int, Entry]]:
        taken: list[tuple[int, Entry]] = []
        events = 0
        for number, entry in self._waiting:
            if taken and events + len(entry.events) > _MOST_EVENTS:
                break
            taken.append((number, entry))
            events += len(entry.events)
        return taken

    def _try_to_store(self, taken: Sequence[tuple[int, Entry]]) -> bool:
        try:
            # A try that failed may have failed after its commit.
            left = [one for one in taken if one[0] > self._stored()] if self.failure else taken
            if left:
                self._store(left, self._ids_are_new)
        except Exception as error:
            self.failure = error if isinstance(error, HeadwayError) else _NOT_YET
            _log.error("what waits in the journal could not be stored yet: %s", type(error).__name__)
            with self._changed:
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._closing, _AGAIN_S)
            return False
        self.failure = None
        with self._changed:
            for _ in taken:
                _, entry = self._waiting.popleft()
                self._events -= len(entry.events)
            self._counters.journaled.set(self._events)
            self._changed.notify_all()
        return True

    def _store(self, taken: Sequence[tuple[int, Entry]], ids_are_new: bool) -> None:
        newest = taken[-1][0]
        entries = [entry for _, entry in taken]
        together = Entry(
            pa.concat_tables([entry.events for entry in entries]),
            pa.concat_tables([entry.letters for entry in entries]),
            pa.concat_tables([entry.lacking for entry in entries]),
            {source: at for entry in entries for source, at in entry.offsets.items()} | {SOURCE: str(newest)},
        )
        with self._storing:
            self._append(together, ids_are_new)
        assert self._journal is not None
        self._journal.let_go(newest)

    def _stored(self) -> int:
        return int(self._warehouse.offsets().get(SOURCE, 0))

    def _gather(self, started: float) -> None:
        left = started + _REST_S - perf_counter()
        if left > 0:
            with self._changed:
                self._changed.wait_for(lambda: self._closing, left)

    def _append(self, entry: Entry, ids_are_new: bool) -> Appended:
        started = perf_counter()
        with self._changed:
            uncounted = list(self._uncounted)
        counted: list[pa.Table] = []

        def quality(inserted: pa.Array) -> pa.Table:
            counted.append(pa.concat_tables([self._quality(entry.events, inserted), entry.lacking]))
            return pa.concat_tables([*uncounted, *counted])

        also: dict[str, Also] = {"dead_letter": entry.letters} if len(entry.letters) else {}
        also["quality_day"] = quality
        also["quality_batch"] = lambda _: under_target(counted[-1], self._judge.rules)
        appended = self._warehouse.append(
            entry.events, offsets=entry.offsets, also=also, ids_are_new=ids_are_new
        )
        with self._changed:
            del self._uncounted[: len(uncounted)]
        self._since_checkpoint += len(entry.events)
        self._counters.commit.observe(perf_counter() - started)
        if self._published and len(entry.events):
            self._publish(entry.events if ids_are_new else entry.events.filter(appended.inserted), appended)
        return appended

    def _publish(self, stored: pa.Table, appended: Appended) -> None:
        """What is stored is stored, whoever could not be told of it."""
        assert self._published is not None
        try:
            self._published(stored, appended)
        except Exception as error:
            _log.error("a commit could not be told of: %s", type(error).__name__)

    def _quality(self, events: pa.Table, inserted: pa.Array) -> pa.Table:
        tally, new = Tally(self._judge), np.asarray(inserted)
        if new.all():
            tally.stored(events)
        else:
            tally.stored(events.filter(inserted))
            tally.repeated(not_own(events.filter(pa.array(~new))))
        return tally.rows()

    def _count_rest(self) -> None:
        with self._changed:
            if not self._uncounted:
                return
        try:
            with self._storing:
                self._append(_NOTHING, ids_are_new=True)
        except HeadwayError as error:
            _log.warning("the quality of repeats could not be noted yet: %s", error.detail)

    def _checkpoint_if_due(self, events: int) -> None:
        if self._since_checkpoint >= events:
            self._checkpoint()

    def _checkpoint(self) -> None:
        self._since_checkpoint = 0
        started = perf_counter()
        try:
            with self._storing:
                self._warehouse.checkpoint()
        except HeadwayError as error:
            _log.warning("a checkpoint failed: %s", error.detail)
        self._counters.checkpoint.observe(perf_counter() - started)
