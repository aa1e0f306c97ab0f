"""The notebooks: executed as they are, and one of them moved by hand in Chromium."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.commands.notebook import NOTEBOOKS, ROOT
from app.tour import DESKTOP, Running, Walker, free_ports, walker
from config.settings import read_settings
from connectors.metadata import metadata_of

pytestmark = [pytest.mark.browser]
ASKS = ["ask-measures", "ask-learners", "see-quality", "use-notebook", "open-page:quality"]
PASSWORD = "of this test alone"


def token_of(running: Running, login: str, actions: list[str]) -> str:
    with metadata_of(read_settings({}, demo=True, data=running.data)) as metadata:
        return metadata.tokens.create(login, actions, days=1)


@pytest.fixture(scope="module")
def scientist(running: Running) -> str:
    return token_of(running, "priya", ASKS)


@pytest.fixture
def environment(running: Running, scientist: str) -> dict[str, str]:
    return {
        **os.environ,
        "NOTEBOOK_ADDRESS": running.api,
        "NOTEBOOK_TOKEN": scientist,
        "PYTHONPATH": str(ROOT),
    }


@pytest.mark.parametrize("name", ["first-questions", "learners-and-pages"])
def test_a_notebook_runs_from_top_to_bottom(
    name: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, running: Running
) -> None:
    import nbformat
    from nbclient import NotebookClient

    book: Any = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    assert not any(cell.get("outputs") for cell in book.cells), "committed without answers"
    NotebookClient(book, timeout=120, kernel_name="python3").execute(env=environment, cwd=str(NOTEBOOKS))
    told = str([cell.get("outputs") for cell in book.cells])
    with metadata_of(read_settings({}, demo=True, data=running.data)) as metadata:
        names = {person.name for person in metadata.people.all() if person.roles[:1] == ("student",)}
    assert len(names) > 100
    assert [name for name in names if name in told] == []


def test_the_marimo_notebook_runs_as_a_script(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, str(NOTEBOOKS / "in_marimo.py")], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-800:]


@contextlib.contextmanager
def lab(running: Running, scientist: str) -> Iterator[str]:
    """`./headway notebook`, as a person starts it."""
    port = free_ports()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "app", "notebook", "--no-browser", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--url", running.api, "--data", str(running.data)],
        cwd=ROOT,
        env={**os.environ, "TOKEN": scientist, "JUPYTER_TOKEN": PASSWORD},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 60
        while not _answers(address):
            assert process.poll() is None, "JupyterLab ended by itself"
            assert time.monotonic() < until
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/api", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.asyncio(loop_scope="session")
async def test_a_slider_moves_a_chart_in_jupyterlab(running: Running, scientist: str) -> None:
    import asyncio

    before = {path.name: path.read_bytes() for path in NOTEBOOKS.iterdir() if path.is_file()}
    with lab(running, scientist) as address:
        async with walker(address) as walks:
            await _move(walks, address)
        await asyncio.sleep(0)
    assert {p.name: p.read_bytes() for p in NOTEBOOKS.iterdir() if p.is_file()} == before


async def _move(walks: Walker, address: str) -> None:
    foreign: list[str] = []
    async with walks.context(size=DESKTOP) as context:
        page = await context.new_page()
        page.on(
            "request",
            lambda r: (
                foreign.append(r.url)
                if urlsplit(r.url).scheme in ("http", "https") and not r.url.startswith(address)
                else None
            ),
        )
        await page.goto(f"{address}/lab/tree/first-questions.ipynb?token={PASSWORD}")
        await page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
        await page.wait_for_selector("[data-status=idle], .jp-Notebook-ExecutionIndicator[data-status=idle]")
        await page.click("text=Run >> nth=0")
        await page.click("text=Run All Cells")
        title = page.locator(".notebook h2")
        await title.wait_for(timeout=90_000)
        first = await title.inner_text()
        assert await page.locator(".notebook .drawing canvas").count()
        label = await page.locator(".notebook .drawing").get_attribute("aria-label")
        handle = page.locator(".noUi-handle")
        await handle.focus()
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("ArrowRight")
        await page.wait_for_function(
            "first => { const find = (r) => r.querySelector('.notebook h2') || [...r.querySelectorAll('*')]"
            ".filter(e => e.shadowRoot).map(e => find(e.shadowRoot)).find(Boolean);"
            " const h = find(document); return h && h.textContent !== first }",
            arg=first,
            timeout=30_000,
        )
        await page.locator(".notebook .drawing canvas").first.wait_for()
        assert await page.locator(".notebook .drawing").get_attribute("aria-label") != label
    assert foreign == []
