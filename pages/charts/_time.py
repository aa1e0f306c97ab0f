"""Days on an axis, in the locale's words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from pages.speech import Speech

MOST_TICKS = 4


def at(day: date) -> int:
    """Milliseconds, as Bokeh counts time. A day of the school is a place on the axis, not a moment."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def ticks(days: Sequence[date], speech: Speech) -> tuple[list[int], list[list[object]]]:
    """At most four, evenly apart, with the last day always named; and their labels by place."""
    if not days:
        return [], []
    step = max(1, -(-len(days) // MOST_TICKS))
    named = list(days[::-1][::step])[::-1]
    whole_months = (days[-1] - days[0]).days > 200
    skeleton = "MMMy" if whole_months else "MMMd"
    return [at(day) for day in named], [[at(day), speech.day(day, skeleton)] for day in named]
