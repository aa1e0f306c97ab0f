"""How likely is the next answer right? Knowledge tracing skill by skill, and what the learner's other answers
add to it: somebody strong everywhere else is not starting from nothing here.

A `Model` is fitted on answers of many learners and keeps no learner: rates of skills and a few weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from compute.mastery import USUAL, Packed, Rates, Skill, fit_skills, pack, trace_packed

Grid = NDArray[np.float64]
Places = NDArray[np.int64]
FEWEST_LEARNERS = 10  # behind a skill's own rates; with fewer it has those of all skills together
_LATELY = 10  # answers
_RIDGE = 2.0
_ROUNDS = 25


@dataclass(frozen=True, slots=True)
class Sequences:
    """Answers in columns, sorted by learner and then as they happened. `tie` counts moments: answers of one
    learner with the same tie are taken to know nothing of each other."""

    learner: Places
    skill: Places  # counted from 0, by `skills`
    right: Grid
    tie: Places
    skills: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.right)

    def cut(self, kept: NDArray[np.bool_] | Places) -> Sequences:
        return Sequences(self.learner[kept], self.skill[kept], self.right[kept], self.tie[kept], self.skills)


@dataclass(frozen=True, slots=True)
class Fitted:
    """What is usual in a skill, how often its answers are right, and how many learners showed it."""

    rates: Skill
    mean: float
    learners: int = 0


PLAIN = Fitted(USUAL, 0.6)


@dataclass(frozen=True, slots=True)
class Model:
    usual: Fitted = PLAIN
    skills: Mapping[str, Fitted] = field(default_factory=dict)
    weights: tuple[float, ...] = ()  # of `_features`; without them tracing alone speaks

    def of(self, names: Sequence[str]) -> tuple[Rates, Grid]:
        found = [self.skills.get(name, self.usual) for name in names]
        return Rates.from_skills([f.rates for f in found]), np.array([f.mean for f in found])


@dataclass(frozen=True, slots=True)
class Traced:
    """For each answer: the chance that it would be right, that the skill was known before it and after."""

    chance: Grid
    before: Grid
    after: Grid


def sorted_sequences(
    learner: Places, skill: Sequence[str], right: Grid, moment: Grid | Places
) -> tuple[Sequences, Places]:
    """Also the order in which the given answers now stand."""
    names, place = np.unique(np.asarray(skill, dtype=object).astype(str), return_inverse=True)
    order = np.lexsort((np.arange(len(right)), moment, learner))
    tie = np.unique(np.asarray(moment), return_inverse=True)[1]
    made = Sequences(
        np.asarray(learner)[order], place[order].astype(np.int64), np.asarray(right, float)[order],
        tie[order].astype(np.int64), tuple(str(n) for n in names),
    )  # fmt: skip
    return made, order


def fit_model(of: Sequences, *, forgetting: bool = False) -> Model:
    if not len(of):
        return Model()
    sequence, skill_of = _paired(of)
    all_skills = np.zeros(len(skill_of), np.int64)
    usual = fit_skills(all_skills, sequence, of.right, 1, forgetting=forgetting)[0]
    rates = fit_skills(skill_of, sequence, of.right, len(of.skills), forgetting=forgetting, usual=usual)
    learners = np.bincount(skill_of, minlength=len(of.skills))  # one sequence is one learner's
    hits = np.bincount(of.skill, of.right, len(of.skills))
    count = np.bincount(of.skill, minlength=len(of.skills))
    mean = float(of.right.mean())
    skills = {
        name: Fitted(rates[n], float((hits[n] + 5 * mean) / (count[n] + 5)), int(learners[n]))
        for n, name in enumerate(of.skills)
        if learners[n] >= FEWEST_LEARNERS
    }
    plain = Model(Fitted(usual, mean, len(np.unique(of.learner))), skills)
    weights = _weighed(_features(plain, of, trace(plain, of)), of.right)
    return Model(plain.usual, plain.skills, weights)


def trace(model: Model, of: Sequences) -> Traced:
    """Each answer is told from those before it only."""
    sequence, skill_of = _paired(of)
    packed = pack(sequence, of.right, len(skill_of))
    rates, _ = model.of(of.skills)
    before, seen = _traced(packed, rates.of(skill_of[packed.row]))
    chance, after = _chance(rates.of(of.skill), before, seen)
    traced = Traced(chance, before, after)
    if not model.weights or not len(of):
        return traced
    logit = _features(model, of, traced) @ np.array(model.weights)
    return Traced(_share(logit), before, after)


def _traced(packed: Packed, rates: Rates) -> tuple[Grid, Grid]:
    before, seen = trace_packed(packed, rates)
    return before[packed.place], seen[packed.place]


def _chance(rates: Rates, before: Grid, seen: Grid) -> tuple[Grid, Grid]:
    chance = before * (1 - rates.slips) + (1 - before) * rates.guesses
    after = seen * (1 - rates.forgets) + (1 - seen) * rates.learns
    return chance, after


def next_right(model: Model, of: Sequences) -> tuple[Places, Grid, Grid]:
    """For each learner and skill, in the order of first answers: the place of its last answer, whether the
    skill is known now, and how likely the next answer in it is right."""
    if not len(of):
        return np.zeros(0, np.int64), np.zeros(0), np.zeros(0)
    sequence, skill_of = _paired(of)
    last = np.zeros(len(skill_of), np.int64)
    np.maximum.at(last, sequence, np.arange(len(of)))
    # One more answer for each pair, after all others: what is told of it is told of the next one.
    far = int(of.tie.max()) + 1
    more = Sequences(
        np.concatenate([of.learner, of.learner[last]]),
        np.concatenate([of.skill, of.skill[last]]),
        np.concatenate([of.right, np.zeros(len(last))]),
        np.concatenate([of.tie, np.full(len(last), far)]),
        of.skills,
    )
    order = np.lexsort((np.arange(len(more)), more.tie, more.learner))
    traced = trace(model, more.cut(order))
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    asked = back[len(of) :]
    return last, traced.before[asked], traced.chance[asked]


def plain_baseline(model: Model, of: Sequences) -> Grid:
    """What anybody would guess without tracing: the learner's share right in the skill so far, drawn towards
    the skill's own share while there are few answers."""
    _, means = model.of(of.skills)
    mean = means[of.skill]
    hits, count = _so_far(_keys(of), of.right, of.tie)
    return (hits + 3 * mean) / (count + 3)


def auc(chance: Grid, right: Grid) -> float | None:
    """The chance that a right answer was thought likelier than a wrong one."""
    from scipy.stats import rankdata

    hits = int(right.sum())
    misses = len(right) - hits
    if not hits or not misses:
        return None
    ranks = rankdata(chance)
    return float((ranks[right > 0.5].sum() - hits * (hits + 1) / 2) / (hits * misses))


# ---- what a learner's other answers say -----------------------------------------------------------------


def _features(model: Model, of: Sequences, traced: Traced) -> Grid:
    _, means = model.of(of.skills)
    mean = means[of.skill]
    surprise = of.right - mean
    sums, count = _so_far(of.learner, surprise, of.tie)
    late, late_count = _lately(of, surprise)
    own_sums, own_count = _so_far(_keys(of), surprise, of.tie)
    newest = _newest(of)
    return np.column_stack(
        [
            np.ones(len(of)),
            _logit(traced.chance),
            _logit(mean),
            sums / (count + 5),
            late / (late_count + 3),
            own_sums / (own_count + 3),
            newest,
            np.log1p(own_count),
        ]
    )


def _keys(of: Sequences) -> Places:
    return (
        np.unique(np.stack([of.learner, of.skill]), axis=1, return_inverse=True)[1].ravel().astype(np.int64)
    )


def _paired(of: Sequences) -> tuple[Places, Places]:
    """Which learner-and-skill each answer belongs to, and each pair's skill."""
    key = _keys(of) if len(of) else np.zeros(0, np.int64)
    pairs = int(key.max()) + 1 if len(key) else 0
    skill = np.zeros(pairs, np.int64)
    skill[key] = of.skill
    return key, skill


def _so_far(key: Places, value: Grid, tie: Places) -> tuple[Grid, Grid]:
    """Sum and count of the earlier answers with the same key, those of the same moment left out."""
    order = np.argsort(key, kind="stable")
    k, v, t = key[order], value[order], tie[order]
    total = np.concatenate([[0.0], np.cumsum(v)])
    new_key = np.concatenate([[True], k[1:] != k[:-1]])
    new_tie = new_key | np.concatenate([[True], t[1:] != t[:-1]])
    at = np.arange(len(k))
    start = np.maximum.accumulate(np.where(new_key, at, 0))
    here = np.maximum.accumulate(np.where(new_tie, at, 0))
    sums, count = np.empty(len(k)), np.empty(len(k))
    sums[order] = total[here] - total[start]
    count[order] = here - start
    return sums, count


def _lately(of: Sequences, value: Grid) -> tuple[Grid, Grid]:
    """As `_so_far` over the learner's last answers only; the answers are sorted by learner."""
    total = np.concatenate([[0.0], np.cumsum(value)])
    at = np.arange(len(of))
    new = np.concatenate([[True], of.learner[1:] != of.learner[:-1]])
    new_tie = new | np.concatenate([[True], of.tie[1:] != of.tie[:-1]])
    start = np.maximum.accumulate(np.where(new, at, 0))
    here = np.maximum.accumulate(np.where(new_tie, at, 0))
    first = np.maximum(start, here - _LATELY)
    return total[here] - total[first], (here - first).astype(float)


def _newest(of: Sequences) -> Grid:
    """1 where the last answer in the skill was right, -1 where it was wrong, 0 where there is none."""
    key = _keys(of)
    order = np.argsort(key, kind="stable")
    k, right = key[order], of.right[order]
    out = np.zeros(len(of))
    same = k[1:] == k[:-1]
    out[order[1:][same]] = np.where(right[:-1][same] > 0.5, 1.0, -1.0)
    return out


def _weighed(features: Grid, right: Grid) -> tuple[float, ...]:
    """Logistic regression with a little ridge, by Newton's steps. It starts from tracing alone."""
    weights = np.zeros(features.shape[1])
    weights[1] = 1.0
    ridge = np.full(len(weights), _RIDGE)
    rest = weights.copy()  # what the ridge draws towards
    for _ in range(_ROUNDS):
        chance = _share(features @ weights)
        slope = features.T @ (right - chance) - ridge * (weights - rest)
        curve = (features * (chance * (1 - chance))[:, None]).T @ features + np.diag(ridge)
        step = np.linalg.solve(curve, slope)
        weights = weights + step
        if np.abs(step).max() < 1e-6:
            break
    return tuple(float(w) for w in weights)


def _logit(chance: Grid) -> Grid:
    chance = np.clip(chance, 1e-4, 1 - 1e-4)
    return np.log(chance / (1 - chance))


def _share(logit: Grid) -> Grid:
    return 1 / (1 + np.exp(-np.clip(logit, -30, 30)))


@dataclass(frozen=True, slots=True)
class Judged:
    """A model, and how well one fitted to other learners told answers that it had not seen."""

    model: Model
    forgetting: bool
    held_back: int
    auc: float | None
    baseline_auc: float | None


_FIFTHS = 5


def fit_and_judge(of: Sequences) -> Judged:
    """One learner in five is held back: whether skills are forgotten is decided, and the model judged, by
    their answers. The model that is handed out has seen all of them."""
    learners = np.unique(of.learner, return_inverse=True)[1]
    held = learners % _FIFTHS == _FIFTHS - 1
    if not held.any() or held.all():
        return Judged(fit_model(of), False, 0, None, None)
    rest, judge = of.cut(~held), of.cut(held)
    tried = [(fit_model(rest, forgetting=forgetting), forgetting) for forgetting in (False, True)]
    told = [(trace(model, judge).chance, model, forgetting) for model, forgetting in tried]
    chance, model, forgetting = min(told, key=lambda one: _surprise(one[0], judge.right))
    return Judged(
        fit_model(of, forgetting=forgetting),
        forgetting,
        len(judge),
        auc(chance, judge.right),
        auc(plain_baseline(model, judge), judge.right),
    )


def _surprise(chance: Grid, right: Grid) -> float:
    chance = np.clip(chance, 1e-9, 1 - 1e-9)
    return float(-np.mean(right * np.log(chance) + (1 - right) * np.log(1 - chance)))
