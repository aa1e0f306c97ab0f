"""Item analysis: how hard a question is, whether it tells strong from weak, which wrong answers draw.

Classical figures first, because a teacher can read them; then the two-parameter logistic model
(marginal maximum likelihood over a grid of ability) with standard errors, so that a small class is
seen to say little.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.float64]
Places = NDArray[np.int64]
Verdict = Literal["good", "too easy", "too hard", "weak", "misleading", "not enough answers"]
ENOUGH = 30
MOST_LEARNERS = 4000  # whose answers the curves are fitted to


@dataclass(frozen=True, slots=True)
class Item:
    item_id: str
    answers: int
    difficulty: float | None  # share right
    discrimination: float | None  # correlation with the score on the other items
    verdict: Verdict
    distractors: tuple[tuple[str, float, float], ...] = ()  # choice, share, mean rest score of who chose it
    chose: int = 0  # learners behind the shares of `distractors`


@dataclass(frozen=True, slots=True)
class Curve:
    """Two-parameter logistic: P(right) = 1 / (1 + exp(-slope (ability - place)))."""

    item_id: str
    slope: float
    place: float
    slope_error: float
    place_error: float


@dataclass(frozen=True, slots=True)
class Answers:
    """First answers in columns: `item` and `learner` count from 0; `choice` is -1 where none was taken."""

    item: Places
    learner: Places
    right: Grid
    choice: Places
    items: tuple[str, ...]
    choices: tuple[str, ...] = ()


def answers_of(
    right: Mapping[str, Mapping[int, bool]], chosen: Mapping[str, Mapping[int, str]] | None = None
) -> Answers:
    """`right[item][learner]`; `chosen[item][learner]` is the option taken, where there are options."""
    rows = [(i, n, ok) for i, answers in enumerate(right.values()) for n, ok in answers.items()]
    learners = {n: place for place, n in enumerate(dict.fromkeys(n for _, n, _ in rows))}
    names = list(right)
    taken = [(chosen or {}).get(names[i], {}).get(n) for i, n, _ in rows]
    choices = {c: place for place, c in enumerate(sorted({c for c in taken if c is not None}))}
    return Answers(
        np.array([i for i, _, _ in rows], np.int64),
        np.array([learners[n] for _, n, _ in rows], np.int64),
        np.array([float(ok) for _, _, ok in rows]),
        np.array([-1 if c is None else choices[c] for c in taken], np.int64),
        tuple(names),
        tuple(choices),
    )


def analyse(
    right: Mapping[str, Mapping[int, bool]], chosen: Mapping[str, Mapping[int, str]] | None = None
) -> list[Item]:
    return items_of(answers_of(right, chosen))


def items_of(of: Answers) -> list[Item]:
    """Every item against the share right on the other items of the same learners."""
    size, rest = len(of.items), _rest(of)
    count = np.bincount(of.item, minlength=size)
    hits = np.bincount(of.item, of.right, size)
    fit = _correlations(of, rest)
    drawn = _distractors(of, rest)
    return [
        Item(
            name,
            int(count[i]),
            float(hits[i] / count[i]) if count[i] else None,
            fit[i],
            _verdict(int(count[i]), float(hits[i] / count[i]) if count[i] else None, fit[i]),
            *drawn.get(i, ((), 0)),
        )
        for i, name in enumerate(of.items)
    ]


def _rest(of: Answers) -> Grid:
    """For each answer the share right on the learner's other answers; nan where there is no other."""
    count = np.bincount(of.learner)[of.learner] if len(of.learner) else np.zeros(0)
    total = np.bincount(of.learner, of.right)[of.learner] if len(of.learner) else np.zeros(0)
    rest: Grid = np.divide(total - of.right, count - 1, out=np.full(len(count), np.nan), where=count > 1)
    return rest


def _correlations(of: Answers, rest: Grid) -> list[float | None]:
    known, size = ~np.isnan(rest), len(of.items)
    item, x, y = of.item[known], of.right[known], rest[known]
    n = np.bincount(item, minlength=size)
    some = np.maximum(n, 1)
    dx = x - (np.bincount(item, x, size) / some)[item]
    dy = y - (np.bincount(item, y, size) / some)[item]
    xx, yy, xy = (np.bincount(item, values, size) for values in (dx * dx, dy * dy, dx * dy))
    flat = (n < 3) | (xx < 1e-12) | (yy < 1e-12)
    fits = xy / np.sqrt(np.where(flat, 1.0, xx * yy))
    return [None if out else float(fit) for out, fit in zip(flat, fits, strict=True)]


def _distractors(of: Answers, rest: Grid) -> dict[int, tuple[tuple[tuple[str, float, float], ...], int]]:
    """By item: each choice taken, its share, and the mean rest score of who took it; and of how many."""
    known = (of.choice >= 0) & ~np.isnan(rest)
    if not known.any():
        return {}
    width = len(of.choices)
    cell = of.item[known] * width + of.choice[known]
    count = np.bincount(cell, minlength=len(of.items) * width).reshape(-1, width)
    total = np.bincount(cell, rest[known], len(of.items) * width).reshape(-1, width)
    return {
        int(i): (
            tuple(
                (of.choices[c], float(count[i, c] / count[i].sum()), float(total[i, c] / count[i, c]))
                for c in np.flatnonzero(count[i])
            ),
            int(count[i].sum()),
        )
        for i in np.flatnonzero(count.sum(axis=1))
    }


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


_ABILITY = np.linspace(-4, 4, 33)
_ROUNDS, _CLOSE = 80, 1e-3
_SLOPE_PRIOR_SD, _PLACE_PRIOR_SD = 0.5, 2.0  # of log slope (around 1) and of place


def curves(right: Mapping[str, Mapping[int, bool]]) -> list[Curve]:
    """The two-parameter model over all items of an assessment; items without answers are left out."""
    return curves_of(answers_of({item: answers for item, answers in right.items() if answers}))


def curves_of(of: Answers) -> list[Curve]:
    """`of` must hold items with answers only. Of very many learners some thousands are looked at: the errors
    are small by then, and the time stays bounded."""
    learners = int(of.learner.max()) + 1 if len(of.learner) else 0
    step = -(-learners // MOST_LEARNERS) if learners else 1
    kept = of.learner % step == 0
    answers = np.full((-(-learners // step), len(of.items)), np.nan)
    answers[of.learner[kept] // step, of.item[kept]] = of.right[kept]
    items = of.items
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
