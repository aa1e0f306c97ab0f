"""Classes and courses that somebody may narrow a question to. Builds of one form each (compute.forms)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa

from compute.forms import Form, apart, shared
from compute.scoping import Tables
from models.ask import Ask
from models.holes import Query

Row = dict[str, Any]


def parts(tables: Tables) -> tuple[Query, ...]:
    """Classes, courses; and which of them a named learner is in, so that all pupils share the titles."""
    builds = [_classes, _courses]
    if tables.of_named_learners:
        builds += [_belonging, _taken]
    elif tables.form.rows == "taught":
        builds[1] = _courses_of_classes
    elif tables.form.rows == "sponsored":
        builds = [_classes_of_learners, _courses_of_learners]
    return tuple(shared(build, Ask(), tables) for build in builds)


def rows_of(found: Sequence[pa.Table]) -> tuple[list[Row], list[Row]]:
    """Classes and courses, from what `parts` gave."""
    classes, courses = found[0].to_pylist(), found[1].to_pylist()
    if len(found) > 2:
        belonging, taken = set(found[2]["class_id"].to_pylist()), set(found[3]["course_id"].to_pylist())
        classes = [row for row in classes if row["class_id"] in belonging]
        courses = [row for row in courses if row["course_id"] in taken]
    return classes, courses


def _classes(tables: Tables, _: Form) -> ir.Table:
    return _named_classes(tables["class"])


def _courses(tables: Tables, _: Form) -> ir.Table:
    return _named_courses(tables["course"])


@apart
def _belonging(tables: Tables, _: Form) -> ir.Table:
    return tables["class_member"].select("learner_id", "class_id").distinct()


@apart
def _taken(tables: Tables, _: Form) -> ir.Table:
    return tables["learner_course_day"].select("learner_id", "course_id").distinct()


def _courses_of_classes(tables: Tables, _: Form) -> ir.Table:
    return _named_courses(tables["course"].semi_join(tables["class"], "course_id"))


def _classes_of_learners(tables: Tables, _: Form) -> ir.Table:
    return _named_classes(tables["class"].semi_join(tables["class_member"], "class_id"))


def _courses_of_learners(tables: Tables, _: Form) -> ir.Table:
    return _named_courses(tables["course"].semi_join(tables["learner_course_day"], "course_id"))


def _named_classes(classes: ir.Table) -> ir.Table:
    return classes.select("class_id", "title", "course_id").order_by("title", "class_id")


def _named_courses(courses: ir.Table) -> ir.Table:
    return courses.select("course_id", "title", "subject").order_by("title", "course_id")
