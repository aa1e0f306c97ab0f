"""`learner_profile`: half a year of each learner in one row: what was done, how regularly, when, how well."""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, timedelta

import pyarrow as pa

from compute.forms import shared
from compute.learners import reading, skills
from compute.learners.habits import part_of_day
from compute.learners.history import ENOUGH_DAYS, Calendar, DayFacts, consistency, engagement, periods
from compute.learners.shape import DAY, ENOUGH, INT, NUMBER, TEXT, TEXTS, Shape
from compute.plan import Plan
from compute.scoping import Tables
from compute.streaks import streak
from models.ask import Ask

SPAN_DAYS = 182
FEWEST_VISITS = 8
PROFILE = Shape(
    ("learner_id",),
    {
        "first_active": (DAY, "date", "The first day of the span with anything done."),
        "last_active": (DAY, "date", "The newest such day."),
        "days_away": (INT, "days", "Days since then."),
        "school_days_away": (INT, "days", "School days since then, without today."),
        "active_days": (INT, "days", "Days with anything done."),
        "school_days": (INT, "days", "School days from the first active day on."),
        "streak": (INT, "days", "Active school days in a row; free days neither break nor count."),
        "longest_streak": (INT, "days", "The longest such run."),
        "activities": (INT, "", "Lessons finished and work scored."),
        "lessons": (INT, "lessons", "Lessons finished."),
        "minutes": (NUMBER, "min", "Minutes in finished work."),
        "scores": (INT, "scores", "Scores got."),
        "mean_score": (NUMBER, "%", "Mean of those scores."),
        "accuracy": (NUMBER, "share", "Right answers of all answers."),
        "engagement": (NUMBER, "0 to 1", "As in learner_periods, over the whole span."),
        "consistency": (
            NUMBER,
            "0 to 1",
            "How evenly active days are spread over school weeks; 1 is the same every week.",
        ),
        "preferred_hour": (
            INT,
            "hour",
            "The hour in which most visits begin, in the school's zone.",
        ),
        "preferred_hour_share": (NUMBER, "share", "The visits that begin in it."),
        "preferred_weekday": (INT, "", "The weekday with most active days: 1 is Monday."),
        "preferred_weekday_share": (NUMBER, "share", "The active days that fall on it."),
        "part_of_day": (TEXT, "", "morning, afternoon, evening or night: when most visits begin."),
        "strengths": (TEXTS, "", "Skills with 80 % right answers and above, the best first."),
        "weaknesses": (TEXTS, "", "Skills with under 60 % right answers, the weakest first."),
        **ENOUGH,
    },
)


def learner_profile(ask: Ask, tables: Tables) -> Plan:
    """One row for each learner, also those who did nothing; `enough` says if anything may be judged."""
    reading.check(ask, tables)
    asked = reading.spanned(ask, tables, SPAN_DAYS)
    builds = (reading.roster, reading.daily, reading.calendar, reading.visits, reading.zone)
    return Plan(
        parts=(*(shared(build, asked, tables) for build in builds), *skills.parts(asked, tables)),
        columns=PROFILE.columns,
        source="learner_day, sessions, learner_event, school_day",
        join=functools.partial(_join, since=reading.first_day_of(asked), today=tables.scope.on),
    )


def _join(found: tuple[pa.Table, ...], since: date, today: date) -> pa.Table:
    days, calendar = reading.days_of(found[1]), reading.calendar_of(found[2])
    hours = reading.by_learner(reading.local_hours(found[3], found[4]), lambda row: int(row["hour"]))
    good, bad = _judged(skills.rows_of((found[0], *found[5:])))
    return PROFILE.table(
        {
            "learner_id": learner,
            **of_days(days.get(learner, []), calendar, since, today),
            **of_hours(hours.get(learner, [])),
            "strengths": good.get(learner, []),
            "weaknesses": bad.get(learner, []),
        }
        for learner in found[0]["learner_id"].to_pylist()
    )


def _judged(rows: Sequence[reading.Row]) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    good: defaultdict[int, list[str]] = defaultdict(list)
    bad: defaultdict[int, list[str]] = defaultdict(list)
    for row in sorted(rows, key=lambda r: (r["share"] or 0.0, r["skill_id"])):
        if row["verdict"] == "weakness":
            bad[row["learner_id"]].append(row["skill_id"])
        if row["verdict"] == "strength":
            good[row["learner_id"]].insert(0, row["skill_id"])
    return good, bad


def of_days(days: Sequence[DayFacts], calendar: Calendar, since: date, today: date) -> dict[str, object]:
    mine = [d for d in days if since <= d.day <= today]
    nothing = {"active_days": 0, "activities": 0, "lessons": 0, "minutes": 0.0, "scores": 0}
    known = {"have": len(mine), "need": ENOUGH_DAYS, "enough": len(mine) >= ENOUGH_DAYS}
    if not mine:
        return {**nothing, **known, "streak": 0, "longest_streak": 0}
    first, last = mine[0].day, mine[-1].day
    until = today + timedelta(days=1) if last == today else today
    school = calendar.school_days(first, until)
    scores, answers = sum(d.scores for d in mine), sum(d.answers for d in mine)
    work, minutes = sum(d.work for d in mine), sum(d.learning_s for d in mine) / 60
    run = streak([d.day for d in mine], calendar.free, today)
    weekday, times = _most([d.day.isoweekday() for d in mine])
    return {
        "first_active": first,
        "last_active": last,
        "days_away": (today - last).days,
        "school_days_away": calendar.school_days(last + timedelta(days=1), today),
        "active_days": len(mine),
        "school_days": school,
        "streak": run.current,
        "longest_streak": run.longest,
        "activities": work,
        "lessons": sum(d.lessons for d in mine),
        "minutes": minutes,
        "scores": scores,
        "mean_score": sum(d.score_sum for d in mine) / scores if scores else None,
        "accuracy": sum(d.correct for d in mine) / answers if answers else None,
        "engagement": engagement(school, len(mine), minutes, work),
        "consistency": consistency(periods(mine, calendar, "week", since, today)),
        "preferred_weekday": weekday if len(mine) >= ENOUGH_DAYS else None,
        "preferred_weekday_share": times / len(mine) if len(mine) >= ENOUGH_DAYS else None,
        **known,
    }


def of_hours(hours: Sequence[int]) -> dict[str, object]:
    if len(hours) < FEWEST_VISITS:
        return {}
    hour, times = _most(hours)
    part, _ = _most([part_of_day(h) for h in hours])
    return {"preferred_hour": hour, "preferred_hour_share": times / len(hours), "part_of_day": part}


def _most(values: Sequence):  # type: ignore[no-untyped-def,type-arg]
    """The most frequent value, the smallest of equals, and how often it is there."""
    counted = Counter(values)
    value = min(counted, key=lambda v: (-counted[v], v))
    return value, counted[value]
