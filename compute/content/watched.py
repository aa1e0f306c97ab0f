"""From stretches watched to a curve: second by second, who watched, who came so far, who left, who again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
LONGEST_S = 4 * 3600  # longer than any lesson's video: no curve goes on for ever
_WITHOUT_S = 10.0  # a stretch that does not say how long it was


@dataclass(frozen=True, slots=True)
class Stretches:
    """One row an event: a stretch watched (it ends at `position`), a stop, or a jump back (`back_to`)."""

    learner: NDArray[np.int64]
    watched: NDArray[np.bool_]
    whole: NDArray[np.bool_]  # the player said that the video was watched
    position: Numbers
    duration: Numbers
    back_to: Numbers  # nan where it is no jump
    length: float | None  # None: nobody knows
    complete: float


@dataclass(frozen=True, slots=True)
class Curve:
    audience: int
    viewers: Numbers
    reached: Numbers
    left: Numbers
    views: Numbers
    again: Numbers


def stops_of(stops: Iterable[tuple[int, int, bool]], end: int) -> tuple[Numbers, Numbers]:
    """From (furthest second, learners, watched it all): who left in each second, who came to it."""
    length = max(1, min(int(end), LONGEST_S))
    left, furthest = np.zeros(length), np.zeros(length)
    for second, learners, whole in stops:
        at = length - 1 if whole else min(second, length - 1)
        furthest[at] += learners
        if not whole:
            left[at] += learners
    return left, np.cumsum(furthest[::-1])[::-1]


def curve_of(of: Stretches) -> Curve:
    known = of.length or float(np.nanmax(of.position, initial=0.0)) + 1
    length = max(1, int(min(known, LONGEST_S)))
    here = np.isnan(of.position) | ((of.position >= 0) & (of.position <= (of.length or LONGEST_S)))
    jumps = ~np.isnan(of.back_to)
    stops = _furthest(of, here & ~jumps, length)
    left, reached = stops_of(stops, length)
    # Places past the end are no places; what was watched up to there is not known.
    seen = of.watched & here & ~np.isnan(of.position)
    duration = np.where(np.isnan(of.duration), _WITHOUT_S, of.duration)
    end = np.clip(np.rint(of.position), 0, length)
    start = np.clip(np.rint(of.position - duration), 0, length)
    seen &= end > start
    watched = _learners(of.learner[seen], start[seen], end[seen], length)
    views = _added(start[seen], end[seen], length)
    back = jumps & here & (of.back_to >= 0) & (of.back_to < of.position)
    first = np.concatenate([start[seen], np.clip(np.rint(of.back_to[back]), 0, length)])
    last = np.concatenate([end[seen], np.clip(np.rint(of.position[back]), 0, length)])
    who = np.concatenate([of.learner[seen], of.learner[back]])
    # Watched twice, or watched and jumped back over: at least two of them lie over the second.
    again = _learners(who, first, last, length, depth=2)
    audience = int(reached[0])
    return Curve(audience, watched, reached, left, views, again)


def _furthest(of: Stretches, kept: NDArray[np.bool_], length: int) -> list[tuple[int, int, bool]]:
    learner, position = of.learner[kept], np.nan_to_num(of.position[kept])
    if not len(learner):
        return []
    who, place = np.unique(learner, return_inverse=True)
    furthest, whole = np.zeros(len(who)), np.zeros(len(who), bool)
    np.maximum.at(furthest, place, position)
    np.logical_or.at(whole, place, of.whole[kept])
    if of.length:
        whole |= furthest >= of.complete * of.length
    return [(int(at), 1, bool(all_)) for at, all_ in zip(furthest, whole, strict=True)]


def _added(start: Numbers, end: Numbers, length: int) -> Numbers:
    change = np.bincount(start.astype(int), minlength=length + 1)[: length + 1].astype(float)
    change -= np.bincount(end.astype(int), minlength=length + 1)[: length + 1]
    return np.cumsum(change)[:length]


def _learners(who: NDArray[np.int64], start: Numbers, end: Numbers, length: int, depth: int = 1) -> Numbers:
    """For each second the learners with at least `depth` stretches over it."""
    if not len(who):
        return np.zeros(length)
    learner = np.concatenate([who, who])
    second = np.concatenate([start, end]).astype(int)
    step = np.concatenate([np.ones(len(who)), -np.ones(len(who))])
    order = np.lexsort((step, second, learner))  # ends before beginnings: touching is not overlapping
    learner, second, step = learner[order], second[order], step[order]
    over = np.cumsum(step)  # each learner's own steps add up to nothing
    before = over - step
    rises, falls = (before < depth) & (over >= depth), (before >= depth) & (over < depth)
    change = np.bincount(second[rises], minlength=length + 1).astype(float)
    change -= np.bincount(second[falls], minlength=length + 1)
    return np.cumsum(change)[:length]
