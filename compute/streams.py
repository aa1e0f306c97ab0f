"""Unusual moments of a steady stream of numbers, such as a load or a rate: told from what came before.

A value is compared with the nearest one seen about the same time of day on the three days before (an hour
either way), so that a usual peak is no news. The distance is unusual beyond so many times the 99.8th
percentile of all such distances so far, each stream its own measure. Single values must stand out far
(a spike); the middle of half an hour's values less (a shift of level). What lasts is told once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
DAY_S = 86_400.0
DAYS_BACK = 3
AROUND_S = 3_600.0
SPIKE, SHIFT = 4.0, 1.5  # times the usual distance
SHIFT_STEPS = 6
USUAL = 0.998
LEAST = 0.02  # of the range so far: smaller moves are no news, however quiet the stream
LEARNING = 0.15  # of a stream; nothing is told before
QUIET_S = 12 * 3_600.0  # after an alarm, as long as it goes on
_FEWEST = 50  # distances before they are a measure
_AGAIN = 25  # steps after which the measure is taken again


@dataclass(frozen=True, slots=True)
class Alarm:
    place: int  # in the stream
    at_s: float
    value: float
    size: float  # how far beyond the limit: 1 is just unusual


def alarms(times_s: Sequence[float], values: Sequence[float]) -> list[Alarm]:
    """Only what came before a moment is used to judge it. Times ascend; what is no number is left out."""
    at, series = np.asarray(times_s, float), np.asarray(values, float)
    known = np.isfinite(series) & np.isfinite(at)
    places, at, series = np.flatnonzero(known), at[known], series[known]
    if len(series) < _FEWEST:
        return []
    size = sizes(at, series)
    found: list[Alarm] = []
    last = -np.inf
    for i in np.flatnonzero(size > 1):
        if at[i] - last >= QUIET_S:
            found.append(Alarm(int(places[i]), float(at[i]), float(series[i]), float(size[i])))
        last = at[i]
    return found


def sizes(at: Values, series: Values) -> Values:
    """How unusual each value is; 1 is the limit."""
    step = max(float(np.median(np.diff(at))), 1e-9)
    day, around = max(1, round(DAY_S / step)), max(1, round(AROUND_S / step))
    smooth = _middles(series)
    spike = _against_history(_nearest(series, day, around), series) / SPIKE
    shift = _against_history(_nearest(smooth, day, around), series) / SHIFT
    return np.maximum(spike, shift)


def _middles(series: Values) -> Values:
    return np.array([np.median(series[max(0, i - SHIFT_STEPS + 1) : i + 1]) for i in range(len(series))])


def _nearest(series: Values, day: int, around: int) -> Values:
    """To the nearest value about this time on days before; nan where there were none."""
    best = np.full(len(series), np.inf)
    for back in range(1, DAYS_BACK + 1):
        for lag in range(back * day - around, back * day + around + 1):
            if 0 < lag < len(series):
                np.minimum(best[lag:], np.abs(series[lag:] - series[:-lag]), out=best[lag:])
    best[np.isinf(best)] = np.nan
    return best


def _against_history(distances: Values, series: Values) -> Values:
    """Each distance as a multiple of what is usual up to then; 0 while that is not known."""
    out = np.zeros(len(series))
    first = int(LEARNING * len(series))
    for start in range(first, len(series), _AGAIN):
        before = distances[:start][~np.isnan(distances[:start])]
        if len(before) <= _FEWEST:
            continue
        low, high = np.quantile(series[:start], (0.01, 0.99))
        least = LEAST * (high - low) + 1e-9 * max(1.0, abs(float(np.median(series[:start]))))
        usual = max(float(np.quantile(before, USUAL)), float(least))
        out[start : start + _AGAIN] = np.nan_to_num(distances[start : start + _AGAIN]) / usual
    return out
