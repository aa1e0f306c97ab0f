"""How learners fare: work finished, how much of it on a day, who takes part, who has a hard time."""

from __future__ import annotations

from collections.abc import Mapping

import ibis.expr.types as ir

from compute.measures.measure import Better, Measure, learners, share

LOW_SCORE = 60.0
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
)
