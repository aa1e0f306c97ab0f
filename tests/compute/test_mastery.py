from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from compute.mastery import (
    USUAL,
    Rates,
    Skill,
    expect,
    fit,
    fit_skills,
    pack,
    predictions,
    trace,
    trace_packed,
)


def answers_of(skill: Skill, learners: int, length: int, seed: int) -> list[list[bool]]:
    rng = np.random.default_rng(seed)
    sequences = []
    for _ in range(learners):
        known = rng.random() < skill.known
        sequence = []
        for _ in range(length):
            sequence.append(bool(rng.random() < (1 - skill.slips if known else skill.guesses)))
            known = rng.random() < skill.learns if not known else rng.random() >= skill.forgets
        sequences.append(sequence)
    return sequences


@pytest.mark.parametrize("truth", [Skill(0.2, 0.2, 0.0, 0.15, 0.05), Skill(0.5, 0.05, 0.0, 0.3, 0.12)])
def test_a_planted_skill_is_found_again(truth: Skill) -> None:
    found = fit(answers_of(truth, 1500, 12, 1))
    for name in ("known", "learns", "guesses", "slips"):
        assert getattr(found, name) == pytest.approx(getattr(truth, name), abs=0.05), name


def test_forgetting_is_found_where_it_was_planted() -> None:
    truth = Skill(0.3, 0.25, 0.1, 0.15, 0.05)
    found = fit(answers_of(truth, 1500, 20, 2), forgetting=True)
    assert found.forgets == pytest.approx(0.1, abs=0.04)


def test_few_answers_stay_near_the_usual() -> None:
    found = fit([[True]])
    assert abs(found.slips - USUAL.slips) < 0.05
    assert fit([]) == USUAL


def test_it_predicts_held_back_answers_better_than_the_learners_own_mean_and_the_skill_s() -> None:
    truth = Skill(0.3, 0.15, 0.0, 0.2, 0.08)
    skill = fit(answers_of(truth, 800, 12, 3))
    right, ours, plain = [], [], []
    for sequence in answers_of(truth, 800, 12, 4):
        for n, chance in enumerate(predictions(skill, sequence)):
            right.append(sequence[n])
            ours.append(chance)
            plain.append((sum(sequence[:n]) + 1) / (n + 2))
    assert roc_auc_score(right, ours) > roc_auc_score(right, plain) > 0.5


@given(st.lists(st.booleans(), min_size=1, max_size=6))
@settings(max_examples=40)
def test_expectation_agrees_with_adding_up_every_hidden_path(answers: list[bool]) -> None:
    """Plain enumeration of all 2^n paths of knowing and not knowing."""
    skill = Skill(0.35, 0.2, 0.07, 0.25, 0.1)
    steps = len(answers)
    total = 0.0
    known = np.zeros(steps)
    for path in itertools.product((0, 1), repeat=steps):
        chance = skill.known if path[0] else 1 - skill.known
        for t, state in enumerate(path):
            if t:
                leave = skill.learns if path[t - 1] == 0 else skill.forgets
                chance *= leave if state != path[t - 1] else 1 - leave
            right = 1 - skill.slips if state else skill.guesses
            chance *= right if answers[t] else 1 - right
        total += chance
        known += chance * np.array(path)
    packed = pack(np.zeros(steps, np.int64), np.array(answers, float), 1)
    found, _ = expect(packed, Rates.from_skills([skill]))
    assert found == pytest.approx(known / total)


def test_a_right_answer_never_lowers_and_a_wrong_one_never_raises_what_is_believed() -> None:
    before = trace(USUAL, [True, True, False])
    assert before[0] < before[1] > before[2]


@given(st.lists(st.lists(st.booleans(), max_size=7), min_size=1, max_size=6), st.randoms())
@settings(max_examples=40)
def test_many_sequences_of_many_skills_at_once_are_each_one_by_itself(
    sequences: list[list[bool]], dice: random.Random
) -> None:
    """Answers of all sequences shuffled together, each sequence in its own order."""
    skills = [Skill(0.35, 0.2, 0.07, 0.25, 0.1), Skill(0.6, 0.1, 0.0, 0.1, 0.2)]
    left = [list(s) for s in sequences]
    mixed: list[tuple[int, bool]] = []
    while any(left):
        n = dice.choice([i for i, s in enumerate(left) if s])
        mixed.append((n, left[n].pop(0)))
    sequence = np.array([n for n, _ in mixed], np.int64)
    packed = pack(sequence, np.array([r for _, r in mixed], float), len(sequences))
    rates = Rates.from_skills(skills).of(np.array([n % 2 for n in packed.row], np.int64))
    before, _ = trace_packed(packed, rates)
    for n, answers in enumerate(sequences):
        own = before[packed.place][sequence == n]
        skill = skills[n % 2]
        assert own == pytest.approx([skill.known, *trace(skill, answers)][: len(answers)])


def test_skills_fitted_together_are_those_fitted_alone() -> None:
    truths = [Skill(0.2, 0.2, 0.0, 0.15, 0.05), Skill(0.5, 0.05, 0.0, 0.3, 0.12)]
    made = [answers_of(truth, 200, 9, 5 + n) for n, truth in enumerate(truths)]
    whole = [s for some in made for s in some]
    sequence = np.repeat(np.arange(len(whole)), [len(s) for s in whole])
    right = np.concatenate([np.asarray(s, float) for s in whole])
    together = fit_skills(np.repeat([0, 1], 200), sequence, right, 2)
    for found, some in zip(together, made, strict=True):
        alone = fit(some)
        for name in ("known", "learns", "guesses", "slips"):
            assert getattr(found, name) == pytest.approx(getattr(alone, name), abs=0.004), name
