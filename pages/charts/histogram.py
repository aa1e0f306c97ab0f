"""How many in each step of something ordered: results in steps of ten, lessons in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import orjson
from bokeh.model import Model
from bokeh.models import FixedTicker, NumeralTickFormatter, Range1d
from bokeh.plotting import figure

from models.ask import Answer
from pages.cards import Drawing
from pages.charts._kept import KEPT
from pages.charts._shape import Columns, Shape, data_of, shape
from pages.charts._theme import COMPARED, INK, SERIES, TEXT, WATCH, hover, plain, source, tappable
from pages.speech import Speech

MOST_LABELS = 12
MOST_BARS = 60


def histogram(
    answer: Answer,
    speech: Speech,
    *,
    x: str,
    y: str,
    label: Callable[[Mapping[str, Any]], str],
    said: Callable[[Mapping[str, Any]], str],
    flagged: Callable[[Mapping[str, Any]], bool] = lambda _: False,
    shown: Callable[[Mapping[str, Any]], str] = lambda _: "",
    pale: Callable[[Mapping[str, Any]], bool] = lambda _: False,
    alternative: str,
    height: int = 240,
) -> Drawing:
    """One bar a row, in the answer's order. `flagged` bars stand out in colour, with `shown` above them;
    a tap picks `x`."""
    key = ("histogram", answer.key, x, y, speech, height, alternative)

    def draw() -> Drawing:
        rows = answer.rows()[:MOST_BARS]
        poured = _poured(rows, x, y, label, said, flagged, shown, pale)
        text = _shape(height, speech.language).pour(poured)
        return Drawing(text, alternative, height, min(640, len(rows) * 12))

    return KEPT.get(key, draw)


@cache
def _shape(height: int, language: str) -> Shape:
    def build() -> tuple[figure, Mapping[str, tuple[Model, str]]]:
        points = source("points", "place", "value", "colour", "said", "mark")
        words = source("words", "place", "value", "text")
        plot = plain(height, x_range=Range1d(0, 1), y_range=Range1d(0, 1))
        drawn = plot.vbar(
            x="place",
            top="value",
            width=0.76,
            source=points,
            fill_color="colour",
            line_color=None,
            border_radius=2,
        )
        plot.text(
            x="place", y="value", text="text", source=words, text_align="center", y_offset=-4,
            **{**TEXT, "text_color": INK},
        )  # fmt: skip
        hover(plot, [drawn], attachment="above")
        tappable(plot, [drawn])
        plot.xaxis.ticker = FixedTicker(ticks=[])
        plot.yaxis.formatter = NumeralTickFormatter(format="0,0", language=language)
        plot.yaxis.ticker.desired_num_ticks = 4
        plot.yaxis.ticker.mantissas = [1, 2, 5, 10]
        return plot, {
            "points": data_of(points),
            "words": data_of(words),
            "to": (plot.x_range, "end"),
            "high": (plot.y_range, "end"),
            "ticks": (plot.xaxis[0].ticker, "ticks"),
            "labels": (plot.xaxis[0], "major_label_overrides"),
        }

    return shape(build)


def _poured(
    rows: Sequence[Mapping[str, Any]],
    x: str,
    y: str,
    label: Callable[[Mapping[str, Any]], str],
    said: Callable[[Mapping[str, Any]], str],
    flagged: Callable[[Mapping[str, Any]], bool],
    shown: Callable[[Mapping[str, Any]], str],
    pale: Callable[[Mapping[str, Any]], bool],
) -> dict[str, Any]:
    places = [n + 0.5 for n in range(len(rows))]
    values = [row[y] or 0 for row in rows]
    step = max(1, -(-len(rows) // MOST_LABELS))
    named = places[::step]
    loud = [(place, row) for place, row in zip(places, rows, strict=True) if flagged(row)]
    return {
        "points": Columns(
            {
                "place": places,
                "value": values,
                "colour": [WATCH if flagged(r) else COMPARED if pale(r) else SERIES[0] for r in rows],
                "said": [said(row) for row in rows],
                "mark": [orjson.dumps({x: row[x]}, default=str).decode() for row in rows],
            }
        ),
        "words": Columns(
            {
                "place": [place for place, _ in loud],
                "value": [row[y] or 0 for _, row in loud],
                "text": [shown(row) for _, row in loud],
            }
        ),
        "to": len(rows),
        "high": (max(values, default=0) or 1) * 1.18,
        "ticks": named,
        "labels": {place: label(rows[n * step]) for n, place in enumerate(named)},
    }
