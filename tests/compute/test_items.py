from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr

from compute.items import ENOUGH, analyse, curves


def school(slopes: list[float], places: list[float], learners: int, seed: int) -> dict[str, dict[int, bool]]:
    rng = np.random.default_rng(seed)
    ability = rng.normal(size=learners)
    return {
        f"I{i}": {
            n: bool(rng.random() < 1 / (1 + np.exp(-slope * (ability[n] - place)))) for n in range(learners)
        }
        for i, (slope, place) in enumerate(zip(slopes, places, strict=True))
    }


def test_difficulty_and_discrimination_are_the_textbook_ones() -> None:
    right = school([1, 1.5, 0.8, 1.2], [0, -1, 1, 0.5], 60, 1)
    found = {item.item_id: item for item in analyse(right)}
    for item, answers in right.items():
        rest = [sum(right[o][n] for o in right if o != item) for n in range(60)]
        assert found[item].difficulty == pytest.approx(sum(answers.values()) / 60)
        own = [float(answers[n]) for n in range(60)]
        assert found[item].discrimination == pytest.approx(pearsonr(own, rest)[0])


def test_a_misleading_item_is_named_and_good_ones_are_not() -> None:
    right = school([1.2, 1.2, 1.2, 1.2, -1.2], [0, -0.5, 0.5, 1, 0], 300, 2)
    verdicts = {item.item_id: item.verdict for item in analyse(right)}
    assert verdicts.pop("I4") == "misleading"
    assert set(verdicts.values()) == {"good"}


def test_too_few_answers_are_no_verdict() -> None:
    right = {"I0": dict.fromkeys(range(ENOUGH - 1), True), "I1": {}}
    assert [item.verdict for item in analyse(right)] == ["not enough answers"] * 2
    assert analyse(right)[1].difficulty is None


def test_what_everybody_knows_is_too_easy() -> None:
    assert analyse({"I0": dict.fromkeys(range(50), True)})[0].verdict == "too easy"


def test_distractors_say_who_chose_them() -> None:
    right = {"I0": {0: True, 1: False, 2: False}, "I1": {0: True, 1: True, 2: False}}
    found = analyse(right, {"I0": {0: "a", 1: "b", 2: "b"}})
    assert found[0].distractors == (("a", pytest.approx(1 / 3), 1.0), ("b", pytest.approx(2 / 3), 0.5))


def test_planted_curves_are_found_within_their_errors() -> None:
    slopes = [0.7, 1.0, 1.3, 1.6, 1.0, 1.2, 0.9, 1.4]
    places = [-1.5, -1.0, -0.5, 0.0, 0.3, 0.7, 1.1, 1.6]
    inside = total = 0
    for seed in range(6):
        for i, curve in enumerate(curves(school(slopes, places, 800, seed))):
            inside += abs(curve.place - places[i]) < 1.96 * curve.place_error + 0.05
            inside += abs(curve.slope - slopes[i]) < 1.96 * curve.slope_error + 0.05
            total += 2
    assert inside / total > 0.9


def test_a_small_class_is_seen_to_say_little() -> None:
    slopes, places = [1.0] * 5, [-1.0, -0.5, 0.0, 0.5, 1.0]
    small = curves(school(slopes, places, 20, 3))
    large = curves(school(slopes, places, 800, 3))
    assert min(c.place_error for c in small) > 2 * max(c.place_error for c in large)


def test_an_item_everybody_gets_right_stays_finite() -> None:
    right = school([1, 1, 1], [0, 0.5, -0.5], 50, 4) | {"I9": dict.fromkeys(range(50), True)}
    hopeless = curves(right)[-1]
    assert np.isfinite([hopeless.slope, hopeless.place, hopeless.place_error]).all()
    assert hopeless.place < -1
