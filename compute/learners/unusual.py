"""What is unusual for this learner: against the learner's own past, never against others.

Three kinds. Engagement: an absence longer than the learner's own habit explains, in days on which there is
school (`absence`). Velocity: much more or less work finished in ten school days than in such stretches
before. Performance: the newest five scores against those before. Middles and their deviations carry the
past, so that one odd day moves nothing, and what was found unusual is no part of it later.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import fmean, median, pstdev
from typing import Literal

from compute.learners.habits import MOST_EVIDENCE, Evidence, Scored
from compute.learners.history import Calendar, DayFacts

Kind = Literal["performance", "engagement", "velocity"]
Severity = Literal["notable", "serious", "severe"]
Action = Literal["talk", "review", "check_in", "praise", "slow_down"]

FEWEST_DAYS = 8  # active days before anything is judged
HABIT_DAYS = 60  # of school days: how far back a habit of coming goes
CHANCE = 0.001  # of an absence as long as this, by habit
LONGER = 1.5  # than the longest absence there was
FEWEST_AWAY = 5  # school days
STRETCH = 10  # school days of work that are compared
STRETCHES = 8
WORK_SWING = 3.0  # work comes in sittings of several pieces: it swings more than single ones would
FEWEST_STRETCHES = 4
NEWEST, FEWEST_BEFORE, MOST_BEFORE = 5, 10, 40  # scores
LEAST_SPREAD = 8.0  # points: few scores can be alike by chance
LEAST_CHANGE = 12.0  # points: less is nothing to act on
LIMIT = 3.5
_MAD = 1.4826


@dataclass(frozen=True, slots=True)
class Unusual:
    kind: Kind
    since: date
    until: date | None  # None: still
    found_on: date  # the first day on which it was known
    direction: Literal["down", "up"]
    severity: Severity
    value: float
    expected: float
    low: float
    high: float
    deviations: float
    unit: str
    action: Action
    evidence: tuple[Evidence, ...]


def unusual(
    days: Sequence[DayFacts], scores: Sequence[Scored], calendar: Calendar, today: date
) -> list[Unusual]:
    """The newest first. `days` and `scores` in the order of time; days after `today` do not count."""
    mine = [d for d in days if d.day <= today]
    known = [s for s in scores if s.day <= today]
    found = [*absences(mine, calendar, today), *velocities(mine, calendar, today), *performances(known)]
    return sorted(found, key=lambda u: (u.found_on, u.kind), reverse=True)


# ---- engagement ------------------------------------------------------------------------------------------


def absences(days: Sequence[DayFacts], calendar: Calendar, today: date) -> Iterator[Unusual]:
    """Who comes three days a week is missed sooner than who comes every second Wednesday."""
    active = [d.day for d in days]
    if len(active) < FEWEST_DAYS:
        return
    gaps: list[int] = []  # of days that count, between two active ones
    for at in range(1, len(active) + 1):
        before = active[at - 1]
        after = active[at] if at < len(active) else None
        away = calendar.days_between(before, after or today)
        limit = absence(gaps) if at >= FEWEST_DAYS else math.inf
        if away < limit:
            gaps.append(away)
            continue
        usual = median(gaps)
        found_on = _after(before, math.ceil(limit), calendar)
        size = LIMIT * away / limit
        yield Unusual(
            "engagement",
            before + timedelta(days=1),
            after,
            found_on,
            "down",
            _severity(size),
            float(away),
            float(usual),
            0.0,
            float(limit - 1),
            size,
            "days away",
            "talk",
            tuple(
                Evidence(d.day, "active", d.learning_s / 60)
                for d in reversed(days[max(0, at - MOST_EVIDENCE) : at])
            ),
        )


def absence(gaps: Sequence[int]) -> float:
    """Days away, of those that count, from which on it is unusual for who was away so long before."""
    recent = gaps[-HABIT_DAYS:]
    coming = (len(recent) + 1) / (len(recent) + sum(recent) + 2)  # the chance to come on one such day
    by_chance = math.log(CHANCE) / math.log(1 - coming)
    return max(FEWEST_AWAY, by_chance, LONGER * max(recent) + 1)


def _after(day: date, count: int, calendar: Calendar) -> date:
    """The day after `count` counting ones have gone by."""
    while count > 0:
        day += timedelta(days=1)
        count -= calendar.free.get(day) != "holiday"
    return day + timedelta(days=1)


# ---- velocity --------------------------------------------------------------------------------------------


def velocities(days: Sequence[DayFacts], calendar: Calendar, today: date) -> Iterator[Unusual]:
    """Stretches of ten school days, counted back from the newest finished one."""
    if len(days) < FEWEST_DAYS:
        return
    usual: list[int] = []
    for since, until in _stretches(days[0].day, today, calendar):
        inside = [d for d in days if since <= d.day < until]
        work = sum(d.work for d in inside)
        like = usual[-STRETCHES:]
        judged = _judge_work(work, like) if len(like) >= FEWEST_STRETCHES else None
        # Who was not here at all is an absence, and told as such.
        if judged is None or (not inside and judged < 0):
            usual.append(work)
            continue
        middle = median(like)
        reach = LIMIT * _work_scale(like)
        yield Unusual(
            "velocity",
            since,
            until,
            until,
            "down" if judged < 0 else "up",
            _severity(judged),
            float(work),
            float(middle),
            max(0.0, middle - reach),
            middle + reach,
            judged,
            "activities in ten school days",
            "check_in" if judged < 0 else "praise",
            tuple(Evidence(d.day, "activities", float(d.work)) for d in reversed(inside[-MOST_EVIDENCE:])),
        )


def _stretches(first: date, today: date, calendar: Calendar) -> list[tuple[date, date]]:
    """From the oldest; the newest ends before today. What is left over at the beginning is left out."""
    school = [d for n in range((today - first).days) if calendar.is_school(d := first + timedelta(days=n))]
    whole = len(school) // STRETCH
    starts = school[len(school) - whole * STRETCH :: STRETCH]
    return list(zip(starts, [*starts[1:], today], strict=True)) if starts else []


def _judge_work(work: int, like: Sequence[int]) -> float | None:
    deviations = (work - median(like)) / _work_scale(like)
    return deviations if abs(deviations) >= LIMIT else None


def _work_scale(like: Sequence[int]) -> float:
    middle = median(like)
    spread = _MAD * median(abs(n - middle) for n in like)
    return max(spread, math.sqrt(WORK_SWING * max(middle, 2.0)))


# ---- performance -----------------------------------------------------------------------------------------


def performances(scores: Sequence[Scored]) -> Iterator[Unusual]:
    """The newest five against up to forty before them, at each new score; one alarm as long as it lasts."""
    begun: tuple[int, float, list[float]] | None = None
    usual: list[float] = []
    waiting: list[float] = []  # not yet part of the past: they are being judged
    for at, each in enumerate(scores):
        waiting.append(each.score)
        if len(waiting) > NEWEST:
            gone = waiting.pop(0)
            if begun is None:
                usual.append(gone)
        if len(waiting) < NEWEST or len(usual) < FEWEST_BEFORE:
            continue
        found = _judge_scores(waiting, usual[-MOST_BEFORE:])
        if begun is None and abs(found) >= LIMIT:
            begun = at, found, list(usual[-MOST_BEFORE:])
        elif begun is not None and abs(found) < LIMIT / 2:
            yield _performance(scores, begun, each.day)
            begun = None
    if begun is not None:
        yield _performance(scores, begun, None)


def _judge_scores(newest: Sequence[float], before: Sequence[float]) -> float:
    change = _newest_score(newest) - _usual_score(before)
    if abs(change) < LEAST_CHANGE:
        return 0.0
    return change / _score_error(before)


def _newest_score(newest: Sequence[float]) -> float:
    """Without the best and the worst: one odd score is no change."""
    return fmean(sorted(newest)[1:-1])


def _usual_score(before: Sequence[float]) -> float:
    """The mean without the outermost tenths. Not the middle: scores lean to one side, and a mean of five
    would always lie on it."""
    cut = len(before) // 10
    return fmean(sorted(before)[cut : len(before) - cut])


def _score_error(before: Sequence[float]) -> float:
    return max(pstdev(before), LEAST_SPREAD) * math.sqrt(1 / (NEWEST - 1) + 1 / len(before))


def _performance(
    scores: Sequence[Scored], begun: tuple[int, float, list[float]], until: date | None
) -> Unusual:
    at, deviations, before = begun
    newest = scores[at - NEWEST + 1 : at + 1]
    middle, reach = _usual_score(before), LIMIT * _score_error(before)
    return Unusual(
        "performance",
        newest[0].day,
        until,
        newest[-1].day,
        "down" if deviations < 0 else "up",
        _severity(deviations),
        _newest_score([s.score for s in newest]),
        middle,
        max(0.0, middle - reach),
        min(100.0, middle + reach),
        deviations,
        "%",
        "review" if deviations < 0 else "praise",
        tuple(Evidence(s.day, s.what, s.score) for s in reversed(newest)),
    )


def _severity(deviations: float) -> Severity:
    size = abs(deviations)
    return "severe" if size >= 2 * LIMIT else "serious" if size >= 1.4 * LIMIT else "notable"
