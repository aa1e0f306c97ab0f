"""What each learner answered last, and how much of each assessment and lesson each learner has tried."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import ibis.expr.types as ir
import orjson
import pyarrow as pa

from compute import checks
from compute.content.narrow import (
    TEXT,
    WHOLE,
    YES,
    Meanings,
    all_of,
    asked_of,
    check,
    events_of,
    known,
    meanings_of,
    schema_of,
)
from compute.forms import Form, shared
from compute.plan import Plan
from compute.scoping import Tables
from models.ask import Ask

_OWN = ("assessment_id", "item_id", "lesson_id")
LAST_RESPONSES: Meanings = {
    "learner_id": (WHOLE, "", "The learner."),
    "course_id": (TEXT, "", "The course."),
    "assessment_id": (TEXT, "", "The assessment."),
    "item_id": (TEXT, "", "The question."),
    "attempts": (WHOLE, "tries", "The try it was, as the event says; else how often the learner answered."),
    "correct": (YES, "", "Was the newest answer right?"),
    "choice": (TEXT, "", "What was chosen."),
    "last_at": (pa.timestamp("us", "UTC"), "", "When."),
}
ENGAGEMENT: Meanings = {
    "learner_id": (WHOLE, "", "The learner."),
    "level": (TEXT, "", "assessment, or the lesson it belongs to."),
    "id": (TEXT, "", "Which one."),
    "title": (TEXT, "", "Its title."),
    "course_id": (TEXT, "", "The course."),
    "items": (WHOLE, "items", "Questions in it."),
    "tried": (WHOLE, "items", "Questions the learner answered at least once."),
    "state": (TEXT, "", "some, or all; who answered none has no row."),
    "tried_all": (WHOLE, "assessments", "Assessments in it of which every question was tried."),
    "tried_some": (WHOLE, "assessments", "Assessments in it of which some questions were tried, not all."),
}


def last_responses(ask: Ask, tables: Tables) -> Plan:
    """One row for each learner and item answered."""
    checks.refuse_single_learners(("learner_id",), tables)
    check(ask, _OWN)
    return Plan(
        parts=(shared(_in_order, asked_of(ask), tables),),
        columns=meanings_of(LAST_RESPONSES),
        source="learner_event",
        join=functools.partial(_last, limit=ask.limit),
    )


def _in_order(tables: Tables, form: Form) -> ir.Table:
    rows = _answered(tables, form)
    rows = rows.order_by("learner_id", "item_id", "occurred_at", rows.sequence.fill_null(-1), "event_id")
    names = ("learner_id", "course_id", "assessment_id", "item_id", "correct", "choice", "payload")
    return rows.select(*names, last_at="occurred_at")


def _answered(tables: Tables, form: Form) -> ir.Table:
    answers = events_of(form, tables, "quiz_answer")
    return answers.filter(answers.item_id.notnull())


def _last(found: tuple[pa.Table, ...], limit: int | None) -> pa.Table:
    """The highest try is the last one, whatever a clock says; the same try sent twice counts as it came
    first. Where no try is numbered, the newest answer is the last."""
    last: dict[tuple[int, str], dict[str, Any]] = {}
    count: dict[tuple[int, str], int] = defaultdict(int)
    for row in found[0].to_pylist():
        key = (row["learner_id"], row["item_id"])
        count[key] += 1
        row["attempts"] = _attempt(row.pop("payload"))
        before = last.get(key)
        if before is None or _is_later(row["attempts"], before["attempts"]):
            last[key] = row
    for key, row in last.items():
        row["attempts"] = row["attempts"] or count[key]
    return pa.Table.from_pylist([*last.values()][:limit], schema_of(LAST_RESPONSES))


def _is_later(now: int | None, before: int | None) -> bool:
    return before is None if now is None else before is None or now > before


def _attempt(payload: str | None) -> int | None:
    try:
        said = orjson.loads(payload or "{}").get("attempt")
    except (orjson.JSONDecodeError, AttributeError):
        return None
    return said if isinstance(said, int) and not isinstance(said, bool) and said > 0 else None


def engagement(ask: Ask, tables: Tables) -> Plan:
    """One row for each learner and assessment or lesson of which the learner answered anything."""
    checks.refuse_single_learners(("learner_id",), tables)
    check(ask, _OWN)
    asked = asked_of(ask)
    return Plan(
        parts=(
            shared(known, asked, tables, "item", ("item_id", "assessment_id", "course_id")),
            shared(all_of, Ask(), tables, "assessment", ("assessment_id", "lesson_id", "title")),
            shared(all_of, Ask(), tables, "lesson", ("lesson_id", "title")),
            shared(_tried, asked, tables),
        ),
        columns=meanings_of(ENGAGEMENT),
        source="learner_event",
        join=functools.partial(_engaged, limit=ask.limit),
    )


def _tried(tables: Tables, form: Form) -> ir.Table:
    return _answered(tables, form).select("learner_id", "item_id").distinct()


def _engaged(found: tuple[pa.Table, ...], limit: int | None) -> pa.Table:
    items, asked, lessons, tried = found
    about = {row["assessment_id"]: row for row in asked.to_pylist()}
    titles = {("lesson", row["lesson_id"]): row["title"] for row in lessons.to_pylist()}
    titles |= {("assessment", name): row["title"] for name, row in about.items()}
    places: dict[str, list[tuple[str, str]]] = {}
    sizes: dict[tuple[str, str], int] = defaultdict(int)
    courses: dict[tuple[str, str], str] = {}
    for row in items.to_pylist():
        lesson = about.get(row["assessment_id"], {}).get("lesson_id")
        own = [("assessment", row["assessment_id"]), *([("lesson", lesson)] if lesson else [])]
        places[row["item_id"]] = own
        for place in own:
            sizes[place] += 1
            courses[place] = row["course_id"]
    counts: dict[tuple[int, str, str], int] = defaultdict(int)
    within: dict[str, list[tuple[str, str]]] = {own[0][1]: own for own in places.values()}
    for row in tried.to_pylist():
        for level, name in places.get(row["item_id"], ()):
            counts[row["learner_id"], level, name] += 1
    whole: dict[tuple[int, str, str], int] = defaultdict(int)
    begun: dict[tuple[int, str, str], int] = defaultdict(int)
    for (learner, level, name), n in counts.items():
        if level == "assessment":
            for place in within[name]:
                (whole if n == sizes[level, name] else begun)[learner, *place] += 1
    rows: list[Mapping[str, Any]] = [
        {
            "learner_id": learner,
            "level": level,
            "id": name,
            "title": titles.get((level, name), name),
            "course_id": courses[level, name],
            "items": sizes[level, name],
            "tried": n,
            "state": "all" if n == sizes[level, name] else "some",
            "tried_all": whole[learner, level, name],
            "tried_some": begun[learner, level, name],
        }
        for (learner, level, name), n in sorted(counts.items())
    ]
    return pa.Table.from_pylist(rows[:limit], schema_of(ENGAGEMENT))
