"""The tests behind findings, against published values and scipy's own."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, false_discovery_control, fisher_exact, ttest_1samp, ttest_ind

from compute.insights import chance, ranked

# Benjamini and Hochberg (1995), section 4.2: fifteen p-values of which four are rejected at 0.05.
PUBLISHED = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
PUBLISHED += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000]

counts = st.integers(0, 30)


def test_the_published_example_rejects_its_four() -> None:
    q = chance.benjamini_hochberg(PUBLISHED)
    assert [bool(each <= 0.05) for each in q] == [True] * 4 + [False] * 11
    assert q[3] == pytest.approx(0.0095 * 15 / 4)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_the_correction_is_scipys(p: list[float]) -> None:
    assert chance.benjamini_hochberg(p) == pytest.approx(false_discovery_control(p, method="bh"))


@given(counts, counts, counts, counts)
def test_two_shares_are_compared_by_fishers_exact_test(a: int, b: int, c: int, d: int) -> None:
    table = [[a, b], [c, d]]
    one_sided = [fisher_exact(table, side).pvalue for side in ("less", "greater")]
    found = chance.shares([a], [a + b], [c], [c + d])
    assert found[0] == pytest.approx(min(1.0, 2 * min(one_sided)), abs=1e-9)


@given(counts, st.integers(1, 20), counts, st.integers(1, 20))
def test_two_rates_are_compared_by_the_conditional_binomial(x: int, s: int, y: int, u: int) -> None:
    found = chance.rates([x], [s], [y], [u])
    if x + y == 0:
        assert found[0] == 1.0
        return
    sides = [binomtest(x, x + y, s / (s + u), alternative=side).pvalue for side in ("less", "greater")]
    assert found[0] == pytest.approx(min(1.0, 2 * min(sides)), abs=1e-9)


@pytest.mark.filterwarnings("ignore:Precision loss")
@given(
    st.lists(st.integers(0, 100), min_size=2, max_size=12),
    st.lists(st.integers(0, 100), min_size=2, max_size=12),
)
def test_two_means_are_compared_by_welchs_test(one: list[int], other: list[int]) -> None:
    sums = [f(part) for part in (one, other) for f in (len, sum, lambda p: sum(v * v for v in p))]
    found = float(chance.means(*([each] for each in sums))[0])
    if np.var(one) + np.var(other) == 0:
        assert found == 1.0  # without spread nothing can be said
        return
    assert found == pytest.approx(ttest_ind(one, other, equal_var=False).pvalue, abs=1e-6)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=20))
def test_pairs_are_compared_by_the_t_test(differences: list[float]) -> None:
    if np.std(differences) < 1e-6:
        return
    assert chance.pairs(np.array(differences)) == pytest.approx(ttest_1samp(differences, 0).pvalue, abs=1e-6)


def test_chance_alone_is_seldom_told() -> None:
    """Of 400 schools without any change, at most the promised share tells of one."""
    dice = np.random.default_rng(5)
    told = 0
    for _ in range(400):
        recent, before = dice.binomial(10, 0.6, 30), dice.binomial(40, 0.6, 30)
        p = chance.shares(recent, np.full(30, 10), before, np.full(30, 40))
        told += bool((chance.benjamini_hochberg(p) <= 0.1).any())
    assert told / 400 <= 0.1 + 3 * math.sqrt(0.1 * 0.9 / 400)


def test_what_a_reader_calls_useful_comes_up_and_the_other_goes_down() -> None:
    rows = [
        {"rank": rank, "kind": kind} for rank, kind in enumerate(("pace_fell", "score_fell", "skill_weak"), 1)
    ]
    order = lambda judged: [row["kind"] for row in ranked(rows, judged)]  # noqa: E731
    assert order({}) == ["pace_fell", "score_fell", "skill_weak"]
    assert order({"skill_weak": [9, 0], "pace_fell": [0, 9]}) == ["skill_weak", "score_fell", "pace_fell"]
    assert order({"skill_weak": [1, 1]}) == order({})
