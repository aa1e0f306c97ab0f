"""A measure by category, lying down so that names can be read. Bars start at zero."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import orjson
import pyarrow.compute as pc
from bokeh.model import Model
from bokeh.models import FactorRange, Range1d
from bokeh.plotting import figure

from models.ask import Answer
from pages.cards import Drawing
from pages.charts._kept import KEPT
from pages.charts._shape import Columns, Shape, data_of, shape
from pages.charts._theme import INK, SERIES, TEXT, hover, plain, source, tappable
from pages.speech import Speech

BAR = 36  # pixels a bar takes
MOST_BARS = 12
LONGEST_NAME = 26


def bars(
    answer: Answer,
    speech: Speech,
    *,
    x: str,
    y: str,
    unit: str = "",
    label: Callable[[Any], str] = str,
    said: Callable[[Mapping[str, Any]], str] | None = None,
    most: int = MOST_BARS,
    full: float | None = None,
    picked: str = "",
    alternative: str = "",
) -> Drawing:
    """The longest `most`, in the answer's order. `full` ends the axis (100 for per cent); a tap picks `x`.

    What is `said` may compare with another answer, so it is part of what the drawing is kept under."""
    rows = answer.table.filter(pc.is_valid(answer.table[y])).slice(0, most).to_pylist()
    names = tuple(label(row[x]) for row in rows)
    tell = said or (lambda row: f"{label(row[x])}: {speech.column(y)} {speech.measured(row[y], unit)}")
    told = tuple(map(tell, rows))
    key = ("bars", answer.key, x, y, unit, most, full, picked, speech, alternative, names, told)

    def draw() -> Drawing:
        text = _shape(len(rows)).pour(_poured(rows, x, y, unit, names, told, full, picked, speech))
        height = len(rows) * BAR + 16
        return Drawing(text, alternative or _alternative(rows, x, y, unit, label, speech), height)

    return KEPT.get(key, draw)


@cache
def _shape(count: int) -> Shape:
    def build() -> tuple[figure, Mapping[str, tuple[Model, str]]]:
        points = source("points", "name", "value", "shown", "said", "mark", "alpha", "inside")
        names = FactorRange(factors=[], range_padding=0.1)
        plot = plain(count * BAR + 16, x_range=Range1d(0, 1), y_range=names)
        drawn = plot.hbar(
            y="name",
            right="value",
            height=0.62,
            source=points,
            fill_color=SERIES[0],
            line_color=None,
            fill_alpha="alpha",
            border_radius=3,
        )
        plot.text(
            x="value",
            y="name",
            text="shown",
            source=points,
            x_offset=6,
            text_baseline="middle",
            **{**TEXT, "text_color": INK},
        )
        hover(plot, [drawn], attachment="above")
        tappable(plot, [drawn])
        plot.xaxis.visible = False
        plot.ygrid.grid_line_color = None
        plot.yaxis.major_label_text_color = INK
        return plot, {
            "points": data_of(points),
            "names": (names, "factors"),
            "to": (plot.x_range, "end"),
        }

    return shape(build)


def _poured(
    rows: Sequence[Mapping[str, Any]],
    x: str,
    y: str,
    unit: str,
    called: Sequence[str],
    told: Sequence[str],
    full: float | None,
    picked: str,
    speech: Speech,
) -> dict[str, Any]:
    names = _told_apart(called)
    shown = [speech.measured(row[y], unit) for row in rows]
    top = full or max((row[y] for row in rows), default=1) or 1
    return {
        "points": Columns(
            {
                "name": names,
                "value": [row[y] for row in rows],
                "shown": shown,
                "said": [*told],
                "mark": [orjson.dumps({x: row[x]}, default=str).decode() for row in rows],
                "alpha": [1.0 if not picked or str(row[x]) == picked else 0.35 for row in rows],
            }
        ),
        "names": names[::-1],
        "to": top * 1.22,
    }


def _told_apart(names: Sequence[str]) -> list[str]:
    """Shortened to fit, and still different: an axis has one place for one name."""
    seen: dict[str, int] = {}
    out = []
    for name in names:
        short = name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1].rstrip() + "…"
        seen[short] = seen.get(short, 0) + 1
        out.append(short if seen[short] == 1 else f"{short} ({seen[short]})")
    return out


def _alternative(
    rows: Sequence[Mapping[str, Any]], x: str, y: str, unit: str, label: Callable[[Any], str], speech: Speech
) -> str:
    if not rows:
        return speech.say("chart.nothing")
    top = [f"{label(row[x])} {speech.measured(row[y], unit)}" for row in rows[:3]]
    return speech.say("chart.bars", what=speech.column(y), top=speech.names(top), n=len(rows))
