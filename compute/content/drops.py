"""Where people leave a video, found without being told where to look.

Kulldorff's scan: over all stretches of some seconds, the one in which more people stop than the rest of
the video would let expect, judged against the number of stretches tried. Found ones are taken out
and the rest is scanned again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, poisson

Seconds = NDArray[np.float64]
GRID_S = 5  # stretches begin and end on this grid
LONGEST_S = 120
MOST_FOUND = 3
FEWEST = 5  # learners who left; fewer are single stories
SURE = 0.01
_LEAST_MORE = 0.05  # a stretch must lose this share more than expected to be worth a look


@dataclass(frozen=True, slots=True)
class Stretch:
    from_s: int
    until_s: int
    learners: int
    of: int  # who reached the stretch
    share: float
    expected: float | None  # the share that the rest of the video would lose in as many seconds
    p: float  # corrected for the stretches tried


def drop_offs(left: Seconds, reached: Seconds, looks: int = 1) -> list[Stretch]:
    """`left[s]`: learners whose furthest place is second s; `reached[s]`: who came as far as s.
    `looks`: how many videos are looked at in one answer."""
    free = np.ones(len(left), bool)
    found: list[Stretch] = []
    while len(found) < MOST_FOUND:
        stretch = _most_unusual(left, reached, free, looks)
        if stretch is None:
            break
        found.append(stretch)
        free[stretch.from_s : stretch.until_s] = False
    return sorted(found, key=lambda one: one.from_s)


def _most_unusual(left: Seconds, reached: Seconds, free: NDArray[np.bool_], looks: int) -> Stretch | None:
    steps = -(-len(left) // GRID_S)
    edges = np.minimum(np.arange(steps + 1) * GRID_S, len(left))
    gone = np.concatenate([[0.0], np.cumsum(left * free)])[edges]
    stayed = np.concatenate([[0.0], np.cumsum(reached * free)])[edges]
    taken = np.concatenate([[0], np.cumsum(~free)])[edges]
    all_gone, all_stayed = gone[-1], stayed[-1]
    if all_gone < FEWEST or not all_stayed:
        return None
    best: tuple[float, int, int] | None = None
    tried = 0
    for width in range(1, min(LONGEST_S // GRID_S, steps - 1) + 1):
        inside, exposed = gone[width:] - gone[:-width], stayed[width:] - stayed[:-width]
        whole = (taken[width:] == taken[:-width]) & (exposed > 0) & (exposed < all_stayed)
        tried += int(whole.sum())
        score = np.where(whole, _likelihood(inside, exposed, all_gone, all_stayed), -1.0)
        at = int(score.argmax())
        if score[at] > 0 and (best is None or score[at] > best[0]):
            best = (float(score[at]), at, at + width)
    if best is None:
        return None
    return _judged(left, reached, free, (int(edges[best[1]]), int(edges[best[2]])), tried * looks)


def _likelihood(inside: Seconds, exposed: Seconds, all_gone: float, all_stayed: float) -> Seconds:
    """How much better two rates tell the numbers than one; 0 where the stretch loses fewer."""
    rate = all_gone / all_stayed
    within = inside / np.maximum(exposed, 1e-9)
    outside = (all_gone - inside) / np.maximum(all_stayed - exposed, 1e-9)
    apart = _weighed(inside, within) + _weighed(all_gone - inside, outside)
    gain = apart - _weighed(np.full_like(inside, all_gone), rate)
    return np.where(within > outside, gain, 0.0)


def _weighed(counts: Seconds, rates: Seconds | float) -> Seconds:
    """No rate is zero in a logarithm."""
    return counts * np.log(np.maximum(rates, 1e-12))


def _judged(
    left: Seconds, reached: Seconds, free: NDArray[np.bool_], at: tuple[int, int], tried: int
) -> Stretch | None:
    first, end = at
    inside, exposed = left[first:end].sum(), reached[first:end].sum()
    outside = free.copy()
    outside[first:end] = False
    elsewhere, stayed = left[outside].sum(), reached[outside].sum()
    # Of all who left, so many here: had every second been alike, each would have left here with this chance.
    p = float(binom.sf(inside - 1, inside + elsewhere, exposed / (exposed + stayed)))
    p = min(1.0, p * max(tried, 1))
    rate = elsewhere / max(stayed, 1e-9)
    share, expected = inside / reached[first], float(1 - np.exp(-rate * (end - first)))
    if inside < FEWEST or p >= SURE or share - expected < _LEAST_MORE:
        return None
    return Stretch(first, end, int(inside), int(reached[first]), float(share), expected, p)


def often(again: Seconds, seen: Seconds) -> list[Stretch]:
    """Stretches that more learners saw again than the middle of the video's seconds, beyond chance."""
    if not len(seen) or not seen.max():
        return []
    share = np.divide(again, seen, out=np.zeros_like(again), where=seen > 0)
    usual = float(np.median(share[seen > 0]))
    rate = max(usual, 1 / max(seen.max(), 1))
    p = poisson.sf(again - 1, rate * seen) * max(1, len(seen) // GRID_S)
    marked = (again >= FEWEST) & (p < SURE)
    found = []
    edges = np.flatnonzero(np.diff(np.concatenate([[0], marked.astype(np.int8), [0]])))
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        if end - first >= GRID_S:
            most = first + int(again[first:end].argmax())
            found.append(
                Stretch(
                    int(first), int(end), int(again[most]), int(seen[most]), float(share[most]), usual,
                    min(1.0, float(p[first:end].min())),
                )
            )  # fmt: skip
    ranked = sorted(found, key=lambda one: -one.share)[:MOST_FOUND]
    return sorted(ranked, key=lambda one: one.from_s)
