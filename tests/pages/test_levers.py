"""Each upstream call that is wrapped in app/mount: what it saves, and whether upstream still needs it.

A failure whose name begins with "upstream" is good news: drop the lever it names.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import signal
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import bokeh.document.document as bokeh_document
import panel.io.document as panel_document
import panel.io.server as panel_server
import pytest
from bokeh.document import Document
from bokeh.document.events import ModelChangedEvent
from bokeh.resources import Resources
from bokeh.server.urls import per_app_patterns
from panel.custom import JSComponent
from panel.io.state import set_curdoc

from app.mount import _signals_kept, levers
from pages.stage import Stage


@pytest.fixture
def pulled() -> Iterator[None]:
    was_pulled = Document.to_json is levers.lean_json
    levers.pull()
    yield
    if not was_pulled:
        levers.release()


def page() -> tuple[Stage, Document]:
    stage, doc = Stage(lambda message: None, names=["one"], s0="{}"), Document()
    doc.add_root(stage.get_root(doc))
    return stage, doc


def test_upstream_still_works_out_the_same_resources_for_every_page() -> None:
    _, doc = page()
    resources = Resources(mode="server")
    first, second = (levers._stock_bundle(doc.roots, resources) for _ in range(2))
    assert first is not second, "panel keeps bundles by itself now: levers.kept_bundle can go"


def test_resources_are_worked_out_once_and_are_the_same(pulled: None) -> None:
    resources = Resources(mode="server")
    bundles = [panel_server.bundle_resources(page()[1].roots, resources) for _ in range(2)]
    assert bundles[0] is bundles[1]
    stock = levers._stock_bundle(page()[1].roots, resources)
    named = [str(one).split("?")[0] for one in bundles[0].js_files]
    assert named == [name for one in stock.js_files if "bokeh-gl" not in (name := str(one).split("?")[0])]


def test_upstream_still_names_a_bundled_file_without_its_hash() -> None:
    stock = levers._stock_bundle(page()[1].roots, Resources(mode="server"))
    bundled = [str(one) for one in stock.js_files if str(one).startswith("static/extensions/")]
    assert [name for name in bundled if "?v=" not in name], "levers._named can go"


def test_upstream_still_encodes_every_class_into_every_document() -> None:
    _, doc = page()
    told = levers._stock_to_json(doc)
    content = told.content if hasattr(told, "content") else told
    assert len(content["defs"]) > len(levers.definitions_of(doc)), (
        "bokeh is lean now: levers.lean_json can go"
    )


def test_a_lean_document_says_the_same_with_the_definitions_it_needs(pulled: None) -> None:
    _, doc = page()
    stock, lean = (one(doc, deferred=False) for one in (levers._stock_to_json, levers.lean_json))
    assert {key: value for key, value in lean.items() if key != "defs"} == {
        key: value
        for key, value in stock.items()
        if key not in ("defs", "callbacks") or (key in lean and key != "defs")
    }
    names = {one["name"] for one in lean["defs"]}
    assert names <= {one["name"] for one in stock["defs"]}
    assert any("Stage" in name for name in names)


def test_upstream_still_collects_all_garbage_when_one_document_ends() -> None:
    assert "gc.collect(" in inspect.getsource(bokeh_document), "levers._NoCollection can go"


def test_a_document_that_ends_does_not_stop_the_process_to_collect(pulled: None) -> None:
    collected: list[str] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and info["generation"] == 2:
            collected.append(phase)

    _, doc = page()
    gc.collect()
    gc.callbacks.append(note)
    try:
        doc.clear()
        doc.modules.destroy()
    finally:
        gc.callbacks.remove(note)
    assert collected == []


def test_upstream_still_serves_autoload_and_metadata_of_every_page() -> None:
    assert {pattern for pattern, *_ in per_app_patterns} > {"/?", "/ws"}, "_our_handlers can go"


async def test_upstream_still_forgets_a_message_scheduled_while_another_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Why Stage.send writes to Bokeh's model rather than through Panel's parameters."""

    class Socket:
        pass

    sent: list[str] = []
    written: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def write(connection: Any, msg: str) -> list[asyncio.Future[None]]:
        sent.append(msg)
        return [written]

    monkeypatch.setitem(panel_document.extra_socket_handlers, Socket, write)

    class Connection:
        _socket, protocol = Socket(), SimpleNamespace(create=lambda kind, events: events[0])

    connection: Any = Connection()
    doc: Any = Document()
    panel_document.schedule_write_events(doc, [connection], ["first"])
    await asyncio.sleep(0.01)
    written.set_result(None)
    panel_document.schedule_write_events(doc, [connection], ["second"])
    await asyncio.sleep(0.05)
    assert sent == ["first"], "panel sends both now: Stage.send can go back to the parameters"


def test_news_reach_bokehs_queue_at_once_in_order_and_only_once() -> None:
    stage, doc = page()
    changes: list[tuple[str, Any]] = []

    def note(event: Any) -> None:
        if isinstance(event, ModelChangedEvent):
            changes.append((event.attr, event.new))

    doc.on_change(note)
    with set_curdoc(doc):
        stage.send({"s0": "news", "bar": "b", "filled": 1})
    assert changes == [("s0", "news"), ("bar", "b"), ("filled", 1)]
    assert (stage.s0, stage.bar, stage.filled) == ("news", "b", 1)
    assert doc not in panel_document._WRITE_MSGS


def test_news_of_a_stage_that_a_browser_sends_change_nothing_here() -> None:
    stage, doc = page()
    with set_curdoc(doc):
        doc.roots[0].data.s0 = "of a browser"
    assert stage.s0 == "{}"


def test_upstream_still_links_each_property_back_for_every_reader() -> None:
    stage = Stage(lambda message: None)
    model = JSComponent._get_model(stage, Document())
    linked = [name for name, calls in model.data._callbacks.items() if calls]
    assert len(linked) > len(stage.names), "panel is lean here now: Stage._get_model can go"


def test_a_stages_model_is_the_one_panel_makes_without_its_style_sheets() -> None:
    stage = Stage(lambda message: None, names=["one", "two"], s1="{}", state="?period=month")
    ours, theirs = stage._get_model(Document()), JSComponent._get_model(stage, Document())
    assert type(ours) is type(theirs)
    for name, value in theirs.properties_with_values().items():
        if name not in ("data", "stylesheets"):
            assert getattr(ours, name) == value, name
    own = ours.data.properties_with_values() | {"tags": [], "name": ""}
    assert own == theirs.data.properties_with_values() | {"tags": [], "name": ""}


def _server() -> Any:
    return panel_server.get_server({"/x": lambda: None}, port=0, use_index=False)


def test_upstream_still_takes_the_interrupt_for_itself() -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        server = _server()
        taken = signal.getsignal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    server.unlisten()
    assert taken is not before, "panel leaves signals alone now: _signals_kept can go"


def test_the_interrupt_stays_with_whoever_runs_the_process() -> None:
    before = signal.getsignal(signal.SIGINT)
    with _signals_kept():
        server = _server()
    server.unlisten()
    assert signal.getsignal(signal.SIGINT) is before
