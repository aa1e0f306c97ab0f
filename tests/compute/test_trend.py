from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import kendalltau

from compute.trend import TooLittle, Trend, _tied_variance, project, trend


def walk(seed: int, n: int = 40, likeness: float = 0.0, slope: float = 0.0) -> list[float]:
    rng = np.random.default_rng(seed)
    noise = np.zeros(n)
    for i in range(n):
        noise[i] = (likeness * noise[i - 1] if i else 0) + rng.normal()
    return [float(v) for v in noise + slope * np.arange(n)]


def found_real(**kind: float) -> float:
    results = [trend(walk(seed, **kind)) for seed in range(200)]  # type: ignore[arg-type]
    return sum(isinstance(r, Trend) and r.is_real for r in results) / len(results)


def test_noise_is_called_a_trend_about_one_time_in_twenty() -> None:
    assert 0.0 <= found_real() <= 0.09


def test_resembling_neighbours_do_not_make_a_trend() -> None:
    plain = sum(kendalltau(range(40), walk(s, likeness=0.6)).pvalue < 0.05 for s in range(200)) / 200
    assert plain > 0.2  # the uncorrected test is fooled
    assert found_real(likeness=0.6) < plain / 1.5


def test_a_real_trend_is_found_with_its_slope() -> None:
    assert found_real(slope=0.1) > 0.9
    result = trend(walk(1, slope=0.5))
    assert isinstance(result, Trend) and result.low <= 0.5 <= result.high


@pytest.mark.parametrize("values", [(1, 2, 3, 4, 5, 6), (1, 1, 2, 3, 3, 4), (2, 2, 2, 5, 5, 9)])
def test_the_variance_of_the_score_is_that_of_all_orders(values: tuple[int, ...]) -> None:
    scores = []
    for order in itertools.permutations(values):
        scores.append(sum(np.sign(b - a) for a, b in itertools.combinations(order, 2)))
    assert _tied_variance(np.array(values, float)) == pytest.approx(np.var(scores))


def test_a_gap_is_a_gap() -> None:
    line: list[float | None] = [float(n) for n in range(20)]
    line[5] = line[6] = None
    result = trend(line)
    assert isinstance(result, Trend) and result.slope == pytest.approx(1.0) and result.steps == 18


def test_too_little_is_said() -> None:
    assert trend([1, 2, None, 3]) == TooLittle(3)
    assert project([1.0] * 7, 3) == TooLittle(7)


def test_what_is_steady_stays_where_it_is_now_and_what_is_not_goes_on() -> None:
    noise = [5.0, 7.0, 4.0, 8.0, 6.0, 5.0, 7.0, 6.0, 4.0, 8.0, 5.0, 9.0]
    flat, rising = project(noise, 4), project([n + 2.0 * i for i, n in enumerate(noise)], 4)
    assert isinstance(flat, list) and isinstance(rising, list)
    assert {band.value for band in flat} == {8.0}  # the middle of 8, 5 and 9, the newest quarter
    assert all(band.low < 8.0 < band.high for band in flat)
    assert np.diff([band.value for band in rising]) == pytest.approx([2.0] * 3, abs=0.5)


def test_the_band_holds_what_it_promises() -> None:
    inside = total = 0
    for seed in range(300):
        values = walk(seed, n=34, slope=0.2)
        bands = project(values[:30], 4, coverage=0.9)
        assert isinstance(bands, list)
        for band, true in zip(bands, values[30:], strict=True):
            inside += band.low <= true <= band.high
            total += 1
    assert 0.86 <= inside / total <= 0.97


@pytest.mark.parametrize("kind", ["alike", "shares", "counts", "odd"])
@pytest.mark.parametrize("n", [8, 26])
def test_the_band_holds_for_what_learners_weeks_are_like(kind: str, n: int) -> None:
    """Four of five and more: neighbours alike, shares of ten, small counts, odd weeks."""
    inside = 0
    for seed in range(120):
        rng = np.random.default_rng(seed)
        values = {
            "alike": walk(seed, n + 4, likeness=0.5),
            "shares": list(rng.binomial(10, 0.75, n + 4) / 10),
            "counts": list(rng.poisson(1.5, n + 4).astype(float)),
            "odd": list(rng.normal(size=n + 4) + 8 * (rng.random(n + 4) < 0.05)),
        }[kind]
        bands = project(values[:n], 4, coverage=0.8)
        assert isinstance(bands, list)
        inside += sum(band.low <= true <= band.high for band, true in zip(bands, values[n:], strict=True))
    assert inside / (120 * 4) >= 0.76
