"""A learner's days as periods: weeks, months and so on, each with what was done in it.

A period knows how many school days it has had so far, so that holidays lower nothing: rates are by
school day, and where there was no school there is no rate.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, NamedTuple

from compute.dimensions import first_day, following

Frame = Literal["day", "week", "month", "quarter", "year"]
FRAMES: tuple[Frame, ...] = ("day", "week", "month", "quarter", "year")
SPAN_DAYS: Mapping[Frame, int] = {"day": 60, "week": 182, "month": 365, "quarter": 730, "year": 1826}
# A period of each frame, in weeks: what a slope is told by.
WEEKS: Mapping[Frame, float] = {"day": 1 / 7, "week": 1.0, "month": 4.348, "quarter": 13.04, "year": 52.18}

MINUTES_A_DAY = 20.0  # of finished work on a school day: with this, engagement asks for no more
WORK_A_DAY = 1.0  # finished lessons and scored work
ENOUGH_DAYS = 8
ENOUGH_WEEKS = 4
FEWEST_SCHOOL_DAYS = 3  # a week with fewer says little about regularity
_A_DAY = timedelta(days=1)


class DayFacts(NamedTuple):
    """A day on which the learner did anything."""

    day: date
    lessons: int = 0
    scores: int = 0
    score_sum: float = 0.0
    learning_s: float = 0.0
    answers: int = 0
    correct: int = 0

    @property
    def work(self) -> int:
        return self.lessons + self.scores


class Calendar:
    """Days without school; whatever the school did not name is a school day."""

    def __init__(self, free: Mapping[date, str] | None = None) -> None:
        self.free = free or {}  # day -> weekend or holiday
        self._free = sorted(day.toordinal() for day in self.free)
        self._holidays = sorted(day.toordinal() for day, kind in self.free.items() if kind == "holiday")

    def is_school(self, day: date) -> bool:
        return day not in self.free

    def school_days(self, first: date, until: date) -> int:
        """From `first` to the day before `until`."""
        return _without(self._free, first.toordinal(), until.toordinal())

    def days_between(self, after: date, before: date) -> int:
        """Days strictly between that are no holidays. Weekends count: some come then only."""
        return _without(self._holidays, after.toordinal() + 1, before.toordinal())


def _without(left_out: Sequence[int], first: int, until: int) -> int:
    return max(0, until - first - bisect_left(left_out, until) + bisect_left(left_out, first))


@dataclass(frozen=True, slots=True)
class Period:
    period: date  # its first day
    school_days: int
    is_over: bool
    active_days: int
    activities: int
    lessons: int
    minutes: float
    scores: int
    mean_score: float | None
    answers: int
    correct: int
    accuracy: float | None
    velocity: float | None
    engagement: float | None


def periods(
    days: Sequence[DayFacts], calendar: Calendar, frame: Frame, since: date, today: date
) -> list[Period]:
    """Every period from the learner's first active day, or `since`, up to today; also empty ones."""
    mine = [d for d in days if since <= d.day <= today]
    if not mine:
        return []
    begin = mine[0].day
    found = []
    start = first_day(frame, begin)
    at = 0
    while start <= today:
        end = following(frame, start)
        inside = at
        while inside < len(mine) and mine[inside].day < end:
            inside += 1
        found.append(_period(mine[at:inside], calendar, start, end, begin, today))
        start, at = end, inside
    return found


def _period(
    days: Sequence[DayFacts], calendar: Calendar, start: date, end: date, begin: date, today: date
) -> Period:
    # Today is not over: it is asked of nobody, and counts for whoever was here.
    until = min(end, today + _A_DAY if days and days[-1].day == today else today)
    school = calendar.school_days(max(start, begin), until)
    work, minutes = sum(d.work for d in days), sum(d.learning_s for d in days) / 60
    scores, answers = sum(d.scores for d in days), sum(d.answers for d in days)
    correct = sum(d.correct for d in days)
    return Period(
        period=start,
        school_days=school,
        is_over=end <= today,
        active_days=len(days),
        activities=work,
        lessons=sum(d.lessons for d in days),
        minutes=minutes,
        scores=scores,
        mean_score=sum(d.score_sum for d in days) / scores if scores else None,
        answers=answers,
        correct=correct,
        accuracy=correct / answers if answers else None,
        velocity=work / school if school else None,
        engagement=engagement(school, len(days), minutes, work),
    )


def engagement(school_days: int, active_days: int, minutes: float, work: int) -> float | None:
    """0 to 1, the mean of three: being here, time put in, work finished, each for a school day."""
    if not school_days:
        return None
    parts = (
        active_days / school_days,
        minutes / (MINUTES_A_DAY * school_days),
        work / (WORK_A_DAY * school_days),
    )
    return sum(min(1.0, part) for part in parts) / 3


def consistency(weeks: Sequence[Period]) -> float | None:
    """How evenly active days are spread over school weeks: 1 less their Gini coefficient.

    1 is the same number every week; all of them in one week of n is 1/n."""
    counts = sorted(w.active_days for w in weeks if w.is_over and w.school_days >= FEWEST_SCHOOL_DAYS)
    total = sum(counts)
    if len(counts) < ENOUGH_WEEKS or not total:
        return None
    n = len(counts)
    gini = sum((2 * place - n - 1) * count for place, count in enumerate(counts, 1)) / (n * total)
    return 1.0 - gini
