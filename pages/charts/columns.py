"""A count by day or week, standing up: time runs left to right, the span before is a grey mark behind."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

import orjson
from bokeh.model import Model
from bokeh.models import FixedTicker, Range1d
from bokeh.plotting import figure

from models.ask import Answer
from pages.cards import Drawing
from pages.charts._kept import KEPT
from pages.charts._shape import Columns, Shape, data_of, shape
from pages.charts._theme import COMPARED, SERIES, TEXT, hover, plain, source, tappable
from pages.charts._time import MOST_TICKS
from pages.speech import Speech

FREE = "#EDF2FA"


def columns(
    answer: Answer,
    speech: Speech,
    *,
    y: str,
    days: Sequence[date],
    x: str = "day",
    unit: str = "",
    compared: Answer | None = None,
    compared_days: Sequence[date] = (),
    free: Mapping[date, str] | None = None,
    running: date | None = None,
    after: date | None = None,
    picked: str = "",
    alternative: str = "",
    height: int = 220,
) -> Drawing:
    """One column for each of `days`; a day without a row is nothing, drawn as nothing. `free` days get
    a pale ground and their name in the tooltip. `running` is not over, `after` and later not yet there."""
    key = (
        "columns", answer.key, compared.key if compared else "", tuple(compared_days), y, x, tuple(days),
        unit, running, after, tuple((free or {}).items()), picked, speech, height, alternative,
    )  # fmt: skip

    def draw() -> Drawing:
        values = _values(answer, x, y)
        then = _values(compared, x, y) if compared else {}
        before = [then.get(day) for day in compared_days]
        text = _shape(height, bool(before)).pour(
            _poured(values, before, days, x, y, unit, free or {}, running, after, picked, speech)
        )
        return Drawing(text, alternative or _alternative(values, y, unit, x, speech), height)

    return KEPT.get(key, draw)


def _values(answer: Answer, x: str, y: str) -> dict[date, float | None]:
    return {row[x]: row[y] for row in answer.rows()}  # type: ignore[misc]


@cache
def _shape(height: int, compared: bool) -> Shape:
    def build() -> tuple[figure, Mapping[str, tuple[Model, str]]]:
        cols = source("columns", "x", "top", "alpha", "said", "mark")
        grounds = source("grounds", "left", "right", "top")
        before = source("before", "x0", "x1", "y")
        so_far = source("so_far", "x", "top")
        words = source("words", "x", "y", "text", "align")
        plot = plain(height, x_range=Range1d(-0.6, 1), y_range=Range1d(0, 1))
        plot.quad(
            left="left", right="right", top="top", bottom=0, source=grounds, fill_color=FREE, line_color=None
        )
        drawn = plot.vbar(
            x="x", top="top", width=0.66, source=cols, fill_color=SERIES[0], fill_alpha="alpha",
            line_color=None, border_radius=[3, 3, 0, 0],
        )  # fmt: skip
        plot.vbar(
            x="x", top="top", width=0.66, source=so_far, fill_color=None, line_color=SERIES[0],
            line_dash=[4, 3], line_width=1.5,
        )  # fmt: skip
        if compared:
            plot.segment(
                x0="x0", x1="x1", y0="y", y1="y", source=before, line_color=COMPARED, line_width=3,
            )  # fmt: skip
        plot.text(
            x="x", y="y", text="text", source=words, text_align="align", y_offset=-6,
            **{**TEXT, "text_font_size": "12px"},
        )  # fmt: skip
        hover(plot, [drawn], mode="vline", attachment="above")
        tappable(plot, [drawn])
        plot.xaxis.ticker = FixedTicker(ticks=[])
        plot.yaxis.ticker = FixedTicker(ticks=[])
        return plot, {
            "columns": data_of(cols),
            "grounds": data_of(grounds),
            "words": data_of(words),
            "so_far": data_of(so_far),
            **({"before": data_of(before)} if compared else {}),
            "to": (plot.x_range, "end"),
            "high": (plot.y_range, "end"),
            "levels": (plot.yaxis[0].ticker, "ticks"),
            "named": (plot.yaxis[0], "major_label_overrides"),
            "ticks": (plot.xaxis[0].ticker, "ticks"),
            "labels": (plot.xaxis[0], "major_label_overrides"),
        }

    return shape(build)


def _poured(
    values: Mapping[date, float | None],
    before: Sequence[float | None],
    days: Sequence[date],
    x: str,
    y: str,
    unit: str,
    free: Mapping[date, str],
    running: date | None,
    after: date | None,
    picked: str,
    speech: Speech,
) -> dict[str, Any]:
    there = [(i, day) for i, day in enumerate(days) if after is None or day < after]
    top = max([v for v in (*values.values(), *before) if v] or [1]) * 1.15
    marked = [(i, v) for i, v in enumerate(before[: len(days)]) if v]
    last = next((i for i, day in there if day == running), None)
    return {
        "columns": Columns(
            {
                "x": [i for i, _ in there],
                "top": [values.get(day) or 0 for _, day in there],
                "alpha": [_alpha(day, running, picked) for _, day in there],
                "said": [
                    _sentence(day, values, before, i, x, y, unit, free, running, speech) for i, day in there
                ],
                "mark": [orjson.dumps({x: day.isoformat()}).decode() for _, day in there],
            }
        ),
        "grounds": _grounds(days, free, top),
        "before": Columns(
            {
                "x0": [i - 0.4 for i, _ in marked],
                "x1": [i + 0.4 for i, _ in marked],
                "y": [v for _, v in marked],
            }
        ),
        "so_far": Columns(
            {"x": [], "top": []} if last is None else {"x": [last], "top": [values.get(days[last]) or 0]}
        ),
        "words": _words(values, days, last, free, top, speech),
        "to": len(days) - 0.4,
        "high": top,
        "levels": list(_levels(top)),
        "named": {level: speech.measured(level, unit) for level in _levels(top)},
        **_ticks(days, x, speech),
    }


def _grounds(days: Sequence[date], free: Mapping[date, str], top: float) -> Columns:
    """One ground for each run of free days."""
    runs = [
        list(run)
        for is_free, run in itertools.groupby(range(len(days)), lambda i: days[i] in free)
        if is_free
    ]
    return Columns(
        {
            "left": [run[0] - 0.5 for run in runs],
            "right": [run[-1] + 0.5 for run in runs],
            "top": [top for _ in runs],
        }
    )


def _words(
    values: Mapping[date, float | None],
    days: Sequence[date],
    last: int | None,
    free: Mapping[date, str],
    top: float,
    speech: Speech,
) -> Columns:
    """The running column's "so far", and the name of each holiday that is long enough to carry it."""
    words: list[tuple[float, float, str, str]] = []
    if last is not None:
        near = [values.get(day) or 0 for day in days[max(0, last - 2) : last + 1]]  # it must not cover them
        words.append((last + 0.4, max(near), speech.say("chart.so_far"), "right"))
    for name, run in itertools.groupby(range(len(days)), lambda i: free.get(days[i], "")):
        at = list(run)
        if name and len(at) * 6 >= len(days):
            words.append(((at[0] + at[-1]) / 2, top * 0.9, name, "center"))
    names = ("x", "y", "text", "align")
    return Columns({name: [word[i] for word in words] for i, name in enumerate(names)})


def _levels(top: float) -> list[int]:
    """Three to five round numbers from 0 up to `top`."""
    size = 10 ** max(0, len(str(int(top))) - 1)
    step = next(
        (s for s in (size // 10, size // 5, size // 4, size // 2, size) if s and top / s <= 5), size * 2
    )
    return list(range(0, int(top) + 1, step))


def _alpha(day: date, running: date | None, picked: str) -> float:
    if picked:
        return 1.0 if day.isoformat() == picked else 0.35
    return 0.35 if day == running else 1.0


def _ticks(days: Sequence[date], x: str, speech: Speech) -> dict[str, Any]:
    week = x == "day" and len(days) <= 7
    step = 1 if week else max(1, -(-len(days) // MOST_TICKS))
    named = sorted(range(len(days) - 1, -1, -step))
    label = {
        i: speech.weekday_short(days[i].weekday()) if week else speech.day(days[i], "MMMd") for i in named
    }
    return {"ticks": named, "labels": label}


def _sentence(
    day: date,
    values: Mapping[date, float | None],
    before: Sequence[float | None],
    at: int,
    x: str,
    y: str,
    unit: str,
    free: Mapping[date, str],
    running: date | None,
    speech: Speech,
) -> str:
    when = (
        speech.say("chart.week_of", day=speech.day(day, "MMMd")) if x == "week" else speech.day(day, "MMMEd")
    )
    told = f"{when}: {speech.column(y)} {speech.measured(values.get(day) or 0, unit)}"
    if day == running:
        told += f" ({speech.say('chart.so_far')})"
    if at < len(before) and before[at] is not None:
        told += f"; {speech.say('chart.then', value=speech.measured(before[at] or 0, unit))}"
    return told + (f". {free[day]}" if free.get(day) else "")


def _alternative(values: Mapping[date, float | None], y: str, unit: str, x: str, speech: Speech) -> str:
    known = {day: v for day, v in values.items() if v}
    if not known:
        return speech.say("chart.nothing")
    best = max(known, key=lambda day: known[day] or 0)
    return speech.say(
        "chart.columns",
        n=len(known),
        what=speech.column(y),
        best=speech.day(best, "yMMMMd"),
        most=speech.measured(known[best] or 0, unit),
    )
