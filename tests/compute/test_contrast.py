from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_ind, ttest_rel

from compute.contrast import groups, runs

VALUES = st.lists(st.integers(0, 60), min_size=5, max_size=20).filter(lambda v: len(set(v)) > 1)


@given(VALUES, VALUES)
def test_two_groups_have_welchs_interval(one: list[int], other: list[int]) -> None:
    found = groups(one, other)
    expected = ttest_ind(one, other, equal_var=False).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.difference == pytest.approx(sum(one) / len(one) - sum(other) / len(other))


@given(st.dictionaries(st.integers(0, 30), st.integers(0, 60), min_size=12, max_size=30))
def test_the_same_learners_in_two_spans_are_compared_in_pairs(one: dict[int, int]) -> None:
    other = {n: (value * 7) % 11 for n, value in one.items()} | {99: 1000}
    differences = {value - other[n] for n, value in one.items()}
    found = runs({**one, 98: 1000}, other)
    assert found.have == len(one)  # 98 and 99 are in one span only
    if len(differences) == 1:
        assert found.low is None
        return
    both = sorted(one)
    expected = ttest_rel([one[n] for n in both], [other[n] for n in both]).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_few_and_none_are_not_judged() -> None:
    few = groups([1, 2, 3, 4], [1, 2, 3, 4, 5])
    assert (few.one, few.other, few.low, few.is_clear) == (2.5, 3.0, None, False)
    none = groups([], [1.0])
    assert (none.one, none.other, none.difference) == (None, 1.0, None)
    assert runs({1: 1.0}, {2: 1.0}).have == 0
    assert groups([1] * 9, [9] * 9).low is None  # without any spread nothing is told of chance


def test_all_alike_is_not_too_few() -> None:
    nobody = groups([0] * 28, [0] * 28)
    assert (nobody.is_enough, nobody.low, nobody.difference, nobody.is_clear) == (True, None, 0.0, False)
    shifted = runs(dict.fromkeys(range(9), 2.0), dict.fromkeys(range(9), 5.0))
    assert (shifted.is_enough, shifted.low, shifted.difference) == (True, None, -3.0)
    assert not groups([0] * 28, [0] * 4).is_enough
    assert not runs({1: 1.0}, {1: 1.0}).is_enough
