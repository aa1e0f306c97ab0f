"""Where a measure has been, and where it goes if it goes on like this: a line, and a band of how sure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from bokeh.model import Model
from bokeh.models import FixedTicker, NumeralTickFormatter, Range1d
from bokeh.plotting import figure

from models.ask import Answer
from pages.cards import Drawing
from pages.charts._kept import KEPT
from pages.charts._shape import Columns, Shape, data_of, shape
from pages.charts._theme import SERIES, SURFACE, TEXT, hover, plain, source
from pages.charts._time import at, ticks
from pages.speech import Speech


@dataclass(frozen=True, slots=True)
class Ahead:
    day: date
    value: float
    low: float
    high: float


def band(
    answer: Answer,
    speech: Speech,
    *,
    x: str,
    y: str,
    value: Callable[[Mapping[str, Any]], float | None],
    said: Callable[[Mapping[str, Any]], str],
    ahead: Sequence[Ahead] = (),
    said_ahead: Callable[[Ahead], str] | None = None,
    ahead_text: str = "",
    top: float | None = None,
    running: date | None = None,
    alternative: str = "",
    height: int = 220,
) -> Drawing:
    """`ahead` continues the line; `running` is the place that is not over, a hollow dot. A gap stays one.

    `value` reads a row; `y` names what it reads."""
    beyond = tuple(ahead)
    key = ("band", answer.key, x, y, beyond, ahead_text, top, running, speech, height, alternative)

    def draw() -> Drawing:
        rows = sorted(answer.rows(), key=lambda r: str(r[x]))
        text = _shape(height, speech.language).pour(
            _poured(rows, beyond, x, value, said, said_ahead, ahead_text, top, running, speech)
        )
        return Drawing(text, alternative or speech.say("chart.nothing"), height)

    return KEPT.get(key, draw)


@cache
def _shape(height: int, language: str) -> Shape:
    def build() -> tuple[figure, Mapping[str, tuple[Model, str]]]:
        line = source("line", "x", "y")
        points = source("points", "x", "y", "said", "fill")
        area = source("area", "x", "low", "high")
        ahead = source("ahead", "x", "y")
        marks = source("marks", "x", "y", "said")
        words = source("words", "x", "y", "text")
        plot = plain(height, x_range=Range1d(0, 1), y_range=Range1d(0, 1))
        plot.varea("x", "low", "high", source=area, fill_color=SERIES[0], fill_alpha=0.15)
        plot.line("x", "y", source=line, line_color=SERIES[0], line_width=2.5, line_join="round")
        plot.line("x", "y", source=ahead, line_color=SERIES[0], line_width=2.5, line_dash=[6, 5])
        plot.text("x", "y", "text", source=words, text_align="right", text_baseline="top", **TEXT)
        dots = plot.scatter(
            "x", "y", source=points, size=8, fill_color="fill", line_color=SERIES[0], line_width=1.5
        )
        open_ = plot.scatter(
            "x", "y", source=marks, size=8, fill_color=SURFACE, line_color=SERIES[0], line_width=1.5
        )
        hover(plot, [dots, open_], attachment="above")
        plot.xaxis.ticker = FixedTicker(ticks=[])
        plot.yaxis.formatter = NumeralTickFormatter(format="0,0", language=language)
        plot.yaxis.ticker.desired_num_ticks = 4
        return plot, {
            "line": data_of(line),
            "points": data_of(points),
            "area": data_of(area),
            "ahead": data_of(ahead),
            "marks": data_of(marks),
            "words": data_of(words),
            "from": (plot.x_range, "start"),
            "to": (plot.x_range, "end"),
            "high": (plot.y_range, "end"),
            "ticks": (plot.xaxis[0].ticker, "ticks"),
            "labels": (plot.xaxis[0], "major_label_overrides"),
        }

    return shape(build)


def _poured(
    rows: Sequence[Mapping[str, Any]],
    ahead: Sequence[Ahead],
    x: str,
    value: Callable[[Mapping[str, Any]], float | None],
    said: Callable[[Mapping[str, Any]], str],
    said_ahead: Callable[[Ahead], str] | None,
    ahead_text: str,
    top: float | None,
    running: date | None,
    speech: Speech,
) -> dict[str, Any]:
    values = [value(row) for row in rows]
    known = [(row, v) for row, v in zip(rows, values, strict=True) if v is not None]
    over = [(row[x], v) for row, v in known if row[x] != running]
    last = over[-1:] if ahead else []
    path = last + [(one.day, one.value) for one in ahead]
    highest = max([v for _, v in known] + [one.high for one in ahead], default=1) or 1
    days = [row[x] for row in rows] + [one.day for one in ahead]
    named, labels = ticks(days, speech)
    pad = max(1, (at(days[-1]) - at(days[0])) // 40) if days else 1
    # The words about what is ahead stand above the highest value, never on it.
    room = 0.14 if ahead else 0.04
    ceiling = max(top, highest) * (1 + room) if top is not None else highest * (1.08 + room)
    lows = [v for _, v in last] + [max(0.0, one.low) for one in ahead]
    highs = [v for _, v in last] + [one.high for one in ahead]
    return {
        "line": Columns(
            {
                "x": [at(row[x]) for row in rows],
                "y": [None if r[x] == running else v for r, v in zip(rows, values, strict=True)],
            }
        ),
        "points": Columns(
            {
                "x": [at(row[x]) for row, _ in known],
                "y": [v for _, v in known],
                "said": [said(row) for row, _ in known],
                "fill": [SURFACE if row[x] == running else SERIES[0] for row, _ in known],
            }
        ),
        "area": Columns({"x": [at(d) for d, _ in path], "low": lows, "high": highs}),
        "ahead": Columns({"x": [at(d) for d, _ in path], "y": [v for _, v in path]}),
        "marks": Columns(
            {
                "x": [at(one.day) for one in ahead],
                "y": [one.value for one in ahead],
                "said": [said_ahead(one) if said_ahead else "" for one in ahead],
            }
        ),
        "words": Columns(
            {"x": [at(ahead[-1].day)], "y": [ceiling], "text": [ahead_text]}
            if ahead
            else {"x": [], "y": [], "text": []}
        ),
        "from": at(days[0]) - pad if days else 0,
        "to": at(days[-1]) + pad if days else 1,
        "high": ceiling,
        "ticks": named,
        "labels": dict(map(tuple, labels)),  # type: ignore[arg-type]
    }
