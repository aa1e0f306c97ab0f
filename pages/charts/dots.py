"""Single results over time: a dot each, and the middle of one's own past as a grey line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from pages.charts._theme import COMPARED, SERIES, SURFACE, TEXT, hover, plain, source
from pages.charts._time import at, ticks
from pages.speech import Speech

_A_DAY_MS = 86_400_000
_LINE = 16  # per cent of the points: how much of the height a line of text takes


def dots(
    answer: Answer,
    speech: Speech,
    *,
    y: str,
    since: date,
    until: date,
    said: Callable[[Mapping[str, Any]], str],
    x: str = "day",
    usual: float | None = None,
    usual_text: str = "",
    alternative: str = "",
    height: int = 220,
) -> Drawing:
    """Per cent, on the days from `since` to `until`. `usual` is drawn across, named `usual_text`."""
    key = ("dots", answer.key, x, y, since, until, usual, usual_text, speech, height, alternative)

    def draw() -> Drawing:
        rows = sorted((r for r in answer.rows() if r[y] is not None), key=lambda r: str(r[x]))
        text = _shape(height, speech.language).pour(
            _poured(rows, x, y, since, until, said, usual, usual_text, speech)
        )
        return Drawing(text, alternative or speech.say("chart.nothing"), height)

    return KEPT.get(key, draw)


@cache
def _shape(height: int, language: str) -> Shape:
    def build() -> tuple[figure, Mapping[str, tuple[Model, str]]]:
        points = source("points", "x", "y", "said")
        middle = source("middle", "x", "y")
        words = source("words", "x", "y", "text", "align")
        plot = plain(height, x_range=Range1d(0, 1), y_range=Range1d(0, 104))
        plot.line("x", "y", source=middle, line_color=COMPARED, line_width=2, line_dash=[2, 4])
        # Below the dots: a result is never hidden by a word.
        plot.text(
            "x", "y", "text", source=words, text_align="align", text_baseline="bottom", y_offset=-3, **TEXT
        )
        seen = plot.scatter(
            "x", "y", source=points, size=11, fill_color=SERIES[0], fill_alpha=0.85, line_color=SURFACE,
            line_width=1.5,
        )  # fmt: skip
        hover(plot, [seen], attachment="above")
        plot.xaxis.ticker = FixedTicker(ticks=[])
        plot.yaxis.ticker = FixedTicker(ticks=[0, 25, 50, 75, 100])
        plot.yaxis.formatter = NumeralTickFormatter(format="0", language=language)
        return plot, {
            "points": data_of(points),
            "middle": data_of(middle),
            "words": data_of(words),
            "from": (plot.x_range, "start"),
            "to": (plot.x_range, "end"),
            "ticks": (plot.xaxis[0].ticker, "ticks"),
            "labels": (plot.xaxis[0], "major_label_overrides"),
        }

    return shape(build)


def _poured(
    rows: Sequence[Mapping[str, Any]],
    x: str,
    y: str,
    since: date,
    until: date,
    said: Callable[[Mapping[str, Any]], str],
    usual: float | None,
    usual_text: str,
    speech: Speech,
) -> dict[str, Any]:
    places = [at(row[x]) for row in rows]
    start, end = at(since), at(until) + _A_DAY_MS
    every = [date.fromordinal(n) for n in range(since.toordinal(), until.toordinal() + 1)]
    named, labels = ticks(every, speech)
    across: dict[str, list[Any]] = (
        {"x": [start, end], "y": [usual, usual]} if usual is not None else {"x": [], "y": []}
    )
    words: dict[str, list[Any]] = (
        {"text": [usual_text], "y": [usual], **_freer(places, [row[y] for row in rows], start, end, usual)}
        if usual is not None
        else {"x": [], "y": [], "text": [], "align": []}
    )
    return {
        "points": Columns({"x": places, "y": [row[y] for row in rows], "said": [said(row) for row in rows]}),
        "middle": Columns(across),
        "words": Columns(words),
        "from": start,
        "to": end,
        "ticks": named,
        "labels": dict(map(tuple, labels)),  # type: ignore[arg-type]
    }


def _freer(
    places: Sequence[float], values: Sequence[float], start: float, end: float, usual: float
) -> dict[str, list[Any]]:
    """At the end where fewer dots lie just above the line."""
    third = (end - start) / 3
    near = [place for place, value in zip(places, values, strict=True) if 0 <= value - usual <= _LINE]
    first, last = (sum(place < start + third for place in near), sum(place > end - third for place in near))
    return {"x": [start], "align": ["left"]} if first < last else {"x": [end], "align": ["right"]}
