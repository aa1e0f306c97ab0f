"""Habits that were observed, each with what shows it. They tell what was done, never who somebody is."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Literal, NamedTuple, get_args

from compute.learners.history import Calendar, DayFacts

Habit = Literal["spacing", "session_length", "rewatching", "help_seeking", "time_of_day", "weekday"]
Part = Literal["morning", "afternoon", "evening", "night"]

MOST_EVIDENCE = 10
BLOCK_DAYS, BUSY_DAYS = 14, 3
FEWEST_IN_BLOCK, FEWEST_BLOCKS = 2, 4  # days with learning; such blocks
CRAMMED, SPACED = 0.75, 0.6
FEWEST_STUDY_DAYS, FEWEST_VISITS, FEWEST_VIDEOS, FEWEST_HARD = 8, 8, 8, 4
NEWEST_VISITS = 20
SHORT_MIN, LONG_MIN = 10.0, 40.0
BACK_S = 5.0  # a smaller jump back is a slip of the finger
OFTEN, SOMETIMES = 0.4, 0.15
HELP_WITHIN = timedelta(hours=48)
LOW_SCORE = 60.0
MOSTLY = 0.6
WEEKENDS, SCHOOL_DAYS = 0.4, 0.2  # of the days; spread evenly it would be 0.29


class Evidence(NamedTuple):
    on: date
    what: str
    value: float


class Visit(NamedTuple):
    day: date
    hour: int
    minutes: float


class Watch(NamedTuple):
    """A video begun, or a jump in it (`to_s` is where to)."""

    day: date
    video_id: str
    position_s: float
    to_s: float | None  # None: begun


class Scored(NamedTuple):
    at: datetime
    day: date
    what: str
    score: float


class Help(NamedTuple):
    at: datetime
    how: str


@dataclass(frozen=True, slots=True)
class Observed:
    habit: Habit
    verdict: str
    value: float | None
    unit: str
    have: int
    need: int
    evidence: tuple[Evidence, ...] = ()

    @property
    def enough(self) -> bool:
        return self.have >= self.need


def part_of_day(hour: int) -> Part:
    if 5 <= hour < 12:
        return "morning"
    if 12 <= hour < 18:
        return "afternoon"
    return "evening" if 18 <= hour < 23 else "night"


def spacing(days: Sequence[DayFacts]) -> Observed:
    """The share of learning time that fell into the three busiest days in a row of each two weeks.
    Evidence: those stretches, their minutes, and in `what` on how many days of the two weeks there was
    learning."""
    study = [d for d in days if d.learning_s > 0]
    busy = total = 0.0
    have, shown = 0, []
    for _, block in itertools.groupby(study, lambda d: (d.day.toordinal() - 1) // BLOCK_DAYS):
        mine = list(block)
        if len(mine) < FEWEST_IN_BLOCK:
            continue  # one day is always close to itself
        stretches = [(sum(d.learning_s for d in mine if _near(first, d)), first.day) for first in mine]
        most, on = max(stretches, key=lambda s: (s[0], s[1]))
        busy, total, have = busy + most, total + sum(d.learning_s for d in mine), have + 1
        shown.append(Evidence(on, str(len(mine)), most / 60))
    if have < FEWEST_BLOCKS:
        return Observed("spacing", "unknown", None, "share", have, FEWEST_BLOCKS)
    share = busy / total
    verdict = "crammed" if share >= CRAMMED else "spaced" if share <= SPACED else "mixed"
    return Observed("spacing", verdict, share, "share", have, FEWEST_BLOCKS, _newest(shown))


def _near(first: DayFacts, other: DayFacts) -> bool:
    return 0 <= (other.day - first.day).days < BUSY_DAYS


def session_length(visits: Sequence[Visit]) -> Observed:
    """The middle of the newest visits, in minutes. Evidence: those visits."""
    newest = visits[-NEWEST_VISITS:]
    if len(newest) < FEWEST_VISITS:
        return Observed("session_length", "unknown", None, "min", len(newest), FEWEST_VISITS)
    middle = median(v.minutes for v in newest)
    verdict = "short" if middle < SHORT_MIN else "long" if middle > LONG_MIN else "medium"
    shown = [Evidence(v.day, part_of_day(v.hour), v.minutes) for v in newest]
    return Observed("session_length", verdict, middle, "min", len(newest), FEWEST_VISITS, _newest(shown))


def time_of_day(visits: Sequence[Visit]) -> Observed:
    """The part of the day in which visits mostly begin. Evidence: visits of that part, by their hour."""
    if len(visits) < FEWEST_VISITS:
        return Observed("time_of_day", "unknown", None, "share", len(visits), FEWEST_VISITS)
    parts = [part_of_day(v.hour) for v in visits]
    most = max(get_args(Part), key=parts.count)
    share = parts.count(most) / len(parts)
    shown = [Evidence(v.day, p, float(v.hour)) for v, p in zip(visits, parts, strict=True) if p == most]
    verdict = most if share >= MOSTLY else "varied"
    return Observed("time_of_day", verdict, share, "share", len(visits), FEWEST_VISITS, _newest(shown))


def weekday(days: Sequence[DayFacts], calendar: Calendar) -> Observed:
    """The share of days with learning that were weekends or holidays, where it is mostly then; else the
    share that were school days. Evidence: the weekends and holidays, their minutes."""
    days = [d for d in days if d.learning_s > 0]
    if len(days) < FEWEST_STUDY_DAYS:
        return Observed("weekday", "unknown", None, "share", len(days), FEWEST_STUDY_DAYS)
    free = [d for d in days if not calendar.is_school(d.day)]
    share = len(free) / len(days)
    verdict = "weekends" if share >= WEEKENDS else "school_days" if share <= SCHOOL_DAYS else "varied"
    told = share if verdict == "weekends" else 1 - share
    shown = [Evidence(d.day, calendar.free[d.day], d.learning_s / 60) for d in free]
    return Observed("weekday", verdict, told, "share", len(days), FEWEST_STUDY_DAYS, _newest(shown))


def rewatching(watched: Sequence[Watch]) -> Observed:
    """Of the videos begun, those of which something was watched again: a jump back, or begun again on
    another day. Evidence: where it went back to (0: from the start), in seconds."""
    first: dict[str, date] = {}
    again: dict[str, Evidence] = {}
    for each in watched:
        begun = first.setdefault(each.video_id, each.day)
        if each.to_s is None and each.day > begun:
            again[each.video_id] = Evidence(each.day, each.video_id, 0.0)
        elif each.to_s is not None and each.to_s < each.position_s - BACK_S:
            again[each.video_id] = Evidence(each.day, each.video_id, each.to_s)
    if len(first) < FEWEST_VIDEOS:
        return Observed("rewatching", "unknown", None, "share", len(first), FEWEST_VIDEOS)
    share = len(again) / len(first)
    shown = sorted(again.values())
    return Observed(
        "rewatching", _how_often(share), share, "share", len(first), FEWEST_VIDEOS, _newest(shown)
    )


def help_seeking(scores: Sequence[Scored], asked: Sequence[Help]) -> Observed:
    """Of the scores under 60, those after which help was looked for within two days. Evidence: those
    scores; `what` is how, or nothing."""
    hard = [s for s in scores if s.score < LOW_SCORE]
    if len(hard) < FEWEST_HARD:
        return Observed("help_seeking", "unknown", None, "share", len(hard), FEWEST_HARD)
    shown = []
    for each in hard:
        how = next((a.how for a in asked if each.at < a.at <= each.at + HELP_WITHIN), "")
        shown.append(Evidence(each.day, how, each.score))
    share = sum(bool(e.what) for e in shown) / len(hard)
    return Observed("help_seeking", _how_often(share), share, "share", len(hard), FEWEST_HARD, _newest(shown))


def _how_often(share: float) -> str:
    return "often" if share >= OFTEN else "sometimes" if share >= SOMETIMES else "seldom"


def _newest(evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    return tuple(sorted(evidence, key=lambda e: e.on, reverse=True)[:MOST_EVIDENCE])
