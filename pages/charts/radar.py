"""Several shares around a circle: blue is now, grey dashes are before. The nearer the rim, the better."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from bokeh.model import Model
from bokeh.models import Range1d
from bokeh.plotting import figure

from pages.cards import Drawing
from pages.charts._kept import KEPT
from pages.charts._shape import Columns, Shape, data_of, shape
from pages.charts._theme import COMPARED, LINE, MUTED, SERIES, SURFACE, TEXT, hover, plain, source
from pages.speech import Speech

FEWEST, MOST = 3, 8  # two directions are a line; more than eight nobody reads
_WIDTH, _HEIGHT, _RIM = 320, 240, 66  # pixels; the rim stands at 1
_RINGS = (0.25, 0.5, 0.75, 1.0)
_LETTERS = 11  # in a line of a name
_LONGEST = 13


@dataclass(frozen=True, slots=True)
class Spoke:
    name: str
    now: float | None  # 0 to 1; unknown is no point
    before: float | None
    said: str  # when pointed at


def radar(key: str, spokes: Sequence[Spoke], speech: Speech, *, alternative: str) -> Drawing:
    """`key` is that of the answer the spokes were read from."""
    shown = tuple(spokes[:MOST])
    assert len(shown) >= FEWEST, "a radar needs three directions"

    def draw() -> Drawing:
        return Drawing(_shape().pour(_poured(shown)), alternative, _HEIGHT, _WIDTH)

    return KEPT.get(("radar", key, shown, speech, alternative), draw)


@cache
def _shape() -> Shape:
    def build() -> tuple[figure, Mapping[str, tuple[Model, str]]]:
        web = source("web", "xs", "ys")
        before, now = source("before", "x", "y"), source("now", "x", "y")
        points = source("points", "x", "y", "said")
        left, middle, right = (source(side, "x", "y", "text") for side in ("left", "center", "right"))
        plot = plain(
            _HEIGHT,
            x_range=Range1d(-_WIDTH / 2 / _RIM, _WIDTH / 2 / _RIM),
            y_range=Range1d(-_HEIGHT / 2 / _RIM, _HEIGHT / 2 / _RIM),
        )
        # A circle stays one at a fixed size only.
        plot.update(sizing_mode="fixed", width=_WIDTH, min_border=0, min_border_left=0, min_border_right=0)
        plot.axis.visible = False
        plot.grid.grid_line_color = None
        plot.multi_line("xs", "ys", source=web, line_color=LINE, line_width=1)
        plot.patch(
            "x", "y", source=before, fill_color=None, line_color=COMPARED, line_width=2, line_dash=[4, 4]
        )
        plot.patch(
            "x", "y", source=now, fill_color=SERIES[0], fill_alpha=0.15, line_color=SERIES[0], line_width=2.5
        )
        seen = plot.scatter(
            "x", "y", source=points, size=9, fill_color=SERIES[0], line_color=SURFACE, line_width=1.5
        )
        for side, words in (("left", left), ("center", middle), ("right", right)):
            plot.text(
                "x", "y", "text", source=words, text_align=side, text_baseline="middle",
                **{**TEXT, "text_color": MUTED, "text_line_height": 1.1},
            )  # fmt: skip
        hover(plot, [seen], attachment="above")
        return plot, {
            "web": data_of(web),
            "before": data_of(before),
            "now": data_of(now),
            "points": data_of(points),
            "left": data_of(left),
            "center": data_of(middle),
            "right": data_of(right),
        }

    return shape(build)


def _poured(spokes: Sequence[Spoke]) -> dict[str, Any]:
    count = len(spokes)
    angles = [math.pi / 2 - 2 * math.pi * n / count for n in range(count)]

    def at(share: float, n: int) -> tuple[float, float]:
        share = min(1.0, max(0.0, share))
        return round(share * math.cos(angles[n]), 4), round(share * math.sin(angles[n]), 4)

    rings = [[at(ring, n % count) for n in range(count + 1)] for ring in _RINGS]
    arms = [[(0.0, 0.0), at(1.0, n)] for n in range(count)]
    return {
        "web": Columns(
            {
                "xs": [[x for x, _ in path] for path in (*rings, *arms)],
                "ys": [[y for _, y in path] for path in (*rings, *arms)],
            }
        ),
        "now": _path([at(s.now, n) for n, s in enumerate(spokes) if s.now is not None]),
        "before": _path([at(s.before, n) for n, s in enumerate(spokes) if s.before is not None]),
        "points": Columns(
            {
                "x": [at(s.now, n)[0] for n, s in enumerate(spokes) if s.now is not None],
                "y": [at(s.now, n)[1] for n, s in enumerate(spokes) if s.now is not None],
                "said": [s.said for s in spokes if s.now is not None],
            }
        ),
        **_names(spokes, angles),
    }


def _path(points: Sequence[tuple[float, float]]) -> Columns:
    """Fewer than three points enclose nothing."""
    shown = points if len(points) >= FEWEST else ()
    return Columns({"x": [x for x, _ in shown], "y": [y for _, y in shown]})


def _names(spokes: Sequence[Spoke], angles: Sequence[float]) -> dict[str, Columns]:
    words: dict[str, list[tuple[float, float, str]]] = {"left": [], "center": [], "right": []}
    for spoke, angle in zip(spokes, angles, strict=True):
        x, y = math.cos(angle), math.sin(angle)
        side = "center" if abs(x) < 0.2 else "left" if x > 0 else "right"
        far = 1.28 if side == "center" else 1.1
        words[side].append((round(far * x, 4), round(far * y, 4), _folded(spoke.name)))
    return {
        side: Columns(
            {"x": [x for x, _, _ in some], "y": [y for _, y, _ in some], "text": [t for _, _, t in some]}
        )
        for side, some in words.items()
    }


def _folded(name: str) -> str:
    """In two lines at most; a long word is kept whole as far as there is room beside the circle."""
    lines = textwrap.wrap(name, _LETTERS, max_lines=2, placeholder=" …", break_long_words=False)
    return "\n".join(
        line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…" for line in lines or [name]
    )
