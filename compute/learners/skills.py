"""`learner_skills`: how far each learner has come in each skill, and how sure that is."""

from __future__ import annotations

import math
from typing import Literal

import ibis.expr.types as ir
import pyarrow as pa

from compute.forms import Form, apart, shared
from compute.learners import reading
from compute.learners.shape import DAY, ENOUGH, INT, NUMBER, TEXT, Shape
from compute.plan import Plan
from compute.scoping import Tables
from models.ask import Ask
from models.holes import Query

STRONG, WEAK = 0.8, 0.6  # P5.3: strengths at 80 and above, weaknesses below 60
FEWEST_ANSWERS = 5
SPAN_DAYS = 365
AGO_DAYS = 28
_Z = 1.959964  # 95 %

Verdict = Literal["strength", "weakness", "between", "unknown"]
SKILLS = Shape(
    ("learner_id", "skill_id"),
    {
        "title": (TEXT, "", "The skill's title."),
        "subject": (TEXT, "", "The subject it belongs to."),
        "lessons": (INT, "lessons", "Lessons that practise the skill, in courses the learner works in."),
        "finished": (INT, "lessons", "Of those, finished, each once."),
        "progress": (NUMBER, "share", "Finished of those lessons; empty where there are none."),
        "answers": (INT, "answers", "Quiz questions of the skill answered."),
        "correct": (INT, "answers", "Of those, the right ones."),
        "share": (NUMBER, "share", "Right answers of all; empty where there were none."),
        "low": (NUMBER, "share", "Lower end of its 95 % interval (Wilson)."),
        "high": (NUMBER, "share", "Upper end of it."),
        "before_share": (NUMBER, "share", f"The share as it was {AGO_DAYS} days ago."),
        "last_on": (DAY, "date", "The newest day with an answer or a finished lesson of the skill."),
        **ENOUGH,
        "verdict": (
            TEXT,
            "",
            f"strength: {STRONG:.0%} right and above; weakness: under {WEAK:.0%}; between; unknown: under "
            f"{FEWEST_ANSWERS} answers.",
        ),
    },
)


def learner_skills(ask: Ask, tables: Tables) -> Plan:
    """One row for each learner and skill that the learner has touched."""
    reading.check(ask, tables)
    asked = reading.spanned(ask, tables, SPAN_DAYS)
    return Plan(
        parts=(shared(reading.roster, asked, tables), *parts(asked, tables)),
        columns=SKILLS.columns,
        source="learner_event, learner_lesson_day, lesson, skill",
        join=_join,
    )


def parts(asked: Ask, tables: Tables) -> tuple[Query, ...]:
    """Answers by skill, now and a while ago; finished lessons by skill; lessons by skill; skills."""
    builds = (_answered, _finished, _sized, _named)
    return tuple(shared(build, asked, tables) for build in builds)


@apart
def _answered(tables: Tables, form: Form) -> ir.Table:
    rows = reading.events(tables, form, ("quiz_answer",))
    rows = rows.filter(rows.skill_id.notnull(), rows.correct.notnull())
    before, right = rows.day <= tables.days_ago(AGO_DAYS), rows.correct.ifelse(1, 0)
    return rows.group_by("learner_id", "skill_id").agg(
        answers=rows.count(),
        correct=right.sum(),
        answers_before=before.ifelse(1, 0).sum(),
        correct_before=before.ifelse(right, 0).sum(),
        day=rows.day.max(),
    )


@apart
def _finished(tables: Tables, form: Form) -> ir.Table:
    """Lessons that the course still has."""
    done = reading.finished(tables, form)
    done = done.select("learner_id", "course_id", "lesson_id", "day")
    done = done.inner_join(_practising(tables), ["course_id", "lesson_id"])
    return done.group_by("learner_id", skill_id=done.of_skill).agg(
        finished=done.lesson_id.nunique(), day=done.day.max()
    )


def _practising(tables: Tables) -> ir.Table:
    lesson = tables["lesson"]
    return lesson.filter(lesson.skill_id.notnull()).select("course_id", "lesson_id", of_skill="skill_id")


def _sized(tables: Tables, _: Form) -> ir.Table:
    lessons = _practising(tables)
    return lessons.group_by(skill_id=lessons.of_skill).agg(lessons=lessons.count())


def _named(tables: Tables, _: Form) -> ir.Table:
    return tables["skill"].select("skill_id", "title", "subject")


def rows_of(found: tuple[pa.Table, ...]) -> list[reading.Row]:
    """`found`: the roster and what `parts` says. Sorted by learner, then by skill."""
    who, answered, finished, sized, skills = found
    learners = set(who["learner_id"].to_pylist())
    named = {row["skill_id"]: row for row in skills.to_pylist()}
    lessons = {row["skill_id"]: row["lessons"] for row in sized.to_pylist()}
    of_answers = {(r["learner_id"], r["skill_id"]): r for r in answered.to_pylist()}
    of_lessons = {(r["learner_id"], r["skill_id"]): r for r in finished.to_pylist()}
    rows: list[reading.Row] = []
    for learner, skill in sorted(of_answers.keys() | of_lessons.keys()):
        if learner in learners:
            one, other = of_answers.get((learner, skill), {}), of_lessons.get((learner, skill), {})
            about = named.get(skill, {"title": skill, "subject": None})
            rows.append(
                {
                    "learner_id": learner,
                    "skill_id": skill,
                    "title": about["title"],
                    "subject": about["subject"],
                    **_progress(other.get("finished", 0), lessons.get(skill, 0)),
                    **judged(one.get("answers", 0), one.get("correct", 0)),
                    "before_share": _share(one.get("correct_before", 0), one.get("answers_before", 0)),
                    "last_on": max(r["day"] for r in (one, other) if r),
                }
            )
    return rows


def judged(answers: int, correct: int) -> dict[str, object]:
    enough = answers >= FEWEST_ANSWERS
    share = _share(correct, answers)
    low, high = wilson(correct, answers) if answers else (None, None)
    return {
        "answers": answers,
        "correct": correct,
        "share": share,
        "low": low,
        "high": high,
        "have": answers,
        "need": FEWEST_ANSWERS,
        "enough": enough,
        "verdict": _verdict(share) if enough and share is not None else "unknown",
    }


def _verdict(share: float) -> Verdict:
    return "strength" if share >= STRONG else "weakness" if share < WEAK else "between"


def _progress(finished: int, lessons: int) -> dict[str, object]:
    return {
        "lessons": lessons,
        "finished": finished,
        "progress": min(1.0, finished / lessons) if lessons else None,
    }


def _share(above: int, below: int) -> float | None:
    return above / below if below else None


def wilson(right: int, of: int) -> tuple[float, float]:
    share, square = right / of, _Z * _Z
    middle = (share + square / (2 * of)) / (1 + square / of)
    reach = _Z / (1 + square / of) * math.sqrt(share * (1 - share) / of + square / (4 * of * of))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _join(found: tuple[pa.Table, ...]) -> pa.Table:
    return SKILLS.table(rows_of(found))
