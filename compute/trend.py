"""Is it really going up or down, how fast, and where will it be?

Mann-Kendall with the variance of Yue and Wang (2004): neighbouring days resemble each other, and a
test that ignores it calls a third of all such series a trend. The slope is Theil and Sen's; the band
around the projection comes from the residuals' own quantiles, widened with the distance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata, theilslopes

Series = NDArray[np.float64]
ENOUGH = 8


@dataclass(frozen=True, slots=True)
class Trend:
    slope: float  # per step
    low: float
    high: float  # 95 % interval of the slope
    p_value: float
    steps: int

    @property
    def is_real(self) -> bool:
        return self.p_value < 0.05


@dataclass(frozen=True, slots=True)
class Projected:
    step: int  # 1 is the step after the last
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TooLittle:
    have: int
    need: int = ENOUGH


def trend(values: Sequence[float | None]) -> Trend | TooLittle:
    """Values one step apart; None is a gap and stays one."""
    at, series = _present(values)
    if len(series) < ENOUGH:
        return TooLittle(len(series))
    slope, _, low, high = theilslopes(series, at, 0.95)
    return Trend(float(slope), float(low), float(high), _p_value(at, series), len(series))


def project(values: Sequence[float | None], steps: int, coverage: float = 0.9) -> list[Projected] | TooLittle:
    at, series = _present(values)
    if len(series) < ENOUGH:
        return TooLittle(len(series))
    slope, middle, *_ = theilslopes(series, at, 0.95)
    residuals = series - (middle + slope * at)
    # Few residuals understate their own spread: the quantile of a t-like small sample.
    reach = float(np.quantile(np.abs(residuals), min(1.0, coverage * (1 + 1 / len(series))), method="higher"))
    spread = max(float(np.std(at)), 1e-9)
    bands = []
    for step in range(1, steps + 1):
        x = float(at[-1]) + step
        far = math.sqrt(1 + 1 / len(series) + ((x - float(at.mean())) / spread) ** 2 / len(series))
        value = float(middle + slope * x)
        bands.append(Projected(step, value, value - reach * far, value + reach * far))
    return bands


def _present(values: Sequence[float | None]) -> tuple[Series, Series]:
    known = [(n, v) for n, v in enumerate(values) if v is not None and math.isfinite(v)]
    return np.array([n for n, _ in known], float), np.array([v for _, v in known], float)


def _p_value(at: Series, series: Series) -> float:
    n = len(series)
    score = float(sum(np.sign(series[i + 1 :] - series[i]).sum() for i in range(n - 1)))
    variance = _tied_variance(series) * _correction(at, series)
    if variance <= 0 or score == 0:
        return 1.0
    z = (abs(score) - 1) / math.sqrt(variance)
    return float(2 * norm.sf(z))


def _tied_variance(series: Series) -> float:
    n = len(series)
    _, ties = np.unique(series, return_counts=True)
    tied = float((ties * (ties - 1) * (2 * ties + 5)).sum())
    return (n * (n - 1) * (2 * n + 5) - tied) / 18


def _correction(at: Series, series: Series) -> float:
    """How many times wider the score spreads because neighbours resemble each other."""
    n = len(series)
    slope = float(theilslopes(series, at)[0])
    ranks = rankdata(series - slope * at)
    centred = ranks - ranks.mean()
    power = float((centred**2).sum())
    if power == 0:
        return 1.0
    likeness = float((centred[:-1] * centred[1:]).sum()) / power
    # Taking the trend out makes short series look less alike than they are; this puts it back.
    likeness = min(0.9, (n * likeness + 2) / (n - 4))
    lags = np.arange(1, n)
    # Below one the correction would make the test more eager than independence allows.
    return max(1.0, 1 + 2 * float(((1 - lags / n) * likeness**lags).sum()))
