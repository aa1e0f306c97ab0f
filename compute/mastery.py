"""Bayesian knowledge tracing: does a learner know a skill, given the answers so far?

A two-state hidden Markov model per skill, fitted by expectation-maximisation over all learners at
once. Weak priors keep a skill with few answers near what is usual instead of at an extreme, and
guess and slip stay under one half, so that "knows it" keeps its meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.float64]
_ROUNDS = 60
_CLOSE = 1e-4
MASTERED = 0.95
ENOUGH_ANSWERS = 20


@dataclass(frozen=True, slots=True)
class Skill:
    """What is usual in a skill: known at first, learnt or forgotten per answer, guessed, slipped."""

    known: float
    learns: float
    forgets: float
    guesses: float
    slips: float
    answers: int = 0


USUAL = Skill(known=0.3, learns=0.12, forgets=0.0, guesses=0.2, slips=0.1)
_PRIOR = 12.0  # the usual skill weighs as much as this many answers


def fit(sequences: Sequence[Sequence[bool]], *, forgetting: bool = False) -> Skill:
    """`sequences`: one learner's answers in order, right or wrong; empty ones are ignored."""
    answers, seen = _padded([s for s in sequences if len(s)])
    skill = USUAL if not forgetting else Skill(0.3, 0.12, 0.02, 0.2, 0.1)
    if not seen.any():
        return skill
    for _ in range(_ROUNDS):
        better = _improve(skill, answers, seen, forgetting)
        step = max(abs(a - b) for a, b in zip(_rates(better), _rates(skill), strict=True))
        skill = better
        if step < _CLOSE:
            break
    return skill


def trace(skill: Skill, answers: Sequence[bool]) -> list[float]:
    """The chance that the skill is known after each answer."""
    known = skill.known
    path = []
    for right in answers:
        known = _after(skill, _seen(skill, known, right))
        path.append(known)
    return path


def chance_right(skill: Skill, known: float) -> float:
    return known * (1 - skill.slips) + (1 - known) * skill.guesses


def predictions(skill: Skill, answers: Sequence[bool]) -> list[float]:
    """Before each answer, the chance that it will be right: what a held-back answer is judged by."""
    return [chance_right(skill, known) for known in [skill.known, *trace(skill, answers)][: len(answers)]]


def _seen(skill: Skill, known: float, right: bool) -> float:
    if_known = 1 - skill.slips if right else skill.slips
    if_not = skill.guesses if right else 1 - skill.guesses
    return known * if_known / (known * if_known + (1 - known) * if_not)


def _after(skill: Skill, known: float) -> float:
    return known * (1 - skill.forgets) + (1 - known) * skill.learns


def _rates(skill: Skill) -> tuple[float, ...]:
    return (skill.known, skill.learns, skill.forgets, skill.guesses, skill.slips)


def _padded(sequences: Sequence[Sequence[bool]]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    longest = max((len(s) for s in sequences), default=0)
    answers = np.zeros((len(sequences), longest), bool)
    seen = np.zeros_like(answers)
    for row, sequence in enumerate(sequences):
        answers[row, : len(sequence)] = sequence
        seen[row, : len(sequence)] = True
    return answers, seen


def _improve(skill: Skill, answers: NDArray[np.bool_], seen: NDArray[np.bool_], forgetting: bool) -> Skill:
    known, moves = _expect(skill, answers, seen)
    unknown = np.where(seen, 1 - known, 0.0)
    known = np.where(seen, known, 0.0)
    learnt, stayed_out, forgot, kept = moves
    return Skill(
        known=_share(known[:, 0].sum(), len(answers), USUAL.known),
        learns=_share(learnt, learnt + stayed_out, USUAL.learns),
        forgets=_share(forgot, forgot + kept, 0.02) if forgetting else 0.0,
        guesses=min(0.49, _share((unknown * answers).sum(), unknown.sum(), USUAL.guesses)),
        slips=min(0.49, _share((known * ~answers).sum(), known.sum(), USUAL.slips)),
        answers=int(seen.sum()),
    )


def _share(part: float, whole: float, usual: float) -> float:
    return float((part + _PRIOR * usual) / (whole + _PRIOR))


def _expect(
    skill: Skill, answers: NDArray[np.bool_], seen: NDArray[np.bool_]
) -> tuple[Grid, tuple[float, float, float, float]]:
    """Forward and backward over all learners at once. State 0 is unknown, 1 is known."""
    rows, steps = answers.shape
    emit = np.ones((rows, steps, 2))
    emit[..., 0] = np.where(answers, skill.guesses, 1 - skill.guesses)
    emit[..., 1] = np.where(answers, 1 - skill.slips, skill.slips)
    emit[~seen] = 1.0
    move = np.array([[1 - skill.learns, skill.learns], [skill.forgets, 1 - skill.forgets]])
    forward = np.empty((rows, steps, 2))
    backward = np.ones((rows, steps, 2))
    state = np.tile([1 - skill.known, skill.known], (rows, 1))
    for t in range(steps):
        state = (forward[:, t - 1] @ move if t else state) * emit[:, t]
        state /= state.sum(axis=1, keepdims=True)
        forward[:, t] = state
    for t in range(steps - 2, -1, -1):
        ahead = (emit[:, t + 1] * backward[:, t + 1]) @ move.T
        backward[:, t] = ahead / ahead.sum(axis=1, keepdims=True)
    both = forward * backward
    both /= both.sum(axis=2, keepdims=True)
    pairs = forward[:, :-1, :, None] * move * (emit[:, 1:] * backward[:, 1:])[:, :, None, :]
    pairs /= pairs.sum(axis=(2, 3), keepdims=True)
    counted = (pairs * seen[:, 1:, None, None]).sum(axis=(0, 1))
    return both[..., 1], (counted[0, 1], counted[0, 0], counted[1, 0], counted[1, 1])
