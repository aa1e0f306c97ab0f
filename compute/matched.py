"""How learners fared after something was done for them, beside others who were alike and had nothing done.

Each is compared with the nearest others of the same weeks: alike in how active they were and in which way it
was going, before. What is left is no proof: whoever was helped was chosen by somebody who saw more than
these numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from scipy.stats import t

WEEKS = 4  # looked at before, and at most after
FEWEST_AFTER = 2  # whole weeks that must have passed
FEWEST = 5  # learners; of fewer nothing is said
MOST_ALIKE = 3
CALIPER = 1.0  # how far another may be, in spreads of the class
COVERAGE = 0.95
_WEEK = timedelta(days=7)

Weekly = Mapping[date, float]  # by the week's first day; a week that is missing is nothing


@dataclass(frozen=True, slots=True)
class Done:
    learner_id: int
    week: date  # in which it began


@dataclass(frozen=True, slots=True)
class Pair:
    learner_id: int
    before: float
    after: float
    alike: tuple[int, ...]
    alike_before: float
    alike_after: float
    alike_changes: tuple[float, ...] = ()

    @property
    def effect(self) -> float:
        return (self.after - self.before) - (self.alike_after - self.alike_before)


@dataclass(frozen=True, slots=True)
class Fared:
    """Means over the learners, and by how much more they changed than those alike, with an interval."""

    pairs: tuple[Pair, ...]
    left_out: int  # nobody was alike, or too little time has passed
    effect: float
    low: float
    high: float

    @property
    def before(self) -> float:
        return float(np.mean([pair.before for pair in self.pairs]))

    @property
    def after(self) -> float:
        return float(np.mean([pair.after for pair in self.pairs]))

    @property
    def alike_before(self) -> float:
        return float(np.mean([pair.alike_before for pair in self.pairs]))

    @property
    def alike_after(self) -> float:
        return float(np.mean([pair.alike_after for pair in self.pairs]))


@dataclass(frozen=True, slots=True)
class TooFew:
    have: int
    need: int = FEWEST
    left_out: int = 0


def fared(done: Sequence[Done], weekly: Mapping[int, Weekly], this_week: date) -> Fared | TooFew:
    """`weekly` holds everybody of the class, those helped and the others. The running week counts for
    nobody."""
    first = _first_of_each(done)
    pairs = [_pair(one, weekly, this_week, done) for one in first]
    found = tuple(pair for pair in pairs if pair is not None)
    if len(found) < FEWEST:
        return TooFew(len(found), left_out=len(first) - len(found))
    effect = float(np.mean([pair.effect for pair in found]))
    wide = float(t.ppf((1 + COVERAGE) / 2, len(found) - 1)) * _error(found)
    return Fared(found, len(first) - len(found), effect, effect - wide, effect + wide)


def _error(pairs: Sequence[Pair]) -> float:
    """Of the mean effect. One who is alike to many is counted once, with all the weight that has: seeming
    pairs that share their other half are not so many (Abadie and Imbens, 2006)."""
    n = len(pairs)
    changes: dict[int, list[float]] = defaultdict(list)
    weights: dict[int, float] = defaultdict(float)
    for pair in pairs:
        for other, changed in zip(pair.alike, pair.alike_changes, strict=True):
            changes[other].append(changed)
            weights[other] += 1 / len(pair.alike)
    own = float(np.var([pair.after - pair.before for pair in pairs], ddof=1))
    of_others = [float(np.mean(some)) for some in changes.values()]
    others = float(np.var(of_others, ddof=1)) if len(of_others) > 1 else own
    return float(np.sqrt(own / n + others * sum(w * w for w in weights.values()) / n**2))


def _first_of_each(done: Sequence[Done]) -> list[Done]:
    """A learner counts once, by the first thing done: later ones are not independent of it."""
    first: dict[int, Done] = {}
    for one in sorted(done, key=lambda one: (one.week, one.learner_id)):
        first.setdefault(one.learner_id, one)
    return list(first.values())


def _pair(one: Done, weekly: Mapping[int, Weekly], this_week: date, done: Sequence[Done]) -> Pair | None:
    after = [week for n in range(1, WEEKS + 1) if (week := one.week + n * _WEEK) < this_week]
    if len(after) < FEWEST_AFTER or one.learner_id not in weekly:
        return None
    before = [one.week - n * _WEEK for n in range(WEEKS, 0, -1)]
    busy = {d.learner_id for d in done if before[0] <= d.week <= after[-1]}
    alike = _alike(one.learner_id, weekly, before, busy)
    if not alike:
        return None
    return Pair(
        one.learner_id,
        _mean(weekly[one.learner_id], before),
        _mean(weekly[one.learner_id], after),
        alike,
        float(np.mean([_mean(weekly[n], before) for n in alike])),
        float(np.mean([_mean(weekly[n], after) for n in alike])),
        tuple(_mean(weekly[n], after) - _mean(weekly[n], before) for n in alike),
    )


def _alike(
    learner: int, weekly: Mapping[int, Weekly], before: Sequence[date], busy: Collection[int]
) -> tuple[int, ...]:
    """The nearest in level and direction; how far is measured in spreads of the whole class."""
    half = len(before) // 2
    points = {
        n: np.array([_mean(w, before), _mean(w, before[half:]) - _mean(w, before[:half])])
        for n, w in weekly.items()
    }
    spread = np.maximum(np.std(list(points.values()), axis=0), 1e-9)
    others = [n for n in points if n != learner and n not in busy]
    far = {n: float(np.sqrt(np.mean(((points[n] - points[learner]) / spread) ** 2))) for n in others}
    near = sorted((n for n in others if far[n] <= CALIPER), key=lambda n: (far[n], n))
    return tuple(near[:MOST_ALIKE])


def _mean(weekly: Weekly, weeks: Sequence[date]) -> float:
    return sum(weekly.get(week, 0.0) for week in weeks) / len(weeks)
