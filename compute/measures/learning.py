"""How learners fare: work finished, how much of it on a day, who takes part, who has a hard time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ibis.expr.types as ir

from compute.measures.measure import Better, Measure, learners, share

LOW_SCORE = 60.0
FEWEST_SCORES = 3  # fewer results are an accident, not a struggle
FEWEST_ANSWERS = 5  # of a skill, as on a learner's page
STRONG, WEAK = (4, 5), (3, 5)  # right answers of all, as whole numbers: no engine rounds them
_USUAL = ((), ("week",), ("course_id",))
_DAYS = ("learner_id", "day")


def _work(t: ir.Table) -> ir.Value:
    return t.lessons_completed.sum() + t.scores.sum()


def _worked(t: ir.Table) -> Mapping[str, ir.Value]:
    return {
        "events": t.events.sum(),
        "work": t.lessons_completed.sum() + t.scores.sum(),
        "learning_s": t.learning_s.sum(),
    }


def _scored(t: ir.Table) -> Mapping[str, ir.Value]:
    return {"scores": t.scores.sum(), "score_sum": t.score_sum.sum()}


def _means(t: ir.Table) -> ir.Value:
    return t.score_sum / t.scores.cast("float64").nullif(0)


def _known(t: ir.Table) -> Mapping[str, ir.Value]:
    """An answer to a question of no skill says nothing of any."""
    some = t.skill_id.notnull()
    return {name: t[name].sum(where=some) for name in ("answers", "answers_correct")}


def _skills(name: str, meaning: str, better: Better, holds: Callable[[ir.Table], ir.BooleanValue]) -> Measure:
    return Measure(
        name,
        f"Skills {meaning}, of those with at least {FEWEST_ANSWERS} answers, counted for each learner.",
        "skills",
        better,
        lambda t: t.count(where=(t.answers >= FEWEST_ANSWERS) & holds(t)),
        ("learner_id", "skill_id", "answers", "answers_correct"),
        ("answers",),
        (*_USUAL, ("skill_id",)),
        "learner and skill",
        "learning",
        per=("learner_id", "skill_id"),
        first=_known,
        counts=True,
    )


def _people(name: str, meaning: str, *columns: str, better: Better = "up") -> Measure:
    """Learners of whom any of the columns counts something."""

    def value(t: ir.Table) -> ir.Value:
        some = t[columns[0]]
        for column in columns[1:]:
            some = some + t[column]
        return t.learner_id.nunique(where=some > 0)

    return Measure(
        name,
        meaning,
        "learners",
        better,
        value,
        ("learner_id", *columns),
        columns,
        (*_USUAL, ("region",)),
        "learner",
        "learning",
        counts=True,
    )


def _a_day(name: str, meaning: str, unit: str, column: str, times: float) -> Measure:
    return Measure(
        name,
        meaning,
        unit,
        "up",
        lambda t: share(t[column].sum() * times, t.count(where=t.events > 0)),
        ("learner_id", "day", "events", "lessons_completed", "scores", "learning_s"),
        ("events",),
        _USUAL,
        "learner and day",
        "learning",
        per=_DAYS,
        first=_worked,
    )


MEASURES = (
    Measure(
        "activities",
        "Lessons finished and work scored.",
        "activities",
        "up",
        _work,
        ("lessons_completed", "scores"),
        ("lessons_completed", "scores"),
        (*_USUAL, ("day",), ("region",)),
        "event",
        "learning",
        counts=True,
    ),
    _a_day("activities_per_day", "Activities of an active day: the velocity.", "activities", "work", 1.0),
    _a_day("minutes_per_day", "Learning minutes of an active day.", "minutes", "learning_s", 1 / 60),
    _people("finishing_learners", "Learners who finished a lesson.", "lessons_completed"),
    Measure(
        "finishing_share",
        "Of the active learners, the share who finished a lesson.",
        "share",
        "up",
        lambda t: share(learners(t, "lessons_completed"), learners(t)),
        ("learner_id", "events", "lessons_completed"),
        ("events",),
        _USUAL,
        "learner",
        "learning",
    ),
    _people("contributors", "Learners who wrote in discussions.", "posts", "replies"),
    _people("guided_learners", "Learners who took up a recommended step.", "recommendations_accepted"),
    _people("rewarded_learners", "Learners who unlocked an achievement.", "achievements"),
    _people("scored_learners", "Learners who got a score.", "scores", better="neither"),
    Measure(
        "typical_score",
        "Mean of the learners' own mean scores: each learner counts once.",
        "%",
        "up",
        lambda t: _means(t).mean(),
        ("learner_id", "scores", "score_sum"),
        ("scores",),
        _USUAL,
        "learner",
        "learning",
        per=("learner_id",),
        first=_scored,
    ),
    Measure(
        "low_scoring_share",
        f"Of the learners who got a score, the share whose mean is under {LOW_SCORE:.0f} per cent.",
        "share",
        "down",
        lambda t: share(t.count(where=_means(t) < LOW_SCORE), t.count(where=t.scores > 0)),
        ("learner_id", "scores", "score_sum"),
        ("scores",),
        _USUAL,
        "learner",
        "learning",
        per=("learner_id",),
        first=_scored,
    ),
    Measure(
        "struggling_learners",
        f"Learners with at least {FEWEST_SCORES} scored results and a mean under {LOW_SCORE:.0f} per cent.",
        "learners",
        "down",
        lambda t: t.count(where=(t.scores >= FEWEST_SCORES) & (_means(t) < LOW_SCORE)),
        ("learner_id", "scores", "score_sum"),
        ("scores",),
        (*_USUAL, ("region",)),
        "learner",
        "learning",
        per=("learner_id",),
        first=_scored,
        counts=True,
    ),
    _skills(
        "strong_skills",
        "in which at least four of five answers were right",
        "up",
        lambda t: t.answers_correct * STRONG[1] >= t.answers * STRONG[0],
    ),
    _skills(
        "weak_skills",
        "in which fewer than three of five answers were right",
        "down",
        lambda t: t.answers_correct * WEAK[1] < t.answers * WEAK[0],
    ),
)
