"""What a drawing costs the ui process: poured, kept, and the same data by Bokeh and by HoloViews."""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import orjson
import pyarrow as pa

from bench.report import Report, report, show
from models.ask import Answer, Ask
from pages import charts
from pages.cards import Drawing
from pages.speech import Speech

TODAY = date(2026, 3, 31)
Drawn = Callable[[Answer], object]


def answer(columns: dict[str, list[Any]], number: int) -> Answer:
    """A key of its own each time: nobody has drawn it before."""
    return Answer(Ask(), pa.table(columns), (), datetime.now(UTC), number, f"bench-{number}")


def days(count: int) -> dict[str, list[Any]]:
    when = [TODAY - timedelta(days=n) for n in range(count)][::-1]
    return {"day": when, "minutes": [float(n * 37 % 91) for n in range(count)]}


def courses() -> dict[str, list[Any]]:
    return {"course": [f"Course {n}" for n in range(12)], "minutes": [float(90 - 7 * n) for n in range(12)]}


def _item(plot: Any) -> bytes:
    from bokeh.embed import json_item

    item: Any = json_item(plot)
    item["doc"].pop("defs", None)
    return orjson.dumps(item, option=orjson.OPT_SERIALIZE_NUMPY)


# ---- the same by bare Bokeh --------------------------------------------------------------------------------
def bokeh_line(found: Answer) -> bytes:
    from bokeh.plotting import figure

    plot = figure(height=240, x_axis_type="datetime", tooltips=[("", "@y")])
    plot.line(found.table["day"].to_pylist(), found.table["minutes"].to_pylist(), line_width=2.5)
    return _item(plot)


def bokeh_bars(found: Answer) -> bytes:
    from bokeh.plotting import figure

    names = found.table["course"].to_pylist()
    plot = figure(y_range=names[::-1], height=432, tooltips=[("", "@right")])
    plot.hbar(y=names, right=found.table["minutes"].to_pylist(), height=0.6)
    return _item(plot)


def bokeh_calendar(found: Answer) -> bytes:
    from bokeh.plotting import figure
    from bokeh.transform import linear_cmap

    when = found.table["day"].to_pylist()
    plot = figure(height=151, tooltips=[("", "@value")])
    source = {
        "x": [(day - when[0]).days // 7 for day in when],
        "y": [day.weekday() for day in when],
        "value": found.table["minutes"].to_pylist(),
    }
    plot.rect("x", "y", 0.9, 0.9, source=source, fill_color=linear_cmap("value", "Blues9", 0, 91))
    return _item(plot)


# ---- and by HoloViews --------------------------------------------------------------------------------------
def _rendered(element: Any) -> bytes:
    import holoviews

    return _item(holoviews.render(element, backend="bokeh"))


def holoviews_line(found: Answer) -> bytes:
    import holoviews

    pairs = (found.table["day"].to_pylist(), found.table["minutes"].to_pylist())
    return _rendered(holoviews.Curve(pairs, "day", "minutes").opts(height=240, tools=["hover"]))


def holoviews_bars(found: Answer) -> bytes:
    import holoviews

    pairs = list(zip(found.table["course"].to_pylist(), found.table["minutes"].to_pylist(), strict=True))
    return _rendered(holoviews.Bars(pairs, "course", "minutes").opts(invert_axes=True, tools=["hover"]))


def holoviews_calendar(found: Answer) -> bytes:
    import holoviews

    when = found.table["day"].to_pylist()
    cells = [
        ((day - when[0]).days // 7, day.weekday(), value)
        for day, value in zip(when, found.table["minutes"].to_pylist(), strict=True)
    ]
    return _rendered(holoviews.HeatMap(cells, ["week", "weekday"], "minutes").opts(tools=["hover"]))


# ---- and as the pages do it --------------------------------------------------------------------------------
SPEECH = Speech("en-GB", "UTC")


def our_line(found: Answer) -> Drawing:
    return charts.line(found, SPEECH, y="minutes")


def our_bars(found: Answer) -> Drawing:
    return charts.bars(found, SPEECH, x="course", y="minutes")


def our_calendar(found: Answer) -> Drawing:
    return charts.calendar(found, SPEECH, today=TODAY, y="minutes")


KINDS: dict[str, tuple[dict[str, list[Any]], Drawn, Drawn, Drawn]] = {
    "line": (days(90), our_line, bokeh_line, holoviews_line),
    "bars": (courses(), our_bars, bokeh_bars, holoviews_bars),
    "calendar": (days(365), our_calendar, bokeh_calendar, holoviews_calendar),
}


def cost_ms(draw: Callable[[int], object], times: int) -> float:
    """Processor time of one, the median; the first is left out, for it imports and builds the shape."""
    spent = []
    for number in range(times + 1):
        began = time.process_time()
        draw(number)
        spent.append((time.process_time() - began) * 1000)
    return statistics.median(spent[1:])


def measured(times: int) -> Report:
    figures: dict[str, float] = {}
    floor: dict[str, float] = {}
    for name, (columns, ours, by_bokeh, by_holoviews) in KINDS.items():
        figures[f"{name}_ms"] = cost_ms(partial(_fresh, ours, columns), times)
        kept = answer(columns, -1)
        figures[f"{name}_kept_ms"] = cost_ms(partial(_again, ours, kept), times)
        floor[f"{name}_bokeh_ms"] = cost_ms(partial(_fresh, by_bokeh, columns), times)
        floor[f"{name}_holoviews_ms"] = cost_ms(partial(_fresh, by_holoviews, columns), times)
        figures[f"{name}_ratio_to_holoviews"] = figures[f"{name}_ms"] / floor[f"{name}_holoviews_ms"]
    notes = (
        "processor time of one drawing, from an answer never drawn before to the text that is sent",
        "kept: the same answer again, for the next viewer",
    )
    return report("charts", figures, floor, notes)


def _fresh(draw: Drawn, columns: dict[str, list[Any]], number: int) -> object:
    return draw(answer(columns, number))


def _again(draw: Drawn, found: Answer, number: int) -> object:
    return draw(replace(found, watermark=number))


def main(options: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./headway bench charts", description=__doc__)
    parser.add_argument("--times", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(options)
    warnings.simplefilter("ignore")
    import holoviews

    holoviews.extension("bokeh")
    print(show(measured(given.times), given.json))
    return 0
