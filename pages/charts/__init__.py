"""An answer becomes a drawing, one chart a file. A page calls `charts.line(answer, speech, ...)`.

Nearly all are plain Bokeh shapes into which data is poured: thirty pupils who arrive together each have
drawings of their own, and `bench/README.md` says what pouring costs beside HoloViews. `points` is HoloViews
on datashader from 10,000 points on.
"""

from __future__ import annotations

from pages.charts.band import Ahead, band
from pages.charts.bars import bars
from pages.charts.calendar import calendar
from pages.charts.columns import columns
from pages.charts.dots import dots
from pages.charts.histogram import histogram
from pages.charts.items import items
from pages.charts.line import line
from pages.charts.points import points
from pages.charts.radar import Spoke, radar
from pages.charts.retention import retention

CHARTS = (line, bars, columns, dots, calendar, radar, band, retention, items, histogram, points)

__all__ = [
    "CHARTS",
    "Ahead",
    "Spoke",
    "band",
    "bars",
    "calendar",
    "columns",
    "dots",
    "histogram",
    "items",
    "line",
    "points",
    "radar",
    "retention",
]
