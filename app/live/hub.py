"""What commits, told on: kept for a moment, folded into states and minutes, listeners woken.

The writer only hands a batch over. One thread of the hub does the rest, for all that has come since;
should it fall behind, the writer waits for it, so that what waits stays bounded.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Any, TypeVar

import pyarrow as pa
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client import Counter as Counted

from app.live.minutes import KEPT, Minutes, Told, WholeMinutes
from app.live.reading import read_free_days, read_lows, read_states
from app.live.recent import COLUMNS, MOST_BYTES, Recent, Span
from app.live.states import MOST_COURSES, Place, States
from app.live.struggle import Struggles
from compute import now, recall
from compute.now import Facts, Standing
from connectors.warehouse import Appended, Warehouse
from models.errors import HeadwayError, TooMany
from models.tables import EVENTS, SCHOOL_DAY

log = logging.getLogger("headway.live")
T = TypeVar("T")
THREADS = 2
MOST_LISTENERS, MOST_OF_ONE = 500, 20
MOST_WAITING = 200_000  # events
REST_S = 0.25  # between two looks at what has come
DENSE, DENSE_REST_S = 5_000, 1.0  # so many events in one look: then a second's worth is folded at once
_FREE_DAYS_S = 60.0


class Hub:
    def __init__(
        self,
        warehouse: Warehouse,
        clock: Callable[[], datetime],
        *,
        most_bytes: int = MOST_BYTES,
        most_courses: int = MOST_COURSES,
        registry: CollectorRegistry | None = None,
        struggles: Struggles | None = None,
        rest_s: float = REST_S,
    ) -> None:
        self._rest_s = rest_s
        registry = registry or CollectorRegistry()
        self.listeners = Gauge("headway_live_listeners", "Connections to the live stream.", registry=registry)
        self.gaps = Counted("headway_live_gaps", "Times a listener was too slow.", registry=registry)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="live")
        self._warehouse, self._clock = warehouse, clock
        self._lock = threading.Lock()  # of all that is told
        self._waiting: list[tuple[pa.Table, Appended]] = []
        self._waiting_events = 0
        self._changed = threading.Condition()
        self._closing = False
        self._states = States(most_courses)
        self._minutes, self._whole = Minutes(), WholeMinutes()
        self._without_rows = 0
        self._seats: Counter[str] = Counter()
        self._free: dict[int, tuple[float, frozenset[date]]] = {}
        self._woken: dict[object, Callable[[], None]] = {}
        self._struggles = struggles
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)
        self._recent = Recent(0, most_bytes)
        self._folding = threading.Lock()  # always taken before the others
        self._began: date = date.max
        self._folded = 0  # the newest commit of events that is folded
        self._missed = False  # was there one that was never handed over?
        self._gone: set[tuple[int, int]] = set()

    def open(self) -> None:
        """Reads what is stored. Before the writer starts: nothing may be missed or be counted twice."""
        at = self._clock()
        self._recent.head = self._recent.floor = self._warehouse.watermark().number
        self._folded, self._began = self._warehouse.changed(EVENTS.unbound) or 0, at.date()
        read_states(self._warehouse, at, self._states)
        since = at - timedelta(minutes=KEPT)
        self._minutes.add_counted(self._warehouse.fetch(recall.minutes(since)))
        self._thread.start()

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()
        if self._struggles:
            self._struggles.close()
        self._threads.shutdown(cancel_futures=True)

    async def run(self, work: Callable[..., T], *args: Any) -> T:
        """Off the loop, and never behind a heavy question."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    # ---- the writer's side

    def publish(self, batch: pa.Table, appended: Appended) -> None:
        """On the thread that committed, before the next commit."""
        with self._changed:
            while self._waiting_events > MOST_WAITING and not self._closing:
                self._changed.wait(1.0)
            self._waiting.append((batch.select(COLUMNS), appended))
            self._waiting_events += len(batch)
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closing:
                    self._changed.wait()
                if not self._waiting:
                    return
            events = self._catch_up()
            with self._changed:  # what comes in quick succession is cheaper together
                rest_s = DENSE_REST_S if self._rest_s and events >= DENSE else self._rest_s
                self._changed.wait_for(lambda: self._closing, rest_s)

    def _catch_up(self) -> int:
        """Folds what has come; whoever needs it now need not wait for the hub's own thread."""
        with self._folding:
            with self._changed:
                taken, self._waiting, self._waiting_events = self._waiting, [], 0
                self._changed.notify_all()
            if taken:
                self._take(taken)
        if taken:
            for wake in list(self._woken.values()):
                wake()
        return sum(len(table) for table, _ in taken)

    def _take(self, taken: list[tuple[pa.Table, Appended]]) -> None:
        batch = pa.concat_tables([table for table, _ in taken])
        minute = self._minute()
        try:
            changes, scores = now.changes(batch), now.scored(batch)
            with self._lock:
                self._states.fold(changes, scores)
                self._states.make_room()
                self._minutes.add(batch, minute)
                self._whole.add(batch)
            if self._struggles:
                self._struggles.told(self._lows(scores), self._clock())
        except Exception as error:
            # Wrong states would be worse than none: who asks is answered from the warehouse.
            log.error("a batch could not be folded: %s", type(error).__name__)
            with self._lock:
                self._states.distrust()
        with self._lock:
            for table, appended in taken:
                if appended.after != self._folded:
                    self._missed = True
                self._folded = appended.watermark.number
                self._recent.add(appended.watermark.number, appended.watermark.at, table)

    def _lows(self, scores: pa.Table) -> list[tuple[Place, tuple[float, ...]]]:
        today = self._clock().date()
        if self._hears_all:
            with self._lock:
                return list(self._states.lows(scores, today))
        try:
            return list(read_lows(self._warehouse, scores, today))
        except HeadwayError as error:  # the next low score asks again
            log.warning("who struggles could not be looked up: %s", error.detail)
            return []

    @property
    def _hears_all(self) -> bool:
        """Is all that is stored handed over here? What another process stores is not."""
        return self._warehouse.alone and not self._missed

    # ---- the listeners' side

    @property
    def head(self) -> int:
        return self._recent.head

    @property
    def bytes(self) -> int:
        return self._recent.bytes

    def since(self, place: int, most_events: int | None = None) -> Span:
        with self._lock:
            return self._recent.since(place, most_events)

    def on_batch(self, loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> Callable[[], None]:
        """Sets the event when something came; call the result to stop."""
        key = object()

        def wake() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

        self._woken[key] = wake
        return lambda: self._woken.pop(key, None) and None

    @contextmanager
    def seat(self, person_id: str) -> Iterator[None]:
        """A place to listen from. Raises TooMany."""
        if self._seats.total() >= MOST_LISTENERS or self._seats[person_id] >= MOST_OF_ONE:
            raise TooMany("Too many live connections are open; close one first.")
        self._seats[person_id] += 1
        self.listeners.set(self._seats.total())
        try:
            yield
        finally:
            self._seats -= Counter({person_id: 1})  # leaves out who has none left
            self.listeners.set(self._seats.total())

    def standing(
        self, organisation_id: int, learner_id: int, courses: Collection[str] | None, today: date
    ) -> Standing | None:
        """None: not known here for sure; the question learner_now knows."""
        if not self._hears_all:
            return None
        free = self._free_days(organisation_id, today)
        with self._lock:
            facts = self._states.facts(organisation_id, learner_id, courses)
        return None if facts is None else now.standing(facts, today, free)

    def standings(
        self, organisation_id: int, courses: Mapping[int, Collection[str] | None], today: date
    ) -> dict[int, Standing] | None:
        """By all that was committed up to this call; None: not known here for sure of all of them."""
        committed = self._warehouse.changed(EVENTS.unbound)
        if committed is None or today < self._began - timedelta(days=1):
            return None
        if self._folded < committed:
            self._catch_up()
        free = self._free_days(organisation_id, today)
        with self._lock:
            if self._missed or self._folded < committed:
                return None
            facts = {
                learner: self._states.facts(organisation_id, learner, some)
                for learner, some in courses.items()
                if (organisation_id, learner) not in self._gone
            }
        known = {learner: of for learner, of in facts.items() if of is not None and _is_whole(of, today)}
        if len(known) < len(courses):
            return None
        return {learner: now.standing(of, today, free) for learner, of in known.items()}

    def struggling(self, organisation_id: int, today: date) -> list[int]:
        with self._lock:
            return self._states.struggling(organisation_id, today)

    def forget(self, organisation_id: int, learner_id: int) -> None:
        """Of a learner who is erased; afterwards nothing is known here but what comes anew."""
        with self._lock:
            self._states.forget(organisation_id, learner_id)
            self._gone.add((organisation_id, learner_id))

    def minutes(
        self, organisation_id: int, types: Collection[str], courses: Collection[str]
    ) -> dict[int, dict[str, int]]:
        with self._lock:
            return self._minutes.told(organisation_id, self._minute(), types, courses)

    @contextmanager
    def without_rows(self) -> Iterator[int]:
        """While somebody listens who sees no rows: gives the minute after which they are told."""
        with self._lock:
            self._without_rows += 1
            self._whole.listen(self._minute())
        try:
            yield self._minute()
        finally:
            with self._lock:
                self._without_rows -= 1
                if not self._without_rows:
                    self._whole.rest()

    def whole_minutes(self, organisation_id: int, after: int) -> list[Told]:
        with self._lock:
            self._whole.close(self._minute())
            return self._whole.after(organisation_id, after)

    def _minute(self) -> int:
        return int(self._clock().timestamp() // 60)

    def _free_days(self, organisation_id: int, today: date) -> frozenset[date]:
        """Read again when the calendar changed; where that is not known, once a minute."""
        changed = self._warehouse.changed(SCHOOL_DAY.unbound)
        read, days = self._free.get(organisation_id, (-_FREE_DAYS_S, frozenset()))
        number = monotonic() // _FREE_DAYS_S if changed is None else changed
        if read != number:
            days = read_free_days(self._warehouse, organisation_id, today)
            self._free[organisation_id] = (number, days)
        return days


def _is_whole(of: Facts, today: date) -> bool:
    """What bears the day after tomorrow has taken the place of a day of this week (States, the ring)."""
    return max(of.days, default=0) <= now.number_of(today) + 1
