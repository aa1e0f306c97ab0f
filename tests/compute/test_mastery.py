from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from compute.mastery import USUAL, Skill, _expect, _padded, fit, predictions, trace


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
    found, _ = _expect(skill, *_padded([answers]))
    assert found[0] == pytest.approx(known / total)


def test_a_right_answer_never_lowers_and_a_wrong_one_never_raises_what_is_believed() -> None:
    before = trace(USUAL, [True, True, False])
    assert before[0] < before[1] > before[2]
