"""Where learners stand now, in memory: facts of compute/now.py for each learner and course, as arrays.

A batch costs a few array operations, however many learners are in it; only what happens seldom (a new
day, a new visit, a score) is looked at one by one. Not safe from two threads: the hub holds the lock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from compute.now import (
    COUNTS,
    HISTORY_DAYS,
    SCORES,
    SUMS,
    WEEK_DAYS,
    Active,
    Day,
    Facts,
    Score,
    Visit,
    joined,
    merged,
    newest_scores,
    recent_scores,
    struggling,
)
from models.tables import IDLE_S

Ints = npt.NDArray[np.int64]
Place = tuple[int, int, str]  # organisation, learner, course
MOST_COURSES = 500_000  # learners times their courses: about 600 bytes each
_RING = WEEK_DAYS + 1  # a client's clock may be a little ahead of midnight
_NEVER = np.iinfo(np.int64).min // 2
_IDLE = IDLE_S * 1_000_000
_FIRST = 1024
_CHUNK = 10_000


class States:
    def __init__(self, most: int = MOST_COURSES) -> None:
        self._most = most
        self._slots: dict[tuple[int, int], dict[str, int]] = {}
        self._at: dict[tuple[int, int, str], int] = {}  # the same, found at one go
        self._free: list[int] = []
        self._used = 0
        self._label = np.full((_FIRST, _RING), _NEVER)  # which day a cell of the ring holds
        self._counts = np.zeros((_FIRST, _RING, len(COUNTS)), np.uint32)
        self._sums = np.zeros((_FIRST, _RING, len(SUMS)))
        self._visit = np.full((3, _FIRST), _NEVER)  # the newest one: ended_at, started_at, session_id
        self._closed = np.zeros(_FIRST, bool)
        self._active: list[Active] = [Active()] * _FIRST
        self._older: dict[int, tuple[Visit, ...]] = {}
        self._scores: dict[int, tuple[Score, ...]] = {}
        # Who was put out for want of room and comes back is known in part only.
        self._put_out = False
        self._partial: set[tuple[int, int]] = set()

    def __len__(self) -> int:
        return len(self._slots)

    # ---- reading

    def facts(self, organisation_id: int, learner_id: int, courses: Collection[str] | None) -> Facts | None:
        """In these courses, or in all; visits are the learner's whatever the course. None: not known."""
        key = (organisation_id, learner_id)
        slots = self._slots.get(key)
        if key in self._partial or (slots is None and self._put_out):
            return None
        found = [self._facts(slot, courses is None or c in courses) for c, slot in (slots or {}).items()]
        return merged([*found, Facts()])

    def _facts(self, slot: int, is_told: bool) -> Facts:
        visits = tuple(self._visits(slot))
        if not is_told:
            return Facts(visits=visits)
        days = {
            int(day): Day(*self._counts[slot, cell].tolist(), *self._sums[slot, cell].tolist())
            for cell, day in enumerate(self._label[slot])
            if day != _NEVER
        }
        return Facts(days, self._active[slot], self._scores.get(slot, ()), visits)

    def _visits(self, slot: int) -> Iterator[Visit]:
        ended_at, started_at, session_id = self._visit[:, slot].tolist()
        if ended_at != _NEVER:
            yield Visit(ended_at, started_at, session_id, bool(self._closed[slot]))
        yield from self._older.get(slot, ())

    def struggling(self, organisation_id: int, today: date) -> list[int]:
        """Learners whose recent scores, whatever the course, are all low."""
        found = []
        for (organisation, learner), slots in self._slots.items():
            if organisation == organisation_id:
                scores = newest_scores(s for slot in slots.values() for s in self._scores.get(slot, ()))
                if struggling(recent_scores(scores, today)):
                    found.append(learner)
        return sorted(found)

    def lows(self, scores: pa.Table, today: date) -> Iterator[tuple[Place, tuple[float, ...]]]:
        """Of the learners and courses in a batch's scores: the recent ones where all of them are low, else
        nothing. Who is known in part only may have better scores that were forgotten."""
        names = ("organisation_id", "learner_id", "course_id")
        for place in dict.fromkeys(zip(*(scores[name].to_pylist() for name in names), strict=True)):
            slot = self._at.get(place)
            recent = recent_scores(self._scores.get(slot, ()), today) if slot is not None else ()
            is_known = place[:2] not in self._partial or len(recent) == SCORES
            yield place, recent if is_known and struggling(recent) else ()

    # ---- growing

    def fold(self, changes: pa.Table, scores: pa.Table) -> None:
        """What compute.now.changes and compute.now.scored say of a batch."""
        if len(changes) == 0:
            return
        slots = self._places(changes)
        self.add_days(changes, slots)
        self.add_visits(changes, slots)
        self.add_scores(scores)

    def add_days(self, rows: pa.Table, slots: Ints | None = None) -> None:
        slots = self._places(rows) if slots is None else slots
        days = _numbers(rows, "day")
        cells = days % _RING
        before = self._label[slots, cells]
        self._mark(slots[before != days], days[before != days])
        np.maximum.at(self._label, (slots, cells), days)
        held = self._label[slots, cells]
        turned = held != before
        self._counts[slots[turned], cells[turned]] = 0
        self._sums[slots[turned], cells[turned]] = 0
        fits = held == days  # what is older than the ring counts no more
        place = (slots[fits], cells[fits])
        np.add.at(self._counts, place, _matrix(rows, COUNTS, np.uint32)[fits])
        np.add.at(self._sums, place, _matrix(rows, SUMS, np.float64)[fits])

    def _mark(self, slots: Ints, days: Ints) -> None:
        for slot, day in zip(slots.tolist(), days.tolist(), strict=True):
            self._active[slot] = self._active[slot].on(day)

    def add_active(self, rows: pa.Table) -> None:
        """Days with anything done, many at once: what is read at the start."""
        first_rows, which = _places_once(rows)
        slots, days = self._places(first_rows)[which], _numbers(rows, "day")
        order = np.argsort(slots, kind="stable")
        slots, days = slots[order], days[order]
        each, starts = np.unique(slots, return_index=True)
        newest = np.maximum.reduceat(days, starts) if len(each) else days
        number = np.repeat(np.arange(len(each)), np.diff([*starts, len(slots)]))
        back = newest[number] - days
        for first in range(0, len(each), _CHUNK):
            some = slice(*np.searchsorted(number, (first, first + _CHUNK)))
            mine = back[some] < HISTORY_DAYS
            grid = np.zeros((min(_CHUNK, len(each) - first), HISTORY_DAYS), bool)
            grid[number[some][mine] - first, back[some][mine]] = True
            for at, packed in enumerate(np.packbits(grid, axis=1, bitorder="little"), first):
                read = Active(int(newest[at]), int.from_bytes(packed.tobytes(), "little"))
                self._active[int(each[at])] = self._active[int(each[at])].both(read)

    def add_visits(self, rows: pa.Table, slots: Ints | None = None) -> None:
        slots = self._places(rows) if slots is None else slots
        ended, started, session = (_numbers(rows, n) for n in ("ended_at", "started_at", "session_id"))
        closed = np.asarray(rows["closed"].to_numpy(), bool)
        now_ended, now_started, now_session = self._visit[:, slots]
        # Going on with the newest visit can join it to no other one.
        goes_on = (session == now_session) & (started >= now_started) & (started <= now_ended + _IDLE)
        np.maximum.at(self._visit[0], slots[goes_on], ended[goes_on])
        np.logical_or.at(self._closed, slots[goes_on], closed[goes_on])
        pieces: defaultdict[int, list[Visit]] = defaultdict(list)
        for i in np.flatnonzero(~goes_on).tolist():
            visit = Visit(int(ended[i]), int(started[i]), int(session[i]), bool(closed[i]))
            pieces[int(slots[i])].append(visit)
        for slot, more in pieces.items():
            self._set_visits(slot, joined([*self._visits(slot), *more]))

    def _set_visits(self, slot: int, visits: tuple[Visit, ...]) -> None:
        newest, *older = visits
        self._visit[:, slot] = newest.ended_at, newest.started_at, newest.session_id
        self._closed[slot] = newest.closed
        if older:
            self._older[slot] = tuple(older)
        else:
            self._older.pop(slot, None)

    def add_scores(self, rows: pa.Table) -> None:
        slots = self._places(rows)
        columns = (rows[name].to_pylist() for name in Score._fields)
        for slot, values in zip(slots.tolist(), zip(*columns, strict=True), strict=True):
            self._scores[slot] = newest_scores((*self._scores.get(slot, ()), Score(*values)))

    # ---- room

    def _places(self, rows: pa.Table) -> Ints:
        names = ("organisation_id", "learner_id", "course_id")
        keys = list(zip(*(rows[name].to_pylist() for name in names), strict=True))
        found = [*map(self._at.get, keys)]
        if None in found:
            found = [self._slot(*key) if at is None else at for key, at in zip(keys, found, strict=True)]
        return np.array(found, np.int64)

    def _slot(self, organisation_id: int, learner_id: int, course_id: str) -> int:
        key = (organisation_id, learner_id)
        courses = self._slots.get(key)
        if courses is None:
            courses = self._slots[key] = {}
            if self._put_out:
                self._partial.add(key)
        slot = courses.get(course_id)
        if slot is None:
            slot = courses[course_id] = self._at[organisation_id, learner_id, course_id] = self._new_slot()
        return slot

    def _new_slot(self) -> int:
        if self._free:
            return self._free.pop()
        if self._used == len(self._closed):
            self._grow()
        self._used += 1
        return self._used - 1

    def _grow(self) -> None:
        more = len(self._closed)
        self._label = np.concatenate([self._label, np.full((more, _RING), _NEVER)])
        self._counts = np.concatenate([self._counts, np.zeros_like(self._counts)])
        self._sums = np.concatenate([self._sums, np.zeros_like(self._sums)])
        self._visit = np.concatenate([self._visit, np.full((3, more), _NEVER)], axis=1)
        self._closed = np.concatenate([self._closed, np.zeros(more, bool)])
        self._active += [Active()] * more

    def make_room(self) -> int:
        """Puts out those who were not seen for longest, if there are too many; returns how many."""
        if self._used - len(self._free) <= self._most:
            return 0
        by_age = sorted(self._slots, key=lambda key: max(self._visit[0, list(self._slots[key].values())]))
        gone = by_age[: len(by_age) // 8 + 1]
        for organisation_id, learner_id in gone:
            self.forget(organisation_id, learner_id)
        self._put_out = True
        return len(gone)

    def forget(self, organisation_id: int, learner_id: int) -> None:
        self._partial.discard((organisation_id, learner_id))
        for course_id, slot in self._slots.pop((organisation_id, learner_id), {}).items():
            del self._at[organisation_id, learner_id, course_id]
            self._label[slot], self._counts[slot], self._sums[slot] = _NEVER, 0, 0
            self._visit[:, slot], self._closed[slot], self._active[slot] = _NEVER, False, Active()
            self._older.pop(slot, None)
            self._scores.pop(slot, None)
            self._free.append(slot)

    def distrust(self) -> None:
        """Something went wrong on the way: nothing here counts as known any more."""
        for organisation_id, learner_id in list(self._slots):
            self.forget(organisation_id, learner_id)
        self._put_out = True


def _numbers(rows: pa.Table, name: str) -> Ints:
    return np.asarray(rows[name].to_numpy(), np.int64)


def _places_once(rows: pa.Table) -> tuple[pa.Table, Ints]:
    """A row of each place, and which of them each row belongs to: millions of days are of few places."""
    learners, code = np.unique(_numbers(rows, "learner_id"), return_inverse=True)
    courses = rows["course_id"].cast(pa.string()).combine_chunks().dictionary_encode()
    code = code + np.asarray(courses.indices.to_numpy(zero_copy_only=False), np.int64) * len(learners)
    organisations, which = np.unique(_numbers(rows, "organisation_id"), return_inverse=True)
    code = code * max(1, len(organisations)) + which
    _, first, place = np.unique(code, return_index=True, return_inverse=True)
    return rows.take(pa.array(first)), place


def _matrix(rows: pa.Table, names: Iterable[str], kind: type) -> npt.NDArray[np.float64]:
    return np.stack([np.asarray(rows[name].to_numpy(), kind) for name in names], axis=1)
