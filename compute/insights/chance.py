"""How likely a difference as large is by chance alone, for many comparisons at once.

Exact tests where things are counted, doubled one-sided; Welch's test for means. All take arrays, so that
a school of thousands is a handful of calls.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom, hypergeom, t

Numbers = NDArray[np.float64]


def shares(hits: ArrayLike, of: ArrayLike, other_hits: ArrayLike, other_of: ArrayLike) -> Numbers:
    """Fisher's exact test that two shares are one: `hits` of `of` against `other_hits` of `other_of`."""
    a, n, b, m = (np.asarray(x, np.int64) for x in (hits, of, other_hits, other_of))
    few = hypergeom.cdf(a, n + m, a + b, n)
    many = hypergeom.sf(a - 1, n + m, a + b, n)
    return _doubled(few, many)


def rates(count: ArrayLike, time: ArrayLike, other_count: ArrayLike, other_time: ArrayLike) -> Numbers:
    """The exact test that two Poisson rates are one: given their sum, the first count is binomial."""
    x, y = np.asarray(count, np.int64), np.asarray(other_count, np.int64)
    s, u = np.asarray(time, float), np.asarray(other_time, float)
    share = s / (s + u)
    return _doubled(binom.cdf(x, x + y, share), binom.sf(x - 1, x + y, share))


def means(
    n: ArrayLike,
    total: ArrayLike,
    squares: ArrayLike,
    m: ArrayLike,
    other: ArrayLike,
    other_squares: ArrayLike,
) -> Numbers:
    """Welch's test from counts, sums and sums of squares. Without any spread nothing can be said: 1."""
    n, m = np.asarray(n, float), np.asarray(m, float)
    mean, other_mean = np.asarray(total, float) / n, np.asarray(other, float) / m
    left = _variance(n, mean, np.asarray(squares, float)) / n
    right = _variance(m, other_mean, np.asarray(other_squares, float)) / m
    wide = left + right
    with np.errstate(divide="ignore", invalid="ignore"):
        free = wide**2 / (left**2 / (n - 1) + right**2 / (m - 1))
        p = 2 * t.sf(np.abs(mean - other_mean) / np.sqrt(wide), free)
    return np.asarray(np.where(wide > 1e-9, p, 1.0), float)


def pairs(differences: Numbers) -> float:
    """The t test that paired differences have the middle zero."""
    n = len(differences)
    spread = float(differences.std(ddof=1)) if n > 1 else 0.0
    if spread <= 1e-12:
        return 1.0
    return float(2 * t.sf(abs(float(differences.mean())) / (spread / np.sqrt(n)), n - 1))


def benjamini_hochberg(p_values: ArrayLike) -> Numbers:
    """Of the findings up to this one, at most this share is expected to be chance."""
    p = np.asarray(p_values, float)
    order = np.argsort(p)[::-1]
    places = np.arange(len(p), 0, -1)
    q = np.empty(len(p))
    q[order] = np.minimum.accumulate(p[order] * len(p) / places)
    return np.minimum(q, 1.0)


def _variance(n: Numbers, mean: Numbers, squares: Numbers) -> Any:
    return np.maximum(squares - n * mean**2, 0.0) / np.maximum(n - 1, 1)


def _doubled(few: Any, many: Any) -> Numbers:
    p = np.minimum(1.0, 2 * np.minimum(few, many))
    return np.asarray(np.nan_to_num(p, nan=1.0), float)  # of nothing at all nothing can be said
