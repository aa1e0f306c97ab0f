"""How every chart looks: LOOK.md's tokens in the light theme. `headway.js` maps them to the dark one."""

from __future__ import annotations

from typing import Any

from bokeh.models import ColumnDataSource, HoverTool, TapTool
from bokeh.plotting import figure

SURFACE, LINE, INK, MUTED = "#FFFFFF", "#D9DFE7", "#1A2230", "#556070"
SERIES = ("#1F5FBF", "#D55E00", "#0B4F45", "#B0458F")
DASHES = ("solid", "dashed", "dotdash", "dotted")
COMPARED = "#8A93A0"
GOOD, WATCH, URGENT = "#0B7468", "#8F5600", "#B3261E"
STEPS = ("#DFE9F7", "#B9D0F0", "#86AEE3", "#4F86D2", "#1F5FBF")  # sequential: one hue
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", Arial, sans-serif'
TEXT: dict[str, Any] = {"text_font": {"value": FONT}, "text_font_size": "13px", "text_color": MUTED}
_AXIS: dict[str, Any] = {
    "axis_line_color": None,
    "major_tick_line_color": None,
    "minor_tick_line_color": None,
    "major_label_text_font": FONT,
    "major_label_text_font_size": "13px",
    "major_label_text_color": MUTED,
}
# Inherits the page's colours through the shadow root, so it follows the theme by itself.
SAID = '<div style="color: var(--ink); font: 14px/20px system-ui, sans-serif; max-width: 260px">@said</div>'


def plain(height: int, **more: Any) -> figure:
    """A figure with faint horizontal grid lines and nothing else: no frame, no logo, no toolbar."""
    return dressed(figure(height=height, tools=[], **more))


def dressed(plot: figure) -> figure:
    """A figure made elsewhere, such as by HoloViews, in the same clothes."""
    plot.update(
        sizing_mode="stretch_width",
        toolbar_location=None,
        min_border_left=4,
        min_border_right=8,
        outline_line_color=None,
        background_fill_color=None,
        border_fill_color=None,
    )
    for axis in plot.axis:
        axis.update(**_AXIS)
    plot.xgrid.grid_line_color = None
    plot.ygrid.grid_line_color = LINE
    plot.toolbar.logo = None
    return plot


def hover(plot: figure, renderers: list[Any], mode: str = "mouse", **more: Any) -> None:
    """Sentences, one at a time."""
    plot.add_tools(HoverTool(renderers=renderers, tooltips=SAID, mode=mode, **more))


def tappable(plot: figure, renderers: list[Any]) -> None:
    """A tap sends the `mark` of the point; the drawing itself does not change."""
    for renderer in renderers:
        renderer.nonselection_glyph = renderer.glyph
        renderer.selection_glyph = renderer.glyph
    plot.add_tools(TapTool(renderers=renderers))


def source(name: str, *columns: str) -> ColumnDataSource:
    return ColumnDataSource(data={column: [] for column in columns}, name=name)
