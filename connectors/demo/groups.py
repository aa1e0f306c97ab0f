"""Classes and who is in them from when until when; known once the days have been lived."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from connectors.demo.campus import Ints
from connectors.demo.learners import CAST, LEO, NEVER
from connectors.demo.school import School
from connectors.demo.standing import day_of, table

CLASS_SIZE = 24
CLASSES_OF_TEACHER = 3
MOVED_SHARE = 29  # one learner in this many changed class


@dataclass(frozen=True, slots=True)
class Group:
    class_id: str
    course_id: str
    title: str


@dataclass(frozen=True, slots=True)
class Member:
    class_id: str
    learner: int
    valid_from: date
    valid_until: date | None


def letters(number: int) -> str:
    """0 -> A, 25 -> Z, 26 -> AA."""
    text = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(65 + rest) + text
    return text


def groups(school: School) -> list[list[Group]]:
    """The classes of each course."""
    size = np.bincount(_who_and_course(school)[1], minlength=school.campus.courses)
    return [
        [
            Group(f"{id_}-{letters(n)}", id_, f"{outline.title}, group {letters(n)}")
            for n in range(-(-int(count) // CLASS_SIZE))
        ]
        for id_, outline, count in zip(school.ids.course, school.campus.outlines, size, strict=True)
    ]


def special_groups(school: School) -> tuple[Group, Group]:
    """A class that nobody is in yet, and one with a single learner."""
    course = school.ids.course[-1]
    title = school.campus.outlines[-1].title
    prefix = school.place.prefix
    return (
        Group(f"{prefix}-NEW-GROUP", course, f"{title}, starting soon"),
        Group(f"{prefix}-ONE-TO-ONE", course, f"{title}, one to one"),
    )


def teaching(school: School) -> list[list[Group]]:
    """The classes of each teacher: up to three of one course."""
    return [
        some[n : n + CLASSES_OF_TEACHER]
        for some in groups(school)
        for n in range(0, len(some), CLASSES_OF_TEACHER)
    ]


def members(school: School) -> Iterator[Member]:
    people = school.learners
    learner, course, slot = _who_and_course(school)
    rank = _rank(course)
    sizes = np.bincount(course, minlength=school.campus.courses)
    for who, c, s, n in zip(learner, course, slot, rank, strict=True):
        classes = -(-int(sizes[c]) // CLASS_SIZE)
        first = day_of(school, int(people.started[who, s]))
        last = None if people.dropped[who] == NEVER else day_of(school, int(people.dropped[who]))
        own = f"{school.ids.course[c]}-{letters(int(n) // CLASS_SIZE)}"
        moved = day_of(school, school.size.days // 2)
        if classes > 1 and who >= CAST and who % MOVED_SHARE == 0 and first < moved and last is None:
            other = f"{school.ids.course[c]}-{letters((int(n) // CLASS_SIZE + 1) % classes)}"
            yield Member(own, int(who), first, moved)
            yield Member(other, int(who), moved, None)
        elif last is None or first < last:
            yield Member(own, int(who), first, last)
    yield Member(special_groups(school)[1].class_id, LEO, school.size.until - timedelta(days=1), None)


def _who_and_course(school: School) -> tuple[Ints, Ints, Ints]:
    """Everybody who took up a course, by learner."""
    learner, slot = np.nonzero(school.learners.started < NEVER)
    return learner, school.learners.courses[learner, slot], slot


def _rank(course: Ints) -> Ints:
    """The how-manyth of its course each row is."""
    order = np.argsort(course, kind="stable")
    ordered = course[order]
    starts = np.searchsorted(ordered, ordered)
    rank = np.empty(len(course), np.int64)
    rank[order] = np.arange(len(course)) - starts
    return rank


def class_tables(school: School) -> Iterator[tuple[str, pa.Table]]:
    every = [group for some in groups(school) for group in some] + list(special_groups(school))
    yield (
        "class",
        table(
            "class",
            school,
            {
                "class_id": [g.class_id for g in every],
                "course_id": [g.course_id for g in every],
                "title": [g.title for g in every],
                "term": ["This term" if school.place.has_terms else None] * len(every),
            },
        ),
    )
    some = list(members(school))
    yield (
        "class_member",
        table(
            "class_member",
            school,
            {
                "class_id": [m.class_id for m in some],
                "learner_id": school.learner_ids[[m.learner for m in some]],
                "valid_from": [m.valid_from for m in some],
                "valid_until": [m.valid_until for m in some],
            },
        ),
    )
