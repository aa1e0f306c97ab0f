"""`learner_habits`: how each learner learns, as far as enough of it was seen."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from datetime import date

import ibis.expr.types as ir
import pyarrow as pa

from compute.forms import Form, shared
from compute.learners import habits, reading
from compute.learners.habits import Help, Observed, Scored, Visit, Watch
from compute.learners.shape import ENOUGH, EVIDENCE, NUMBER, TEXT, Shape
from compute.plan import Plan
from compute.scoping import Tables
from models.ask import Ask

SPAN_DAYS = 182
HELPS = ("post_create", "post_reply", "live_join", "search")
HABITS = Shape(
    ("learner_id",),
    {
        "habit": (
            TEXT,
            "",
            "spacing, session_length, time_of_day, weekday, rewatching or help_seeking.",
        ),
        "verdict": (
            TEXT,
            "",
            "spacing: spaced, crammed, mixed. session_length: short, medium, long. time_of_day: morning, "
            "afternoon, evening, night, varied. weekday: school_days, weekends, varied. rewatching and "
            "help_seeking: often, sometimes, seldom. All: unknown.",
        ),
        "value": (NUMBER, "", "What the verdict was read from."),
        "unit": (TEXT, "", "Its unit: share, or min."),
        **ENOUGH,
        "evidence": (
            EVIDENCE,
            "",
            "At most ten rows that show it, the newest first: the day, what, and a value. spacing: days with "
            "learning in the two weeks, minutes of the three busiest; session_length: part of the day, "
            "minutes; time_of_day: part, hour; weekday: kind of day, minutes; rewatching: video, second gone "
            "back to; help_seeking: how, score.",
        ),
    },
)


def learner_habits(ask: Ask, tables: Tables) -> Plan:
    """Six rows for each learner, also where nothing is known yet."""
    reading.check(ask, tables)
    asked = reading.spanned(ask, tables, SPAN_DAYS)
    builds = (
        reading.roster,
        reading.daily,
        reading.calendar,
        reading.visits,
        reading.zone,
        _watched,
        reading.scores,
        _helped,
    )
    return Plan(
        parts=tuple(shared(build, asked, tables) for build in builds),
        columns=HABITS.columns,
        source="learner_day, sessions, learner_event, school_day",
        join=functools.partial(_join, today=tables.scope.on),
    )


def _watched(tables: Tables, form: Form) -> ir.Table:
    rows = reading.events(tables, form, ("video_play", "video_seek"))
    rows = rows.filter(rows.video_id.notnull())
    return rows.select("learner_id", "day", "occurred_at", "event_type", "video_id", "position_s", "payload")


def _helped(tables: Tables, form: Form) -> ir.Table:
    rows = reading.events(tables, form, HELPS)
    return rows.select("learner_id", "day", "occurred_at", "event_type")


def _join(found: tuple[pa.Table, ...], today: date) -> pa.Table:
    who, days, free, visits, zone, watched, scores, helped = found
    calendar, of_days = reading.calendar_of(free), reading.days_of(days)
    of_visits = reading.by_learner(
        reading.local_hours(visits, zone).sort_by("started_at"),
        lambda r: Visit(r["day"], r["hour"], r["seconds"] / 60),
    )
    of_watched = reading.by_learner(watched.sort_by("occurred_at"), _watch)
    of_scores = reading.by_learner(
        scores.sort_by("occurred_at"),
        lambda r: Scored(r["occurred_at"], r["day"], r["assessment_id"] or "", r["score"]),
    )
    of_help = reading.by_learner(
        helped.sort_by("occurred_at"), lambda r: Help(r["occurred_at"], r["event_type"])
    )

    def seen(learner: int) -> Iterator[Observed]:
        mine = [d for d in of_days.get(learner, []) if d.day <= today]
        came = of_visits.get(learner, [])
        yield habits.spacing(mine)
        yield habits.session_length(came)
        yield habits.time_of_day(came)
        yield habits.weekday(mine, calendar)
        yield habits.rewatching(of_watched.get(learner, []))
        yield habits.help_seeking(of_scores.get(learner, []), of_help.get(learner, []))

    return HABITS.table(
        {
            "learner_id": learner,
            "habit": one.habit,
            "verdict": one.verdict,
            "value": one.value,
            "unit": one.unit,
            "have": one.have,
            "need": one.need,
            "enough": one.enough,
            "evidence": [e._asdict() for e in one.evidence],
        }
        for learner in who["learner_id"].to_pylist()
        for one in seen(learner)
    )


def _watch(row: reading.Row) -> Watch:
    place = row["position_s"] or 0.0
    return Watch(
        row["day"], row["video_id"], place, _to_s(row) if row["event_type"] == "video_seek" else None
    )


def _to_s(row: reading.Row) -> float:
    """Where a jump went; one that does not say so went nowhere."""
    try:
        return float(json.loads(row["payload"] or "{}")["to_s"])
    except (ValueError, KeyError, TypeError):
        return row["position_s"] or 0.0
