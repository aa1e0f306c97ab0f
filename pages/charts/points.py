"""Many things by two numbers, a point each; from 10,000 on, how many lie where.

Few points are poured into a plain Bokeh figure. Many are counted into cells by datashader and drawn by
HoloViews: what is sent no longer grows with them. That takes a second the first time, so call it
`await asyncio.to_thread(charts.points, ...)` where an answer may be long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pyarrow.compute as pc
from bokeh.model import Model
from bokeh.models import NumeralTickFormatter, Range1d
from bokeh.plotting import figure

from models.ask import Answer
from pages.cards import Drawing
from pages.charts._kept import KEPT
from pages.charts._shape import Columns, Shape, data_of, shape
from pages.charts._theme import SERIES, STEPS, SURFACE, TEXT, dressed, hover, plain, source
from pages.speech import Speech

SHADED_FROM = 10_000
CELLS_ACROSS = 180
_ROOM = 0.04  # of the range, beside the outermost points
Said = Callable[[Mapping[str, Any]], str]


def points(
    answer: Answer,
    speech: Speech,
    *,
    x: str,
    y: str,
    names: tuple[str, str],
    said: Said | None = None,
    height: int = 320,
) -> Drawing:
    """`x` and `y` are columns of the answer; `names` what they are called; rows without both are left
    out. `said` is told of one point, while there are few enough to be told apart."""
    key = ("points", answer.key, x, y, names, said is not None, speech, height)

    def draw() -> Drawing:
        known = answer.table.filter(pc.and_(pc.is_valid(answer.table[x]), pc.is_valid(answer.table[y])))
        across = known[x].to_numpy().astype(float)
        upward = known[y].to_numpy().astype(float)
        if not len(across):
            empty = _few(height, speech.language).pour(_nothing())
            return Drawing(empty, speech.say("chart.nothing"), height)
        if len(across) >= SHADED_FROM:
            text = shape(lambda: (_many(across, upward, names, height, speech), {})).pour({})
        else:
            told = [said(row) for row in known.to_pylist()] if said else [""] * len(across)
            text = _few(height, speech.language).pour(_poured(across, upward, told, names))
        return Drawing(text, _alternative(across, upward, names, speech), height, 320)

    return KEPT.get(key, draw)


def _alternative(across: Any, upward: Any, names: tuple[str, str], speech: Speech) -> str:
    """What a look at it tells: how many, where the middle half lies, and whether the two go together."""
    together = float(np.corrcoef(across, upward)[0, 1]) if min(across.std(), upward.std()) > 0 else 0.0
    way = "none" if abs(together) < 0.1 else "rise" if together > 0 else "fall"
    quarters = [speech.number(v, 1) for of in (across, upward) for v in np.percentile(of, [25, 75])]
    return speech.say(
        "chart.points", n=len(across), x=names[0], y=names[1], x_from=quarters[0], x_to=quarters[1],
        y_from=quarters[2], y_to=quarters[3], way=speech.say(f"chart.points_{way}"),
    )  # fmt: skip


def span(values: Any) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    room = (high - low) * _ROOM or 1.0
    return low - room, high + room


@cache
def _few(height: int, language: str) -> Shape:
    def build() -> tuple[figure, Mapping[str, tuple[Model, str]]]:
        marks = source("points", "x", "y", "said")
        axes = source("axes", "x", "y", "text", "align", "baseline")
        plot = plain(height, x_range=Range1d(0, 1), y_range=Range1d(0, 1))
        seen = plot.scatter(
            "x", "y", source=marks, size=7, fill_color=SERIES[0], fill_alpha=0.5, line_color=SURFACE,
            line_alpha=0.6,
        )  # fmt: skip
        plot.text("x", "y", "text", source=axes, text_align="align", text_baseline="baseline", **TEXT)
        hover(plot, [seen], attachment="above")
        for axis in plot.axis:
            axis.formatter = NumeralTickFormatter(format="0,0[.]0", language=language)
            axis.ticker.desired_num_ticks = 4
        return plot, {
            "points": data_of(marks),
            "axes": data_of(axes),
            "left": (plot.x_range, "start"),
            "right": (plot.x_range, "end"),
            "low": (plot.y_range, "start"),
            "high": (plot.y_range, "end"),
        }

    return shape(build)


def _poured(across: Any, upward: Any, told: Sequence[str], names: tuple[str, str]) -> dict[str, Any]:
    (left, right), (low, high) = span(across), span(upward)
    return {
        "points": Columns({"x": across.tolist(), "y": upward.tolist(), "said": told}),
        "axes": Columns(_axes(left, right, low, high, names)),
        "left": left,
        "right": right,
        "low": low,
        "high": high,
    }


def _axes(left: float, right: float, low: float, high: float, names: tuple[str, str]) -> dict[str, list[Any]]:
    return {
        "x": [right, left],
        "y": [low, high],
        "text": [names[0], names[1]],
        "align": ["right", "left"],
        "baseline": ["bottom", "top"],
    }


def _nothing() -> dict[str, Any]:
    empty = np.array([0.0])
    return _poured(empty, empty, [""], ("", "")) | {"points": Columns({"x": [], "y": [], "said": []})}


def _many(across: Any, upward: Any, names: tuple[str, str], height: int, speech: Speech) -> figure:
    hv, rasterize = _holoviews()
    (left, right), (low, high) = span(across), span(upward)
    cells = rasterize(
        hv.Points((across, upward), kdims=["x", "y"]),
        dynamic=False,
        width=CELLS_ACROSS,
        height=max(1, CELLS_ACROSS * height // 720),
        x_range=(left, right),
        y_range=(low, high),
    )
    shown = cells.opts(
        hv.opts.Image(cmap=list(STEPS), cnorm="eq_hist", clipping_colors={"NaN": "transparent"})
    )
    plot = dressed(hv.render(shown, backend="bokeh"))
    plot.update(height=height, width=None, x_range=Range1d(left, right), y_range=Range1d(low, high))
    plot.xaxis.axis_label = plot.yaxis.axis_label = None
    plot.title.text = ""
    axes = source("axes", "x", "y", "text", "align", "baseline")
    axes.data = _axes(left, right, low, high, names)
    plot.text("x", "y", "text", source=axes, text_align="align", text_baseline="baseline", **TEXT)
    for axis in plot.axis:
        axis.formatter = NumeralTickFormatter(format="0,0[.]0", language=speech.language)
    return plot


@cache
def _holoviews() -> tuple[Any, Any]:
    """Imported when first needed: with datashader it takes seconds and 100 MiB."""
    import holoviews
    from holoviews.operation.datashader import rasterize

    holoviews.extension("bokeh")
    return holoviews, rasterize
