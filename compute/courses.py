"""Where each learner stands in each course: finished lessons, what comes next, what is due."""

from __future__ import annotations

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir

from compute import checks, kept, planner
from compute.dimensions import dimension
from compute.forms import Form, apart, shared, values_in
from compute.plan import Plan
from compute.scoping import Tables
from models.ask import Ask, ColumnMeaning
from models.errors import BadQuestion
from models.tables import LEARNER_LESSON_DAY

_PAIR = ("learner_id", "course_id")
_HANDED_IN = ("quiz_submit", "assignment_submit", "exercise_complete")
_NARROWED_BY = ("learner_id", "course_id", "class_id")
_MEANINGS: Mapping[str, tuple[str, str]] = {
    "title": ("", "The course's title."),
    "last_active": ("date", "The newest day with something done in the course."),
    "completed": ("", "Was the course finished as a whole?"),
    "lessons": ("lessons", "Lessons of the course."),
    "finished": ("lessons", "Lessons finished, each once."),
    "next_lesson": ("", "The first lesson that is not finished."),
    "next_lesson_s": ("s", "How long that lesson usually takes."),
    "due": ("", "What has to be handed in next and is not yet."),
    "due_on": ("date", "The last day to hand it in."),
}


def courses(ask: Ask, tables: Tables) -> Plan:
    """One row for each learner and course the learner is in. Whatever the span: standing has none."""
    checks.refuse_single_learners(_PAIR, tables)
    checks.check_options(ask, ())
    wrong = [w.dimension for w in ask.where if w.dimension not in _NARROWED_BY or w.op not in ("=", "in")]
    if wrong or ask.by or ask.measures:
        named = ", ".join(dict.fromkeys(wrong)) or "measures and dimensions"
        raise BadQuestion(
            f"'courses' takes no {named}; narrow it by {', '.join(_NARROWED_BY)} with '=' or 'in'."
        )
    return Plan(
        parts=(shared(_standing, ask, tables),),
        columns=(
            *(ColumnMeaning(name, "dimension", "", dimension(name).meaning) for name in _PAIR),
            *(ColumnMeaning(name, "detail", unit, meaning) for name, (unit, meaning) in _MEANINGS.items()),
        ),
        source="learner_course_day, learner_lesson_day, learner_event",
    )


@apart
def _standing(tables: Tables, form: Form) -> ir.Table:
    taken = _taken(form, tables)
    rows = taken.left_join(_finished(taken, tables), list(_PAIR)).drop("learner_id_right", "course_id_right")
    rows = _beside(rows, _next_lesson(taken, tables))
    rows = _beside(rows, _due(taken, tables))
    rows = rows.mutate(finished=rows.finished.fill_null(0))
    return rows.select(*_PAIR, *_MEANINGS).order_by("title", *_PAIR)


def _beside(rows: ir.Table, more: ir.Table) -> ir.Table:
    return rows.left_join(more, list(_PAIR)).drop("learner_id_right", "course_id_right")


def _taken(ask: Form, tables: Tables) -> ir.Table:
    """Courses in which the learner did something and which the learner did not leave."""
    learners = planner.of_learners(tables["learner"], ask, tables)
    days = tables["learner_course_day"].semi_join(learners, "learner_id")
    for where in ask.where:
        if where.dimension == "course_id":
            days = days.filter(days.course_id.isin(values_in(where, dimension("course_id"))))
    taken = days.group_by(*_PAIR).agg(
        last_active=days.day.max(),
        completed=days.completions.sum() > 0,
        joined=days.enrolments.sum(),
        left=days.unenrolments.sum(),
    )
    taken = taken.filter(taken.completed | (taken.left == 0) | (taken.joined > taken.left))
    titled = tables["course"].select("course_id", "title")
    lessons = tables["lesson"]
    sized = lessons.group_by("course_id").agg(lessons=lessons.count())
    taken = taken.inner_join(titled, "course_id")
    taken = taken.left_join(sized, "course_id").drop("course_id_right", "joined", "left")
    return taken.mutate(lessons=taken.lessons.fill_null(0))


def _done(tables: Tables) -> ir.Table:
    days = tables[LEARNER_LESSON_DAY.name]
    return days.filter(days.lessons_completed > 0).select("learner_id", "course_id", "lesson_id").distinct()


def _finished(taken: ir.Table, tables: Tables) -> ir.Table:
    done = _done(tables).semi_join(tables["lesson"], ["course_id", "lesson_id"]).semi_join(taken, list(_PAIR))
    return done.group_by(*_PAIR).agg(finished=done.count())


def _next_lesson(taken: ir.Table, tables: Tables) -> ir.Table:
    lessons = tables["lesson"].select(
        "course_id", "lesson_id", "position", next_lesson="title", next_lesson_s="expected_s"
    )
    open_ = taken.select(*_PAIR).inner_join(lessons, "course_id")
    open_ = open_.anti_join(_done(tables), ["learner_id", "course_id", "lesson_id"])
    return _first(open_, "position", "lesson_id").select(*_PAIR, "next_lesson", "next_lesson_s")


def _due(taken: ir.Table, tables: Tables) -> ir.Table:
    asked = tables["assessment"]
    asked = asked.filter(asked.due_on >= tables.today)
    asked = asked.select("course_id", "assessment_id", "due_on", due="title")
    handed_in = kept.events(tables, _HANDED_IN)
    open_ = taken.select(*_PAIR).inner_join(asked, "course_id")
    open_ = open_.anti_join(handed_in, ["learner_id", "assessment_id"])
    return _first(open_, "due_on", "assessment_id").select(*_PAIR, "due", "due_on")


def _first(rows: ir.Table, *order: str) -> ir.Table:
    """The first row of each learner and course."""
    place = ibis.row_number().over(group_by=list(_PAIR), order_by=list(order))
    placed = rows.mutate(place=place)
    return placed.filter(placed.place == 0)
