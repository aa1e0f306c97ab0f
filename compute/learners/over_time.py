"""`learner_periods` and `learner_trends`: what each learner did by day, week, month, quarter or year, and
where that is going."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import get_args

import pyarrow as pa

from compute import checks
from compute.dimensions import first_day
from compute.forms import shared
from compute.learners import reading
from compute.learners.history import ENOUGH_DAYS, FRAMES, SPAN_DAYS, WEEKS, DayFacts, Frame, Period, periods
from compute.learners.shape import DAY, ENOUGH, INT, NUMBER, NUMBERS, TEXT, YES, Shape
from compute.plan import Plan
from compute.scoping import Tables
from compute.trend import ENOUGH as ENOUGH_STEPS
from compute.trend import TooLittle, level, project, trend
from models.ask import Ask
from models.errors import unknown
from models.holes import Query

AHEAD = 4  # periods looked ahead
COVERAGE = 0.8
FEWEST_ANSWERS = 3  # a share of fewer is no share
_KEYS = ("learner_id",)
_OF_PERIOD = tuple(Period.__dataclass_fields__)  # asdict copies each value: too dear for thousands

PERIODS = Shape(
    _KEYS,
    {
        "period": (DAY, "date", "The first day of the period."),
        "school_days": (INT, "days", "School days of the period so far, from the learner's first day on."),
        "is_over": (YES, "", "Has the period ended?"),
        "active_days": (INT, "days", "Days with anything done."),
        "activities": (INT, "", "Lessons finished and work scored."),
        "lessons": (INT, "lessons", "Lessons finished."),
        "minutes": (NUMBER, "min", "Minutes in finished work."),
        "scores": (INT, "scores", "Scores got."),
        "mean_score": (NUMBER, "%", "Mean of those scores; empty where there were none."),
        "answers": (INT, "answers", "Quiz questions answered."),
        "correct": (INT, "answers", "Of those, the right ones."),
        "accuracy": (NUMBER, "share", "Right answers of all answers; empty where there were none."),
        "velocity": (NUMBER, "a school day", "Activities of a school day; empty where there was no school."),
        "engagement": (
            NUMBER,
            "0 to 1",
            "Mean of active days of school days, minutes of 20 a school day and activities of one a school "
            "day, each at most 1; empty where there was no school.",
        ),
        "sessions": (INT, "sessions", "Visits, on the day they began, whatever the course."),
    },
)
MEASURES: Mapping[str, tuple[str, Callable[[Period], float | None], float | None]] = {
    "accuracy": ("share", lambda p: p.accuracy if p.answers >= FEWEST_ANSWERS else None, 1.0),
    "mean_score": ("%", lambda p: p.mean_score, 100.0),
    "velocity": ("a school day", lambda p: p.velocity, None),
    "minutes": ("min a school day", lambda p: p.minutes / p.school_days if p.school_days else None, None),
    "engagement": ("0 to 1", lambda p: p.engagement, 1.0),
}
TRENDS = Shape(
    _KEYS,
    {
        "measure": (TEXT, "", f"One of {', '.join(MEASURES)}; minutes are by school day."),
        "unit": (TEXT, "", "What its values are in."),
        "frame": (TEXT, "", f"The periods compared: {', '.join(FRAMES)}."),
        **ENOUGH,
        "verdict": (
            TEXT,
            "",
            "rising, falling, unknown, or steady: no trend beyond chance.",
        ),
        "slope": (NUMBER, "a period", "Middle of the slopes between any two periods (Theil and Sen)."),
        "low": (NUMBER, "a period", "Lower end of the slope's 95 % interval."),
        "high": (NUMBER, "a period", "Upper end of it."),
        "p_value": (
            NUMBER,
            "",
            "How often chance alone makes such a trend (Mann-Kendall, neighbours alike).",
        ),
        "rate": (NUMBER, "in four weeks", "The slope in four weeks: the rate of improvement."),
        "level": (NUMBER, "", "The middle of the newest quarter of the periods."),
        "expected": (
            NUMBERS,
            "",
            f"What the next {AHEAD} periods are expected to be: the level if steady.",
        ),
        "expected_low": (NUMBERS, "", f"Lower ends: {COVERAGE:.0%} of such periods lie between the ends."),
        "expected_high": (NUMBERS, "", "Upper ends."),
    },
)


def learner_periods(ask: Ask, tables: Tables) -> Plan:
    """One row for each learner and period, from the learner's first day in the span."""
    frame, asked, parts = _read(ask, tables)
    since = reading.first_day_of(asked)
    return Plan(
        parts=(*parts, shared(reading.visit_counts, asked, tables)),
        columns=PERIODS.columns,
        source="learner_day, sessions, school_day",
        join=functools.partial(_periods, frame=frame, since=since, today=tables.scope.on),
    )


def learner_trends(ask: Ask, tables: Tables) -> Plan:
    """One row for each learner and measure. Only periods that are over count."""
    frame, asked, parts = _read(ask, tables)
    since = reading.first_day_of(asked)
    return Plan(
        parts=parts,
        columns=TRENDS.columns,
        source="learner_day, school_day",
        join=functools.partial(_trends, frame=frame, since=since, today=tables.scope.on),
    )


def _read(ask: Ask, tables: Tables) -> tuple[Frame, Ask, tuple[Query, ...]]:
    reading.check(ask, tables, ("frame",))
    frame = frame_of(ask)
    asked = reading.spanned(ask, tables, SPAN_DAYS[frame])
    builds = (reading.roster, reading.daily, reading.calendar)
    return frame, asked, tuple(shared(build, asked, tables) for build in builds)


def frame_of(ask: Ask) -> Frame:
    asked = str(checks.option(ask, "frame") or "week")
    for frame in get_args(Frame):
        if frame == asked:
            return frame  # type: ignore[no-any-return]
    raise unknown("frame", asked, FRAMES)


def _all(
    found: Sequence[pa.Table], frame: Frame, since: date, today: date
) -> Iterator[tuple[int, list[Period], list[DayFacts]]]:
    days, calendar = reading.days_of(found[1]), reading.calendar_of(found[2])
    for learner in found[0]["learner_id"].to_pylist():
        mine = days.get(learner, [])
        yield learner, periods(mine, calendar, frame, since, today), mine


def _periods(found: tuple[pa.Table, ...], frame: Frame, since: date, today: date) -> pa.Table:
    counted: dict[tuple[int, date], int] = {}
    for row in found[3].to_pylist():
        key = (row["learner_id"], first_day(frame, row["day"]))
        counted[key] = counted.get(key, 0) + row["visits"]
    return PERIODS.table(
        {
            "learner_id": learner,
            **{name: getattr(each, name) for name in _OF_PERIOD},
            "sessions": counted.get((learner, each.period), 0),
        }
        for learner, mine, _ in _all(found, frame, since, today)
        for each in mine
    )


def _trends(found: tuple[pa.Table, ...], frame: Frame, since: date, today: date) -> pa.Table:
    return TRENDS.table(
        {"learner_id": learner, "measure": measure, **told}
        for learner, mine, _ in _all(found, frame, since, today)
        for measure, told in trends(mine, frame).items()
    )


def trends(of: Sequence[Period], frame: Frame) -> dict[str, dict[str, object]]:
    """By measure. What cannot be known has nothing but how much there is and would be needed."""
    whole = [p for p in of if p.is_over]
    days = sum(p.active_days for p in whole)
    # Weeks without anything are known well, yet they say little of somebody who was hardly ever here.
    poor = _unknown(days, ENOUGH_DAYS) if days < ENOUGH_DAYS else None
    return {
        name: {"unit": unit, "frame": frame, **(poor or _trend([value(p) for p in whole], frame, most))}
        for name, (unit, value, most) in MEASURES.items()
    }


def _unknown(have: int, need: int) -> dict[str, object]:
    return {"have": have, "need": need, "enough": False, "verdict": "unknown"}


def _trend(values: list[float | None], frame: Frame, most: float | None) -> dict[str, object]:
    found = trend(values)
    if isinstance(found, TooLittle):
        return _unknown(found.have, found.need)
    ahead = project(values, AHEAD, COVERAGE)
    assert not isinstance(ahead, TooLittle)
    rising = "rising" if found.slope > 0 else "falling"

    def held(value: float) -> float:
        return max(0.0, value if most is None else min(value, most))

    return {
        "have": found.steps,
        "need": ENOUGH_STEPS,
        "enough": True,
        "verdict": rising if found.is_real else "steady",
        "slope": found.slope,
        "low": found.low,
        "high": found.high,
        "p_value": found.p_value,
        "rate": found.slope * 4 / WEEKS[frame],
        "level": level(values),
        "expected": [held(each.value) for each in ahead],
        "expected_low": [held(each.low) for each in ahead],
        "expected_high": [held(each.high) for each in ahead],
    }
