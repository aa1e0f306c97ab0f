"""An answer becomes a drawing, one chart a file. A page calls `charts.line(answer, speech, ...)`.

The charts that every pupil has for himself are plain Bokeh shapes into which data is poured
(`_shape.py` says what that saves); the others are HoloViews on Bokeh.
"""

from __future__ import annotations

from pages.charts.bars import bars
from pages.charts.calendar import calendar
from pages.charts.columns import columns
from pages.charts.dots import dots
from pages.charts.line import line

CHARTS = (line, bars, columns, dots, calendar)

__all__ = ["CHARTS", "bars", "calendar", "columns", "dots", "line"]
