"""Progress: lessons, courses and the time put into them."""

from __future__ import annotations

from collections.abc import Mapping

import ibis.expr.types as ir

from compute.measures.measure import Better, Measure, per_learner, ratio, share, total

_USUAL = ((), ("week",), ("course_id",))
_COURSES = ((), ("course_id",), ("subject",), ("region",))
_PAIR = ("learner_id", "course_id")


def _joined(t: ir.Table) -> Mapping[str, ir.Value]:
    return {"enrolments": t.enrolments.sum(), "completions": t.completions.sum()}


def _lessons(t: ir.Table) -> Mapping[str, ir.Value]:
    return {
        "finished": t.course_lesson_id.nunique(where=t.lessons_completed > 0),
        "lessons": t.course_lessons.max(),
        "events": t.events.sum(),
    }


def _count(name: str, meaning: str, unit: str, better: Better = "up") -> Measure:
    return Measure(
        name=name,
        meaning=meaning,
        unit=unit,
        better=better,
        value=total(name),
        needs=(name,),
        behind=(name,),
        usual=(*_USUAL, ("day",), ("region",)),
        counts=True,
        subject="progress",
    )


MEASURES = (
    _count("lessons_started", "Lessons opened.", "lessons"),
    _count("lessons_completed", "Lessons finished; a lesson finished twice counts twice.", "lessons"),
    Measure(
        "lesson_completion",
        "Finished lessons for each lesson opened.",
        "share",
        "up",
        ratio("lessons_completed", "lessons_started"),
        ("lessons_completed", "lessons_started"),
        ("lessons_started", "lessons_completed"),
        (*_USUAL, ("device_type",)),
        "event",
        "progress",
    ),
    Measure(
        "lessons_per_learner",
        "Mean number of finished lessons of an active learner.",
        "lessons",
        "up",
        per_learner("lessons_completed"),
        ("lessons_completed", "learner_id", "events"),
        ("events",),
        _USUAL,
        "learner",
        "progress",
    ),
    Measure(
        "learning_minutes",
        "Minutes spent in finished lessons, quizzes, exercises, assignments and live sessions.",
        "minutes",
        "up",
        lambda t: t.learning_s.sum() / 60.0,
        ("learning_s",),
        ("learning_s",),
        (*_USUAL, ("day",), ("weekday",)),
        "event",
        "progress",
        counts=True,
    ),
    Measure(
        "learning_minutes_per_learner",
        "Mean learning minutes of an active learner.",
        "minutes",
        "up",
        per_learner("learning_s", 1 / 60),
        ("learning_s", "learner_id", "events"),
        ("events",),
        _USUAL,
        "learner",
        "progress",
    ),
    _count("enrolments", "Times a learner joined a course.", "enrolments"),
    _count("unenrolments", "Times a learner left a course before its end.", "enrolments", "down"),
    _count("completions", "Courses finished.", "courses"),
    Measure(
        "completion_share",
        "Of the learners who joined a course in the period, the share who finished it in the period.",
        "share",
        "up",
        lambda t: share(
            t.count(where=(t.enrolments > 0) & (t.completions > 0)), t.count(where=t.enrolments > 0)
        ),
        ("learner_id", "course_id", "enrolments", "completions"),
        ("enrolments",),
        _COURSES,
        "learner and course",
        "progress",
        per=_PAIR,
        first=_joined,
    ),
    Measure(
        "unenrolment_share",
        "Times a course was left for each time one was joined.",
        "share",
        "down",
        ratio("unenrolments", "enrolments"),
        ("unenrolments", "enrolments"),
        ("enrolments", "unenrolments"),
        _USUAL,
        "event",
        "progress",
    ),
    Measure(
        "course_progress",
        "Share of a course's lessons that its active learners finished in the period, each lesson once.",
        "share",
        "up",
        lambda t: share(t.finished.sum(), t.lessons.sum()),
        ("learner_id", "course_id", "lessons_completed", "course_lesson_id", "course_lessons", "events"),
        ("events",),
        _COURSES,
        "learner, course and lesson",
        "progress",
        per=_PAIR,
        first=_lessons,
    ),
)
