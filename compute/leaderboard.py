"""`leaderboard`: this week's finished lessons of those classmates who chose to be seen, by nickname.

Who is asked about is in the scope: the desk puts those who take part there, and nobody else can enter.
Only who takes part sees it; it is shown from ten on; and nobody reads who stands far down.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import date, timedelta

import ibis.expr.types as ir
import pyarrow as pa

from compute import checks
from compute.dimensions import first_day
from compute.forms import Form, in_span, shared
from compute.plan import Plan
from compute.scoping import Tables
from models.ask import Ask, ColumnMeaning
from models.errors import BadQuestion
from models.scope import SMALLEST_GROUP
from models.tables import LEARNER_LESSON_DAY

SHOWN = 5  # places that everybody who takes part can read; below them each reads the own one alone
MOST = 10  # rows, where many share a place
SCHEMA = pa.schema(
    [("place", pa.int64()), ("nickname", pa.string()), ("lessons", pa.int64()), ("mine", pa.bool_())]
)
_COLUMNS = (
    ColumnMeaning("place", "detail", "", "1 is the most lessons; equal numbers share a place."),
    ColumnMeaning("nickname", "dimension", "", "The name that the learner chose to be seen under."),
    ColumnMeaning("lessons", "measure", "lessons", "Lessons finished since Monday, each counted once."),
    ColumnMeaning("mine", "detail", "", "Is it the asker's own place?"),
)


def leaderboard(ask: Ask, tables: Tables) -> Plan:
    """In the classes the learner is in today, and in their courses alone, so that all can do the same."""
    checks.check_options(ask, ())
    if tables.scope.rows != "own":
        raise BadQuestion("'leaderboard' is for the learners who take part in it. Nobody else sees one.")
    if ask.by or ask.where or ask.measures or ask.since or ask.until or ask.limit:
        raise BadQuestion("'leaderboard' takes nothing: it is this week, in the learner's own classes.")
    return Plan(
        parts=(shared(_finished, _week(tables.scope.on), Tables(tables.scope, "peers")),),
        columns=_COLUMNS,
        source=LEARNER_LESSON_DAY.name,
        join=functools.partial(_join, joined=dict(tables.scope.joined), own=frozenset(tables.scope.learners)),
    )


def classmates(ask: Ask, tables: Tables) -> Plan:
    """Who might be in it. For the desk alone, which looks up which of them take part."""
    return Plan((shared(_members, Ask(), Tables(tables.scope, "peers")),), (), "class_member")


def _members(tables: Tables, form: Form) -> ir.Table:
    return tables["class_member"].select("learner_id").distinct()


def _week(on: date) -> Ask:
    return Ask(since=first_day("week", on), until=on + timedelta(days=1))


def _finished(tables: Tables, form: Form) -> ir.Table:
    """learner_id, lessons: of the whole class; who takes no part is dropped right after."""
    days = in_span(tables[LEARNER_LESSON_DAY.name], form)
    week = days.filter(days.lessons_completed > 0)
    return week.group_by("learner_id").agg(lessons=week.lesson_id.nullif("").nunique())


def _join(found: tuple[pa.Table, ...], joined: Mapping[int, str], own: frozenset[int]) -> pa.Table:
    if len(joined) < SMALLEST_GROUP or not own & joined.keys():
        return SCHEMA.empty_table()
    counted = {row["learner_id"]: row["lessons"] for row in found[0].to_pylist()}
    counts = {learner: counted.get(learner, 0) for learner in joined}
    ranked = sorted(counts, key=lambda learner: (-counts[learner], joined[learner]))
    rows: list[dict[str, object]] = []
    for learner in ranked:
        place = 1 + sum(count > counts[learner] for count in counts.values())
        is_far_up = place <= SHOWN and counts[learner] and len(rows) < MOST
        if learner in own or is_far_up:
            rows.append(
                {
                    "place": place,
                    "nickname": joined[learner],
                    "lessons": counts[learner],
                    "mine": learner in own,
                }
            )
    return pa.Table.from_pylist(rows, SCHEMA)
