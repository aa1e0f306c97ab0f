"""A map of questions: how many are right, across; how well each tells strong from weak, upward."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import orjson
from bokeh.model import Model
from bokeh.models import FixedTicker, NumeralTickFormatter, Range1d
from bokeh.plotting import figure

from models.ask import Answer
from pages.cards import Drawing, Tone
from pages.charts._kept import KEPT
from pages.charts._shape import Columns, Shape, data_of, shape
from pages.charts._theme import (
    COMPARED,
    INK,
    SERIES,
    SURFACE,
    TEXT,
    URGENT,
    WATCH,
    hover,
    plain,
    source,
    tappable,
)
from pages.speech import Speech

MOST_LABELLED = 4
_LOOKS: dict[Tone, tuple[str, str]] = {
    "good": (SERIES[0], "circle"),
    "watch": (WATCH, "diamond"),
    "urgent": (URGENT, "square"),
    "plain": (COMPARED, "circle"),
}


def items(
    answer: Answer,
    speech: Speech,
    *,
    toned: Callable[[Mapping[str, Any]], Tone],
    label: Callable[[Mapping[str, Any]], str],
    said: Callable[[Mapping[str, Any]], str],
    words: tuple[str, str],
    picked: str = "",
    alternative: str,
    height: int = 320,
) -> Drawing:
    """`answer` is of the question items. `words` name the axes; a tap picks the item."""
    key = ("items", answer.key, words, picked, speech, height, alternative)

    def draw() -> Drawing:
        known = [r for r in answer.rows() if r["difficulty"] is not None and r["discrimination"] is not None]
        poured = _poured(known, toned, label, said, words, picked)
        return Drawing(_shape(height, speech.language).pour(poured), alternative, height, 320)

    return KEPT.get(key, draw)


@cache
def _shape(height: int, language: str) -> Shape:
    def build() -> tuple[figure, Mapping[str, tuple[Model, str]]]:
        points = source("points", "x", "y", "colour", "marker", "size", "alpha", "said", "mark")
        named = source("named", "x", "y", "text", "align")
        axes = source("axes", "x", "y", "text", "align")
        zero = source("zero", "x", "y")
        plot = plain(height, x_range=Range1d(-0.02, 1.02), y_range=Range1d(-1, 1))
        plot.line("x", "y", source=zero, line_color=COMPARED, line_width=1.5, line_dash=[4, 4])
        seen = plot.scatter(
            "x", "y", source=points, size="size", marker="marker", fill_color="colour",
            fill_alpha="alpha", line_color=SURFACE, line_width=1,
        )  # fmt: skip
        plot.text(
            "x", "y", "text", source=named, text_align="align", text_baseline="middle", y_offset=-12,
            **{**TEXT, "text_color": INK},
        )  # fmt: skip
        plot.text("x", "y", "text", source=axes, text_align="align", text_baseline="middle", **TEXT)
        hover(plot, [seen], attachment="above")
        tappable(plot, [seen])
        plot.xaxis.ticker = FixedTicker(ticks=[0, 0.25, 0.5, 0.75, 1])
        plot.xaxis.formatter = NumeralTickFormatter(format="0 %", language=language)
        plot.yaxis.ticker = FixedTicker(ticks=[-0.5, 0, 0.5, 1])
        plot.yaxis.formatter = NumeralTickFormatter(format="0.0", language=language)
        return plot, {
            "points": data_of(points),
            "named": data_of(named),
            "axes": data_of(axes),
            "zero": data_of(zero),
            "low": (plot.y_range, "start"),
            "high": (plot.y_range, "end"),
        }

    return shape(build)


def _poured(
    rows: Sequence[Mapping[str, Any]],
    toned: Callable[[Mapping[str, Any]], Tone],
    label: Callable[[Mapping[str, Any]], str],
    said: Callable[[Mapping[str, Any]], str],
    words: tuple[str, str],
    picked: str,
) -> dict[str, Any]:
    looks = [_LOOKS[toned(row)] for row in rows]
    fits = [row["discrimination"] for row in rows]
    low, high = min([-0.1, *fits]) - 0.12, max([0.6, *fits]) + 0.12
    grave = [row for row in rows if toned(row) == "urgent" or str(row["item_id"]) == picked]
    named = sorted(grave, key=lambda row: row["discrimination"])[:MOST_LABELLED]
    return {
        "points": Columns(
            {
                "x": [row["difficulty"] for row in rows],
                "y": fits,
                "colour": [colour for colour, _ in looks],
                "marker": [marker for _, marker in looks],
                "size": [11 if marker == "circle" else 13 for _, marker in looks],
                "alpha": [0.85 if not picked or str(row["item_id"]) == picked else 0.3 for row in rows],
                "said": [said(row) for row in rows],
                "mark": [orjson.dumps({"item_id": row["item_id"]}).decode() for row in rows],
            }
        ),
        "named": Columns(
            {
                "x": [row["difficulty"] for row in named],
                "y": [row["discrimination"] for row in named],
                "text": [label(row) for row in named],
                "align": [_align(row["difficulty"]) for row in named],
            }
        ),
        "axes": Columns(
            {
                "x": [1.01, -0.01],
                "y": [low + 0.04, high - 0.05],
                "text": list(words),
                "align": ["right", "left"],
            }
        ),
        "zero": Columns({"x": [-0.02, 1.02], "y": [0, 0]}),
        "low": low,
        "high": high,
    }


def _align(share: float) -> str:
    return "left" if share < 0.4 else "right" if share > 0.6 else "center"
