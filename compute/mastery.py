"""Bayesian knowledge tracing: does a learner know a skill, given the answers so far?

A two-state hidden Markov model per skill, fitted by expectation-maximisation over all learners and all
skills at once. Weak priors keep a skill with few answers near what is usual instead of at an extreme, and
guess and slip stay under one half, so that "knows it" keeps its meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.float64]
Places = NDArray[np.int64]
_ROUNDS = 60
_CLOSE = 1e-4
_SURE = 1e-12
_LONGEST = 400  # answers of one learner in one skill that a fit looks at
MASTERED = 0.95
GAP = 0.5


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
USUAL_FORGETTING = replace(USUAL, forgets=0.02)
_PRIOR = 12.0  # the usual skill weighs as much as this many answers
_RATES = ("known", "learns", "forgets", "guesses", "slips")


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates of many sequences or skills, as columns."""

    known: Grid
    learns: Grid
    forgets: Grid
    guesses: Grid
    slips: Grid

    def of(self, places: Places) -> Rates:
        return Rates(*(getattr(self, name)[places] for name in _RATES))

    @staticmethod
    def from_skills(skills: Sequence[Skill]) -> Rates:
        return Rates(*(np.array([getattr(s, name) for s in skills], float) for name in _RATES))


@dataclass(frozen=True, slots=True)
class Packed:
    """Sequences of different lengths laid step by step, the longest first: step t is one slice, and its
    rows are the first of those of step t - 1."""

    right: Grid  # 0 or 1, step after step
    begins: Places  # where each step begins in `right`; one more at the end
    row: Places  # which sequence each of the longest-first rows is
    place: Places  # for each answer as it was given, where it lies in `right`

    @property
    def steps(self) -> int:
        return len(self.begins) - 1

    def step(self, t: int) -> slice:
        return slice(int(self.begins[t]), int(self.begins[t + 1]))


def pack(sequence: Places, right: Grid, count: int) -> Packed:
    """`sequence[i]` is the sequence of answer i, counted from 0; within one the answers are in order."""
    lengths = np.bincount(sequence, minlength=count)
    row = np.argsort(-lengths, kind="stable")
    rank = np.empty(count, np.int64)
    rank[row] = np.arange(count)
    by_sequence = np.argsort(sequence, kind="stable")
    first = np.concatenate([[0], np.cumsum(lengths)[:-1]]) if count else np.zeros(0, np.int64)
    step = np.empty(len(sequence), np.int64)
    step[by_sequence] = np.arange(len(sequence)) - np.repeat(first, lengths)
    at_step = np.bincount(step) if len(step) else np.zeros(0, np.int64)
    begins = np.concatenate([[0], np.cumsum(at_step)]).astype(np.int64)
    place = begins[step] + rank[sequence] if len(step) else step
    laid = np.empty(len(right))
    laid[place] = right
    return Packed(laid, begins, row.astype(np.int64), place)


def fit(sequences: Sequence[Sequence[bool]], *, forgetting: bool = False) -> Skill:
    """`sequences`: one learner's answers in order, right or wrong; empty ones are ignored."""
    kept = [s for s in sequences if len(s)]
    usual = USUAL_FORGETTING if forgetting else USUAL
    if not kept:
        return usual
    sequence = np.repeat(np.arange(len(kept)), [len(s) for s in kept])
    right = np.concatenate([np.asarray(s, float) for s in kept])
    return fit_skills(np.zeros(len(kept), np.int64), sequence, right, 1, forgetting=forgetting)[0]


def fit_skills(
    skill: Places,
    sequence: Places,
    right: Grid,
    skills: int,
    *,
    forgetting: bool = False,
    usual: Skill | None = None,
) -> list[Skill]:
    """All skills at once: `skill[s]` is sequence s's skill, `sequence[i]` and `right[i]` are answer i's."""
    start = usual or (USUAL_FORGETTING if forgetting else USUAL)
    if not forgetting:
        start = replace(start, forgets=0.0)
    packed = _shortened(sequence, right, len(skill))
    of_row = skill[packed.row]
    rates = Rates.from_skills([start] * skills)
    answers = np.bincount(skill[sequence], minlength=skills) if len(sequence) else np.zeros(skills)
    if not len(right):
        return [start] * skills
    for _ in range(_ROUNDS):
        better = _improve(packed, of_row, rates, start, forgetting, skills)
        step = max(float(np.abs(getattr(better, n) - getattr(rates, n)).max()) for n in _RATES)
        rates = better
        if step < _CLOSE:
            break
    return [
        Skill(answers=int(n), **{name: float(getattr(rates, name)[place]) for name in _RATES})
        for place, n in enumerate(answers)
    ]


def _shortened(sequence: Places, right: Grid, count: int) -> Packed:
    packed = pack(sequence, right, count)
    if packed.steps <= _LONGEST:
        return packed
    kept = packed.place < packed.begins[_LONGEST]
    return pack(sequence[kept], right[kept], count)


# ---- one step forward -----------------------------------------------------------------------------------


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


def trace_packed(packed: Packed, rates: Rates) -> tuple[Grid, Grid]:
    """For every answer the chance that the skill was known before it, and with the answer seen. `rates` are
    those of the longest-first rows."""
    before, seen = np.empty(len(packed.right)), np.empty(len(packed.right))
    known = rates.known
    for t in range(packed.steps):
        cut = packed.step(t)
        size = cut.stop - cut.start
        known = known[:size]
        right = packed.right[cut] > 0.5
        slips, guesses = rates.slips[:size], rates.guesses[:size]
        if_known, if_not = np.where(right, 1 - slips, slips), np.where(right, guesses, 1 - guesses)
        before[cut] = known
        both = known * if_known
        now = both / (both + (1 - known) * if_not)
        seen[cut] = now
        known = now * (1 - rates.forgets[:size]) + (1 - now) * rates.learns[:size]
    return before, seen


# ---- expectation and maximisation -----------------------------------------------------------------------


def _improve(
    packed: Packed, of_row: Places, rates: Rates, usual: Skill, forgetting: bool, skills: int
) -> Rates:
    known, moves = expect(packed, rates.of(of_row))
    of_answer = np.concatenate(
        [of_row[: packed.begins[t + 1] - packed.begins[t]] for t in range(packed.steps)]
    )

    def added(values: Grid, of: Places = of_answer) -> Grid:
        return np.bincount(of, values, skills).astype(float)

    first = packed.step(0)
    learnt, stayed_out, forgot, kept = (added(m, of_answer[packed.begins[1] :]) for m in moves)
    unknown = 1 - known
    sequences = added(np.ones(first.stop), of_row[: first.stop])
    return Rates(
        known=_share(added(known[first], of_row[: first.stop]), sequences, usual.known),
        learns=_share(learnt, learnt + stayed_out, usual.learns),
        forgets=_share(forgot, forgot + kept, usual.forgets) if forgetting else np.zeros(skills),
        guesses=np.minimum(0.49, _share(added(unknown * packed.right), added(unknown), usual.guesses)),
        slips=np.minimum(0.49, _share(added(known * (1 - packed.right)), added(known), usual.slips)),
    )


def _share(part: Grid, whole: Grid, usual: float) -> Grid:
    return np.asarray((part + _PRIOR * usual) / (whole + _PRIOR))


def expect(packed: Packed, rates: Rates) -> tuple[Grid, tuple[Grid, Grid, Grid, Grid]]:
    """Given all answers of a sequence: the chance that the skill was known at each, and that it was learnt,
    stayed unknown, was forgotten or kept from each to the next (those lie as the answers from step 1 on)."""
    before, seen = trace_packed(packed, rates)
    known = seen.copy()
    later = len(packed.right) - int(packed.begins[1])
    learnt, stayed_out, forgot, kept = (np.empty(later) for _ in range(4))
    for t in range(packed.steps - 2, -1, -1):
        ahead, now = packed.step(t + 1), packed.step(t)
        size = ahead.stop - ahead.start
        now = slice(now.start, now.start + size)
        to = slice(ahead.start - int(packed.begins[1]), ahead.stop - int(packed.begins[1]))
        believed = np.clip(before[ahead], _SURE, 1 - _SURE)  # many right answers make it 1
        if_known = known[ahead] / believed
        if_not = (1 - known[ahead]) / (1 - believed)
        was, learns, forgets = seen[now], rates.learns[:size], rates.forgets[:size]
        learnt[to] = (1 - was) * learns * if_known
        stayed_out[to] = (1 - was) * (1 - learns) * if_not
        forgot[to] = was * forgets * if_not
        kept[to] = was * (1 - forgets) * if_known
        known[now] = forgot[to] + kept[to]
    return known, (learnt, stayed_out, forgot, kept)
