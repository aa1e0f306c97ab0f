"""Upstream calls wrapped for speed. Each has a test that says when upstream no longer needs it
(`tests/pages/test_levers.py`).

1. Panel works out the same lists of CSS and JS for every page: kept per set of model classes, without
   WebGL, which no drawing asks for, and with a hash where a name has none, so that it is kept for good.
2. Bokeh encodes every class definition into every document: encoded once, and only those in use.
3. Bokeh collects all garbage of the process whenever one document ends: left to Python.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import bokeh.document.document as bokeh_document
import panel.io.server as panel_server
from bokeh.core.has_props import is_DataModel
from bokeh.core.serialization import Serialized, Serializer
from bokeh.document import Document
from bokeh.embed.bundle import URL
from bokeh.model import Model
from bokeh.model.data_model import DataModel
from panel.config import panel_extension
from panel.io.state import state

_stock_bundle = panel_server.bundle_resources
_stock_to_json = Document.to_json
_bundles: dict[Any, Any] = {}
_UNUSED = re.compile(r"/bokeh-gl(\.min)?\.js")
_BUNDLED = "static/extensions/"
_definitions: dict[frozenset[type], Any] = {}


def pull() -> None:
    """For the whole process; pulling twice changes nothing."""
    panel_server.bundle_resources = kept_bundle
    Document.to_json = lean_json
    bokeh_document.gc = _NoCollection


def release() -> None:
    panel_server.bundle_resources = _stock_bundle
    Document.to_json = _stock_to_json
    bokeh_document.gc = gc


def kept_bundle(roots: Any, resources: Any, *rest: Any, **more: Any) -> Any:
    classes = frozenset(type(model) for root in roots for model in root.references())
    key = (
        classes,
        type(resources),
        resources.mode,
        getattr(resources, "root_url", None),
        getattr(resources, "absolute", None),
        state.rel_path,
        tuple(panel_extension._loaded_extensions),
        rest,
        tuple(sorted(more.items())),
    )
    if key not in _bundles:
        bundle = _bundles[key] = _stock_bundle(roots, resources, *rest, **more)
        bundle.js_files = [_named(file) for file in bundle.js_files if not _UNUSED.search(str(file))]
    return _bundles[key]


def _named(file: URL) -> URL:
    """Bokeh names its own files by their hashes when it writes the page; not what Panel bundles."""
    name = str(file)
    if not name.startswith(_BUNDLED) or "?" in name:
        return file
    from app.mount.files import read

    _, content, _ = read(name.removeprefix("static/"))
    return URL(f"{name}?v={sha256(content).hexdigest()}")


def definitions_of(doc: Document) -> frozenset[type]:
    """The data model classes that stand in this document, with their bases."""
    return frozenset(
        base
        for model in doc.models
        if is_DataModel(type(model))
        for base in type(model).__mro__
        if is_DataModel(base) and base is not DataModel
    )


def lean_json(self: Document, *, deferred: bool = True) -> Any:
    wanted = definitions_of(self)
    if wanted not in _definitions:
        in_order = [c for c in Model.model_class_reverse_map.values() if c in wanted]
        _definitions[wanted] = Serializer(deferred=False).encode(in_order)
    serializer = Serializer(deferred=deferred)
    content: dict[str, Any] = {
        "version": bokeh_document.__version__,
        "title": self.title,
        "config": serializer.encode(self._config),
        "roots": serializer.encode(self._roots),
    }
    if wanted:
        content["defs"] = _definitions[wanted]
    if self.callbacks.js_event_callbacks:
        content["callbacks"] = serializer.encode(self.callbacks.js_event_callbacks)
    self.models.flush_synced()
    return Serialized(content, buffers=serializer.buffers) if deferred else content


class _NoCollection:
    """Stands for the module `gc` in bokeh.document.document, which only ever calls `collect`."""

    collect: Callable[..., int] = staticmethod(lambda *_: 0)
