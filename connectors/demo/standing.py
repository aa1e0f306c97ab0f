"""The dimension tables of a demo school, as the warehouse takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from connectors.demo.campus import (
    ASSESSMENTS,
    CHOICES,
    ITEMS,
    LESSONS,
    QUIZ_ITEMS,
    QUIZZES,
    STEPS,
    UNITS,
    VIDEOS,
    Campus,
)
from connectors.demo.curriculum import LESSON_STEPS
from connectors.demo.learners import FROM, GENDERS, GRADES
from connectors.demo.school import School
from models.tables import TABLE

TRAINERS = 7
SHARE_OF_TRAINER = 0.3


def dimensions(school: School) -> Iterator[tuple[str, pa.Table]]:
    """What stands still; classes and memberships are in `classes`."""
    for name, rows in (
        ("organisation", _organisation(school)),
        ("learner", _learners(school)),
        ("course", _courses(school)),
        ("lesson", _lessons(school)),
        ("skill", _skills(school)),
        ("video", _videos(school)),
        ("assessment", _assessments(school)),
        ("item", _items(school)),
        ("product", _products(school)),
        ("trainer", _trainers(school)),
        ("school_day", _school_days(school)),
    ):
        yield name, table(name, school, rows)


def table(name: str, school: School, columns: Mapping[str, object]) -> pa.Table:
    """Columns as the contract has them; those not given are null."""
    kinds = TABLE[name].schema
    count = len(next(iter(columns.values())))  # type: ignore[arg-type]
    given = {"organisation_id": [school.organisation_id] * count, **columns}
    return pa.table(
        {n: pa.array(given.get(n, [None] * count), kinds[n].to_pyarrow()) for n in TABLE[name].names()}
    )


def day_of(school: School, number: int) -> date:
    return school.days[0].day + timedelta(days=number)


def _organisation(school: School) -> dict[str, object]:
    place = school.place
    return {
        "name": [place.name],
        "zone": [place.zone],
        "locale": [place.locale],
        "country": [place.country],
        "currency": [place.currency],
    }


def _learners(school: School) -> dict[str, object]:
    people, place = school.learners, school.place
    sponsored = np.full(len(people), -1) if place.has_terms else people.sponsor
    kinds = (
        ["pupil"] * len(people)
        if place.has_terms
        else ["sponsored" if s >= 0 else "private" for s in sponsored]
    )
    return {
        "learner_id": school.learner_ids,
        "joined_on": [day_of(school, int(n)) for n in people.joined],
        "grade_level": [GRADES[g] for g in people.grade] if place.has_terms else [None] * len(people),
        "region": [place.regions[r][1] for r in people.region],
        "country": [place.regions[r][0] for r in people.region],
        "language": [place.languages[n][0] for n in people.language],
        "gender": [GENDERS[g] for g in people.gender],
        "acquired_by": [FROM[a] for a in people.acquired],
        "sponsor_id": [f"{place.prefix}-C{s + 1}" if s >= 0 else None for s in sponsored],
        "segment": kinds,
    }


def _courses(school: School) -> dict[str, object]:
    campus, prefix = school.campus, school.place.prefix
    ends = school.size.until + timedelta(days=28)
    return {
        "course_id": campus.course_ids,
        "title": [o.title for o in campus.outlines],
        "subject": [o.subject for o in campus.outlines],
        "level": [o.level for o in campus.outlines],
        "trainer_id": [f"{prefix}-T{n % TRAINERS + 1}" for n in range(campus.courses)],
        "product_id": school.ids.product[: campus.courses],
        "starts_on": [day_of(school, 0)] * campus.courses
        if school.place.has_terms
        else [None] * campus.courses,
        "ends_on": [ends if school.place.has_terms else None] * campus.courses,
    }


def _spread(campus: Campus, count: int) -> tuple[list[int], list[int]]:
    """Course and number of each of `count` things that every course has."""
    return [c for c in range(campus.courses) for _ in range(count)], list(range(count)) * campus.courses


def _lessons(school: School) -> dict[str, object]:
    campus, ids = school.campus, school.ids
    course, number = _spread(campus, LESSONS)
    return {
        "lesson_id": ids.lesson,
        "course_id": [ids.course[c] for c in course],
        "position": [n + 1 for n in number],
        "title": [
            f"{campus.outlines[c].units[n // STEPS]}: {LESSON_STEPS[n % STEPS]}"
            for c, n in zip(course, number, strict=True)
        ],
        "skill_id": [ids.skill[c * UNITS + n // STEPS] for c, n in zip(course, number, strict=True)],
        "expected_s": [(600.0, 540.0, 480.0, 420.0)[n % STEPS] for n in number],
    }


def _skills(school: School) -> dict[str, object]:
    campus, ids = school.campus, school.ids
    course, number = _spread(campus, UNITS)
    return {
        "skill_id": ids.skill,
        "title": [campus.outlines[c].units[n] for c, n in zip(course, number, strict=True)],
        "subject": [campus.outlines[c].subject for c in course],
        "requires_skill_id": [ids.skill[k - 1] if n else None for k, n in enumerate(number)],
    }


def _videos(school: School) -> dict[str, object]:
    campus, ids = school.campus, school.ids
    course, number = _spread(campus, VIDEOS)
    lesson = [n // 2 * STEPS + n % 2 for n in number]
    return {
        "video_id": ids.video,
        "course_id": [ids.course[c] for c in course],
        "lesson_id": [ids.lesson[c * LESSONS + n] for c, n in zip(course, lesson, strict=True)],
        "title": [
            f"{campus.outlines[c].units[n // STEPS]}: {('Explained', 'Step by Step')[n % STEPS]}"
            for c, n in zip(course, lesson, strict=True)
        ],
        "length_s": campus.video_s,
    }


def _assessments(school: School) -> dict[str, object]:
    campus, ids = school.campus, school.ids
    course, number = _spread(campus, ASSESSMENTS)
    units = [(n // 2 if n < QUIZZES else (n - QUIZZES) * 2 + 1) for n in number]
    lesson = [
        u * STEPS + (n % 2 * 2 + 1 if n < QUIZZES else STEPS - 1) for u, n in zip(units, number, strict=True)
    ]
    return {
        "assessment_id": ids.assessment,
        "course_id": [ids.course[c] for c in course],
        "lesson_id": [ids.lesson[c * LESSONS + n] for c, n in zip(course, lesson, strict=True)],
        "kind": [_kind(n) for n in number],
        "title": [
            f"{campus.outlines[c].units[u]}: {_assessment_title(n)}"
            for c, u, n in zip(course, units, number, strict=True)
        ],
        "due_on": [_due(school, n) for n in number],
    }


def _kind(number: int) -> str:
    if number == QUIZZES - 1:
        return "exam"
    return "quiz" if number < QUIZZES else "assignment"


def _assessment_title(number: int) -> str:
    return {"exam": "Final Exam", "assignment": "Assignment"}.get(
        _kind(number), ("Quick Check", "Unit Quiz")[number % 2]
    )


def _due(school: School, number: int) -> date | None:
    if number < QUIZZES or not school.place.has_terms:
        return None
    return day_of(school, int(school.campus.due_share[number - QUIZZES] * school.size.days))


def _items(school: School) -> dict[str, object]:
    campus, ids = school.campus, school.ids
    quiz = np.repeat(np.arange(QUIZZES), QUIZ_ITEMS)
    position = np.concatenate([np.arange(n) for n in QUIZ_ITEMS]) + 1
    course, number = _spread(campus, ITEMS)
    return {
        "item_id": ids.item,
        "assessment_id": [
            ids.assessment[c * ASSESSMENTS + quiz[n]] for c, n in zip(course, number, strict=True)
        ],
        "course_id": [ids.course[c] for c in course],
        "skill_id": [ids.skill[c * UNITS + quiz[n] // 2] for c, n in zip(course, number, strict=True)],
        "position": [int(position[n]) for n in number],
        "title": [
            f"{campus.outlines[c].units[quiz[n] // 2]}, question {position[n]}"
            for c, n in zip(course, number, strict=True)
        ],
        "right_choice": [CHOICES[r] for r in campus.item_right],
        "choices": [len(CHOICES)] * len(number),
    }


def _products(school: School) -> dict[str, object]:
    campus, prefix = school.campus, school.place.prefix
    count = campus.courses
    return {
        "product_id": school.ids.product,
        "title": [*(o.title for o in campus.outlines), "Plus membership", "Evening workshop"],
        "kind": ["course"] * count + ["subscription", "programme"],
        "trainer_id": [f"{prefix}-T{n % TRAINERS + 1}" for n in range(count)] + [None, f"{prefix}-T1"],
        "price_cents": campus.price_cents,
        "currency": [school.place.currency] * (count + 2),
    }


def _trainers(school: School) -> dict[str, object]:
    return {
        "trainer_id": [f"{school.place.prefix}-T{n + 1}" for n in range(TRAINERS)],
        "joined_on": [day_of(school, -200 - 31 * n) for n in range(TRAINERS)],
        "commission": [SHARE_OF_TRAINER + 0.05 * (n % 3) for n in range(TRAINERS)],
    }


def _school_days(school: School) -> dict[str, object]:
    return {
        "day": [d.day for d in school.days],
        "kind": [d.kind for d in school.days],
        "label": [d.label for d in school.days],
    }
