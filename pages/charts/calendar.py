"""A year of days, a week a column: darker is more, today is outlined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any

from bokeh.model import Model
from bokeh.models import FixedTicker, Range1d
from bokeh.plotting import figure

from models.ask import Answer
from pages.cards import Drawing
from pages.charts._kept import KEPT
from pages.charts._shape import Columns, Shape, data_of, shape
from pages.charts._theme import INK, LINE, STEPS, SURFACE, hover, plain, source, tappable
from pages.speech import Speech

CELL = 17
_HEIGHT = 7 * CELL + 32


def calendar(
    answer: Answer,
    speech: Speech,
    *,
    today: date,
    x: str = "day",
    y: str,
    unit: str = "",
    since: date | None = None,
    alternative: str = "",
) -> Drawing:
    """From `since` (a year ago) to today. A day without a row is an empty square; the future is not drawn."""
    first = since or today - timedelta(days=364)
    key = ("calendar", answer.key, x, y, unit, first, today, speech, alternative)

    def draw() -> Drawing:
        rows: Sequence[Mapping[str, Any]] = answer.rows()
        values = {row[x]: row[y] for row in rows if row[y] is not None and first <= row[x] <= today}
        weeks = _week(today, first, speech) + 1
        text = _shape().pour(_poured(values, first, today, weeks, y, unit, speech))
        return Drawing(
            text, alternative or _alternative(values, y, speech), _HEIGHT, weeks * (CELL - 5) + 40, True
        )

    return KEPT.get(key, draw)


def _week(day: date, first: date, speech: Speech) -> int:
    start = first - timedelta(days=(first.weekday() - speech.first_weekday) % 7)
    return (day - start).days // 7


@cache
def _shape() -> Shape:
    def build() -> tuple[figure, Mapping[str, tuple[Model, str]]]:
        days = source("days", "x", "y", "fill", "edge", "said", "mark")
        plot = plain(_HEIGHT, x_range=Range1d(0, 1), y_range=Range1d(6.6, -0.6))
        squares = plot.rect(
            "x",
            "y",
            width=0.84,
            height=0.84,
            source=days,
            fill_color="fill",
            line_color="edge",
            line_width=1.5,
            border_radius=3,
        )
        hover(plot, [squares], attachment="above")
        tappable(plot, [squares])
        plot.ygrid.grid_line_color = None
        plot.xaxis.ticker = FixedTicker(ticks=[])
        plot.yaxis.ticker = FixedTicker(ticks=[0, 2, 4])
        return plot, {
            "days": data_of(days),
            "from": (plot.x_range, "start"),
            "to": (plot.x_range, "end"),
            "ticks": (plot.xaxis[0].ticker, "ticks"),
            "labels": (plot.xaxis[0], "major_label_overrides"),
            "weekdays": (plot.yaxis[0], "major_label_overrides"),
        }

    return shape(build)


def _poured(
    values: Mapping[date, float], first: date, today: date, weeks: int, y: str, unit: str, speech: Speech
) -> dict[str, Any]:
    days = [first + timedelta(days=i) for i in range((today - first).days + 1)]
    limits = _limits(values)
    months = [d for d in days if d.day == 1]
    ticks = {_week(d, first, speech): speech.day(d, "MMM") for d in months}
    weekdays = {i: speech.weekday_short((i + speech.first_weekday) % 7) for i in (0, 2, 4)}
    return {
        "days": Columns(
            {
                "x": [_week(d, first, speech) for d in days],
                "y": [(d.weekday() - speech.first_weekday) % 7 for d in days],
                "fill": [_step(values.get(d), limits) for d in days],
                "edge": [INK if d == today else SURFACE for d in days],
                "said": [_sentence(d, values.get(d), y, unit, speech) for d in days],
                "mark": [f'{{"day":"{d.isoformat()}"}}' for d in days],
            }
        ),
        "from": -0.6,
        "to": weeks - 0.4,
        "ticks": list(ticks),
        "labels": ticks,
        "weekdays": weekdays,
    }


def _limits(values: Mapping[date, float]) -> list[float]:
    """Quintiles of the days with something, so that one wild day does not pale all others."""
    known = sorted(v for v in values.values() if v > 0)
    return [known[len(known) * i // len(STEPS)] for i in range(1, len(STEPS))] if known else []


def _step(value: float | None, limits: list[float]) -> str:
    if not value:
        return LINE
    return STEPS[sum(value >= limit for limit in limits)]


def _sentence(day: date, value: float | None, y: str, unit: str, speech: Speech) -> str:
    told = speech.measured(value, unit) if value is not None else speech.say("chart.no_activity")
    return f"{speech.day(day, 'yMMMEd')}: {speech.column(y) + ' ' if value is not None else ''}{told}"


def _alternative(values: Mapping[date, float], y: str, speech: Speech) -> str:
    active = [d for d, v in values.items() if v]
    if not active:
        return speech.say("chart.nothing")
    best = max(values, key=lambda d: values[d])
    return speech.say("chart.calendar", n=len(active), what=speech.column(y), best=speech.day(best, "yMMMMd"))
