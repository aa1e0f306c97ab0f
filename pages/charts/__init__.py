"""An answer becomes a drawing, one chart a file. A page calls `charts.line(answer, speech, ...)`.

The charts that every pupil has for himself are plain Bokeh shapes into which data is poured
(`_shape.py` says what that saves); the others are HoloViews on Bokeh.
"""

from __future__ import annotations

from pages.charts.band import Ahead, band
from pages.charts.bars import bars
from pages.charts.calendar import calendar
from pages.charts.columns import columns
from pages.charts.dots import dots
from pages.charts.line import line
from pages.charts.radar import Spoke, radar

CHARTS = (line, bars, columns, dots, calendar, radar, band)

__all__ = ["CHARTS", "Ahead", "Spoke", "band", "bars", "calendar", "columns", "dots", "line", "radar"]
