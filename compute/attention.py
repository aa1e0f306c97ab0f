"""Who needs a teacher: rules that a teacher could check by hand.

A learner is on track when no rule speaks. The rules look at the learner's own days and results, and at
the middle of the class where it has at least five learners.
"""

from __future__ import annotations

import statistics
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

Kind = Literal["never", "unseen", "falling", "low", "behind"]

UNSEEN_DAYS = 5  # school days
FALL_POINTS = 10.0
FEWEST_SCORES = 3
LOW_SCORE = 60.0
BEHIND_SHARE = 0.15  # of the course's lessons, below the middle of the class
SMALLEST_CLASS = 5
RECENT_DAYS, EARLIER_DAYS = 14, 28
_WEIGHT: dict[Kind, float] = {"never": 3.0, "unseen": 3.0, "falling": 2.0, "low": 2.0, "behind": 1.0}


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one learner. Scores are per cent; `progress` is a share of the lessons."""

    joined_on: date | None
    last_active: date | None
    progress: float
    recent_mean: float | None = None
    recent_scores: int = 0
    earlier_mean: float | None = None
    earlier_scores: int = 0


@dataclass(frozen=True, slots=True)
class Reason:
    """`amount` is school days, points or per cent, or the share of lessons, as the kind goes."""

    kind: Kind
    amount: float


def middle(standings: Sequence[Standing]) -> float | None:
    """The class's median progress; a class this small has none to speak of."""
    if len(standings) < SMALLEST_CLASS:
        return None
    return statistics.median(s.progress for s in standings)


def reasons(
    of: Standing, today: date, free: Collection[date], class_middle: float | None
) -> tuple[Reason, ...]:
    """The heaviest first."""
    found: list[Reason] = []
    start = of.last_active or of.joined_on
    missed = school_days_between(start, today, free) if start else UNSEEN_DAYS
    if missed >= UNSEEN_DAYS and of.progress < 1:  # who has finished may stay away
        found.append(Reason("unseen" if of.last_active else "never", missed))
    if of.recent_mean is not None and of.recent_scores >= FEWEST_SCORES:
        if of.recent_mean < LOW_SCORE:
            found.append(Reason("low", of.recent_mean))
        if of.earlier_mean is not None and of.earlier_scores >= FEWEST_SCORES:
            fall = of.earlier_mean - of.recent_mean
            if fall >= FALL_POINTS:
                found.append(Reason("falling", fall))
    if class_middle is not None and class_middle - of.progress >= BEHIND_SHARE:
        found.append(Reason("behind", class_middle - of.progress))
    return tuple(sorted(found, key=weight, reverse=True))


def weight(reason: Reason) -> float:
    """Comparable between learners: the rule's own weight, more the further past its mark."""
    past = {
        "never": reason.amount / UNSEEN_DAYS,
        "unseen": reason.amount / UNSEEN_DAYS,
        "falling": reason.amount / FALL_POINTS,
        "low": (100 - reason.amount) / (100 - LOW_SCORE),
        "behind": reason.amount / BEHIND_SHARE,
    }[reason.kind]
    return _WEIGHT[reason.kind] * min(past, 3.0)


def urgency(found: Sequence[Reason]) -> float:
    return sum(weight(reason) for reason in found)


def school_days_between(after: date, until: date, free: Collection[date]) -> int:
    """School days after `after` and before `until`: today is not over and counts for nobody."""
    days = (after + timedelta(days=n) for n in range(1, max(0, (until - after).days)))
    return sum(day not in free for day in days)
