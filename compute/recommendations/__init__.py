"""The next best steps of every learner, each with its reason and what can be expected of it."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from compute import checks, kept, planner
from compute.content.mastery import mastery
from compute.courses import courses
from compute.forms import Form, apart, shared
from compute.plan import Plan
from compute.recommendations.steps import (
    PERIOD_DAYS,
    Course,
    Done,
    Learner,
    Skill,
    Step,
    Told,
    fulfilled,
    name_of,
    refused,
    steps,
    taken,
)
from compute.scoping import Tables
from models.ask import Ask, ColumnMeaning
from models.errors import BadQuestion
from models.tables import LEARNER_EVENT

Row = Mapping[str, Any]
_HANDED_IN = ("quiz_submit", "assignment_submit", "exercise_complete")
_STEPS = ("accepted", "modified", "rejected", "completed", "rated")
_MEANINGS: dict[str, tuple[pa.DataType, str, str]] = {
    "rank": (pa.int64(), "", "1 is the best next step; 0 is one that was taken up and is done."),
    "recommendation_id": (pa.string(), "", "One id from shown to rated."),
    "strategy": (pa.string(), "", "The rule: due, prerequisite, next_lesson, gap, review; done for rank 0."),
    "target_kind": (pa.string(), "", "Assessment, lesson or skill."),
    "target_id": (pa.string(), "", "What to do."),
    "target_title": (pa.string(), "", "Its title."),
    "course_id": (pa.string(), "", "In which course, where it is of one."),
    "course_title": (pa.string(), "", "The course's title."),
    "minutes": (pa.int64(), "minutes", "How long it usually takes; 0 where nobody knows."),
    "due_on": (pa.date32(), "date", "The last day to hand it in."),
    "reason": (pa.string(), "", "What asks for it, by title, where something does."),
    "amount": (pa.float64(), "", "Days left, days since practised, skills or lessons held up, by the rule."),
    "expected_kind": (pa.string(), "", "What it changes: on_time, progress, mastery, keep."),
    "expected_now": (pa.float64(), "share", "Before."),
    "expected_then": (pa.float64(), "share", "After it, as far as it can be computed."),
    "said": (
        pa.string(),
        "",
        "accepted: the learner chose it; completed, of rank 0: its end was told before.",
    ),
}
_SCHEMA = pa.schema([("learner_id", pa.int64()), *((name, kind) for name, (kind, _, _) in _MEANINGS.items())])


def recommendations(ask: Ask, tables: Tables) -> Plan:
    """At most three steps a learner, the best first."""
    checks.check_options(ask, ())
    if ask.measures or ask.by or ask.order or ask.limit is not None or ask.since:
        raise BadQuestion("'recommendations' takes no measures, dimensions, order, limit or since.")
    bare = replace(ask, since=None, until=None, purpose="")
    standing = courses(replace(bare, question="courses"), tables)
    known = mastery(replace(bare, question="mastery"), tables)
    today = (
        min(tables.scope.on, date.fromordinal(ask.until.toordinal() - 1)) if ask.until else tables.scope.on
    )
    own = (
        shared(_lessons, Ask(), tables),
        shared(_done, bare, tables, ("lesson_complete",), "lesson_id"),
        shared(_tasks, Ask(), tables, today),
        shared(_done, bare, tables, _HANDED_IN, "assessment_id"),
        shared(_told, bare, tables, today),
    )
    return Plan(
        parts=(*standing.parts, *known.parts, *own),
        columns=(
            ColumnMeaning("learner_id", "dimension", "", "The learner's pseudonym."),
            *(ColumnMeaning(name, "detail", unit, said) for name, (_, unit, said) in _MEANINGS.items()),
        ),
        source="learner_event, learner_course_day, skill_model",
        join=functools.partial(_join, standing=standing, known=known, today=today),
    )


def _lessons(tables: Tables, _: Form) -> ir.Table:
    return tables["lesson"].select("course_id", "lesson_id", "position", "title", "expected_s", "skill_id")


def _tasks(tables: Tables, _: Form, today: date) -> ir.Table:
    rows = tables["assessment"]
    rows = rows.filter(rows.due_on >= ibis.literal(today))
    return rows.select("course_id", "assessment_id", "title", "due_on")


@apart
def _done(tables: Tables, form: Form, kinds: tuple[str, ...], key: str) -> ir.Table:
    events = kept.events(tables, kinds).semi_join(_asked(tables, form), "learner_id")
    rows = events.filter(events[key].notnull())
    return rows.group_by("learner_id", key).agg(day=rows.day.max())


def _asked(tables: Tables, form: Form) -> ir.Table:
    return planner.of_learners(tables["learner"], form, tables).select("learner_id")


@apart
def _told(tables: Tables, form: Form, today: date) -> ir.Table:
    """Of no course, so it is read by learner."""
    events = tables.by_learner(LEARNER_EVENT.name).semi_join(_asked(tables, form), "learner_id")
    since = date.fromordinal(today.toordinal() - 2 * PERIOD_DAYS)
    kinds = [f"recommendation_{step}" for step in _STEPS]
    rows = events.filter(
        events.event_type.isin(kinds), events.day >= ibis.literal(since), events.object_id.notnull()
    )
    return rows.select("learner_id", "event_type", "day", "occurred_at", recommendation_id=rows.object_id)


def _join(parts: tuple[pa.Table, ...], standing: Plan, known: Plan, today: date) -> pa.Table:
    first, second = len(standing.parts), len(standing.parts) + len(known.parts)
    attended = standing.join(parts[:first]).to_pylist()
    answers, _, fitted, _ = parts[first:second]
    skilled = known.join(parts[first:second]).to_pylist()
    lessons, done, tasks, handed_in, told = (part.to_pylist() for part in parts[second:])
    finished = {(row["learner_id"], row["lesson_id"]) for row in done}
    given = {(row["learner_id"], row["assessment_id"]) for row in handed_in}
    by_course, due = _grouped(lessons), _grouped(tasks)
    people: dict[int, list[Course]] = defaultdict(list)
    for row in attended:
        people[row["learner_id"]].append(_course(row, by_course, due, finished, given))
    skills = _skills(skilled, fitted.to_pylist())
    said: dict[int, list[Told]] = defaultdict(list)
    for row in told:
        step = row["event_type"].removeprefix("recommendation_")
        said[row["learner_id"]].append(Told(row["recommendation_id"], step, row["day"], row["occurred_at"]))
    work = _work(said, done, handed_in, answers)
    rows = []
    for learner in sorted({*people, *skills}):
        one = Learner(learner, tuple(people.get(learner, ())), skills.get(learner, {}))
        told_by = said.get(learner, ())
        found = steps(one, today, refused(told_by, today), taken(told_by, today))
        rows += [_row(learner, step, rank, today) for rank, step in enumerate(found, 1)]
        rows += [_done_row(learner, end) for end in fulfilled(learner, told_by, work.get(learner, ()), today)]
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def _grouped(rows: Sequence[Row]) -> dict[str, list[Row]]:
    made: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        made[row["course_id"]].append(row)
    return made


def _course(
    row: Row,
    lessons: Mapping[str, Sequence[Row]],
    due: Mapping[str, Sequence[Row]],
    finished: set[tuple[int, str]],
    given: set[tuple[int, str]],
) -> Course:
    who, course = row["learner_id"], row["course_id"]
    open_ = [one for one in lessons.get(course, ()) if (who, one["lesson_id"]) not in finished]
    tasks = [one for one in due.get(course, ()) if (who, one["assessment_id"]) not in given]
    return Course(
        course,
        row["title"],
        row["finished"],
        row["lessons"],
        row["last_active"],
        min(open_, key=lambda one: (one["position"], one["lesson_id"]), default=None)
        if not row["completed"]
        else None,
        tuple(sorted(tasks, key=lambda one: (one["due_on"], one["assessment_id"])))
        if not row["completed"]
        else (),
    )


def _skills(rows: Sequence[Row], fitted: Sequence[Row]) -> dict[int, dict[str, Skill]]:
    rates = {row["skill_id"]: row for row in fitted}
    requires = {row["skill_id"]: row["requires_skill_id"] for row in rows}
    made: dict[int, dict[str, Skill]] = defaultdict(dict)
    for row in rows:
        rate = rates.get(row["skill_id"]) or rates.get("") or {}
        made[row["learner_id"]][row["skill_id"]] = Skill(
            row["skill_id"],
            row["title"],
            row["requires_skill_id"],
            row["mastery"],
            row["next_right"],
            row["state"],
            row["answers"],
            row["last_on"],
            **{name: rate[name] for name in ("learns", "forgets") if name in rate},
            blocks=sum(under == row["skill_id"] for under in requires.values()),
        )
    return made


def _work(
    said: Mapping[int, Sequence[Told]], done: Sequence[Row], handed_in: Sequence[Row], answers: pa.Table
) -> dict[int, list[tuple[str, str, date, int]]]:
    """What those who took something up did, as (kind of target, its id, day, answers)."""
    asked = {learner for learner, told in said.items() if any(one.step == "accepted" for one in told)}
    made: dict[int, list[tuple[str, str, date, int]]] = defaultdict(list)
    if not asked:
        return made
    for kind, rows in (("lesson", done), ("assessment", handed_in)):
        for row in rows:
            if row["learner_id"] in asked:
                made[row["learner_id"]].append((kind, row[f"{kind}_id"], row["day"], 1))
    for row in answers.select(["learner_id", "skill_id", "day"]).to_pylist():
        if row["learner_id"] in asked:
            made[row["learner_id"]].append(("skill", row["skill_id"], row["day"], 1))
    return made


def _row(learner: int, step: Step, rank: int, today: date) -> dict[str, Any]:
    return {
        "learner_id": learner,
        "rank": rank,
        "recommendation_id": name_of(learner, step.strategy, step.target_id, today),
        "strategy": step.strategy,
        "target_kind": step.target_kind,
        "target_id": step.target_id,
        "target_title": step.target_title,
        "course_id": step.course_id,
        "course_title": step.course_title,
        "minutes": step.minutes,
        "due_on": step.due_on,
        "reason": step.because,
        "amount": step.amount,
        "expected_kind": step.expected_kind,
        "expected_now": step.expected_now,
        "expected_then": step.expected_then,
        "said": step.said,
    }


def _done_row(learner: int, done: Done) -> dict[str, Any]:
    return {
        "learner_id": learner,
        "rank": 0,
        "recommendation_id": done.recommendation_id,
        "strategy": "done",
        "target_id": done.target_id,
        "said": "completed" if done.is_told else "",
    }


__all__ = ["recommendations"]
