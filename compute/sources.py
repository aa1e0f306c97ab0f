"""The tables a family of measures can be answered from, the cheapest first, raw events last."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from compute import rollups
from compute.measures.measure import Family
from compute.scoping import Tables
from models.tables import (
    COURSE_DAY,
    EVENTS,
    LEARNER_COURSE_DAY,
    LEARNER_DAY,
    LEARNER_EVENT,
    LEARNER_LESSON_DAY,
    LEARNER_VIDEO_DAY,
    QUALITY_CHECK,
    QUALITY_DAY,
    RESULT,
    SALE_DAY,
    SESSIONS,
    VIDEO_BUCKET_DAY,
    Table,
)

RAW = EVENTS.name
LESSONS = f"{LEARNER_COURSE_DAY.name} + {LEARNER_LESSON_DAY.name}"


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """`rows` takes the narrowed tables, a cut by days, and the columns wanted."""

    table: str
    columns: frozenset[str]
    rows: Callable[[Tables, Callable[[ir.Table], ir.Table], Sequence[str]], ir.Table]
    reads: tuple[str, ...] = ()  # several tables, where `table` only is their name together

    def offered(self, tables: Tables) -> bool:
        return all(tables.offers(name) for name in self.reads or (self.table,))


def _stored(table: Table, made: Callable[[ir.Table], ir.Table] = lambda rows: rows, *more: str) -> Source:
    """`made` gives the rows the columns of the vocabulary, `more` names those that the table lacks."""
    return Source(
        table.name,
        frozenset(table.names()) | frozenset(more),
        lambda tables, cut, columns: made(cut(tables[table.name])).select(*columns),
    )


def _or_none(name: str) -> Callable[[ir.Table], ir.Table]:
    """A key is never null: '' is how a roll-up says that an event named none."""
    return lambda rows: rows.mutate(**{name: rows[name].nullif("")})


# Which events can change a column; a column that is not here can be changed by all.
_FED_BY: dict[str, tuple[str, ...]] = {
    **rollups.COUNTED,
    "answers_correct": ("quiz_answer",),
    "video_s": ("video_progress",),
    "learning_s": rollups.LEARNING,
    "revenue_cents": rollups.PAYING,
    "refunded_cents": ("order_refunded",),
    **dict.fromkeys(
        ("scores", "score_sum", "score_squares", "score_low", "score_high", "each_score"), rollups.SCORING
    ),
}
# Columns that only say where a row belongs; `events` and the times are changed by every event.
_PLACES = frozenset(EVENTS.names()) | {"product_id", "bucket", "commission_rate"}


def _feeding(columns: Sequence[str]) -> tuple[str, ...] | None:
    """The event types that can matter to these columns, or None for all."""
    read = [c for c in columns if c not in _PLACES]
    if not read or any(c not in _FED_BY for c in read):
        return None
    return tuple(dict.fromkeys(kind for c in read for kind in _FED_BY[c]))


# What only single events can tell.
_MADE: dict[str, Callable[[ir.Table], ir.Value]] = {
    "finished_lesson_id": lambda t: (t.lessons_completed > 0).ifelse(t.lesson_id, ibis.null("string")),
    "product_id": lambda t: t.event_type.isin(rollups.SELLING).ifelse(t.object_id, ibis.null("string")),
    "each_score": lambda t: t.score_high,
}


def _contributed(
    tables: Tables, cut: Callable[[ir.Table], ir.Table], columns: Sequence[str], name: str = RAW
) -> ir.Table:
    events = tables[name]
    kinds = _feeding(columns)
    assert kinds or name == RAW, f"{name} offers no column that all events can change"
    cut_events = cut(events.filter(events.event_type.isin(kinds)) if kinds else events)
    rows = rollups.contributions(cut_events)
    return rows.select(**{c: _MADE[c](rows) if c in _MADE else rows[c] for c in columns})


def _lessons(tables: Tables, cut: Callable[[ir.Table], ir.Table], columns: Sequence[str]) -> ir.Table:
    """Who was active in a course, and which lessons were finished."""
    active = cut(tables[LEARNER_COURSE_DAY.name])
    active = active.mutate(finished_lesson_id=ibis.null("string"), **{_DONE: 0})
    done = cut(tables[LEARNER_LESSON_DAY.name])
    done = done.filter(done[_DONE] > 0)
    done = done.mutate(events=0, finished_lesson_id=done.lesson_id.nullif(""))
    return _shaped(active, columns).union(_shaped(done, columns))


def _shaped(rows: ir.Table, columns: Sequence[str]) -> ir.Table:
    """A union wants the same types on both sides, to the last bit of whether they may be null."""
    types = {c.name: c.type for c in (*LEARNER_COURSE_DAY.columns, *EVENTS.columns)}
    types["finished_lesson_id"] = types["lesson_id"]
    return rows.select(**{name: rows[name].cast(ibis.dtype(types[name], nullable=True)) for name in columns})


def _placed(tables: Tables, cut: Callable[[ir.Table], ir.Table], columns: Sequence[str]) -> ir.Table:
    events = tables[RAW]
    kinds = [kind for name, kind in rollups.VIDEO_COUNTED.items() if name in columns]
    placed = events.filter(events.event_type.isin(kinds)) if kinds else events
    return rollups.video_contributions(cut(placed)).select(*columns)


def _lasting(rows: ir.Table) -> ir.Table:
    seconds = rows.ended_at.epoch_seconds() - rows.started_at.epoch_seconds()
    one = rows.session_id.notnull().ifelse(1, 0)
    return rows.mutate(sessions=one, session_s=seconds.cast("float64"))


def _visits(tables: Tables, cut: Callable[[ir.Table], ir.Table], columns: Sequence[str]) -> ir.Table:
    return _lasting(cut(tables[SESSIONS.name])).select(*columns)


def _found_visits(tables: Tables, cut: Callable[[ir.Table], ir.Table], columns: Sequence[str]) -> ir.Table:
    # A visit is whole or it is no visit: what is cut away is cut from visits, never from their events.
    return _lasting(cut(rollups.sessionise(tables.by_learner(RAW)))).select(*columns)


def judged(tables: Tables) -> ir.Table:
    """What every commit counted, and what was found later in whole days."""
    return tables[QUALITY_DAY.name].union(tables[QUALITY_CHECK.name])


def _judged(tables: Tables, cut: Callable[[ir.Table], ir.Table], columns: Sequence[str]) -> ir.Table:
    return cut(judged(tables)).select(*columns)


_DONE = "lessons_completed"
_SCORED = ("scores", "score_sum", "score_squares", "score_low", "score_high")
# Not `lesson_id`: most events of a lesson are not here, so nothing else can be divided by lessons.
_OF_LESSONS = frozenset(
    {"organisation_id", "learner_id", "course_id", "day", "finished_lesson_id", "events", _DONE}
)
_OF_VISITS = frozenset(SESSIONS.names()) | {"sessions", "session_s"}
_OF_EVENTS = frozenset(LEARNER_COURSE_DAY.names()) | frozenset(EVENTS.names()) | _MADE.keys()
# What an event that is kept by learner can change; which other events there were is not known there.
_OF_KEPT = frozenset(LEARNER_EVENT.names()) | {
    name for name, kinds in _FED_BY.items() if set(kinds) <= set(rollups.KEPT) and name in _OF_EVENTS
}
_OF_PLACES = frozenset(VIDEO_BUCKET_DAY.names()) | (
    frozenset(EVENTS.names()) - {"score", "correct", "choice", "object_id"}
)

SOURCES: dict[Family, tuple[Source, ...]] = {
    "activity": (
        _stored(COURSE_DAY),
        _stored(LEARNER_DAY),
        _stored(LEARNER_COURSE_DAY),
        _stored(LEARNER_LESSON_DAY, _or_none("lesson_id")),
        _stored(SALE_DAY, _or_none("product_id")),
        _stored(RESULT, rollups.graded, "each_score", *_SCORED),
        _stored(LEARNER_VIDEO_DAY, _or_none("video_id")),
        Source(LESSONS, _OF_LESSONS, _lessons, (LEARNER_COURSE_DAY.name, LEARNER_LESSON_DAY.name)),
        Source(LEARNER_EVENT.name, _OF_KEPT, functools.partial(_contributed, name=LEARNER_EVENT.name)),
        Source(RAW, _OF_EVENTS, _contributed),
    ),
    "sessions": (
        Source(SESSIONS.name, _OF_VISITS, _visits),
        Source(RAW, _OF_VISITS, _found_visits),
    ),
    "video": (
        _stored(VIDEO_BUCKET_DAY),
        _stored(LEARNER_VIDEO_DAY, lambda rows: rows.filter(rows.video_id != "")),
        Source(RAW, _OF_PLACES, _placed),
    ),
    "quality": (
        Source(
            QUALITY_DAY.name, frozenset(QUALITY_DAY.names()), _judged, (QUALITY_DAY.name, QUALITY_CHECK.name)
        ),
    ),
}
