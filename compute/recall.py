"""What the live stream reads: at a start everything that can still matter, later who is in which class.

The first kind is of all organisations and goes to the hub's memory, never to an asker: it is narrowed there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias

import ibis
import ibis.expr.types as ir

from compute import now
from compute.forms import Form
from compute.rollups import SCORING, contributions
from compute.scoping import Tables
from models.tables import EVENTS, LEARNER_COURSE_DAY, LEARNER_EVENT, SCHOOL_DAY, SESSIONS

_KEY = ("organisation_id", "learner_id", "course_id")
Day: TypeAlias = date | ir.DateValue  # a day, or the hole for one


# ---- shared with the question learner_now ----------------------------------------------------------------


def day_counts(events: ir.Table, keys: Sequence[str]) -> ir.Table:
    """The columns of compute.now.Day by `keys`."""
    rows = contributions(events)
    high = (rows.scores > 0) & (rows.score >= now.HIGH_SCORE).fill_null(False)
    return rows.group_by(list(keys)).agg(
        lessons=rows.lessons_completed.sum(),
        exercises=(rows.event_type == "exercise_complete").ifelse(1, 0).sum(),
        activities=rows.event_type.isin(now.ACTIVITIES).ifelse(1, 0).sum(),
        scores=rows.scores.sum(),
        high_scores=high.ifelse(1, 0).sum(),
        achievements=rows.achievements.sum(),
        milestones=(rows.event_type == "milestone_reached").ifelse(1, 0).sum(),
        levels=(rows.event_type == "level_complete").ifelse(1, 0).sum(),
        learning_s=rows.learning_s.sum(),
        score_sum=rows.score_sum.sum(),
    )


def newest_scores(events: ir.Table, on: Day, keys: Sequence[str]) -> ir.Table:
    """The fields of compute.now.Score by `keys`, as many as are kept, of the two weeks before `on`."""
    # Local days differ from UTC ones by one at most, so the day may narrow what the time decides.
    events = lately(events, on, now.SCORE_DAYS + 1)
    events = events.filter(events.occurred_at >= midnight(on, now.SCORE_DAYS))
    events = events.filter(events.event_type.isin(SCORING), events.score.notnull())
    found = events.select(
        *keys,
        at=events.occurred_at,
        sequence=events.sequence.fill_null(-1),
        event_id=events.event_id,
        score=events.score,
    )
    by_age = [ibis.desc("at"), ibis.desc("sequence"), ibis.desc("event_id")]
    placed = found.mutate(place=ibis.row_number().over(group_by=list(keys), order_by=by_age))
    return placed.filter(placed.place < now.SCORES).drop("place")


def lately(rows: ir.Table, on: Day, days: int) -> ir.Table:
    return rows.filter(rows.day >= _back(on, days))


def midnight(on: Day, days: int) -> ir.Value:
    """When the day so many days before `on` began, in UTC."""
    if isinstance(on, date):
        return ibis.literal(datetime(on.year, on.month, on.day, tzinfo=UTC) - timedelta(days=days))
    return _back(on, days).cast("timestamp('UTC')")


def _back(on: Day, days: int) -> ir.Value:
    if isinstance(on, date):
        return ibis.literal(on - timedelta(days=days))
    return (on - ibis.interval(days=days)).cast("date")


# ---- at a start ------------------------------------------------------------------------------------------


def organisations(on: date) -> ir.Table:
    """They are read one at a time, so that the days of all of them need not fit at once."""
    rows = lately(LEARNER_COURSE_DAY.unbound, on, now.HISTORY_DAYS)
    return rows.select("organisation_id").distinct().order_by("organisation_id")


def active_days(organisation_id: int, on: date) -> ir.Table:
    rows = lately(LEARNER_COURSE_DAY.unbound, on, now.HISTORY_DAYS)
    rows = rows.filter(rows.organisation_id == organisation_id, rows.events > 0)
    return rows.select(*_KEY, "day").distinct()


def counted_days(on: date) -> ir.Table:
    events = lately(LEARNER_EVENT.unbound, on, now.WEEK_DAYS)
    return day_counts(events, (*_KEY, "day"))


def visits(at: datetime) -> ir.Table:
    """Of no course: visits of all courses are put together anyway."""
    rows = SESSIONS.unbound
    rows = rows.filter(rows.ended_at >= ibis.literal(at - timedelta(days=now.VISIT_DAYS + 1)))
    return rows.select(
        "organisation_id",
        "learner_id",
        "session_id",
        "started_at",
        "ended_at",
        course_id=ibis.literal(""),
        closed=rows.ended,
    )


def scores(on: date, learners: Sequence[int] | None = None) -> ir.Table:
    """Of all learners, or of these."""
    events = LEARNER_EVENT.unbound
    if learners is not None:
        events = events.filter(events.learner_id.isin(learners))
    # A day more: where it is yesterday still, an older score is a recent one.
    return newest_scores(
        events.mutate(course_id=events.course_id.fill_null("")), on - timedelta(days=1), _KEY
    )


def minutes(since: datetime) -> ir.Table:
    """organisation_id, event_type, course_id, minute (since 1970), n."""
    events = lately(EVENTS.unbound, since.date(), 1)
    events = events.filter(events.occurred_at >= ibis.literal(since))
    named = events.mutate(
        minute=(events.occurred_at.epoch_seconds().cast("float64") / 60).floor().cast("int64"),
        course_id=events.course_id.fill_null(""),
    )
    return named.group_by("organisation_id", "event_type", "course_id", "minute").agg(n=named.count())


def free_days(organisation_id: int, on: date) -> ir.Table:
    days = lately(SCHOOL_DAY.unbound, on, now.HISTORY_DAYS)
    return days.filter(days.organisation_id == organisation_id, days.kind != "term").select("day")


# ---- for a listener --------------------------------------------------------------------------------------


def held_classes(tables: Tables, classes: Sequence[str]) -> ir.Table:
    """class_id and course_id of the scope's classes, or of those named among them."""
    held = tables["class"].select("class_id", "course_id")
    return held.filter(held.class_id.isin(classes)) if classes else held


def members(tables: Tables, classes: Sequence[str]) -> ir.Table:
    """Who is in which course by these classes, on the scope's day."""
    rows, on = tables["class_member"], ibis.literal(tables.scope.on)
    rows = rows.filter(rows.valid_from <= on, rows.valid_until.isnull() | (rows.valid_until > on))
    found = rows.join(held_classes(tables, classes), "class_id")
    return found.select("learner_id", "course_id").distinct()


def taught(tables: Tables, _: Form) -> ir.Table:
    """The same for whoever teaches, as one query of all who do (compute.forms)."""
    rows, on = tables["class_member"], tables.today
    rows = rows.filter(rows.valid_from <= on, rows.valid_until.isnull() | (rows.valid_until > on))
    return rows.join(held_classes(tables, ()), "class_id").select("learner_id", "course_id").distinct()
