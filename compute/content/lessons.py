"""Where a course loses people: how far its learners came, lesson by lesson."""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
from scipy.stats import binom

from compute.content.narrow import (
    NUMBER,
    TEXT,
    WHOLE,
    YES,
    Meanings,
    asked_of,
    check,
    known,
    meanings_of,
    rows_of,
    schema_of,
)
from compute.forms import Form, shared
from compute.plan import Plan
from compute.scoping import Tables
from models.ask import Ask

QUIET_DAYS = 10  # school days without anything in the course, before somebody counts as gone
FEWEST_LEFT = 5
LONGEST_BREAK = 120  # days looked back for school days
SURE = 0.05  # shared by all lessons of an answer

COLUMNS: Meanings = {
    "course_id": (TEXT, "", "The course."),
    "lesson_id": (TEXT, "", "The lesson."),
    "title": (TEXT, "", "The lesson's title."),
    "position": (WHOLE, "", "Its place in the course."),
    "joined": (WHOLE, "learners", "Learners who did anything in the course."),
    "reached": (WHOLE, "learners", "Learners who began this lesson or a later one."),
    "started": (WHOLE, "learners", "Learners who opened or finished it."),
    "finished": (WHOLE, "learners", "Learners who finished it."),
    "under_way": (
        WHOLE,
        "learners",
        f"It is the furthest they came, and they did something in the last {QUIET_DAYS} school days.",
    ),
    "left": (
        WHOLE,
        "learners",
        f"It is the furthest they came, and nothing since for {QUIET_DAYS} school days.",
    ),
    "drop": (NUMBER, "share", "Left, of those who reached it."),
    "expected": (NUMBER, "share", "What the course's other lessons lose together."),
    "p": (NUMBER, "", "How likely chance alone would lose so many here."),
    "weak": (YES, "", "It loses more than the others, beyond chance."),
}
Row = Mapping[str, Any]


def lesson_funnel(ask: Ask, tables: Tables) -> Plan:
    """One row for each lesson of the courses looked at."""
    check(ask, ("lesson_id",))
    builds = (_lessons, _each, _standing, _free_days)
    return Plan(
        parts=tuple(shared(build, asked_of(ask), tables) for build in builds),
        columns=meanings_of(COLUMNS),
        source="learner_lesson_day, learner_course_day",
        join=functools.partial(_table, on=tables.scope.on, limit=ask.limit),
    )


def _lessons(tables: Tables, form: Form) -> ir.Table:
    lessons = known(tables, form, "lesson", ("course_id", "lesson_id", "title", "position"))
    return lessons.order_by("course_id", "position")


def _placed(tables: Tables, form: Form) -> ir.Table:
    """Who opened or finished which lesson, with its place in the course."""
    days = rows_of(tables["learner_lesson_day"], form, tables)
    done = days.select("learner_id", "course_id", "lesson_id", over=days.lessons_completed > 0)
    lessons = known(tables, form, "lesson", ("course_id", "lesson_id", "position"))
    return done.inner_join(lessons, ["course_id", "lesson_id"])


def _each(tables: Tables, form: Form) -> ir.Table:
    placed = _placed(tables, form)
    return placed.group_by("course_id", "lesson_id").agg(
        started=placed.learner_id.nunique(), finished=placed.learner_id.nunique(where=placed.over)
    )


def _standing(tables: Tables, form: Form) -> ir.Table:
    """How many learners of each course stand where."""
    placed = _placed(tables, form)
    reached = placed.group_by("course_id", "learner_id", "position").agg(over=placed.over.any())
    furthest = reached.group_by("course_id", "learner_id").agg(position=reached.position.max())
    last = reached.semi_join(furthest, ["course_id", "learner_id", "position"])
    days = rows_of(tables["learner_course_day"], form, tables)
    seen = days.group_by("course_id", "learner_id").agg(
        last_day=days.day.max(), completed=days.completions.sum() > 0
    )
    seen = seen.semi_join(known(tables, form, "lesson", ("course_id",)), "course_id")
    both = seen.left_join(last, ["course_id", "learner_id"])
    return both.group_by("course_id", "position", "over", "completed", "last_day").agg(learners=both.count())


def _free_days(tables: Tables, _: Form) -> ir.Table:
    calendar = tables["school_day"]
    return calendar.filter(calendar.kind != "term", calendar.day > tables.days_ago(LONGEST_BREAK)).select(
        "day"
    )


def quiet_since(on: date, free: Collection[date]) -> date:
    """Nothing on this day or later is a long silence: a holiday makes nobody a drop-out."""
    day, left = on, QUIET_DAYS
    while left and (on - day).days < LONGEST_BREAK:
        day -= timedelta(days=1)
        left -= day not in free and (bool(free) or day.weekday() < 5)
    return day


def _table(found: tuple[pa.Table, ...], on: date, limit: int | None) -> pa.Table:
    lessons, each, standing, free = (part.to_pylist() for part in found)
    cut = quiet_since(on, {row["day"] for row in free})
    rows = list(funnel(lessons, each, standing, cut))
    return pa.Table.from_pylist(rows[:limit], schema_of(COLUMNS))


def funnel(
    lessons: Sequence[Row], each: Sequence[Row], standing: Sequence[Row], quiet: date
) -> Iterator[dict[str, Any]]:
    """`standing`: course, furthest position (None: no lesson begun), over, completed, last_day, learners."""
    counts = {(row["course_id"], row["lesson_id"]): row for row in each}
    courses: dict[str, list[Row]] = defaultdict(list)
    for lesson in lessons:
        courses[lesson["course_id"]].append(lesson)
    people: dict[str, list[Row]] = defaultdict(list)
    for row in standing:
        people[row["course_id"]].append(row)
    for course, of_course in courses.items():
        yield from _of_course(of_course, counts, people[course], quiet, len(lessons))


def _of_course(
    lessons: Sequence[Row],
    counts: Mapping[tuple[str, str], Row],
    people: Sequence[Row],
    quiet: date,
    looks: int,
) -> Iterator[dict[str, Any]]:
    end = lessons[-1]["position"]
    left, under_way, at = Counter[int](), Counter[int](), Counter[int]()
    for row in people:
        position = row["position"]
        if position is None:
            continue
        at[position] += row["learners"]
        if not (row["completed"] or (row["over"] and position == end)):
            (left if row["last_day"] < quiet else under_way)[position] += row["learners"]
    joined = sum(row["learners"] for row in people)
    reached = {one["position"]: sum(n for p, n in at.items() if p >= one["position"]) for one in lessons}
    all_left, all_reached = left.total(), sum(reached.values())
    for one in lessons:
        position = one["position"]
        of = counts.get((one["course_id"], one["lesson_id"]), {"started": 0, "finished": 0})
        elsewhere = all_reached - reached[position]
        expected = (all_left - left[position]) / elsewhere if elsewhere else None
        drop = left[position] / reached[position] if reached[position] else None
        p = None
        if expected is not None and reached[position]:
            p = float(binom.sf(left[position] - 1, reached[position], expected))
        weak = p is not None and left[position] >= FEWEST_LEFT and p < SURE / looks
        yield {
            **one,
            "joined": joined,
            "reached": reached[position],
            "started": of["started"],
            "finished": of["finished"],
            "under_way": under_way[position],
            "left": left[position],
            "drop": drop,
            "expected": expected,
            "p": p,
            "weak": weak,
        }
