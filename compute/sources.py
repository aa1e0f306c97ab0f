"""The tables a family of measures can be answered from, the cheapest first, raw events last."""

from __future__ import annotations

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
    SESSIONS,
    VIDEO_BUCKET_DAY,
    Table,
)

RAW = EVENTS.name


@dataclass(frozen=True, slots=True)
class Source:
    """`rows` takes the narrowed tables, a cut by days, and the columns wanted."""

    table: str
    columns: frozenset[str]
    rows: Callable[[Tables, Callable[[ir.Table], ir.Table], Sequence[str]], ir.Table]


def _stored(table: Table) -> Source:
    return Source(
        table.name,
        frozenset(table.names()),
        lambda tables, cut, columns: cut(tables[table.name]).select(*columns),
    )


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
_SELLING = (*rollups.PAYING, "order_refunded", "subscription_cancelled")


def _feeding(columns: Sequence[str]) -> tuple[str, ...] | None:
    """The event types that can matter to these columns, or None for all."""
    read = [c for c in columns if c not in _PLACES]
    if not read or any(c not in _FED_BY for c in read):
        return None
    return tuple(dict.fromkeys(kind for c in read for kind in _FED_BY[c]))


# What only single events can tell.
_MADE: dict[str, Callable[[ir.Table], ir.Value]] = {
    "product_id": lambda t: t.event_type.isin(_SELLING).ifelse(t.object_id, ibis.null("string")),
    "each_score": lambda t: t.score_high,
}


def _contributed(tables: Tables, cut: Callable[[ir.Table], ir.Table], columns: Sequence[str]) -> ir.Table:
    events = tables[RAW]
    kinds = _feeding(columns)
    cut_events = cut(events.filter(events.event_type.isin(kinds)) if kinds else events)
    rows = rollups.contributions(cut_events)
    return rows.select(**{c: _MADE[c](rows) if c in _MADE else rows[c] for c in columns})


def _placed(tables: Tables, cut: Callable[[ir.Table], ir.Table], columns: Sequence[str]) -> ir.Table:
    return rollups.video_contributions(cut(tables[RAW])).select(*columns)


def _lasting(rows: ir.Table) -> ir.Table:
    seconds = rows.ended_at.epoch_seconds() - rows.started_at.epoch_seconds()
    one = rows.session_id.notnull().ifelse(1, 0)
    return rows.mutate(sessions=one, session_s=seconds.cast("float64"))


def _visits(tables: Tables, cut: Callable[[ir.Table], ir.Table], columns: Sequence[str]) -> ir.Table:
    return _lasting(cut(tables[SESSIONS.name])).select(*columns)


def _found_visits(tables: Tables, cut: Callable[[ir.Table], ir.Table], columns: Sequence[str]) -> ir.Table:
    # A visit is whole or it is no visit: what is cut away is cut from visits, never from their events.
    return _lasting(cut(rollups.sessionise(tables.by_learner(RAW)))).select(*columns)


_OF_VISITS = frozenset(SESSIONS.names()) | {"sessions", "session_s"}
_OF_EVENTS = frozenset(LEARNER_COURSE_DAY.names()) | frozenset(EVENTS.names()) | _MADE.keys()
_OF_PLACES = frozenset(VIDEO_BUCKET_DAY.names()) | (
    frozenset(EVENTS.names()) - {"score", "correct", "choice", "object_id"}
)

SOURCES: dict[Family, tuple[Source, ...]] = {
    "activity": (
        _stored(COURSE_DAY),
        _stored(LEARNER_DAY),
        _stored(LEARNER_COURSE_DAY),
        Source(RAW, _OF_EVENTS, _contributed),
    ),
    "sessions": (
        Source(SESSIONS.name, _OF_VISITS, _visits),
        Source(RAW, _OF_VISITS, _found_visits),
    ),
    "video": (
        _stored(VIDEO_BUCKET_DAY),
        Source(RAW, _OF_PLACES, _placed),
    ),
}
