"""Two groups set side by side: the difference of their means, with an interval that says how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

FEWEST = 5
COVERAGE = 0.95


@dataclass(frozen=True, slots=True)
class Contrast:
    """`low` and `high` are of the difference, one less the other; None where too few are known to say
    (`is_enough` is false), and where all are alike, so that nothing tells what chance does."""

    one: float | None
    other: float | None
    have: int
    have_other: int
    low: float | None = None
    high: float | None = None

    @property
    def difference(self) -> float | None:
        return None if self.one is None or self.other is None else self.one - self.other

    @property
    def is_enough(self) -> bool:
        return min(self.have, self.have_other) >= FEWEST

    @property
    def is_clear(self) -> bool:
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def groups(one: Sequence[float], other: Sequence[float]) -> Contrast:
    """Different learners: Welch's interval."""
    a, b = np.asarray(one, float), np.asarray(other, float)
    if min(len(a), len(b)) < FEWEST:
        return Contrast(_mean(a), _mean(b), len(a), len(b))
    left, right = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    if left + right == 0:
        return Contrast(_mean(a), _mean(b), len(a), len(b))
    free = (left + right) ** 2 / (left**2 / (len(a) - 1) + right**2 / (len(b) - 1))
    return _within(a, b, float(a.mean() - b.mean()), float(np.sqrt(left + right)), float(free))


def runs(one: Mapping[int, float], other: Mapping[int, float]) -> Contrast:
    """The same learners in two spans: whoever is in one only is left out."""
    both = sorted(one.keys() & other.keys())
    a, b = (np.array([side[n] for n in both], float) for side in (one, other))
    spread = float((a - b).std(ddof=1)) if len(both) >= FEWEST else 0.0
    if spread == 0:
        return Contrast(_mean(a), _mean(b), len(both), len(both))
    return _within(a, b, float((a - b).mean()), spread / float(np.sqrt(len(both))), len(both) - 1)


def _within(a: np.ndarray, b: np.ndarray, middle: float, error: float, free: float) -> Contrast:
    wide = float(t.ppf((1 + COVERAGE) / 2, free)) * error
    return Contrast(_mean(a), _mean(b), len(a), len(b), middle - wide, middle + wide)


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None
