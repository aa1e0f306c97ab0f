"""Pages and charts in a notebook: the same cards and drawings through the same door, without the frame."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import count
from typing import Any

import orjson
import panel as pn
import param
from panel.viewable import Viewer

from models.desk import Desk
from models.errors import NotFound, unknown
from pages import assets, frame
from pages.cards import Card, Drawing
from pages.me import Me
from pages.places import Page, Visit
from pages.speech import Speech
from pages.stage import Stage

_numbers = count(1)
_IN_A_CELL = """
.notebook { padding: 16px; border-radius: 12px; font-variant-numeric: tabular-nums }
.notebook [hidden] { display: none }
.notebook > .cards { margin: 0 }
.notebook > .filters { margin-block: 0 16px }
"""


def ready() -> None:
    """Once in a notebook. Everything comes from this machine: nothing is fetched from elsewhere."""
    pn.extension(inline=True)


class Board(Stage):
    """The cards of a page as they stand in a cell."""

    looks = param.String(default="{}", doc="The classes of each card, as JSON.")
    colours = param.String(default="{}", doc="Light colours and their dark ones, as JSON.")
    own = param.String(default="", doc="Tells the models of two boards apart.")

    _esm = (assets.FOLDER / "notebook.js").read_text()

    def __init__(self, told: Callable[[Mapping[str, Any]], None], **params: Any) -> None:
        given = {"colours": _colours(), "own": f"n{next(_numbers)}", "stylesheets": [_style()]}
        super().__init__(told, **{**given, "sizing_mode": "stretch_width", **params})


class Chart(Viewer):
    """One drawing; `show` puts another in its place."""

    def __init__(self, drawing: Drawing, title: str = "") -> None:
        super().__init__()
        self._title = title
        self._board = Board(lambda message: None, names=["chart"], looks='{"chart": "card span-12"}')
        self.show(drawing)

    def show(self, drawing: Drawing) -> None:
        html = frame.inside("chart", Card(title=self._title, drawing=drawing))
        self._board.s0 = orjson.dumps({"html": str(html), "drawing": drawing.text}).decode()

    def __panel__(self) -> Any:
        return self._board


def page(
    desk: Desk, me: Mapping[str, Any], path: str, query: Mapping[str, str], pages: Sequence[Page]
) -> Any:
    """A page of PAGES, live, as the desk's viewer may see it."""
    found = next((p for p in pages if p.path == path), None)
    if found is None:
        raise unknown("page", path, [p.path for p in pages])
    if not desk.viewer.may(found.action):
        raise NotFound("Whom the token acts for may not open this page.")
    if found.named:
        raise NotFound("This page is about one person by name, and a notebook is told no names.")
    who = Me.read(me)
    view: Any = found.view(Visit(desk, who, Speech(who.locale, who.zone), found, dict(query), _board))
    view.stage.looks = orjson.dumps(
        {slot.name: f"card span-{slot.span}{' bare' * slot.bare}" for slot in view.slots}
    ).decode()
    view.start()
    return view


def _board(**parts: Any) -> Stage:
    return Board(**parts)


@cache
def _style() -> str:
    """The frame's own style, for a shadow root instead of a document."""
    css = (assets.FOLDER / "headway.css").read_text()
    css = css.replace(':root[data-theme="dark"]', ':host([data-theme="dark"])')
    css = css.replace(':root:not([data-theme="light"])', ':host(:not([data-theme="light"]))')
    css = (
        css.replace(":root", ":host").replace("\nhtml {", "\n.notebook {").replace("\nbody {", "\n.no-body {")
    )
    return css + _IN_A_CELL


@cache
def _colours() -> str:
    """As headway.js has them, so that a drawing is the same in both places."""
    listed = (assets.FOLDER / "headway.js").read_text().partition("const DARK = {")[2].partition("}")[0]
    return orjson.dumps(dict(re.findall(r'"(#\w{6})": "(#\w{6})"', listed))).decode()
