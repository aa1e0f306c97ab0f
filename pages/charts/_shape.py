"""A figure without its data, encoded once; an answer is poured into the text.

Building and encoding a Bokeh figure takes 10 to 30 ms and a HoloViews one 60; pouring takes a tenth of
one. A pupil's own chart is nobody else's, so a cache alone would not help thirty who arrive together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from bokeh.embed import json_item
from bokeh.model import Model
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

_ID = re.compile(r"p\d+")
PREFIX = "hw§"  # headway.js gives each place on a page ids of its own


@dataclass(frozen=True, slots=True)
class Shape:
    pieces: tuple[str, ...]  # text, name, text, name ... text

    def pour(self, values: Mapping[str, Any]) -> str:
        out = list(self.pieces)
        for at in range(1, len(out), 2):
            out[at] = _encoded(values[out[at]])
        return "".join(out)


def shape(build: Callable[[], tuple[figure, Mapping[str, tuple[Model, str]]]]) -> Shape:
    """`build` gives the figure and its openings: name -> (model, property)."""
    plot, openings = build()
    item: Any = json_item(plot)
    item["doc"].pop("defs", None)
    places = {(model.id, attribute): name for name, (model, attribute) in openings.items()}
    _open(item, places)
    assert not places, f"never encoded: {sorted(places.values())}"
    pieces = re.split(r'"@@([\w-]+)@@"', orjson.dumps(item, option=orjson.OPT_SERIALIZE_NUMPY).decode())
    return Shape(tuple(pieces))


def _open(part: Any, places: dict[tuple[str, str], str]) -> None:
    """Puts marks where values go, and makes the ids unmistakable."""
    if isinstance(part, list):
        for one in part:
            _open(one, places)
        return
    if not isinstance(part, dict):
        return
    for owner, attribute in [
        key for key in places if key[0] == part.get("id") and part.get("type") == "object"
    ]:
        part.setdefault("attributes", {})[attribute] = f"@@{places.pop((owner, attribute))}@@"
    for key in ("id", "root_id"):
        if isinstance(part.get(key), str) and _ID.fullmatch(part[key]):
            part[key] = PREFIX + part[key]
    for one in part.values():
        _open(one, places)


@dataclass(frozen=True, slots=True)
class Columns:
    """The data of a ColumnDataSource."""

    columns: Mapping[str, Sequence[Any]]


def _encoded(value: Any) -> str:
    if isinstance(value, Columns):
        entries = [[name, [_cell(v) for v in column]] for name, column in value.columns.items()]
        value = {"type": "map", "entries": entries}
    elif isinstance(value, dict):
        value = {"type": "map", "entries": [[key, one] for key, one in value.items()]}
    return orjson.dumps(value).decode()


def _cell(value: Any) -> Any:
    return {"type": "number", "value": "nan"} if value is None else value


def data_of(source: ColumnDataSource) -> tuple[Model, str]:
    return source, "data"
