"""The one component of a page: cards as text, and messages back.

A page is one Bokeh model, whatever it shows: each card is a parameter that holds JSON (its HTML and
its drawing), so that a change of one card sends that card and nothing else, and a page that
reconnects finds its whole state in the document. `assets/headway.js` draws it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import param
from bokeh.document import Document
from bokeh.model import Model
from panel.custom import JSComponent

MOST_CARDS = 24
_Cards: Any = type(
    "_Cards",
    (param.Parameterized,),
    {f"s{i}": param.String(default="", doc=f"Card {i} as JSON.") for i in range(MOST_CARDS)},
)

Told = Callable[[Mapping[str, Any]], None]


class Stage(JSComponent, _Cards):
    names = param.List(default=[], item_type=str, doc="Which card stands where: the n-th is s<n>.")
    bar = param.String(default="", doc="The filter bar's HTML.")
    state = param.String(default="", doc="The page's state as the server knows it: a URL query.")
    takes = param.List(default=[], item_type=str, doc="Which marks of a drawing a tap may name.")
    filled = param.Integer(default=0, doc="Counts how often all cards were there, and nothing under way.")
    said = param.String(default="", doc="Said to a screen reader when the data moved.")
    notice = param.String(default="", doc="Said at the top of the page until it is empty.")
    did = param.String(default="", doc="Which deeds with typed words are over, and done or not, as JSON.")
    dialog = param.String(default="", doc="What the dialog shows, as JSON.")

    _esm = "export function render(at) { return window.Headway.stage(at) }"

    def __init__(self, told: Told, **params: Any) -> None:
        super().__init__(**params)
        self._told = told

    def send(self, news: Mapping[str, Any]) -> None:
        """On the document's own tick. Writes to Bokeh's model, whose queue keeps the order.

        Through Panel's parameters it would go past that queue, and Panel loses a message now and then:
        its _dispatch_msgs forgets what was scheduled while it waited. See tests/pages/test_sending.py.
        """
        with param.parameterized.discard_events(self):
            self.param.update(**news)
        for model, _ in self._models.values():
            model.data.update(**news)

    def _get_model(
        self, doc: Document, root: Model | None = None, parent: Model | None = None, comm: Any = None
    ) -> Model:
        """What Panel's own does, without working out for every reader what is equal for all.

        No property is linked back: a browser sends messages, it sets nothing here.
        """
        if comm is not None:  # in a notebook
            return super()._get_model(doc, root, parent, comm)
        model = self._bokeh_model(**_equal_for_all(type(self)), data=self._data())
        root = root or model
        self._models[root.ref["id"]] = (model, parent)
        self._patch_datamodel_ref(model.data, root.ref["id"])
        self._register_events("dom_event", "data_event", model=model, doc=doc, comm=comm)
        return model

    def _data(self) -> Model:
        known, usual = self._data_model.properties(), type(self).param
        values = {
            name: value
            for name, value in self.param.values().items()
            if name in known and value != usual[name].default
        }
        return self._data_model(**values)

    def _handle_msg(self, data: Any) -> None:
        if isinstance(data, dict) and isinstance(data.get("kind"), str):
            self._told(data)


_EQUAL: dict[type[Stage], dict[str, Any]] = {}


def _equal_for_all(kind: type[Stage]) -> dict[str, Any]:
    """The model's properties but for its data, from a stage that nobody sees. Nothing is drawn in its
    own shadow, so it needs none of Panel's style sheets."""
    if kind not in _EQUAL:
        _EQUAL[kind] = _worked_out(kind)
    return _EQUAL[kind]


def _worked_out(kind: type[Stage]) -> dict[str, Any]:
    props: dict[str, Any] = kind(lambda message: None)._get_properties(None)
    usual = kind._bokeh_model(data=props["data"]).properties_with_values()
    own = {name: value for name, value in props.items() if name not in ("data", "stylesheets")}
    return {name: value for name, value in own.items() if usual[name] != value}
