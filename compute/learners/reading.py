"""What the questions about learners read: the roster, days, visits, scores, the calendar."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, TypeVar

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from compute import checks, kept, planner
from compute.dimensions import dimension
from compute.forms import Blanks, Form, apart, in_span, values_in
from compute.learners.history import Calendar, DayFacts
from compute.rollups import SCORING
from compute.scoping import Tables
from models.ask import Ask
from models.errors import BadQuestion
from models.tables import LEARNER_COURSE_DAY, LEARNER_DAY, LEARNER_LESSON_DAY

NARROWED_BY = ("learner_id", "class_id", "course_id")
T = TypeVar("T")
Row = dict[str, Any]


def check(ask: Ask, tables: Tables, options: tuple[str, ...] = ()) -> None:
    checks.refuse_single_learners(("learner_id",), tables)
    checks.check_options(ask, options)
    checks.check_span(ask)
    wrong = [w.dimension for w in ask.where if w.dimension not in NARROWED_BY or w.op not in ("=", "in")]
    if wrong or ask.by or ask.measures or ask.order or ask.limit:
        named = ", ".join(dict.fromkeys(wrong)) or "measures, dimensions, order and limit"
        raise BadQuestion(
            f"'{ask.question}' takes no {named}; narrow it by {', '.join(NARROWED_BY)} with '=' or 'in'."
        )


def spanned(ask: Ask, tables: Tables, days: int, before: int = 0) -> Ask:
    """With a first day and the day after the last; today is the last one that counts. What is read
    depends on nothing else of the ask. `before`: days that are read beside those asked for."""
    until = min(ask.until or date.max, tables.scope.on + timedelta(days=1))
    since = min(ask.since or until - timedelta(days=days), until - timedelta(days=1))
    return replace(ask, since=since - timedelta(days=before), until=until, options=(), purpose="")


def first_day_of(spanned: Ask) -> date:
    assert spanned.since
    return spanned.since


def last_day_of(spanned: Ask) -> date:
    assert spanned.until
    return spanned.until - timedelta(days=1)


# ---- queries, all of one form each (compute.forms) -------------------------------------------------------


@apart
def roster(tables: Tables, form: Form) -> ir.Table:
    return planner.of_learners(tables["learner"], form, tables).select("learner_id").order_by("learner_id")


@apart
def daily(tables: Tables, form: Form) -> ir.Table:
    """The columns of DayFacts, of days with anything done, from the cheapest table there is."""
    whole = tables.offers(LEARNER_DAY.name) and not _courses(form)
    rows = _mine(tables[LEARNER_DAY.name if whole else LEARNER_COURSE_DAY.name], tables, form)
    found = rows.group_by("learner_id", "day").agg(
        events=rows.events.sum(),
        lessons=rows.lessons_completed.sum(),
        scores=rows.scores.sum(),
        score_sum=rows.score_sum.sum(),
        learning_s=rows.learning_s.sum(),
        answers=rows.answers.sum(),
        correct=rows.answers_correct.sum(),
    )
    return found.filter(found.events > 0).drop("events")


@apart
def visits(tables: Tables, form: Form) -> ir.Table:
    """Visits are the learner's, whatever the course."""
    rows = in_span(tables["sessions"], form).semi_join(roster(tables, form), "learner_id")
    seconds = rows.ended_at.epoch_seconds() - rows.started_at.epoch_seconds()
    return rows.select("learner_id", "day", "started_at", seconds=seconds.cast("float64"))


@apart
def visit_counts(tables: Tables, form: Form) -> ir.Table:
    rows = in_span(tables["sessions"], form).semi_join(roster(tables, form), "learner_id")
    return rows.group_by("learner_id", "day").agg(visits=rows.count())


def events(tables: Tables, form: Form, kinds: Sequence[str]) -> ir.Table:
    return _mine(kept.events(tables, kinds), tables, form)


def finished(tables: Tables, form: Form) -> ir.Table:
    """Days on which a learner finished a lesson."""
    rows = _mine(tables[LEARNER_LESSON_DAY.name], tables, form)
    return rows.filter(rows.lessons_completed > 0)


@apart
def scores(tables: Tables, form: Form) -> ir.Table:
    rows = events(tables, form, SCORING)
    rows = rows.filter(rows.score.notnull())
    return rows.select("learner_id", "day", "occurred_at", "course_id", "assessment_id", "score")


def calendar(tables: Tables, form: Form) -> ir.Table:
    days = in_span(tables["school_day"], form)
    return days.filter(days.kind != "term").select("day", "kind")


def zone(tables: Tables, _: Form) -> ir.Table:
    return tables["organisation"].select("zone")


def _mine(rows: ir.Table, tables: Tables, form: Form) -> ir.Table:
    """In the span and the courses asked for, of the learners asked for."""
    for where in _courses(form):
        rows = rows.filter(rows.course_id.isin(values_in(where, dimension("course_id"))))
    return in_span(rows, form).semi_join(roster(tables, form), "learner_id")


def _courses(form: Form) -> list[Blanks]:
    return [where for where in form.where if where.dimension == "course_id"]


# ---- what was read, by learner ---------------------------------------------------------------------------


def calendar_of(found: pa.Table) -> Calendar:
    return Calendar({row["day"]: row["kind"] for row in found.to_pylist()})


def days_of(found: pa.Table) -> dict[int, list[DayFacts]]:
    return by_learner(found, lambda row: DayFacts(**row))


def by_learner(found: pa.Table, make: Callable[[Row], T]) -> dict[int, list[T]]:
    """Rows of each learner in the order of `day`."""
    rows: defaultdict[int, list[T]] = defaultdict(list)
    ordered = found.sort_by([("day", "ascending")])
    learners = ordered["learner_id"].to_pylist()
    for learner, row in zip(learners, ordered.drop_columns("learner_id").to_pylist(), strict=True):
        rows[learner].append(make(row))
    return rows


def local_hours(found: pa.Table, of: pa.Table, column: str = "started_at") -> pa.Table:
    """`found` with `hour`, the local one at the column's time in the organisation's zone."""
    names = [*of["zone"].to_pylist(), "UTC"]
    local = found[column].cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us", names[0]))
    return found.append_column("hour", pc.hour(local))
