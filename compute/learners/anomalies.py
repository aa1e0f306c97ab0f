"""`learner_anomalies`: what was unusual for a learner of late, how much, and what could be done."""

from __future__ import annotations

import functools
from dataclasses import asdict, replace
from datetime import date, timedelta

import pyarrow as pa

from compute.forms import shared
from compute.learners import reading
from compute.learners.habits import Scored
from compute.learners.shape import DAY, EVIDENCE, NUMBER, TEXT, Shape
from compute.learners.unusual import Unusual, unusual
from compute.plan import Plan
from compute.scoping import Tables
from models.ask import Ask

SPAN_DAYS = 56
HISTORY_DAYS = 182  # looked at before the first day asked for
ANOMALIES = Shape(
    ("learner_id",),
    {
        "kind": (TEXT, "", "performance, engagement or velocity."),
        "since": (DAY, "date", "When it began."),
        "until": (DAY, "date", "When it was over; empty while it lasts."),
        "found_on": (DAY, "date", "The first day on which it could be known."),
        "direction": (TEXT, "", "down or up."),
        "severity": (TEXT, "", "notable, serious or severe."),
        "value": (NUMBER, "", "What was seen."),
        "expected": (NUMBER, "", "What is usual for this learner."),
        "low": (NUMBER, "", "The least that would have been usual."),
        "high": (NUMBER, "", "The most that would have been usual."),
        "deviations": (NUMBER, "", "How many robust deviations from what is usual."),
        "unit": (TEXT, "", "What the values are in."),
        "action": (TEXT, "", "talk, review, check_in, slow_down or praise: what could be done."),
        "evidence": (EVIDENCE, "", "Days or scores that show it: the day, what, and a value."),
    },
)


def learner_anomalies(ask: Ask, tables: Tables) -> Plan:
    """The newest first, of those that were known in the span. Days before it are the baseline."""
    reading.check(ask, tables)
    asked = reading.spanned(ask, tables, SPAN_DAYS, HISTORY_DAYS)
    builds = (reading.roster, reading.daily, reading.calendar, reading.scores)
    return Plan(
        parts=tuple(shared(build, asked, tables) for build in builds),
        columns=ANOMALIES.columns,
        source="learner_day, learner_event, school_day",
        join=functools.partial(
            _join,
            since=reading.first_day_of(asked) + timedelta(days=HISTORY_DAYS),
            today=reading.last_day_of(asked),
        ),
    )


def _join(found: tuple[pa.Table, ...], since: date, today: date) -> pa.Table:
    days, calendar = reading.days_of(found[1]), reading.calendar_of(found[2])
    scores = reading.by_learner(
        found[3].sort_by("occurred_at"),
        lambda r: Scored(r["occurred_at"], r["day"], r["assessment_id"] or "", possible(r["score"])),
    )
    told = [
        (learner, one)
        for learner in found[0]["learner_id"].to_pylist()
        for one in hurried(unusual(days.get(learner, []), scores.get(learner, []), calendar, today))
        if one.found_on >= since
    ]
    told.sort(key=lambda t: (t[1].found_on, abs(t[1].deviations)), reverse=True)
    return ANOMALIES.table(
        {"learner_id": learner, **asdict(one), "evidence": [e._asdict() for e in one.evidence]}
        for learner, one in told
    )


def possible(score: float) -> float:
    """A score is per cent of the possible points; what lies beyond is a mistake of its source."""
    return min(100.0, max(0.0, score))


def hurried(found: list[Unusual]) -> list[Unusual]:
    """More work with worse results is no reason for praise."""
    worse = [u for u in found if u.kind == "performance" and u.direction == "down"]

    def is_hurried(one: Unusual) -> bool:
        return (
            one.kind == "velocity"
            and one.direction == "up"
            and any(w.since <= (one.until or w.since) and one.since <= (w.until or one.since) for w in worse)
        )

    return [replace(u, action="slow_down") if is_hurried(u) else u for u in found]
