"""From decoded events to rows of `events`: everything that can be said of an event by itself.

Works on a whole group of one organisation at a time and column by column; what a group's own arrays
cannot tell is looked at one by one. Consent and repeats need what came before, and come after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.intake.envelope import NO_CONTEXT, NO_DEVICE, Replayed, Sent
from connectors.intake.eventids import Words, fingerprints, read_ids
from connectors.intake.limits import LIMITS, Limits
from connectors.intake.payloads import COLUMNS, PayloadType
from connectors.intake.school import School
from connectors.intake.times import SECOND, Micros, as_timestamps, read_times
from models.tables import EVENTS

Event = Sent | Replayed
Ints = npt.NDArray[np.int64]
SCHEMA = pa.schema(
    [(f.name, pa.string() if f.name == "event_id" else f.type) for f in EVENTS.schema.to_pyarrow()]
)
_KNOWN_COLUMNS = {name: SCHEMA.field(name).type for name in COLUMNS}


@dataclass(slots=True)
class Checked:
    """A group after the gate. `places` are the rows' places in the group as it arrived."""

    table: pa.Table
    places: Ints
    prints: Words
    learners: Ints
    at: Micros
    wrong: dict[int, tuple[str, str]] = field(default_factory=dict)  # place -> code, detail
    unknown: list[int] = field(default_factory=list)  # places of types that nobody declared


class Gatekeeper:
    def __init__(self, types: Mapping[str, PayloadType], *, key: int = 0, limits: Limits = LIMITS) -> None:
        self._types = tuple(types.values())
        self._number: Callable[[str, int], int] = {name: i for i, name in enumerate(types)}.get
        self._names = tuple(types)
        self._key = key
        self._limits = limits
        self._oldest = int(np.datetime64(f"{limits.oldest_year}-01-01", "us").astype(np.int64))

    def known(self, event_type: str) -> tuple[str, str]:
        """Its declared name and priority; a type that nobody declared has no name, and is P1."""
        number = self._number(event_type, -1)
        return ("", "P1") if number < 0 else (event_type, self._types[number].kind.priority)

    def as_sent(self, event_type: str) -> frozenset[str]:
        """Fields of its payload in which nobody looks for personal data."""
        number = self._number(event_type, -1)
        return frozenset() if number < 0 else self._types[number].as_sent

    def check(self, school: School, events: Sequence[Event], received: Micros, source: str) -> Checked:
        """`received` is a time for each event."""
        numbers = np.array([self._number(e.event_type, -1) for e in events], dtype=np.int64)
        # Grouped by type: each payload checker then reads its whole group at once.
        order = np.argsort(numbers, kind="stable")
        order = order[np.searchsorted(numbers[order], 0) :]
        unknown = np.flatnonzero(numbers < 0).tolist()
        if not len(order):
            empty = np.empty(0, np.int64)
            return Checked(
                SCHEMA.empty_table(), empty, empty.astype(np.uint64), empty, empty, unknown=unknown
            )
        known = [events[i] for i in order.tolist()]
        group = _Group(self, school, known, numbers[order], received[order], source)
        checked = group.checked(order)
        checked.unknown = unknown
        return checked


class _Group:
    """The columns of one group, in the order of its types."""

    def __init__(
        self,
        keeper: Gatekeeper,
        school: School,
        events: Sequence[Event],
        numbers: Ints,
        received: Micros,
        source: str,
    ) -> None:
        self._keeper, self._school, self._events = keeper, school, events
        self._numbers, self._received, self._source = numbers, received, source
        self._wrong: dict[int, tuple[str, str]] = {}

    def checked(self, order: Ints) -> Checked:
        columns = self._who() | self._context()
        columns |= self._payloads(columns)
        ids, words, known = read_ids(pa.array([e.event_id for e in self._events], pa.string()))
        self._refuse(~known, "bad-event-id", "event_id is not a UUID.")
        at = self._times()
        days, hours = self._school.local.day_and_hour(at)
        count = len(self._events)
        columns |= {
            "organisation_id": pa.array(np.full(count, self._school.organisation_id, np.int32)),
            "event_id": ids,
            "event_type": self._type_names(),
            "occurred_at": as_timestamps(at),
            "received_at": as_timestamps(self._received),
            "day": days,
            "hour": hours,
            "source": pa.repeat(pa.scalar(self._source), count),
        }
        table = pa.Table.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA)
        prints = fingerprints(self._school.organisation_id, words, self._keeper._key)
        checked = Checked(table, order, prints, np.asarray(columns["learner_id"]), at)
        return self._without_wrong(checked) if self._wrong else checked

    def _without_wrong(self, checked: Checked) -> Checked:
        fine = np.ones(len(self._events), np.bool_)
        fine[list(self._wrong)] = False
        return Checked(
            checked.table.filter(pa.array(fine)),
            checked.places[fine],
            checked.prints[fine],
            checked.learners[fine],
            checked.at[fine],
            {int(checked.places[i]): why for i, why in self._wrong.items()},
        )

    def _refuse(self, which: npt.NDArray[np.bool_], code: str, detail: str) -> None:
        for place in np.flatnonzero(which).tolist():
            self._wrong.setdefault(place, (code, detail))

    def _type_names(self) -> pa.Array:
        names = pa.array(self._keeper._names, pa.string())
        return names.take(pa.array(self._numbers))

    def _times(self) -> Micros:
        limits = self._keeper._limits
        at, known = read_times(pa.array([e.timestamp for e in self._events], pa.string()))
        ahead = at > self._received + limits.ahead_s * SECOND
        old = known & (at < self._keeper._oldest)
        self._refuse(~known, "bad-timestamp", "timestamp is not ISO 8601 with a zone.")
        self._refuse(
            ahead, "in-the-future", f"timestamp is more than {limits.ahead_s} s ahead of the server's clock."
        )
        self._refuse(old, "too-old", f"timestamp lies before {limits.oldest_year}.")
        # A time that is refused must not trouble the calendar.
        return np.where(known & ~ahead & ~old, at, self._received)

    def _who(self) -> dict[str, pa.Array]:
        events = self._events
        if events and isinstance(events[0], Replayed):
            learners = [e.learner_id for e in cast(Sequence[Replayed], events)]
            sessions = [e.session for e in cast(Sequence[Replayed], events)]
        else:
            learner, session = self._school.learners, self._school.sessions
            learners = [learner[e.student_id] for e in cast(Sequence[Sent], events)]
            sessions = [session[e.session_id] for e in cast(Sequence[Sent], events)]
        return {
            "learner_id": pa.array(learners, pa.int64()),
            "session_id": pa.array(sessions, pa.int64()),
            "sequence": pa.array([e.sequence for e in events], pa.int32()),
        }

    def _context(self) -> dict[str, pa.Array]:
        contexts = [e.context or NO_CONTEXT for e in self._events]
        devices = [e.device or NO_DEVICE for e in self._events]
        return {
            "course_id": pa.array([c.course_id for c in contexts], pa.string()),
            "lesson_id": pa.array([c.lesson_id for c in contexts], pa.string()),
            "video_id": pa.array([c.video_id for c in contexts], pa.string()),
            "assessment_id": pa.array([c.assessment_id for c in contexts], pa.string()),
            "device_type": pa.array([d.type for d in devices], pa.string()),
            "os": pa.array([d.os for d in devices], pa.string()),
            "browser": pa.array([d.browser for d in devices], pa.string()),
        }

    def _payloads(self, context: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
        values: dict[str, list[object]] = {name: [] for name in COLUMNS}
        rest: list[str | None] = []
        firsts = np.flatnonzero(np.diff(self._numbers, prepend=-1)).tolist()
        for first, end in zip(firsts, [*firsts[1:], len(self._events)], strict=True):
            kind = self._keeper._types[int(self._numbers[first])]
            group = self._events[first:end]
            read = kind.read([e.payload for e in group], self._school.finder.clean)
            for place, why in read.wrong.items():
                self._wrong.setdefault(first + place, why)
            self._check_needs(kind.needs, context, first, end)
            rest.extend(read.rest)
            missing = [None] * (end - first)
            for name, column in values.items():
                column.extend(read.columns.get(name, missing))
        arrays = {name: pa.array(column, _KNOWN_COLUMNS[name]) for name, column in values.items()}
        return arrays | {"payload": pa.array(rest, pa.string())}

    def _check_needs(
        self, needs: Sequence[str], context: Mapping[str, pa.Array], first: int, end: int
    ) -> None:
        for need in needs:
            given = context[need].slice(first, end - first)
            if given.null_count:
                missing = np.zeros(len(self._events), np.bool_)
                missing[first:end] = given.is_null()
                self._refuse(missing, "missing-field", f"Missing required field `{need}` (in context).")
