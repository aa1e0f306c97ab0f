"""The one writer: takes all that waits, checks it as one, makes it durable as one, then answers.

An answer means: what it calls accepted is on disk, once, in the warehouse or in the journal before it.
"""

from __future__ import annotations

import logging
import secrets
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter

from config.quality import quality_rules
from connectors.intake.admission import KnownIds
from connectors.intake.counters import Counters
from connectors.intake.fingerprints import Fingerprints
from connectors.intake.gatekeeper import Gatekeeper
from connectors.intake.group import Group
from connectors.intake.limits import LIMITS, Limits
from connectors.intake.payloads import payload_types
from connectors.intake.postbox import Postbox
from connectors.intake.quality import Judge
from connectors.intake.quarantine import Quarantine
from connectors.intake.queue import Queue
from connectors.intake.recall import recall
from connectors.intake.recording import Recording
from connectors.intake.schools import Schools
from connectors.intake.storing import Published, Storing
from connectors.intake.stream import Stream
from connectors.intake.submission import Outcome, Submission
from connectors.intake.times import clock
from connectors.warehouse import Warehouse
from models.errors import HeadwayError, Unavailable
from models.event import EventType
from models.quality import QualityRules

_log = logging.getLogger(__name__)
_IDLE_S = 0.5
_GROUP_S = 0.06  # in a stream, from one group to the next: larger ones are cheaper
_PATIENCE_S = 30.0
_CLOSING = Unavailable("The way in is closing; send this again in a moment.")
_AWAY_S = 2.0  # between two tries while the warehouse is away at start


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
        journal: Path | None = None,
    ) -> None:
        self.counters = counters or Counters()
        self.limits = limits
        self._warehouse, self._schools = warehouse, schools
        self._key = secrets.randbits(64)
        self._keeper = Gatekeeper(payload_types(taxonomy), key=self._key, limits=limits)
        self._queue = Queue(limits, self._keeper.known, self.counters)
        self._prints = Fingerprints() if warehouse.engine == "duckdb" else None
        self._judge = Judge(quality or quality_rules())
        self._storing = Storing(warehouse, self._judge, self.counters, published, journal)
        self._ids = KnownIds(warehouse, self._storing, self._prints)
        self._postbox = Postbox(limits.letters_per_hour, self.counters)
        self._quarantine = Quarantine(limits)
        self._recording = Recording(schools)
        self._stream = Stream()
        self._checking = threading.Lock()
        self._awake = threading.Event()  # what is stored is known
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._failure: HeadwayError | None = None  # of the last commit

    @property
    def failure(self) -> HeadwayError | None:
        """What is wrong as of now, for /health."""
        return self._failure or self._storing.failure or self._recording.failure

    def start(self) -> None:
        self._thread.start()

    def put(self, submission: Submission) -> None:
        """Raises TooMany when there is no room. `submission.told` is called once, on the writer's thread."""
        self._queue.put(submission)

    def forget(self, organisation_id: int) -> None:
        """Somebody of this organisation was erased."""
        self._schools.forget(organisation_id)

    def settle(self) -> None:
        """Until all that was acknowledged, also before this process began, is in the warehouse."""
        while not self._awake.wait(_IDLE_S):  # a large school's ids are read for minutes
            if self._failure or self._stop.is_set():
                raise self._failure or _CLOSING
        with self._checking:  # what was taken before is durable now
            pass
        self._storing.settle(_PATIENCE_S)

    def offsets(self) -> Mapping[str, str]:
        """How far each source was read."""
        self.settle()
        return self._warehouse.offsets()

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
        self._storing.close()

    def _refuse_rest(self) -> None:
        """Closed before it was known what is stored: nothing may be stored."""
        while taken := self._queue.take(0):
            self._queue.done(taken)
            for submission in taken:
                _tell(submission, self._failure or _CLOSING)

    def _turn(self) -> None:
        taken = self._queue.take(_IDLE_S)
        self._queue.measure(clock())
        if taken:
            started = perf_counter()
            try:
                with self._checking:
                    self._commit(self._readable(taken))
            finally:
                self._queue.done(taken)
            self._recording.try_again()
            self._gather(taken, started)
        else:
            self._recording.try_again()
            self._storing.tidy()

    def _readable(self, taken: Sequence[Submission]) -> list[Submission]:
        """Bodies are taken apart here, where what is made of them is used at once: an event that one thread
        makes and another uses costs both more."""
        return [submission for submission in taken if self._read(submission)]

    def _read(self, submission: Submission) -> bool:
        try:
            submission.read(self.limits)
            self._queue.shed(submission)
        except Exception as error:
            _tell(submission, _told(error))
            return False
        return True

    def _gather(self, taken: Sequence[Submission], started: float) -> None:
        """In a stream a moment's rest makes the next group larger, and all of them together cheaper."""
        if len(taken) > 1 and self._streams(taken):
            self._stop.wait(max(0.0, started + _GROUP_S - perf_counter()))

    def _streams(self, taken: Sequence[Submission]) -> bool:
        return self._stream.is_dense or sum(len(one.events) for one in taken) >= self.limits.stream_events

    def _wake(self) -> None:
        """Until what is stored is known, nobody is answered; what arrives waits."""
        while not self._stop.is_set():
            try:
                self._storing.recover()
                recall(self._warehouse, self._schools, self._prints, self._quarantine, self._key)
            except Exception as error:
                self._failure = _told(error)
                self._stop.wait(_AWAY_S)
            else:
                self._failure = None
                self._count_known()
                self._awake.set()
                return
        self._refuse_rest()

    def _commit(self, taken: Sequence[Submission]) -> None:
        try:
            outcomes = self._stored(taken).outcomes()
        except Exception as error:
            self._fail(taken, _told(error))
        else:
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
        entry, events = batch.entry, len(batch.entry.events)
        if entry.is_empty:
            self._storing.count_later(entry.lacking)
            return group
        try:
            appended = self._storing.put(entry, self._streams(taken))
        except BaseException:
            self._ids.add_failed(batch.prints)
            self._undo()
            raise
        self._failure = None
        self._recording.add(group.consents())
        self._ids.add(batch.prints)
        self._count_known()
        group.confirm(appended)
        self._stream.note(events)
        return group

    def _undo(self) -> None:
        """What the check of a group changed in memory: nothing of it is stored."""
        self._quarantine.undo()
        self._schools.reread()

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
