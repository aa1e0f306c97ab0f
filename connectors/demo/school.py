"""A school and what happens in it, day by day: pure, the same for the same seed, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

from connectors.demo.advancing import advance
from connectors.demo.around import discuss, frame, meet, wander
from connectors.demo.buying import bill, shop
from connectors.demo.calendar import SchoolDay, calendar
from connectors.demo.campus import Campus, Ints, build_campus
from connectors.demo.guiding import expose, predict, recommend, welcome
from connectors.demo.learners import Learners, build_learners
from connectors.demo.living import drop_out, enrol
from connectors.demo.places import PLACES, PLANTED, Place
from connectors.demo.rows import Rows
from connectors.demo.sitting import sit_down, there
from connectors.demo.studying import study
from connectors.demo.table import Clock, Ids, events_table, ids_of
from connectors.demo.today import Today

CHUNK = 100_000
BLOCK = 20_000
# Events a learner and day at intensity 1, measured; what --events is divided by.
EVENTS_A_DAY = {"northfield": 6.4, "brightwater": 5.8}
FEWEST_LEARNERS = 20


@dataclass(frozen=True, slots=True)
class Size:
    until: date
    now: datetime
    learners: int = 2000
    courses: int = 40
    days: int = 182
    events: int | None = None
    seed: int = 20260301


@dataclass(frozen=True, slots=True)
class School:
    organisation_id: int
    place: Place
    size: Size
    campus: Campus
    learners: Learners
    ids: Ids
    days: list[SchoolDay]
    clock: Clock
    student_ids: list[str]
    learner_ids: Ints
    intensity: float

    def events(self) -> Iterator[pa.Table]:
        """Batches in the order of time. Runs once: the learners grow older by it."""
        rows, number = Rows(), 0
        for day in range(self.size.days):
            _start_day(self.learners, day)
            for block in range(0, len(self.learners), BLOCK):
                _live(self._today(rows, day, block), self._quiet(day))
                if rows.count >= CHUNK:
                    yield self._table(rows, number)
                    rows, number = Rows(), number + 1
        if rows.count:
            yield self._table(rows, number)

    def expected_events(self) -> int:
        return int(len(self.learners) * self.size.days * EVENTS_A_DAY[self.place.key] * self.intensity)

    def _today(self, rows: Rows, day: int, block: int) -> Today:
        people = self.learners
        here = there(day, people.joined, people.dropped)
        return Today(
            number=day,
            days=self.size.days,
            school_day=self.days[day],
            midnight_us=int(self.clock.midnights_us[day]),
            campus=self.campus,
            learners=people,
            block=here[(here >= block) & (here < block + BLOCK)],
            places=min(BLOCK, len(people) - block),
            rng=rng_of(self.size.seed, self.place, 2, day, block),
            rows=rows,
            intensity=self.intensity,
        )

    def _quiet(self, day: int) -> int:
        return sum(
            d.kind == "holiday" and d.label != "Founders' Day" for d in self.days[max(day - 14, 0) : day]
        )

    def _table(self, rows: Rows, number: int) -> pa.Table:
        return events_table(
            rows,
            organisation_id=self.organisation_id,
            ids=self.ids,
            currency=self.place.currency,
            clock=self.clock,
            learner_ids=self.learner_ids,
            bad_week=int(PLANTED.bad_week_from * self.size.days),
            rng=rng_of(self.size.seed, self.place, 3, number),
        )


def _live(today: Today, quiet_days: int) -> None:
    """One day of one block; the order is the order in which things depend on each other."""
    drop_out(today, quiet_days)
    today = replace(today, block=today.block[today.learners.dropped[today.block] > today.number])
    enrol(today)
    sitting = sit_down(today)
    welcome(today, sitting)
    wander(today, sitting)
    expose(today, sitting)
    bill(today, sitting)
    predict(today, sitting)
    steps, done, over = study(today, sitting)
    recommend(today, sitting, over)
    discuss(today, sitting, over)
    advance(today, sitting, steps, done, over)
    frame(today, sitting, over)
    meet(today)
    shop(today)


def _start_day(learners: Learners, day: int) -> None:
    learners.score_sum[:, day % 28] = 0
    learners.score_count[:, day % 28] = 0


def rng_of(seed: int, place: Place, *what: int) -> np.random.Generator:
    return np.random.default_rng([seed, PLACES.index(place), *what])


def build_school(place: Place, size: Size, organisation_id: int, learner_id: Callable[[str], int]) -> School:
    learners = max(round(size.learners * place.learner_share), FEWEST_LEARNERS)
    campus = build_campus(
        place, max(round(size.courses * place.course_share), 1), rng_of(size.seed, place, 0)
    )
    days = calendar(size.until, size.days, place.zone, place.has_terms)
    student_ids = [f"{place.prefix}-S{n + 1:06d}" for n in range(learners)]
    wanted = size.events / (size.learners * size.days) if size.events else None
    return School(
        organisation_id=organisation_id,
        place=place,
        size=size,
        campus=campus,
        learners=build_learners(campus, learners, size.days, rng_of(size.seed, place, 1)),
        ids=ids_of(campus),
        days=days,
        clock=_clock(days, size),
        student_ids=student_ids,
        learner_ids=np.array([learner_id(s) for s in student_ids], np.int64),
        intensity=wanted / EVENTS_A_DAY[place.key] if wanted else 1.0,
    )


def _clock(days: list[SchoolDay], size: Size) -> Clock:
    midnights = [
        (datetime(d.day.year, d.day.month, d.day.day, tzinfo=UTC).timestamp() - d.offset_s) * 1e6
        for d in days[: size.days + 1]
    ]
    end = min(size.now, datetime.combine(size.until + timedelta(days=1), datetime.min.time(), UTC))
    return Clock(days[0].day, np.array(midnights, np.int64), int(end.timestamp() * 1e6))
