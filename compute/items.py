"""Item analysis: how hard a question is, whether it tells strong from weak, which wrong answers draw.

Classical figures first, because a teacher can read them; then the two-parameter logistic model
(marginal maximum likelihood over a grid of ability) with standard errors, so that a small class is
seen to say little.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.float64]
Verdict = Literal["good", "too easy", "too hard", "weak", "misleading", "not enough answers"]
ENOUGH = 30


@dataclass(frozen=True, slots=True)
class Item:
    item_id: str
    answers: int
    difficulty: float | None  # share right
    discrimination: float | None  # correlation with the score on the other items
    verdict: Verdict
    distractors: tuple[tuple[str, float, float], ...] = ()  # choice, share, mean rest score of who chose it


@dataclass(frozen=True, slots=True)
class Curve:
    """Two-parameter logistic: P(right) = 1 / (1 + exp(-slope (ability - place)))."""

    item_id: str
    slope: float
    place: float
    slope_error: float
    place_error: float


def analyse(
    right: Mapping[str, Mapping[int, bool]], chosen: Mapping[str, Mapping[int, str]] | None = None
) -> list[Item]:
    """`right[item][learner]`; `chosen[item][learner]` is the option taken, where there are options."""
    totals: Counter[int] = Counter()
    counts: Counter[int] = Counter()
    for answers in right.values():
        for learner, correct in answers.items():
            totals[learner] += correct
            counts[learner] += 1
    return [
        _item(item, answers, totals, counts, (chosen or {}).get(item, {})) for item, answers in right.items()
    ]


def _item(
    item_id: str,
    answers: Mapping[int, bool],
    totals: Mapping[int, int],
    counts: Mapping[int, int],
    chosen: Mapping[int, str],
) -> Item:
    others = {n: (totals[n] - c) / (counts[n] - 1) for n, c in answers.items() if counts[n] > 1}
    difficulty = sum(answers.values()) / len(answers) if answers else None
    discrimination = _correlation([float(answers[n]) for n in others], list(others.values()))
    verdict = _verdict(len(answers), difficulty, discrimination)
    return Item(item_id, len(answers), difficulty, discrimination, verdict, _distractors(chosen, others))


def _verdict(answers: int, difficulty: float | None, discrimination: float | None) -> Verdict:
    if answers < ENOUGH or difficulty is None:
        return "not enough answers"
    if discrimination is not None and discrimination < -2 / math.sqrt(answers):
        return "misleading"  # the stronger a learner, the more often wrong: beyond chance
    if difficulty > 0.95:
        return "too easy"
    if difficulty < 0.2:
        return "too hard"
    if discrimination is None or discrimination < 0.1:
        return "weak"
    return "good"


def _distractors(
    chosen: Mapping[int, str], others: Mapping[int, float]
) -> tuple[tuple[str, float, float], ...]:
    by_choice: dict[str, list[float]] = {}
    for learner, choice in chosen.items():
        if learner in others:
            by_choice.setdefault(choice, []).append(others[learner])
    total = sum(map(len, by_choice.values()))
    return tuple((c, len(s) / total, sum(s) / len(s)) for c, s in sorted(by_choice.items()))


def _correlation(a: Sequence[float], b: Sequence[float]) -> float | None:
    if len(a) < 3 or min(a) == max(a) or min(b) == max(b):
        return None
    return float(np.corrcoef(a, b)[0, 1])


_ABILITY = np.linspace(-4, 4, 33)
_ROUNDS, _CLOSE = 80, 1e-3
_SLOPE_PRIOR_SD, _PLACE_PRIOR_SD = 0.5, 2.0  # of log slope (around 1) and of place


def curves(right: Mapping[str, Mapping[int, bool]]) -> list[Curve]:
    """The two-parameter model over all items of an assessment; items without answers are left out."""
    items = [item for item, answers in right.items() if answers]
    learners = sorted({n for item in items for n in right[item]})
    row = {n: i for i, n in enumerate(learners)}
    answers = np.full((len(learners), len(items)), np.nan)
    for column, item in enumerate(items):
        for learner, correct in right[item].items():
            answers[row[learner], column] = correct
    logs, places = np.zeros(len(items)), np.zeros(len(items))
    information = np.tile(np.eye(2), (len(items), 1, 1))
    for _ in range(_ROUNDS):
        tried, hits = _expected_counts(answers, logs, places)
        before = np.concatenate([logs, places])
        logs, places, information = _newton(tried, hits, logs, places)
        if np.abs(np.concatenate([logs, places]) - before).max(initial=0) < _CLOSE:
            break
    errors = np.sqrt(np.diagonal(np.linalg.inv(information), axis1=1, axis2=2))
    slopes = np.exp(logs)
    return [
        Curve(item, float(slopes[i]), float(places[i]), float(slopes[i] * errors[i, 0]), float(errors[i, 1]))
        for i, item in enumerate(items)
    ]


def _chance(logs: Grid, places: Grid) -> Grid:
    return 1 / (1 + np.exp(-np.exp(logs)[:, None] * (_ABILITY[None, :] - places[:, None])))


def _expected_counts(answers: Grid, logs: Grid, places: Grid) -> tuple[Grid, Grid]:
    """How many learners of each ability tried and hit each item, given what they answered."""
    chance = np.clip(_chance(logs, places), 1e-9, 1 - 1e-9)
    seen = ~np.isnan(answers)
    hit = np.where(seen, answers, 0.0)
    log_like = hit @ np.log(chance) + (seen - hit) @ np.log(1 - chance) - _ABILITY**2 / 2
    weight = np.exp(log_like - log_like.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    return seen.T.astype(float) @ weight, hit.T @ weight


def _newton(tried: Grid, hits: Grid, logs: Grid, places: Grid) -> tuple[Grid, Grid, Grid]:
    """Fisher scoring of both parameters, with weak priors that keep a hopeless item finite."""
    information = np.empty((len(logs), 2, 2))
    for _ in range(4):
        chance, slopes = _chance(logs, places), np.exp(logs)
        miss = hits - tried * chance
        weight = tried * chance * (1 - chance)
        by_log = slopes[:, None] * (_ABILITY[None, :] - places[:, None])
        by_place = -slopes[:, None] * np.ones_like(by_log)
        gradient = np.stack(
            [
                (miss * by_log).sum(1) - logs / _SLOPE_PRIOR_SD**2,
                (miss * by_place).sum(1) - places / _PLACE_PRIOR_SD**2,
            ],
            axis=1,
        )
        information[:, 0, 0] = (weight * by_log**2).sum(1) + 1 / _SLOPE_PRIOR_SD**2
        information[:, 1, 1] = (weight * by_place**2).sum(1) + 1 / _PLACE_PRIOR_SD**2
        information[:, 0, 1] = information[:, 1, 0] = (weight * by_log * by_place).sum(1)
        step = np.linalg.solve(information, gradient[..., None])[..., 0]
        logs = np.clip(logs + np.clip(step[:, 0], -0.5, 0.5), -3, 2)
        places = np.clip(places + np.clip(step[:, 1], -1, 1), -6, 6)
    return logs, places, information
