"""The matched comparison: by hand, on chance alone, and on a planted effect."""

from __future__ import annotations

import random
import statistics
from datetime import date, timedelta

import pytest
from scipy.stats import t as student

from compute.matched import Done, Fared, TooFew, fared

WEEK = timedelta(days=7)
THEN = date(2026, 2, 2)
NOW = THEN + 6 * WEEK
BEFORE, AFTER = [THEN - n * WEEK for n in (4, 3, 2, 1)], [THEN + n * WEEK for n in (1, 2, 3, 4)]


def lived(before: float, after: float) -> dict[date, float]:
    return dict.fromkeys(BEFORE, before) | dict.fromkeys(AFTER, after)


def test_the_change_is_set_beside_that_of_the_nearest_others_by_hand() -> None:
    weekly = {n: lived(2.0, 3.0 + n / 10) for n in range(5)}  # helped: up by 1.0 to 1.4
    weekly |= {
        10: lived(2.0, 2.2),
        11: lived(2.1, 2.5),
        12: lived(1.9, 1.9),
        13: lived(4.9, 1.0),
        14: lived(0.0, 5.0),
    }
    found = fared([Done(n, THEN) for n in range(5)], weekly, NOW)
    assert isinstance(found, Fared)
    assert {pair.alike for pair in found.pairs} == {(10, 11, 12)}  # those far off are not compared with
    others = ((2.2 - 2.0) + (2.5 - 2.1) + (1.9 - 1.9)) / 3
    effects = [1.0 + n / 10 - others for n in range(5)]
    mean = sum(effects) / 5
    # Five learners share the same three others: the error is that of five changes and of three.
    own = statistics.variance(1.0 + n / 10 for n in range(5))
    theirs = statistics.variance([2.2 - 2.0, 2.5 - 2.1, 1.9 - 1.9])
    wide = student.ppf(0.975, 4) * (own / 5 + theirs / 3) ** 0.5
    assert found.effect == pytest.approx(mean)
    assert (found.low, found.high) == pytest.approx((mean - wide, mean + wide))
    assert (found.before, found.after) == pytest.approx((2.0, 3.2))
    assert (found.alike_before, found.alike_after) == pytest.approx((2.0, 6.6 / 3))


def test_few_learners_or_little_time_say_nothing() -> None:
    weekly = {n: lived(2.0, 3.0) for n in range(20)}
    assert fared([Done(n, THEN) for n in range(4)], weekly, NOW) == TooFew(4)
    early = [Done(n, THEN) for n in range(6)]
    assert fared(early, weekly, THEN + 2 * WEEK) == TooFew(0, left_out=6)
    assert isinstance(fared(early, weekly, THEN + 3 * WEEK), Fared)
    assert fared([], weekly, NOW) == TooFew(0)


def test_nobody_is_compared_with_somebody_who_was_helped_in_the_same_weeks() -> None:
    weekly = {n: lived(2.0, 3.0) for n in range(8)} | {50: lived(2.0, 2.0)}
    found = fared([Done(n, THEN) for n in range(8)], weekly, NOW)
    assert isinstance(found, Fared) and {pair.alike for pair in found.pairs} == {(50,)}


def test_a_learner_counts_once() -> None:
    weekly = {n: lived(2.0, 3.0) for n in range(5)} | {50: lived(2.0, 2.0)}
    found = fared([Done(n, THEN + k * WEEK) for n in range(5) for k in (0, 1)], weekly, NOW)
    assert isinstance(found, Fared) and len(found.pairs) == 5


def school(
    dice: random.Random, helped: int, effect: float
) -> tuple[list[Done], dict[int, dict[date, float]]]:
    """Those who are lowest at the time are helped: the others alike come back to the middle, too."""
    weekly = {}
    for n in range(120):
        usual = dice.gauss(3, 0.7)
        weekly[n] = {w: usual + dice.gauss(0, 0.8) for w in (*BEFORE, *AFTER)}
    worst = sorted(weekly, key=lambda n: sum(weekly[n][w] for w in BEFORE))[: 2 * helped]
    done = [Done(n, THEN) for n in sorted(dice.sample(worst, helped))]
    for one in done:
        for week in AFTER:
            weekly[one.learner_id][week] += effect
    return done, weekly


@pytest.mark.parametrize("effect", [0.0, 1.0])
def test_the_interval_covers_what_was_planted_as_often_as_it_promises(effect: float) -> None:
    dice, covered, naive = random.Random(3), 0, 0.0
    for _ in range(200):
        found = fared(*school(dice, 15, effect), NOW)
        assert isinstance(found, Fared)
        covered += found.low <= effect <= found.high
        naive += (found.after - found.before) / 200
    assert covered / 200 >= 0.92  # 95 % promised, less three errors of 200 tries
    assert naive > effect + 0.1  # the plain before and after would praise what did nothing
