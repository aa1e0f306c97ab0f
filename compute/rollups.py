"""What each roll-up holds, and how a batch of events changes it.

A roll-up is a pile of rows that are merged by key. A batch adds rows; merging them, at once, later
or while reading, gives the same numbers, so the order in which events arrive cannot matter.
"""

from __future__ import annotations

from collections.abc import Iterable

import ibis
import ibis.expr.types as ir

from models.rollup import AFTER, BATCH, BEFORE, PILE, RECENT, Rollups, Step
from models.tables import (
    BUCKET_S,
    COURSE_DAY,
    IDLE_S,
    LEARNER_COURSE_DAY,
    LEARNER_DAY,
    LEARNER_EVENT,
    LEARNER_LESSON_DAY,
    LEARNER_NOW,
    LEARNER_VIDEO_DAY,
    QUALITY_DAY,
    RESULT,
    ROLLUPS,
    SALE_DAY,
    SESSIONS,
    VIDEO_BUCKET_DAY,
    Column,
    Table,
)

# One count, the types that add to it.
COUNTED = {
    "lessons_started": ("lesson_start",),
    "lessons_completed": ("lesson_complete",),
    "videos_started": ("video_play",),
    "videos_completed": ("video_complete",),
    "answers": ("quiz_answer",),
    "assessments_started": ("quiz_start", "assignment_start"),
    "posts": ("post_create",),
    "replies": ("post_reply",),
    "votes": ("post_vote",),
    "live_joins": ("live_join",),
    "enrolments": ("course_enroll",),
    "unenrolments": ("course_unenroll",),
    "completions": ("course_complete",),
    "page_views": ("page_view",),
    "searches": ("search",),
    "achievements": ("achievement_unlocked",),
    "orders": ("order_paid",),
    "refunds": ("order_refunded",),
    "subscriptions_started": ("subscription_started",),
    "subscriptions_renewed": ("subscription_renewed",),
    "subscriptions_cancelled": ("subscription_cancelled",),
    "recommendations_shown": ("recommendation_shown",),
    "recommendations_accepted": ("recommendation_accepted",),
}
SCORING = ("quiz_submit", "assignment_submit", "exercise_complete")
LEARNING = ("lesson_complete", "quiz_submit", "exercise_complete", "assignment_submit", "live_leave")
PAYING = ("order_paid", "subscription_started", "subscription_renewed")
SELLING = (*PAYING, "order_refunded", "subscription_cancelled")
# Events kept by learner, in learner_event.
KEPT = (
    "quiz_answer",
    *SCORING,
    "lesson_complete",
    "live_join",
    "live_leave",
    "video_play",
    "video_seek",
    "post_create",
    "post_reply",
    "search",
    "achievement_unlocked",
    "milestone_reached",
    "level_complete",
    "course_complete",
    "recommendation_shown",
    "recommendation_accepted",
    "recommendation_modified",
    "recommendation_rejected",
    "recommendation_completed",
    "recommendation_rated",
)
VIDEO_COUNTED = {
    "plays": "video_play",
    "views": "video_progress",
    "seeks": "video_seek",
    "pauses": "video_pause",
}

# Sums of floats depend on their order unless every value lies on one binary grid. This one is finer
# than a millionth and leaves 33 bits for the sum, so that rebuilding gives the identical number.
GRID = 2.0**20
_LARGEST = 1e9


def contributions(events: ir.Table) -> ir.Table:
    """One row per event: its own columns, and what it adds to every additive column.

    `course_id` is '' where the event belongs to no course, as in the roll-ups.
    """
    if "amount_cents" not in events.columns:  # learner_event keeps no sales
        events = events.mutate(amount_cents=ibis.null("int64"))
    kind = events.event_type
    counts = {name: _one(kind.isin(types)) for name, types in COUNTED.items()}
    return events.mutate(
        course_id=events.course_id.fill_null(""),
        events=_one(events.organisation_id.notnull()),
        **counts,
        answers_correct=_one((kind == "quiz_answer") & events.correct.fill_null(False)),
        **_score_columns(events, kind.isin(SCORING) & events.score.notnull()),
        video_s=_amount(kind == "video_progress", _on_grid(events.duration_s)),
        learning_s=_amount(kind.isin(LEARNING), _on_grid(events.duration_s)),
        revenue_cents=_cents(kind.isin(PAYING), events),
        refunded_cents=_cents(kind == "order_refunded", events),
        first_at=events.occurred_at,
        last_at=events.occurred_at,
    )


def video_contributions(events: ir.Table) -> ir.Table:
    """One row per event at a place of a video, with the columns of video_bucket_day."""
    placed = events.filter(events.event_type.isin(tuple(VIDEO_COUNTED.values())), _placed(events))
    return placed.mutate(
        course_id=placed.course_id.fill_null(""),
        bucket=_bucket(placed.position_s),
        **{name: _one(placed.event_type == kind) for name, kind in VIDEO_COUNTED.items()},
    )


def _placed(events: ir.Table) -> ir.BooleanValue:
    return events.video_id.notnull() & (events.position_s >= 0) & (events.position_s <= _LARGEST)


def lesson_contributions(events: ir.Table) -> ir.Table:
    kinds = (*COUNTED["lessons_started"], *COUNTED["lessons_completed"])
    rows = contributions(events.filter(events.event_type.isin(kinds)))
    return rows.mutate(lesson_id=rows.lesson_id.fill_null(""))


def watching_contributions(events: ir.Table) -> ir.Table:
    """All that is done with a video; what happened at a place of it counts as in video_bucket_day."""
    kinds = (*VIDEO_COUNTED.values(), *COUNTED["videos_completed"])
    rows = contributions(events.filter(events.event_type.isin(kinds)))
    placed = _placed(rows).fill_null(False)
    counts = {name: _one(placed & (rows.event_type == kind)) for name, kind in VIDEO_COUNTED.items()}
    return rows.mutate(video_id=rows.video_id.fill_null(""), **counts)


def sale_contributions(events: ir.Table) -> ir.Table:
    rows = contributions(events.filter(events.event_type.isin(SELLING)))
    return rows.mutate(product_id=rows.object_id.fill_null(""))


def results(events: ir.Table) -> ir.Table:
    """One row per scored result, with the columns of result."""
    scored = events.filter(events.event_type.isin(SCORING), events.score.notnull())
    return scored.mutate(course_id=scored.course_id.fill_null("")).select(RESULT.names())


def kept(events: ir.Table) -> ir.Table:
    """Events that learner_event holds, with its columns."""
    return events.filter(events.event_type.isin(KEPT)).select(LEARNER_EVENT.names())


def graded(rows: ir.Table) -> ir.Table:
    """Rows of result with what each adds to the columns about scores."""
    return rows.mutate(each_score=rows.score, **_score_columns(rows, ibis.literal(True)))


def standings(events: ir.Table) -> ir.Table:
    """One row per event, with the columns of learner_now: merging them finds the newest."""
    rows = contributions(events)
    named = rows.mutate(
        last_sequence=rows.sequence.fill_null(-1),
        last_event_id=rows.event_id,
        last_type=rows.event_type,
        last_session_id=rows.session_id,
        last_course_id=rows.course_id,
        last_lesson_id=rows.lesson_id.fill_null(""),
    )
    return named.select(LEARNER_NOW.names())


def delta(rollup: Table, rows: ir.Table) -> ir.Table:
    """What `rows` (contributions, or rows of a finer roll-up) add to `rollup`: one row per key."""
    return merged(rollup, shaped(rollup, rows))


def shaped(rollup: Table, rows: ir.Table) -> ir.Table:
    """`rows` with exactly the columns of `rollup`; what they do not know counts 0."""
    missing = [c for c in rollup.columns if c.name not in rows.columns]
    return rows.mutate(**{c.name: ibis.literal(0).cast(c.type) for c in missing}).select(rollup.names())


def merged(rollup: Table, rows: ir.Table) -> ir.Table:
    """One row per key. Roll-ups are read through this, or through sums that come to the same."""
    last = [c.name for c in rollup.columns if c.merge == "last"]
    sums = rows.group_by(list(rollup.key)).agg(**{c.name: _merge(rows, c) for c in _mergeable(rollup)})
    if not last:
        return sums.select(rollup.names())
    newest = _newest(rollup, rows).select(*rollup.key, *last)
    return sums.join(newest, list(rollup.key)).select(rollup.names())


def sessionise(events: ir.Table) -> ir.Table:
    """Sessions from raw events: runs of one session id with no gap over IDLE_S."""
    return runs(spans(events))


def spans(events: ir.Table) -> ir.Table:
    """Pieces of sessions, to be joined by `runs`. Events of one session that fall into one stretch of
    IDLE_S lie in one run, so counting them together spares most of the sorting."""
    rows = events.mutate(stretch=(_whole_s(events.occurred_at) / IDLE_S).floor().cast("int64"))
    pieces = rows.group_by("organisation_id", "learner_id", "session_id", "stretch").agg(
        started_at=rows.occurred_at.min(),
        ended_at=rows.occurred_at.max(),
        day=rows.day.min(),
        events=rows.count(),
        ended=(rows.event_type == "session_end").any(),
        device_type=rows.device_type.min(),
    )
    return pieces.select(SESSIONS.names())


def runs(pieces: ir.Table) -> ir.Table:
    """Join pieces of sessions whose gap is at most IDLE_S. Joining is associative, so sessions
    found earlier may be pieces too."""
    one_session = {"group_by": ["organisation_id", "learner_id", "session_id"], "order_by": "started_at"}
    reach = pieces.ended_at.max().over(ibis.window(preceding=(None, 1), **one_session))
    opens = reach.isnull() | (pieces.started_at > reach + ibis.interval(seconds=IDLE_S))
    marked = pieces.mutate(opens=_one(opens))
    # Of pieces that start at one moment, the one that opens a session comes first here too: the two
    # windows may order equals differently, and the others would fall to the session before.
    opening_first = {**one_session, "order_by": [marked.started_at, ibis.desc(marked.opens)]}
    run = marked.opens.sum().over(ibis.window(preceding=None, following=0, **opening_first))
    numbered = marked.mutate(run=run)
    joined = numbered.group_by("organisation_id", "learner_id", "session_id", "run").agg(
        started_at=numbered.started_at.min(),
        ended_at=numbered.ended_at.max(),
        day=numbered.day.min(),
        events=numbered.events.sum(),
        ended=numbered.ended.any(),
        device_type=numbered.device_type.min(),
    )
    return joined.select(SESSIONS.names())


def session_contributions(sessions: ir.Table, sign: int = 1) -> ir.Table:
    """One row per session, with the columns of learner_day; `sign` -1 takes a session back.

    The times are the session's start, which is the time of an event of that day: merging them
    into the day's first and last changes neither.
    """
    length = _whole_s(sessions.ended_at) - _whole_s(sessions.started_at)
    given = {
        "first_at": sessions.started_at,
        "last_at": sessions.started_at,
        "sessions": ibis.literal(sign, "int64"),
        "session_s": (length * sign).cast("float64"),
    }
    columns = {
        c.name: given.get(c.name, ibis.null(c.type) if c.nullable else ibis.literal(0).cast(c.type))
        for c in LEARNER_DAY.columns
        if c.merge != "key"
    }
    return sessions.select(*LEARNER_DAY.key, **columns).select(LEARNER_DAY.names())


def _finest(rows: ir.Table) -> ir.Table:
    """`delta` for rows that each add 0 or 1 to a count: counting costs DuckDB two thirds of adding."""
    counts = {"events", "answers_correct", "scores", *COUNTED}
    aggregates = {
        c.name: rows.count(where=rows[c.name] == 1).cast(c.type) if c.name in counts else _merge(rows, c)
        for c in _mergeable(LEARNER_COURSE_DAY)
    }
    return rows.group_by(list(LEARNER_COURSE_DAY.key)).agg(**aggregates).select(LEARNER_COURSE_DAY.names())


def _session_changes(before: ir.Table, after: ir.Table) -> ir.Table:
    both = _stacked(LEARNER_DAY, session_contributions(before, -1), session_contributions(after))
    change = merged(LEARNER_DAY, both)
    return change.filter((change.sessions != 0) | (change.session_s != 0))


def _stacked(table: Table, above: ir.Table, below: ir.Table) -> ir.Table:
    """Ibis refuses a union of a column that may be null with one that may not."""
    free = ibis.schema({c.name: ibis.dtype(c.type) for c in table.columns})
    return above.select(table.names()).cast(free).union(below.select(table.names()).cast(free))


def _touched_sessions(batch: ir.Table) -> ir.Table:
    stored = SESSIONS.unbound
    return stored.semi_join(batch, ["organisation_id", "learner_id", "session_id"])


def _steps() -> Iterable[Step]:
    """The finest roll-up is computed from the events, the coarser ones from its few rows."""
    batch = ibis.table(RECENT.schema, name=BATCH)
    finest = ibis.table(LEARNER_COURSE_DAY.schema, name="finest")
    before = ibis.table(SESSIONS.schema, name=BEFORE)
    after = ibis.table(SESSIONS.schema, name=AFTER)
    yield Step(_finest(contributions(batch)), "learner_course_day", "finest")
    yield Step(delta(LEARNER_DAY, finest), "learner_day")
    yield Step(delta(COURSE_DAY, finest), "course_day")
    yield Step(merged(VIDEO_BUCKET_DAY, video_contributions(batch)), "video_bucket_day")
    yield from (Step(delta(table, rows(batch)), table.name) for table, rows in _FINE.items())
    yield Step(results(batch), RESULT.name)
    # By learner, so that whoever reads one learner can skip the others' stretches of the table.
    yield Step(kept(batch).order_by("organisation_id", "learner_id", "day"), LEARNER_EVENT.name)
    yield Step(merged(LEARNER_NOW, standings(batch)), "learner_now")
    yield Step(_touched_sessions(batch), None, BEFORE)
    yield Step(runs(_stacked(SESSIONS, before, spans(batch))), None, AFTER)
    yield Step(_session_changes(before, after), "learner_day")


def _mergeable(rollup: Table) -> list[Column]:
    return [c for c in rollup.columns if c.merge in ("sum", "min", "max")]


def _merge(rows: ir.Table, column: Column) -> ir.Scalar:
    values = rows[column.name]
    match column.merge:
        case "sum":
            return values.sum().cast(column.type)
        case "min":
            return values.min()
        case _:
            return values.max()


def _newest(rollup: Table, rows: ir.Table) -> ir.Table:
    """Only rows that bear the newest time of their key are sorted: nearly always one."""
    newest_at = rows.group_by(list(rollup.key)).agg(newest_at=rows.last_at.max())
    rows = rows.join(newest_at, list(rollup.key)).filter(ibis._.last_at == ibis._.newest_at)
    by_age = [ibis.desc(rows.last_at), ibis.desc(rows.last_sequence), ibis.desc(rows.last_event_id)]
    rank = ibis.row_number().over(ibis.window(group_by=list(rollup.key), order_by=by_age))
    ranked = rows.mutate(rank=rank)
    return ranked.filter(ranked["rank"] == 0)


def _whole_s(time: ir.TimestampValue) -> ir.IntegerValue:
    # Ibis calls epoch_seconds an integer; both engines give it a fraction.
    return time.epoch_seconds().cast("float64").floor()


def _one(holds: ir.BooleanValue) -> ir.IntegerValue:
    return holds.ifelse(1, 0)


def _amount(holds: ir.BooleanValue, value: ir.FloatingValue) -> ir.FloatingValue:
    return holds.ifelse(value, 0.0)


def _cents(holds: ir.BooleanValue, events: ir.Table) -> ir.IntegerValue:
    return holds.ifelse(events.amount_cents.fill_null(0), ibis.literal(0, "int64"))


def _on_grid(value: ir.FloatingValue) -> ir.FloatingValue:
    known = value.fill_null(0.0)  # least() of null and a number is the number
    bounded = ibis.greatest(ibis.least(known, _LARGEST), -_LARGEST)
    return (bounded * GRID + 0.5).floor().cast("float64") / GRID


def _bucket(position_s: ir.FloatingValue) -> ir.IntegerValue:
    # Postgres refuses a quotient or product so small that it becomes 0.
    beyond_first = position_s >= BUCKET_S
    return (beyond_first.ifelse(position_s, 0.0) / BUCKET_S).floor().cast("int32")


def _score_columns(events: ir.Table, scored: ir.BooleanValue) -> dict[str, ir.Value]:
    score = scored.ifelse(events.score, ibis.null("float64"))
    # Postgres refuses a square so small that it becomes 0.
    notable = (events.score.abs() >= 1 / GRID).ifelse(events.score, 0.0)
    return {
        "scores": _one(scored),
        "score_sum": _amount(scored, _on_grid(events.score)),
        "score_squares": _amount(scored, _on_grid(notable * notable)),
        "score_low": score,
        "score_high": score,
    }


_FINE = {
    LEARNER_LESSON_DAY: lesson_contributions,
    LEARNER_VIDEO_DAY: watching_contributions,
    SALE_DAY: sale_contributions,
}
_PILES = {
    t.name: merged(t, ibis.table(t.schema, name=PILE)) for t in (*ROLLUPS, QUALITY_DAY) if t is not SESSIONS
}
_TAILS = {
    **{
        t.name: shaped(t, contributions(RECENT.unbound))
        for t in (LEARNER_DAY, LEARNER_COURSE_DAY, COURSE_DAY)
    },
    VIDEO_BUCKET_DAY.name: shaped(VIDEO_BUCKET_DAY, video_contributions(RECENT.unbound)),
    **{table.name: shaped(table, rows(RECENT.unbound)) for table, rows in _FINE.items()},
    RESULT.name: results(RECENT.unbound),
    LEARNER_EVENT.name: kept(RECENT.unbound),
    LEARNER_NOW.name: standings(RECENT.unbound),
}
DELTAS = Rollups(tuple(_steps()), _PILES, _TAILS)
