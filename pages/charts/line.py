"""A measure over time: blue is what is looked at, grey what it is compared with."""

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
from pages.charts._theme import COMPARED, DASHES, SERIES, SURFACE, TEXT, hover, plain, source, tappable
from pages.charts._time import at, ticks
from pages.speech import Speech

_LINE = 0.09  # of the height: what a line of text takes
_LETTERS = 28  # a drawing on a phone holds so many side by side; the longest name has its room


def line(
    answer: Answer,
    speech: Speech,
    *,
    x: str = "day",
    y: Sequence[str] | str | None = None,
    compared: Answer | None = None,
    today: date | None = None,
    unit: str = "",
    said: Callable[[Mapping[str, Any]], str] | None = None,
    labels: Sequence[str] = (),
    alternative: str = "",
    height: int = 240,
) -> Drawing:
    """`y` names one to four measures; `labels` stand at the ends of their lines. `compared` is the span
    before, laid beneath day by day.

    `today` is drawn dashed and called "so far"; later days are not drawn. A missing value is a gap.
    """
    names = [y] if isinstance(y, str) else list(y or [n for n in answer.table.column_names if n != x])
    assert len(names) <= len(SERIES), "more than four lines are small multiples"
    key = (
        "line",
        answer.key,
        compared.key if compared else "",
        x,
        *names,
        today,
        unit,
        tuple(labels),
        speech,
        height,
        alternative,
    )

    def draw() -> Drawing:
        rows = sorted(
            (r for r in answer.rows() if today is None or _day(r[x]) <= today), key=lambda r: _day(r[x])
        )
        before = compared.rows() if compared else []
        text = _shape(len(names), bool(before), height, _style(unit), speech.language).pour(
            _poured(
                rows, sorted(before, key=lambda r: _day(r[x])), x, names, today, unit, speech, said, labels
            )
        )
        return Drawing(text, alternative or _alternative(rows, x, names[0], unit, speech), height)

    return KEPT.get(key, draw)


def _day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])


def _style(unit: str) -> str:
    return {"percent": "0 %", "%": "0 %", "share": "0 %", "s": "00:00"}.get(unit, "0,0")


@cache
def _shape(lines: int, compared: bool, height: int, style: str, language: str) -> Shape:
    def build() -> tuple[figure, Mapping[str, tuple[Model, str]]]:
        points = source("points", "x", "said", "mark", *(f"y{i}" for i in range(lines)))
        running = source("running", "x", *(f"y{i}" for i in range(lines)))
        ends = source("ends", "x", "y", "text")
        before = source("before", "x", "y")
        words = source("words", "x", "y", "text")
        plot = plain(height, x_range=Range1d(0, 1), y_range=Range1d(0, 1))
        if compared:
            plot.line("x", "y", source=before, line_color=COMPARED, line_width=2, line_dash=[2, 4])
        for i in range(lines):
            look = {"line_color": SERIES[i], "line_width": 2.5, "line_join": "round"}
            plot.line("x", f"y{i}", source=points, line_dash=DASHES[i], **look)
            plot.line("x", f"y{i}", source=running, line_dash=[6, 5], **look)
        plot.scatter("x", "y", source=ends, size=8, fill_color=SERIES[0], line_color=SURFACE, line_width=2)
        plot.text("x", "y", "text", source=ends, x_offset=-2, y_offset=-10, text_align="right", **TEXT)
        plot.text("x", "y", "text", source=words, x_offset=8, text_baseline="middle", **TEXT)
        seen = plot.scatter(
            "x",
            "y0",
            source=points,
            size=12,
            fill_alpha=0,
            line_alpha=0,
            hover_fill_color=SERIES[0],
            hover_fill_alpha=1.0,
        )
        hover(
            plot, [seen], mode="vline", point_policy="snap_to_data", line_policy="nearest", attachment="above"
        )
        tappable(plot, [seen])
        plot.xaxis.ticker = FixedTicker(ticks=[])
        plot.yaxis.formatter = NumeralTickFormatter(format=style, language=language)
        plot.yaxis.ticker.desired_num_ticks = 4
        return plot, {
            "points": data_of(points),
            "running": data_of(running),
            "ends": data_of(ends),
            "words": data_of(words),
            **({"before": data_of(before)} if compared else {}),
            "from": (plot.x_range, "start"),
            "to": (plot.x_range, "end"),
            "low": (plot.y_range, "start"),
            "high": (plot.y_range, "end"),
            "ticks": (plot.xaxis[0].ticker, "ticks"),
            "labels": (plot.xaxis[0], "major_label_overrides"),
        }

    return shape(build)


def _poured(
    rows: list[dict[str, Any]],
    before: list[dict[str, Any]],
    x: str,
    names: list[str],
    today: date | None,
    unit: str,
    speech: Speech,
    said: Callable[[Mapping[str, Any]], str] | None,
    labels: Sequence[str],
) -> dict[str, Any]:
    days = [_day(row[x]) for row in rows]
    places = [at(day) for day in days]
    over = len(rows) - 1 if today is not None and days and days[-1] == today else len(rows)
    values = {name: [row[name] for row in rows] for name in names}
    known = [v for name in names for v in values[name] if v is not None] + [
        r[names[0]] for r in before if r[names[0]] is not None
    ]
    top = max(known, default=1) or 1
    bottom = min(0, *known) if known else 0
    names_places, named = ticks(days, speech)
    last = max((i for i, v in enumerate(values[names[0]]) if v is not None), default=None)
    tell = said or (lambda row: _sentence(row, x, names, unit, today, speech))
    pad = max(1, (places[-1] - places[0]) // 60) if places else 1
    high = bottom + (top - bottom) * 1.12
    words = _words([values[name] for name in names], places, labels, high - bottom)
    room = (places[-1] - places[0]) * max(map(len, labels)) // _LETTERS if places and labels else 0
    return {
        "points": Columns(
            {
                "x": places,
                "said": [tell(row) for row in rows],
                "mark": ["{}"] * len(rows),
                **{f"y{i}": _cut(values[name], over) for i, name in enumerate(names)},
            }
        ),
        "running": Columns(
            {
                "x": places[over - 1 :] if 0 < over < len(rows) else [],
                **{
                    f"y{i}": values[n][over - 1 :] if 0 < over < len(rows) else []
                    for i, n in enumerate(names)
                },
            }
        ),
        "ends": Columns(
            {"x": [], "y": [], "text": []}
            if last is None
            else {
                "x": [places[last]],
                "y": [values[names[0]][last]],
                "text": [speech.say("chart.so_far") if last == over else ""],
            }
        ),
        "before": Columns({"x": places[: len(before)], "y": [r[names[0]] for r in before[: len(places)]]}),
        "from": (places[0] - pad) if places else 0,
        "words": words,
        "to": (places[-1] + 2 * pad + room) if places else 1,
        "low": bottom,
        "high": high,
        "ticks": names_places,
        "labels": _map(named),
    }


def _words(
    lines: Sequence[Sequence[Any]], places: Sequence[float], labels: Sequence[str], height: float
) -> Columns:
    """Each name beside the last value of its line, the lower ones first, none upon another."""
    ends = []
    for values, label in zip(lines, labels, strict=False):
        last = next((v for v in reversed(values) if v is not None), None)
        if last is not None:
            ends.append((float(last), label))
    ends.sort(key=lambda end: end[0])
    free, at_heights = float("-inf"), []
    for value, _ in ends:
        at_heights.append(max(value, free))
        free = at_heights[-1] + height * _LINE
    return Columns({"x": [places[-1]] * len(ends), "y": at_heights, "text": [label for _, label in ends]})


def _cut(values: list[Any], over: int) -> list[Any]:
    """The running day belongs to the dashed line; hovering it still works."""
    return values[:over] + [None] * (len(values) - over)


def _map(pairs: list[list[object]]) -> dict[Any, Any]:
    return {place: label for place, label in pairs}  # noqa: C416


def _sentence(
    row: Mapping[str, Any], x: str, names: list[str], unit: str, today: date | None, speech: Speech
) -> str:
    day = _day(row[x])
    told = ", ".join(
        f"{speech.column(name)} {speech.measured(row[name], unit)}"
        if row[name] is not None
        else f"{speech.column(name)}: {speech.say('word.unknown')}"
        for name in names
    )
    so_far = f" ({speech.say('chart.so_far')})" if day == today else ""
    return f"{speech.day(day, 'MMMEd')}: {told}{so_far}"


def _alternative(rows: list[dict[str, Any]], x: str, name: str, unit: str, speech: Speech) -> str:
    known = [row for row in rows if row[name] is not None]
    if not known:
        return speech.say("chart.nothing")
    low, high = min(known, key=lambda r: r[name]), max(known, key=lambda r: r[name])
    return speech.say(
        "chart.line",
        what=speech.column(name),
        since=speech.day(_day(rows[0][x])),
        until=speech.day(_day(rows[-1][x])),
        low=speech.measured(low[name], unit),
        low_day=speech.day(_day(low[x])),
        high=speech.measured(high[name], unit),
        high_day=speech.day(_day(high[x])),
        last=speech.measured(known[-1][name], unit),
    )
