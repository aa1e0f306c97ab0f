"""From the gate into the warehouse: at once while little comes; in a stream by way of the journal.

A commit of the warehouse costs as much as a thousand events, and a checkpoint stalls it for seconds. So in a
stream an entry is acknowledged when the journal has it, and a thread of its own stores all that wait there,
together and in their order.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.intake.counters import Counters
from connectors.intake.gatekeeper import SCHEMA
from connectors.intake.journal import Entry, Journal, Written, owner_in
from connectors.intake.quality import SCHEMA as QUALITY
from connectors.intake.quality import Judge, Tally, not_own, under_target
from connectors.warehouse import Also, Appended, Warehouse
from connectors.warehouse.deadletters import SCHEMA as LETTERS
from models.errors import HeadwayError, Unavailable

_log = logging.getLogger(__name__)
SOURCE = "headway/journal"  # under it the warehouse keeps whose journal it reads, and how far it has
_MOST_EVENTS, _MOST_BYTES = 40_000, 64 << 20  # in one commit
_REST_S = 0.2  # from one commit of what waits to the next: that many events together are cheaper
_MOST_WAITING = 160 << 20  # bytes acknowledged and not stored yet: half a million events
_MOST_UNCOUNTED = 64
_AGAIN_S = 1.0  # between two tries of a commit that failed
_IDLE_S = 0.5
_CHECKPOINT_EVENTS = 100_000  # about 25 MB of log: then an idle moment is used to write it away
_CHECKPOINT_SOON = 1_000_000  # then no idle moment is waited for: a start after a kill reads the log again
_NOT_YET = Unavailable("What was acknowledged could not be stored yet; it waits in the journal.")
_NOTHING = Entry(SCHEMA.empty_table(), LETTERS.empty_table(), QUALITY.empty_table(), {})
Published = Callable[[pa.Table, Appended], None]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Waiting:
    number: int
    entry: Entry
    bytes: int


def place_of(offsets: Mapping[str, str]) -> tuple[str, int]:
    """Whose journal this warehouse reads, and the number of the newest entry it has."""
    owner, _, number = offsets.get(SOURCE, ":0").partition(":")
    return owner, int(number)


def _place(owner: str, number: int) -> dict[str, str]:
    return {SOURCE: f"{owner}:{number}"}


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
        self._folder = journal
        self._journal: Journal | None = None  # once it is known whose it is
        self._ids_are_new = warehouse.engine == "duckdb"
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0  # of them
        self._owner = ""
        self._newest_before: int | None = None  # commit of the warehouse, when this began
        self._storing = threading.Lock()  # one commit or checkpoint at a time
        self._uncounted: list[pa.Table] = []  # how good batches were of which nothing was stored
        self._since_checkpoint = 0
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="storing", daemon=True)
        self.failure: HeadwayError | None = None  # of the last commit of what waits

    def recover(self) -> None:
        """What was acknowledged before a kill, first of all."""
        if self._folder is None:
            return
        if self._newest_before is None:
            self._newest_before = self._warehouse.watermark().number
        known, stored = place_of(self._warehouse.offsets())
        self._owner = known or owner_in(self._folder) or secrets.token_hex(8)
        self._journal = Journal(self._folder, self._owner)
        left = list(self._journal.waiting(stored))
        if not known and any(one.watermark > self._newest_before for one in left):
            # A warehouse that never had one, beside the journal of one that had more: that was another.
            self._owner = secrets.token_hex(8)
            self._journal = Journal(self._folder, self._owner)
            left = list(self._journal.waiting(stored))
        self._waiting.clear()  # of a try that failed
        self._waiting.extend(_Waiting(one.number, self._safe(one), one.entry.bytes) for one in left)
        while self._waiting:
            taken = self._oldest()
            self._store(taken, ids_are_new=False)
            for _ in taken:
                self._waiting.popleft()
        if self._thread.ident is None:
            self._thread.start()

    def _safe(self, one: Written) -> Entry:
        """A warehouse from a backup lacks what it had when this was written: sources read that part again."""
        assert self._newest_before is not None
        if one.watermark <= self._newest_before:
            return one.entry
        _log.warning("the warehouse is older than its journal: sources go on from where it stands")
        return replace(one.entry, offsets={})

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
        number = self._journal.add(entry, self._warehouse.watermark().number)
        waiting = _Waiting(number, entry, entry.bytes)
        with self._changed:
            self._waiting.append(waiting)
            self._bytes += waiting.bytes
            self._counters.journal_bytes.set(self._bytes)
            self._changed.notify_all()
        return None

    def count_later(self, lacking: pa.Table) -> None:
        """Batches that were nothing but repeats are no reason for a commit of their own while others wait."""
        if len(lacking):
            with self._changed:
                self._uncounted.append(lacking)
            if len(self._uncounted) >= _MOST_UNCOUNTED:
                self.tidy()

    def holds(self, ids: pa.Table) -> Mask:
        """Which ids (organisation_id, event_id) wait to be stored. Asked before the warehouse is: what is in
        neither is new."""
        found = np.zeros(len(ids), np.bool_)
        with self._changed:
            waiting = [one.entry.events for one in self._waiting]
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
            last = self._waiting[-1].number if self._waiting else 0
            if not self._changed.wait_for(
                lambda: not self._waiting or self._waiting[0].number > last, patience_s
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
            while self._bytes > _MOST_WAITING and self.failure is None and not self._closing:
                self._changed.wait(_IDLE_S)
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        while True:
            try:
                if not self._turn():
                    return
            except Exception as error:  # there is no other: while it lives, what waits may be stored
                self._failed(error)

    def _turn(self) -> bool:
        """False when this is closing, and nothing can be done any more."""
        with self._changed:
            if not self._waiting and not self._closing:
                self._changed.wait(_IDLE_S)
            taken = self._oldest()
            if not taken and self._closing:
                return False
        if not taken:
            assert self._journal is not None
            self._journal.rest()
            self._checkpoint_if_due(_CHECKPOINT_EVENTS)
            self.failure = None  # nothing is left of what failed
            return True
        started = perf_counter()
        if not self._try_to_store(taken) and self._closing:
            return False
        self._checkpoint_if_due(_CHECKPOINT_SOON)
        self._gather(started)
        return True

    def _oldest(self) -> list[_Waiting]:
        taken: list[_Waiting] = []
        events = size = 0
        for one in self._waiting:
            events, size = events + len(one.entry.events), size + one.bytes
            if taken and (events > _MOST_EVENTS or size > _MOST_BYTES):
                break
            taken.append(one)
        return taken

    def _try_to_store(self, taken: Sequence[_Waiting]) -> bool:
        try:
            # A try that failed may have failed after its commit.
            left = [one for one in taken if one.number > self._stored()] if self.failure else taken
            if left:
                self._store(left, self._ids_are_new)
        except Exception as error:
            self._failed(error)
            return False
        self.failure = None
        with self._changed:
            for _ in taken:
                self._bytes -= self._waiting.popleft().bytes
            self._counters.journal_bytes.set(self._bytes)
            self._changed.notify_all()
        return True

    def _failed(self, error: Exception) -> None:
        self.failure = error if isinstance(error, HeadwayError) else _NOT_YET
        _log.error("what waits in the journal could not be stored yet: %s", type(error).__name__)
        with self._changed:
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closing, _AGAIN_S)

    def _store(self, taken: Sequence[_Waiting], ids_are_new: bool) -> None:
        newest = taken[-1].number
        entries = [one.entry for one in taken]
        offsets = {source: at for entry in entries for source, at in entry.offsets.items()}
        together = Entry(
            pa.concat_tables([entry.events for entry in entries]),
            pa.concat_tables([entry.letters for entry in entries]),
            pa.concat_tables([entry.lacking for entry in entries]),
            offsets | _place(self._owner, newest),
        )
        with self._storing:
            self._append(together, ids_are_new)
        assert self._journal is not None
        self._journal.let_go(newest)

    def _stored(self) -> int:
        return place_of(self._warehouse.offsets())[1]

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
        except HeadwayError as error:  # there will be a quieter moment
            _log.warning("a checkpoint failed: %s", error.detail)
        self._counters.checkpoint.observe(perf_counter() - started)
