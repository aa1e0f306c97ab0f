"""One day of one block of learners: what every habit below reads, draws from and writes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from connectors.demo.calendar import SchoolDay
from connectors.demo.campus import LESSONS, UNITS, Bools, Campus, Floats, Ints
from connectors.demo.learners import Learners
from connectors.demo.rows import Column, Rows

DAY_END_S = 86_390.0


@dataclass(frozen=True, slots=True)
class Today:
    number: int  # 0 is the first day
    days: int
    school_day: SchoolDay
    midnight_us: int  # local midnight, as UTC
    campus: Campus
    learners: Learners
    block: Ints  # the learners of this block who are there
    places: int  # learners of this block, there or not
    rng: np.random.Generator
    rows: Rows
    intensity: float

    def at(self, second: Floats) -> Ints:
        whole: Ints = self.midnight_us + (second * 1e6).astype(np.int64)
        return whole

    def share(self) -> float:
        return self.number / self.days

    def day_of(self, share: float) -> int:
        return int(share * self.days)

    def open(self, learner: Ints) -> Ints:
        """New sessions for these learners, on one of their two devices."""
        people, rng = self.learners, self.rng
        client = np.where(
            rng.random(len(learner)) < 0.7, people.client[learner], people.second_client[learner]
        )
        ids = rng.integers(-(2**63), 2**63 - 1, len(learner), dtype=np.int64)
        return self.rows.open_sessions(learner, client, ids)


@dataclass(frozen=True, slots=True)
class Sitting:
    """Learning sessions of the day, one element each."""

    session: Ints
    learner: Ints
    start_s: Floats
    slot: Ints  # the course of the learner they sit down for; -1: they only look around
    first: Bools  # the learner's first session of the day


@dataclass(frozen=True, slots=True)
class Steps:
    """Lessons worked on, in order within their session."""

    sitting: Ints  # index into Sitting
    session: Ints
    learner: Ints
    slot: Ints
    course: Ints
    lesson: Ints  # within the course
    start_s: Floats

    @property
    def lesson_code(self) -> Ints:
        return self.course * LESSONS + self.lesson

    @property
    def unit(self) -> Ints:
        return self.lesson // (LESSONS // UNITS)

    @property
    def step(self) -> Ints:
        return self.lesson % (LESSONS // UNITS)

    def __len__(self) -> int:
        return len(self.session)


def run_lengths(lengths: Ints) -> tuple[Ints, Ints]:
    """For rows repeated `lengths` times: the source of each, and its place among its siblings."""
    source = np.repeat(np.arange(len(lengths)), lengths)
    starts = np.cumsum(lengths) - lengths
    return source, np.arange(len(source)) - starts[source]


def before_in_group(values: Floats, group: Ints) -> Floats:
    """Sum of the values before each one inside its group; groups lie together."""
    if not len(values):
        return values
    total = np.cumsum(values) - values
    first = np.concatenate([[True], group[1:] != group[:-1]])
    offset: Floats = total - np.maximum.accumulate(np.where(first, total, -np.inf))
    return offset


def take(steps: Steps, kept: Ints) -> Steps:
    return Steps(*(getattr(steps, name)[kept] for name in steps.__slots__))


def some(
    today: Today,
    kind: str,
    which: Bools,
    who: Steps,
    at: Floats,
    where: Mapping[str, Column | int],
    **more: Column | float,
) -> None:
    kept = np.flatnonzero(which)
    columns = {n: v[kept] if isinstance(v, np.ndarray) else v for n, v in {**where, **more}.items()}
    today.rows.add(kind, who.session[kept], today.at(at[kept]), **columns)


def payloads(today: Today, form: str, values: Column) -> Ints:
    """Codes of JSON texts with one number in them."""
    distinct, place = np.unique(values, return_inverse=True)
    return today.rows.texts.codes([form.format(f"{v:g}") for v in distinct])[place]
