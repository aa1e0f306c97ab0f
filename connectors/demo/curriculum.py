"""What is taught: courses of six units. Each unit is a skill, and each needs the one before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Outline:
    code: str
    title: str
    subject: str
    level: str
    units: tuple[str, ...]


def _outlines(file: str) -> tuple[Outline, ...]:
    """A line a course: code | title | subject | level | units, separated by semicolons."""
    text = Path(__file__).with_name(file).read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines()]
    return tuple(Outline(r[0], r[1], r[2], r[3], tuple(u.strip() for u in r[4].split(";"))) for r in rows)


# The first course is the one with the planted video and the planted quiz item; it is the most popular.
SCHOOL = _outlines("courses-school.txt")
COMPANY = _outlines("courses-company.txt")

LESSON_STEPS = ("First Look", "Worked Examples", "Practice", "Using It")
RUNS = ("", " (second run)", " (third run)", " (fourth run)", " (evening run)", " (weekend run)")


def outline(of: tuple[Outline, ...], number: int) -> Outline:
    """The `number`th course; past the end the same courses run again under another code."""
    course, run = of[number % len(of)], number // len(of)
    if run == 0:
        return course
    suffix = RUNS[run] if run < len(RUNS) else f" (run {run + 1})"
    return Outline(
        f"{course.code[:-1]}{run + 1}", course.title + suffix, course.subject, course.level, course.units
    )
