"""Discussion: which threads there are, how soon the first reply came, and which still wait for one."""

from __future__ import annotations

import functools
from datetime import datetime
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa

from compute.content.narrow import (
    DAY,
    NUMBER,
    TEXT,
    WHOLE,
    YES,
    Meanings,
    asked_of,
    check,
    events_of,
    meanings_of,
    schema_of,
)
from compute.forms import Form, shared
from compute.plan import Plan
from compute.scoping import Tables
from models.ask import Ask

COLUMNS: Meanings = {
    "thread_id": (TEXT, "", "The thread."),
    "course_id": (TEXT, "", "The course."),
    "opened_on": (DAY, "date", "The day it was opened, or first replied in."),
    "last_on": (DAY, "date", "The day of its newest post."),
    "replies": (WHOLE, "posts", "Replies in it."),
    "learners": (WHOLE, "learners", "Learners who wrote in it."),
    "first_reply_s": (NUMBER, "s", "Seconds from its first post to the first reply by somebody else."),
    "unanswered": (YES, "", "Nobody else has replied."),
}


def threads(ask: Ask, tables: Tables) -> Plan:
    """One row for each thread that was opened or replied in; the ones without an answer first."""
    check(ask)
    return Plan(
        parts=(shared(_threads, asked_of(ask), tables),),
        columns=meanings_of(COLUMNS),
        source="learner_event",
        join=functools.partial(_table, limit=ask.limit),
    )


def _threads(tables: Tables, form: Form) -> ir.Table:
    posts = events_of(form, tables, "post_create", "post_reply")
    posts = posts.filter(posts.object_id.notnull())
    opens = posts.filter(posts.event_type == "post_create")
    first = opens.group_by("object_id").agg(opened_at=opens.occurred_at.min())
    # Who opened it; of two at one moment the one with the lower pseudonym, so that it is always the same.
    opener = opens.inner_join(
        first, [opens.object_id == first.object_id, opens.occurred_at == first.opened_at]
    )
    opener = opener.group_by("object_id").agg(
        opened_at=opener.opened_at.max(), opener=opener.learner_id.min()
    )
    both = posts.left_join(opener, "object_id").drop("object_id_right")
    other = (both.event_type == "post_reply") & (both.opener.isnull() | (both.learner_id != both.opener))
    return both.group_by(thread_id=both.object_id).agg(
        course_id=both.course_id.max(),
        opened_on=both.day.min(),
        last_on=both.day.max(),
        replies=both.count(where=both.event_type == "post_reply"),
        learners=both.learner_id.nunique(),
        opened_at=both.opened_at.max(),
        answered_at=both.occurred_at.min(where=other),
    )


def _table(found: tuple[pa.Table, ...], limit: int | None) -> pa.Table:
    rows: list[dict[str, Any]] = found[0].to_pylist()
    for row in rows:
        row["unanswered"] = row["answered_at"] is None
        row["first_reply_s"] = _seconds(row["opened_at"], row["answered_at"])
    rows.sort(key=lambda row: (not row["unanswered"], -row["last_on"].toordinal(), row["thread_id"]))
    return pa.Table.from_pylist(rows[:limit], schema_of(COLUMNS))


def _seconds(opened: datetime | None, answered: datetime | None) -> float | None:
    """Not known where the reply bears an earlier time than what it answers: some clock was wrong."""
    if opened is None or answered is None or answered < opened:
        return None
    return (answered - opened).total_seconds()
