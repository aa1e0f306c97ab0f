"""What is usual on a day like this, and which days are not.

A day is compared with earlier days of the same kind (term, weekend, holiday) and, where there are
enough of them, the same weekday. Median and MAD carry the baseline, so an outlier does not move it;
a day found unusual is left out of the baseline of later days.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import Literal

_LIKE_DAYS = 8  # how many earlier days of the same kind make a baseline
_ENOUGH = 5  # fewer are no baseline: said in words, never guessed
_MAD_TO_SIGMA = 1.4826

Severity = Literal["notable", "serious", "severe"]


@dataclass(frozen=True, slots=True)
class DayValue:
    day: date
    value: float
    trials: float | None = None  # for a share: how many it is a share of


@dataclass(frozen=True, slots=True)
class Unusual:
    day: date
    value: float
    expected: float
    low: float
    high: float
    deviations: float
    severity: Severity


def unusual_days(
    days: Sequence[DayValue], kinds: Mapping[date, str] | None = None, *, threshold: float = 4.5
) -> list[Unusual]:
    """Days whose value is more than `threshold` robust deviations from days like it.

    4.5 keeps false alarms near one in a thousand days although the scale is estimated from few days.
    """
    usual: dict[tuple[str, int], list[DayValue]] = {}
    by_kind: dict[str, list[DayValue]] = {}
    found = []
    for this in sorted(days, key=lambda d: d.day):
        kind = (kinds or {}).get(this.day, "term")
        same_weekday = usual.setdefault((kind, this.day.weekday()), [])
        same_kind = by_kind.setdefault(kind, [])
        like = same_weekday if len(same_weekday) >= _ENOUGH else same_kind
        judged = _judge(this, like[-_LIKE_DAYS:], threshold) if len(like) >= _ENOUGH else None
        if judged:
            found.append(judged)
        else:
            same_weekday.append(this)
            same_kind.append(this)
    return found


def _judge(this: DayValue, like: Sequence[DayValue], threshold: float) -> Unusual | None:
    expected = median(d.value for d in like)
    spread = _MAD_TO_SIGMA * median(abs(d.value - expected) for d in like)
    # Few days can agree by chance: never believe in less spread than counting itself has.
    scale = max(spread, _counting_noise(this, expected), 0.05 * abs(expected), 1e-9)
    deviations = (this.value - expected) / scale
    if abs(deviations) < threshold:
        return None
    reach = threshold * scale
    return Unusual(
        this.day, this.value, expected, expected - reach, expected + reach, deviations, _severity(deviations)
    )


def _counting_noise(this: DayValue, expected: float) -> float:
    if this.trials is None:
        return math.sqrt(max(expected, 1.0))
    share = min(max(expected, 1 / (this.trials + 2)), 1 - 1 / (this.trials + 2)) if this.trials else 0.5
    return math.sqrt(share * (1 - share) / max(this.trials, 1.0))


def _severity(deviations: float) -> Severity:
    size = abs(deviations)
    return "severe" if size >= 12 else "serious" if size >= 8 else "notable"


@dataclass(frozen=True, slots=True)
class Shift:
    """How far one distribution is from another (population stability index)."""

    index: float
    drifted: bool
    worst: str | None  # the value whose share moved most


def shift(before: Mapping[str, float], now: Mapping[str, float], *, limit: float = 0.25) -> Shift | None:
    """PSI over the shares of `before` and `now`; None when either side is empty."""
    total_before, total_now = sum(before.values()), sum(now.values())
    if not total_before or not total_now:
        return None
    parts = {}
    for value in before.keys() | now.keys():
        # Half a count where there is none: an absent value is a large, not an infinite, shift.
        p = max(before.get(value, 0.0), 0.5) / total_before
        q = max(now.get(value, 0.0), 0.5) / total_now
        parts[value] = (q - p) * math.log(q / p)
    index = sum(parts.values())
    worst = max(parts, key=lambda v: (parts[v], v))
    return Shift(index, index > limit, worst if index > limit else None)
