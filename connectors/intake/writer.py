"""The one writer: takes all that waits, checks it as one, stores it in one transaction, then answers.

An answer means: what it calls accepted is on disk, once, with its roll-ups.
"""

from __future__ import annotations

import logging
import secrets
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter

import pyarrow as pa

from config.quality import quality_rules
from connectors.intake.admission import KnownIds
from connectors.intake.counters import Counters
from connectors.intake.fingerprints import Fingerprints
from connectors.intake.gatekeeper import SCHEMA, Gatekeeper
from connectors.intake.group import Batch, Group
from connectors.intake.limits import LIMITS, Limits
from connectors.intake.payloads import payload_types
from connectors.intake.postbox import Postbox
from connectors.intake.quality import Judge, under_target
from connectors.intake.quarantine import Quarantine
from connectors.intake.queue import Queue
from connectors.intake.recall import recall
from connectors.intake.recording import Recording
from connectors.intake.schools import Schools
from connectors.intake.stream import Stream
from connectors.intake.submission import Outcome, Submission
from connectors.intake.times import clock
from connectors.warehouse import Also, Appended, Warehouse
from models.errors import HeadwayError, Unavailable
from models.event import EventType
from models.quality import QualityRules

_log = logging.getLogger(__name__)
_IDLE_S = 0.5
_STREAM_EVENTS = 1_000  # in one group, of several senders: more are on their way
_GROUP_S = 0.06  # then, from one commit to the next: half of a small one's price is the commit
_LARGE_EVENTS = 2_500  # in one group: a second of this is 40,000 and more
_LARGE_GROUP_S = 0.12  # then: twice as much in one commit costs a fifth less
_AWAY_S = 2.0  # between two tries while the warehouse is away at start
_CHECKPOINT_EVENTS = 100_000  # about 25 MB of log: then an idle moment is used to write it away
Published = Callable[[pa.Table, Appended], None]


class Writer:
    def __init__(
        self,
        warehouse: Warehouse,
        schools: Schools,
        taxonomy: Mapping[str, EventType],
        *,
        limits: Limits = LIMITS,
        counters: Counters | None = None,
        published: Published | None = None,
        quality: QualityRules | None = None,
    ) -> None:
        self.counters = counters or Counters()
        self.limits = limits
        self._warehouse, self._schools = warehouse, schools
        self._published = published
        self._key = secrets.randbits(64)
        self._keeper = Gatekeeper(payload_types(taxonomy), key=self._key, limits=limits)
        self._queue = Queue(limits, self._keeper.known, self.counters)
        self._prints = Fingerprints() if warehouse.engine == "duckdb" else None
        self._ids = KnownIds(warehouse, self._prints)
        self._postbox = Postbox(limits.letters_per_hour, self.counters)
        self._quarantine = Quarantine(limits)
        self._judge = Judge(quality or quality_rules())
        self._recording = Recording(schools)
        self._uncounted: list[pa.Table] = []  # how good batches were of which nothing was stored
        self._since_checkpoint = 0
        self._stream = Stream()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._failure: HeadwayError | None = None  # of the last commit

    @property
    def failure(self) -> HeadwayError | None:
        """What is wrong as of now, for /health."""
        return self._failure or self._recording.failure

    def start(self) -> None:
        self._thread.start()

    def put(self, submission: Submission) -> None:
        """Raises TooMany when there is no room. `submission.told` is called once, on the writer's thread."""
        self._queue.put(submission)

    def forget(self, organisation_id: int) -> None:
        """Somebody of this organisation was erased."""
        self._schools.forget(organisation_id)

    def streams(self) -> bool:
        """Do events come so densely that other work should wait?"""
        return self._stream.is_dense

    def close(self) -> None:
        """Stores what waits, then stops."""
        self._queue.close()
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        self._wake()
        while not self._queue.closed:
            try:
                self._turn()
            except Exception as error:  # there is no other writer: while it lives, somebody may wait for it
                self._failure = _told(error)
        self._recording.record()
        self._count_rest()

    def _turn(self) -> None:
        taken = self._queue.take(self.limits.group_events, _IDLE_S)
        self._queue.measure(clock())
        if taken:
            started = perf_counter()
            try:
                self._commit(taken)
            finally:
                self._queue.done(taken)
            self._recording.try_again()
            self._gather(taken, started)
        else:
            self._recording.try_again()
            self._tidy()

    def _gather(self, taken: Sequence[Submission], started: float) -> None:
        """In a dense stream a moment's rest makes the next group larger, and all of them together cheaper."""
        events = sum(len(one.events) for one in taken)
        if len(taken) > 1 and events >= _STREAM_EVENTS:
            gathered = _LARGE_GROUP_S if events >= _LARGE_EVENTS else _GROUP_S
            self._stop.wait(max(0.0, started + gathered - perf_counter()))

    def _wake(self) -> None:
        """Until what is stored is known, nobody is answered; what arrives waits."""
        while not self._queue.closed:
            try:
                recall(self._warehouse, self._schools, self._prints, self._quarantine, self._key)
            except Exception as error:
                self._failure = _told(error)
                self._stop.wait(_AWAY_S)
            else:
                self._failure = None
                self._count_known()
                return

    def _commit(self, taken: Sequence[Submission]) -> None:
        try:
            outcomes = self._stored(taken).outcomes()
        except Exception as error:
            self._fail(taken, _told(error))
        else:
            self._failure = None
            self._answer(taken, outcomes)

    def _stored(self, taken: Sequence[Submission]) -> Group:
        self._schools.refresh()
        self._recording.hold()
        group = Group(
            self._keeper,
            self._schools,
            self._ids,
            self.counters,
            self._postbox,
            self._quarantine,
            self._judge,
        )
        try:
            batch = group.check(taken)
        except BaseException:
            self._undo()
            raise
        started = perf_counter()
        if batch.is_empty:
            group.watermark = self._warehouse.watermark().number
            self._uncounted.append(group.quality(batch.table, pa.array([], pa.bool_())))
            return group
        try:
            appended = self._append(batch, group)
        except BaseException:
            self._ids.add(batch.prints)
            self._undo()
            raise
        self._recording.add(group.consents())
        self.counters.commit.observe(perf_counter() - started)
        self._ids.add(batch.prints)
        self._count_known()
        group.confirm(appended)
        self._since_checkpoint += len(batch.table)
        self._stream.note(len(batch.table))
        if self._published and len(batch.table):
            inserted = batch.table if self._ids.are_sure else batch.table.filter(appended.inserted)
            self._published(inserted, appended)
        return group

    def _undo(self) -> None:
        """What the check of a group changed in memory: nothing of it is stored."""
        self._quarantine.undo()
        self._schools.reread()

    def _append(self, batch: Batch, group: Group) -> Appended:
        waiting, counted = list(self._uncounted), []

        def quality(inserted: pa.Array) -> pa.Table:
            counted.append(group.quality(batch.table, inserted))
            return pa.concat_tables([*waiting, *counted])

        also: dict[str, Also] = {"dead_letter": batch.letters} if len(batch.letters) else {}
        also["quality_day"] = quality
        also["quality_batch"] = lambda _: under_target(counted[-1], self._judge.rules)
        appended = self._warehouse.append(
            batch.table, offsets=batch.offsets, also=also, ids_are_new=self._ids.are_sure
        )
        del self._uncounted[: len(waiting)]
        return appended

    def _count_rest(self) -> None:
        """Batches that were nothing but repeats are no reason for a commit of their own while others wait."""
        rows = [part for part in self._uncounted if len(part)]
        self._uncounted = []
        if not rows:
            return
        try:
            also: dict[str, Also] = {"quality_day": pa.concat_tables(rows)}
            self._warehouse.append(SCHEMA.empty_table(), also=also, ids_are_new=True)
        except HeadwayError as error:
            self._uncounted = rows
            _log.warning("the quality of repeats could not be noted yet: %s", error.detail)

    def _fail(self, taken: Sequence[Submission], error: HeadwayError) -> None:
        self._failure = error
        self.counters.failed_commits.inc()
        for submission in taken:
            _tell(submission, error)

    def _answer(self, taken: Sequence[Submission], outcomes: Sequence[Outcome]) -> None:
        now = clock()
        for submission, outcome in zip(taken, outcomes, strict=True):
            self.counters.processing.observe((now - submission.received) / 1e6)
            _tell(submission, outcome)

    def _tidy(self) -> None:
        """A checkpoint stalls the writer for a moment: it belongs where nobody waits."""
        self._count_rest()
        if self._prints is None or self._since_checkpoint < _CHECKPOINT_EVENTS:
            return
        self._since_checkpoint = 0
        started = perf_counter()
        try:
            self._warehouse.checkpoint()
        except HeadwayError as error:
            _log.warning("a checkpoint failed: %s", error.detail)
        self.counters.checkpoint.observe(perf_counter() - started)

    def _count_known(self) -> None:
        if self._prints is not None:
            self.counters.known_ids.set(len(self._prints))


def _tell(submission: Submission, what: Outcome | HeadwayError) -> None:
    """One who cannot be told, such as one who left, keeps no answer from the others."""
    try:
        submission.told(what)
    except Exception as error:
        _unexpected(error)


def _told(error: Exception) -> HeadwayError:
    return error if isinstance(error, HeadwayError) else _unexpected(error)


def _unexpected(error: Exception) -> Unavailable:
    """Noted with its place, never with its message: that may quote a value."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = " > ".join(f"{frame.name}:{frame.lineno}" for frame in frames)
    _log.error("the writer met %s at %s", type(error).__name__, places)
    return Unavailable("The events could not be stored; send them again.")
