"""What the hub must know at a start: read from the warehouse, in the shapes that a batch has."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from app.live.states import States
from compute import now
from compute.rollups import SCORING, contributions
from connectors.warehouse import Warehouse
from models.tables import EVENTS, LEARNER_COURSE_DAY, SCHOOL_DAY, SESSIONS

_KEY = ("organisation_id", "learner_id", "course_id")
_TIME = pa.timestamp("us", "UTC")


def read_states(warehouse: Warehouse, at: datetime, states: States) -> None:
    """Everything that can still matter on the day of `at` or later, in any zone."""
    today = at.date()
    for organisation_id in _organisations(warehouse, today):
        states.add_active(_day_numbers(warehouse.fetch(_active(organisation_id, today))))
    states.add_days(_day_numbers(warehouse.fetch(_days(today))))
    states.add_visits(_micros(warehouse.fetch(_visits(at)), "started_at", "ended_at"))
    scores = _micros(warehouse.fetch(_scores(at)), "at")
    states.add_scores(_with(scores, "event_id", scores["event_id"].cast(pa.string())))
    states.make_room()


def read_minutes(warehouse: Warehouse, since: datetime) -> pa.Table:
    """organisation_id, event_type, course_id, minute (since 1970), n."""
    events = EVENTS.unbound
    late = events.filter(events.day >= ibis.literal(since.date() - timedelta(days=1)))
    late = late.filter(late.occurred_at >= ibis.literal(since))
    named = late.mutate(
        minute=(late.occurred_at.epoch_seconds().cast("float64") / 60).floor().cast("int64"),
        course_id=late.course_id.fill_null(""),
    )
    found = named.group_by("organisation_id", "event_type", "course_id", "minute").agg(n=named.count())
    return warehouse.fetch(found)


def read_free_days(warehouse: Warehouse, organisation_id: int, today: date) -> frozenset[date]:
    days = SCHOOL_DAY.unbound
    since = ibis.literal(today - timedelta(days=now.HISTORY_DAYS))
    days = days.filter(days.organisation_id == organisation_id, days.kind != "term", days.day >= since)
    return frozenset(warehouse.fetch(days.select("day"))["day"].to_pylist())


def _organisations(warehouse: Warehouse, today: date) -> list[int]:
    """One at a time, so that the days of all of them need not fit at once."""
    rows = _lately(LEARNER_COURSE_DAY.unbound, today, now.HISTORY_DAYS)
    found: list[int] = warehouse.fetch(rows.select("organisation_id").distinct())[
        "organisation_id"
    ].to_pylist()
    return sorted(found)


def _lately(rows: ir.Table, today: date, days: int) -> ir.Table:
    """A day more on the early side: the school's zone may be behind."""
    return rows.filter(rows.day >= ibis.literal(today - timedelta(days=days)))


def _active(organisation_id: int, today: date) -> ir.Table:
    rows = _lately(LEARNER_COURSE_DAY.unbound, today, now.HISTORY_DAYS)
    rows = rows.filter(rows.organisation_id == organisation_id, rows.events > 0)
    return rows.select(*_KEY, "day").distinct()


def _days(today: date) -> ir.Table:
    events = contributions(_lately(EVENTS.unbound, today, now.WEEK_DAYS))
    high = (events.scores > 0) & (events.score >= now.HIGH_SCORE).fill_null(False)
    return events.group_by(*_KEY, "day").agg(
        lessons=events.lessons_completed.sum(),
        exercises=(events.event_type == "exercise_complete").ifelse(1, 0).sum(),
        activities=events.event_type.isin(now.ACTIVITIES).ifelse(1, 0).sum(),
        scores=events.scores.sum(),
        high_scores=high.ifelse(1, 0).sum(),
        achievements=events.achievements.sum(),
        learning_s=events.learning_s.sum(),
        score_sum=events.score_sum.sum(),
    )


def _visits(at: datetime) -> ir.Table:
    """Of no course: visits of all courses are put together anyway."""
    visits = SESSIONS.unbound
    visits = visits.filter(visits.ended_at >= ibis.literal(at - timedelta(days=now.VISIT_DAYS + 1)))
    return visits.select(
        "organisation_id",
        "learner_id",
        "session_id",
        "started_at",
        "ended_at",
        course_id=ibis.literal(""),
        closed=visits.ended,
    )


def _scores(at: datetime) -> ir.Table:
    events = _lately(EVENTS.unbound, at.date(), now.SCORE_DAYS + 2)
    events = events.filter(events.event_type.isin(SCORING), events.score.notnull())
    found = events.select(
        "organisation_id",
        "learner_id",
        course_id=events.course_id.fill_null(""),
        at=events.occurred_at,
        sequence=events.sequence.fill_null(-1),
        event_id=events.event_id,
        score=events.score,
    )
    by_age = [ibis.desc("at"), ibis.desc("sequence"), ibis.desc("event_id")]
    placed = found.mutate(place=ibis.row_number().over(group_by=list(_KEY), order_by=by_age))
    return placed.filter(placed.place < now.SCORES).drop("place")


def _day_numbers(rows: pa.Table) -> pa.Table:
    return _with(rows, "day", rows["day"].cast(pa.date32()).cast(pa.int32()))


def _micros(rows: pa.Table, *names: str) -> pa.Table:
    for name in names:
        rows = _with(rows, name, rows[name].cast(_TIME).cast(pa.int64()))
    return rows


def _with(rows: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    return rows.set_column(rows.schema.get_field_index(name), name, column)
