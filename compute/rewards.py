"""`rewards`: what each learner has reached, one row each: achievements, milestones, levels, courses."""

from __future__ import annotations

import ibis.expr.types as ir
import pyarrow as pa

from compute.forms import Form, shared
from compute.learners import reading
from compute.learners.shape import DAY, TEXT, Shape
from compute.plan import Plan
from compute.scoping import Tables
from models.ask import Ask

SPAN_DAYS = 730
KINDS = {
    "achievement_unlocked": "achievement",
    "milestone_reached": "milestone",
    "level_complete": "level",
    "course_complete": "course",
}
REWARDS = Shape(
    ("learner_id",),
    {
        "kind": (TEXT, "", "achievement, milestone, level or course."),
        "name": (TEXT, "", "The achievement's or milestone's own short name."),
        "course_id": (TEXT, "", "The course it belongs to, where there is one."),
        "course_title": (TEXT, "", "The course's title; empty where the course is gone."),
        "skill_title": (TEXT, "", "Of a level: the skill it completes."),
        "on": (DAY, "date", "The day it was reached; the first, where it was reached again."),
    },
)


def rewards(ask: Ask, tables: Tables) -> Plan:
    """The newest first. Reaching a thing twice is reaching it."""
    reading.check(ask, tables)
    asked = reading.spanned(ask, tables, SPAN_DAYS)
    return Plan(
        parts=(
            shared(_reached, asked, tables),
            shared(_titles, Ask(), tables, "course", "course_id"),
            shared(_titles, Ask(), tables, "skill", "skill_id"),
        ),
        columns=REWARDS.columns,
        source="learner_event",
        join=_join,
    )


def _reached(tables: Tables, form: Form) -> ir.Table:
    rows = reading.events(tables, form, tuple(KINDS))
    keys = ("learner_id", "event_type", "object_id", "course_id", "skill_id")
    return rows.group_by(*keys).agg(reached=rows.day.min())


def _titles(tables: Tables, form: Form, name: str, key: str) -> ir.Table:
    return tables[name].select(key, "title")


def _join(found: tuple[pa.Table, ...]) -> pa.Table:
    courses = {row["course_id"]: row["title"] for row in found[1].to_pylist()}
    skills = {row["skill_id"]: row["title"] for row in found[2].to_pylist()}
    rows = [
        {
            "learner_id": row["learner_id"],
            "kind": KINDS[row["event_type"]],
            "name": row["object_id"],
            "course_id": row["course_id"],
            "course_title": courses.get(row["course_id"]),
            "skill_title": skills.get(row["skill_id"]),
            "on": row["reached"],
        }
        for row in found[0].to_pylist()
    ]
    rows.sort(key=lambda r: (str(r["kind"]), str(r["name"]), str(r["course_id"])))
    rows.sort(key=lambda r: r["on"], reverse=True)
    return REWARDS.table(rows)
