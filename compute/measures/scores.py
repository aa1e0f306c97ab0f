"""Scores: how well it went. A score is per cent of the possible points."""

from __future__ import annotations

from collections.abc import Callable

import ibis.expr.types as ir

from compute.measures.measure import Better, Measure, ratio, share, total

PASS_MARK = 60.0
_USUAL = ((), ("week",), ("course_id",), ("class_id",))
_ITEMS = ((), ("week",), ("item_id",), ("skill_id",))


def _spread(t: ir.Table) -> ir.Value:
    """The sample's standard deviation, from sums that add."""
    n, sums = t.scores.sum().cast("float64"), t.score_sum.sum()
    squares = t.score_squares.sum() - sums * sums / n.nullif(0)
    spread = squares / (n - 1).nullif(0)
    return (spread > 0).ifelse(spread, spread * 0).sqrt()


def _score(
    name: str, meaning: str, value: Callable[[ir.Table], ir.Value], *needs: str, better: Better = "up"
) -> Measure:
    return Measure(
        name=name,
        meaning=meaning,
        unit="%",
        better=better,
        value=value,
        needs=needs,
        behind=("scores",),
        usual=_USUAL,
        subject="scores",
    )


def _count(name: str, meaning: str, unit: str, better: Better = "up") -> Measure:
    return Measure(
        name=name,
        meaning=meaning,
        unit=unit,
        better=better,
        value=total(name),
        needs=(name,),
        behind=(name,),
        usual=((), ("week",), ("course_id",)),
        counts=True,
        subject="scores",
    )


MEASURES = (
    _count("assessments_started", "Quizzes and assignments begun.", "assessments"),
    _count("scores", "Scored results: quizzes, assignments and exercises handed in.", "results"),
    _score(
        "mean_score", "Mean score of all scored results.", ratio("score_sum", "scores"), "score_sum", "scores"
    ),
    _score(
        "score_spread",
        "Standard deviation of the scores; null for a single one.",
        _spread,
        "scores",
        "score_sum",
        "score_squares",
        better="neither",
    ),
    _score("lowest_score", "The lowest score.", lambda t: t.score_low.min(), "score_low", "scores"),
    _score("highest_score", "The highest score.", lambda t: t.score_high.max(), "score_high", "scores"),
    _score(
        "median_score",
        "The score that half of the results reach.",
        lambda t: t.each_score.median(),
        "each_score",
        "scores",
    ),
    Measure(
        "pass_share",
        f"Share of the scored results that reach {PASS_MARK:.0f} per cent.",
        "share",
        "up",
        lambda t: share(t.count(where=t.each_score >= PASS_MARK), t.scores.sum()),
        ("each_score", "scores"),
        ("scores",),
        _USUAL,
        "result",
        "scores",
    ),
    _count("answers", "Single questions answered.", "answers"),
    _count("answers_correct", "Single questions answered rightly.", "answers"),
    Measure(
        "accuracy",
        "Share of the answered questions that were right.",
        "share",
        "up",
        ratio("answers_correct", "answers"),
        ("answers_correct", "answers"),
        ("answers",),
        (*_ITEMS, ("course_id",)),
        "answer",
        "scores",
    ),
)
