"""Is it really going up or down, how fast, and where will it be?

Mann-Kendall with the variance of Yue and Wang (2004): neighbouring days resemble each other, and a
test that ignores it calls a third of all such series a trend. The slope is Theil and Sen's; the band
around the projection comes from the residuals' own quantiles, widened with the distance. Where chance
alone makes such a line, nothing is said to go anywhere: the projection stays at the level of now.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Series = NDArray[np.float64]
ENOUGH = 8
SELDOM = 0.05  # what chance does less often than this is called real


@dataclass(frozen=True, slots=True)
class Trend:
    slope: float  # per step
    low: float
    high: float  # 95 % interval of the slope
    p_value: float
    steps: int

    @property
    def is_real(self) -> bool:
        return self.p_value < SELDOM and self.slope != 0


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


class _Line:
    """The line through the middle of all slopes between two values (Theil and Sen), and its interval."""

    def __init__(self, at: Series, series: Series) -> None:
        self.at, self.series = at, series
        one, other = np.triu_indices(len(series), 1)
        self.differences = series[other] - series[one]
        self.slopes = np.sort(self.differences / (at[other] - at[one]))
        self.slope = float(np.median(self.slopes))
        self.middle = float(np.median(series) - self.slope * np.median(at))

    def interval(self, coverage: float = 0.95) -> tuple[float, float]:
        """Sen's: so many slopes from either end."""
        sigma = math.sqrt(_tied_variance(self.series))
        reach = NormalDist().inv_cdf((1 + coverage) / 2) * sigma
        n = len(self.slopes)
        high = min(round((n + reach) / 2), n - 1)
        low = max(round((n - reach) / 2) - 1, 0)
        return float(self.slopes[low]), float(self.slopes[high])

    @property
    def residuals(self) -> Series:
        return self.series - (self.middle + self.slope * self.at)


def trend(values: Sequence[float | None]) -> Trend | TooLittle:
    """Values one step apart; None is a gap and stays one."""
    at, series = _present(values)
    if len(series) < ENOUGH:
        return TooLittle(len(series))
    line = _Line(at, series)
    low, high = line.interval()
    return Trend(line.slope, low, high, _p_value(line), len(series))


def level(values: Sequence[float | None]) -> float:
    """Where it stands now: the middle of the newest quarter."""
    _, series = _present(values)
    return float(np.median(series[-max(2, len(series) // 4) :]))


def project(values: Sequence[float | None], steps: int, coverage: float = 0.9) -> list[Projected] | TooLittle:
    """Where the line goes, or the level of now if there is none beyond chance; and between which ends
    `coverage` of such values lie."""
    at, series = _present(values)
    if len(series) < ENOUGH:
        return TooLittle(len(series))
    line = _Line(at, series)
    # Neighbours that resemble each other tell as much as fewer that do not.
    told = max(3.0, len(series) / _correction(line))
    if line.slope == 0 or _p_value(line) >= SELDOM:
        stays = level(values)
        reach = _quantile(np.abs(series - stays), coverage) * _strange(told) * math.sqrt(1 + 1 / told)
        return [Projected(step, stays, stays - reach, stays + reach) for step in range(1, steps + 1)]
    spread, middle = max(float(np.std(at)), 1e-9), float(at.mean())
    reach = _reach(at, line.residuals, coverage, told)
    bands = []
    for step in range(1, steps + 1):
        x = float(at[-1]) + step
        far = math.sqrt(1 + (1 + ((x - middle) / spread) ** 2) / told)
        value = line.middle + line.slope * x
        bands.append(Projected(step, value, value - reach * far, value + reach * far))
    return bands


def _reach(at: Series, residuals: Series, coverage: float, told: float) -> float:
    """How far off one value may be. A line drawn through values lies closer to them than to new ones,
    by what each pulls it (leverage) and by the two numbers that it took to draw it."""
    n = len(residuals)
    pulls = (1 + ((at - at.mean()) / max(float(np.std(at)), 1e-9)) ** 2) / n
    off = np.abs(residuals) / np.sqrt(np.maximum(1 - pulls, 0.1))
    return _quantile(off, coverage) * _strange(told)


def _quantile(off: Series, coverage: float) -> float:
    """So far off that `coverage` of the next lie nearer, too."""
    n = len(off)
    return float(np.sort(off)[min(n, math.ceil((n + 1) * coverage)) - 1])


def _strange(told: float) -> float:
    """How much farther off a strange value lies than those that the line was drawn through."""
    return math.sqrt(max(told - 1, 2) / max(told - 2, 1))


def _present(values: Sequence[float | None]) -> tuple[Series, Series]:
    known = [(n, v) for n, v in enumerate(values) if v is not None and math.isfinite(v)]
    return np.array([n for n, _ in known], float), np.array([v for _, v in known], float)


def _p_value(line: _Line) -> float:
    score = float(np.sign(line.differences).sum())
    variance = _tied_variance(line.series) * _correction(line)
    if variance <= 0 or score == 0:
        return 1.0
    z = (abs(score) - 1) / math.sqrt(variance)
    return math.erfc(z / math.sqrt(2))


def _tied_variance(series: Series) -> float:
    n = len(series)
    _, ties = np.unique(series, return_counts=True)
    tied = float((ties * (ties - 1) * (2 * ties + 5)).sum())
    return (n * (n - 1) * (2 * n + 5) - tied) / 18


def _correction(line: _Line) -> float:
    """How many times wider the score spreads because neighbours resemble each other."""
    n = len(line.series)
    ranks = rankdata(line.residuals)
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
