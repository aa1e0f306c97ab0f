"""A video second by second: how many came so far, how many saw a place again, and where too many left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from bokeh.model import Model
from bokeh.models import FixedTicker, NumeralTickFormatter, Range1d
from bokeh.plotting import figure

from models.ask import Answer
from pages.cards import Drawing
from pages.charts._kept import KEPT
from pages.charts._shape import Columns, Shape, data_of, shape
from pages.charts._theme import COMPARED, INK, SERIES, TEXT, WATCH, hover, plain, source
from pages.speech import Speech

MOST_POINTS = 300
_STEPS_S = (15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_TICKS = 6


def clock(second: float) -> str:
    """3:05, as players say it."""
    minutes, rest = divmod(round(second), 60)
    return f"{minutes}:{rest:02d}"


def retention(
    answer: Answer,
    speech: Speech,
    *,
    said: Callable[[Mapping[str, Any]], str],
    stretches: Sequence[tuple[float, float, str]] = (),
    names: tuple[str, str],
    alternative: str,
    height: int = 260,
) -> Drawing:
    """`answer` is of the question video_curve. `stretches` (from, until, words) are shaded; `names` are
    what the two lines are called at their ends: came so far, saw it again."""
    key = ("retention", answer.key, tuple(stretches), names, speech, height, alternative)

    def draw() -> Drawing:
        rows = answer.rows()
        text = _shape(height, speech.language).pour(_poured(rows, said, stretches, names))
        return Drawing(text, alternative, height, 320)

    return KEPT.get(key, draw)


@cache
def _shape(height: int, language: str) -> Shape:
    def build() -> tuple[figure, Mapping[str, tuple[Model, str]]]:
        points = source("points", "x", "came", "again", "said")
        marked = source("marked", "left", "right", "top")
        words = source("words", "x", "y", "text", "align")
        ends = source("ends", "x", "y", "text")
        plot = plain(height, x_range=Range1d(0, 1), y_range=Range1d(0, 1.12))
        plot.quad(
            left="left", right="right", bottom=0, top="top", source=marked, fill_color=WATCH,
            fill_alpha=0.16, line_color=WATCH, line_alpha=0.6, line_dash=[4, 4],
        )  # fmt: skip
        plot.varea(x="x", y1=0, y2="came", source=points, fill_color=SERIES[0], fill_alpha=0.1)
        plot.line("x", "again", source=points, line_color=COMPARED, line_width=2, line_dash=[2, 4])
        plot.line("x", "came", source=points, line_color=SERIES[0], line_width=2.5, line_join="round")
        plot.text(
            "x", "y", "text", source=words, text_align="align", text_baseline="bottom", y_offset=-2,
            **{**TEXT, "text_color": INK},
        )  # fmt: skip
        plot.text(
            "x", "y", "text", source=ends, text_align="left", text_baseline="bottom", y_offset=-4, **TEXT
        )
        seen = plot.scatter(
            "x", "came", source=points, size=10, fill_alpha=0, line_alpha=0,
            hover_fill_color=SERIES[0], hover_fill_alpha=1.0,
        )  # fmt: skip
        hover(
            plot, [seen], mode="vline", point_policy="snap_to_data", line_policy="nearest", attachment="above"
        )
        plot.xaxis.ticker = FixedTicker(ticks=[])
        plot.yaxis.ticker = FixedTicker(ticks=[0, 0.25, 0.5, 0.75, 1])
        plot.yaxis.formatter = NumeralTickFormatter(format="0 %", language=language)
        return plot, {
            "points": data_of(points),
            "marked": data_of(marked),
            "words": data_of(words),
            "ends": data_of(ends),
            "to": (plot.x_range, "end"),
            "ticks": (plot.xaxis[0].ticker, "ticks"),
            "labels": (plot.xaxis[0], "major_label_overrides"),
        }

    return shape(build)


def _poured(
    rows: Sequence[Mapping[str, Any]],
    said: Callable[[Mapping[str, Any]], str],
    stretches: Sequence[tuple[float, float, str]],
    names: tuple[str, str],
) -> dict[str, Any]:
    step = max(1, -(-len(rows) // MOST_POINTS))
    shown = rows[::step]
    end = len(rows)
    audience = max((row["reached"] for row in rows), default=0) or 1
    again = [row["rewatchers"] / audience for row in shown]
    apart = next((s for s in _STEPS_S if end / s <= _TICKS), _STEPS_S[-1])
    ticks = list(range(0, end + 1, apart))
    some = any(again)
    return {
        "points": Columns(
            {
                "x": [row["second"] for row in shown],
                "came": [row["retention"] for row in shown],
                "again": again,
                "said": [said(row) for row in shown],
            }
        ),
        "marked": Columns(
            {
                "left": [first for first, _, _ in stretches],
                "right": [last for _, last, _ in stretches],
                "top": [1.0] * len(stretches),
            }
        ),
        "words": Columns(
            {
                "x": [(first + last) / 2 for first, last, _ in stretches],
                "y": [1.0] * len(stretches),
                "text": [words for _, _, words in stretches],
                "align": [_align((first + last) / 2, end) for first, last, _ in stretches],
            }
        ),
        "ends": Columns(
            {
                "x": [end * 0.01] * (2 if some else 1),
                "y": [_below(shown), *([again[0]] if some else [])],
                "text": [names[0], *([names[1]] if some else [])],
            }
        ),
        "to": end * 1.01 or 1,
        "ticks": ticks,
        "labels": {tick: clock(tick) for tick in ticks},
    }


def _below(shown: Sequence[Mapping[str, Any]]) -> float:
    """Where the first line's name stands: beneath its beginning."""
    return float(shown[len(shown) // 12]["retention"] or 0) - 0.14 if shown else 0.0


def _align(place: float, end: float) -> str:
    return "left" if place < end * 0.2 else "right" if place > end * 0.8 else "center"
