"""Where a course loses people: how far its learners came, lesson by lesson."""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import ibis
import pyarrow as pa
from scipy.stats import binom

from compute.content.narrow import (
    NUMBER,
    TEXT,
    WHOLE,
    YES,
    Meanings,
    check,
    events_of,
    meanings_of,
    of_courses,
    rows_of,
    schema_of,
)
from compute.plan import Plan
from compute.scoping import Tables
from models.ask import Ask

QUIET_DAYS = 10  # school days without anything in the course, before somebody counts as gone
FEWEST_LEFT = 5
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
    lessons = of_courses(tables["lesson"], ask, tables).select("course_id", "lesson_id", "title", "position")
    narrowed = events_of(ask, tables, "lesson_start", "lesson_complete")
    done = narrowed.select(
        "learner_id", "course_id", "lesson_id", over=narrowed.event_type == "lesson_complete"
    )
    placed = done.inner_join(lessons, ["course_id", "lesson_id"])
    each = placed.group_by("course_id", "lesson_id").agg(
        started=placed.learner_id.nunique(), finished=placed.learner_id.nunique(where=placed.over)
    )
    furthest = placed.group_by("course_id", "learner_id").agg(position=placed.position.max())
    last = placed.inner_join(furthest, ["course_id", "learner_id", "position"])
    over = last.group_by("course_id", "learner_id", "position").agg(over=last.over.any())
    days = rows_of(tables["learner_course_day"], ask, tables)
    seen = days.group_by("course_id", "learner_id").agg(
        last_day=days.day.max(), completed=days.completions.sum() > 0
    )
    seen = seen.semi_join(lessons, "course_id")
    both = seen.left_join(over, ["course_id", "learner_id"])
    standing = both.group_by("course_id", "position", "over", "completed", "last_day").agg(
        learners=both.count()
    )
    calendar = tables["school_day"]
    on = tables.scope.on
    recent = calendar.filter(calendar.kind != "term", calendar.day > ibis.literal(on - timedelta(days=120)))
    return Plan(
        parts=(lessons.order_by("course_id", "position"), each, standing, recent.select("day")),
        columns=meanings_of(COLUMNS),
        source="learner_event, learner_course_day",
        join=functools.partial(_table, on=on, limit=ask.limit),
    )


def quiet_since(on: date, free: Collection[date]) -> date:
    """Nothing on this day or later is a long silence: a holiday makes nobody a drop-out."""
    day, left = on, QUIET_DAYS
    while left and (on - day).days < 120:
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
