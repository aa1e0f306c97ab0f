"""Streaks: how many school days in a row a learner was active.

A day on which there is no school neither breaks a streak nor is asked of anybody; being active on
it counts. Today, while it runs, can lengthen a streak but not break it.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Streak:
    current: int
    longest: int
    active_days: int
    last_active: date | None


def last_run(active: Collection[date], free: Collection[date], today: date) -> int:
    """How long the newest run is, or was where it has ended."""
    days = sorted({day for day in active if day <= today})
    free_days, run = frozenset(free), min(1, len(days))
    for before, day in itertools.pairwise(days):
        run = run + 1 if _joined(before, day, free_days) else 1
    return run


def streak(active: Collection[date], free: Collection[date], today: date) -> Streak:
    """`active`: days with activity; `free`: weekends and holidays. Days after `today` are ignored."""
    days = sorted({day for day in active if day <= today})
    if not days:
        return Streak(0, 0, 0, None)
    free_days = frozenset(free)
    longest = run = 1
    for before, day in itertools.pairwise(days):
        run = run + 1 if _joined(before, day, free_days) else 1
        longest = max(longest, run)
    # Tomorrow stands in for "not yet broken": today itself may still become active.
    alive = _joined(days[-1], today, free_days) or days[-1] == today
    return Streak(run if alive else 0, longest, len(days), days[-1])


def _joined(before: date, after: date, free: frozenset[date]) -> bool:
    """Is every day strictly between the two a free one?"""
    between = before + _A_DAY
    while between < after:
        if between not in free:
            return False
        between += _A_DAY
    return True
