"""What insights are made from: two weeks against the eight before them, by learner, course and skill."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from compute import checks, kept, planner
from compute.dimensions import dimension
from compute.forms import Form, apart, values_in
from compute.scoping import Tables
from models.ask import Ask
from models.errors import BadQuestion

RECENT_DAYS, EARLIER_DAYS = 14, 56
_NARROWED_BY = ("learner_id", "class_id", "course_id")
_SUMS = ("lessons_completed", "scores", "score_sum", "score_squares")


@dataclass(frozen=True, slots=True)
class Span:
    """`since` <= earlier < `recent` <= recent days < `until`."""

    until: date

    @property
    def recent(self) -> date:
        return self.until - timedelta(days=RECENT_DAYS)

    @property
    def since(self) -> date:
        return self.recent - timedelta(days=EARLIER_DAYS)


def span_of(ask: Ask, tables: Tables) -> Span:
    checks.refuse_single_learners(("learner_id",), tables)
    checks.check_options(ask, ())
    if ask.measures or ask.by or ask.order or ask.limit is not None or ask.since:
        raise BadQuestion(
            "Findings take no measures, dimensions, order, limit or since; only where and until."
        )
    wrong = [w.dimension for w in ask.where if w.dimension not in _NARROWED_BY or w.op not in ("=", "in")]
    if wrong:
        raise BadQuestion(f"Findings are narrowed by {', '.join(_NARROWED_BY)} with '=' or 'in'.")
    return Span(min(ask.until or date.max, tables.scope.on + timedelta(days=1)))


def asked_of(ask: Ask) -> Ask:
    """What is left of an ask when its span is known: all that the queries below depend on."""
    return replace(ask, since=None, until=None, purpose="")


# ---- queries, all of one form each (compute.forms) -------------------------------------------------------


@apart
def learners(tables: Tables, form: Form) -> ir.Table:
    rows = planner.of_learners(tables["learner"], form, tables)
    rows = rows.select("learner_id", "joined_on", "grade_level", "region", "segment")
    return rows.order_by("learner_id")


def free_days(tables: Tables, _: Form, span: Span) -> ir.Table:
    days = tables["school_day"]
    days = days.filter(days.day >= ibis.literal(span.since), days.day < ibis.literal(span.until))
    return days.filter(days.kind != "term").select("day").distinct()


def days(tables: Tables, form: Form, span: Span) -> ir.Table:
    """learner_id, course_id, day, is_recent, with what was added that day."""
    rows = _within(tables["learner_course_day"], tables, form, span)
    return rows.select(
        "learner_id",
        "course_id",
        "day",
        *_SUMS,
        is_recent=rows.day >= ibis.literal(span.recent),
        counts=rows.events > 0,
    )


@apart
def courses(tables: Tables, form: Form, span: Span) -> ir.Table:
    """By learner, course and window. Active days are school days; work of all days counts."""
    rows = days(tables, form, span)
    free = free_days(tables, form, span).mutate(free=True)
    rows = rows.left_join(free, "day").drop("day_right")
    school = rows.counts & rows.free.isnull()
    return rows.group_by("learner_id", "course_id", "is_recent").agg(
        active=school.ifelse(rows.day, ibis.null("date")).nunique(),
        **{name: rows[name].sum() for name in _SUMS},
    )


@apart
def whole(tables: Tables, form: Form, span: Span) -> ir.Table:
    """By learner and window: a day on which two courses were worked at is one day."""
    rows = days(tables, form, span)
    rows = rows.filter(rows.counts).anti_join(free_days(tables, form, span), "day")
    return rows.group_by("learner_id", "is_recent").agg(active=rows.day.nunique())


@apart
def answers(tables: Tables, form: Form, span: Span) -> ir.Table:
    """By learner, skill and window: answers and those that were right."""
    rows = _within(kept.events(tables, ("quiz_answer",)), tables, form, span)
    rows = rows.filter(rows.correct.notnull())
    skill = rows.skill_id
    rows = rows.mutate(skill_id=skill.fill_null(""), is_recent=rows.day >= ibis.literal(span.recent))
    return rows.group_by("learner_id", "skill_id", "is_recent").agg(
        answers=rows.count(), correct=rows.correct.ifelse(1, 0).sum()
    )


def titles(tables: Tables, _: Form, table: str, key: str) -> ir.Table:
    rows = tables[table]
    return rows.select(id=rows[key], title=rows.title).distinct()


def _within(rows: ir.Table, tables: Tables, form: Form, span: Span) -> ir.Table:
    rows = rows.filter(rows.day >= ibis.literal(span.since), rows.day < ibis.literal(span.until))
    for where in form.where:
        values = values_in(where, dimension(where.dimension))
        if where.dimension == "class_id":
            held = tables["class"]
            rows = rows.semi_join(held.filter(held.class_id.isin(values)), "course_id")
        else:
            rows = rows.filter(rows[where.dimension].isin(values))
    return rows.semi_join(learners(tables, form), "learner_id")
