"""The notebooks: executed as they are, and one of them moved by hand in Chromium."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import runpy
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import TimeoutError, expect

from app.commands.notebook import NOTEBOOKS, ROOT
from app.notebook import open_desk
from app.token_desk import TokenDesk
from app.tour import DESKTOP, Running, Walker, free_ports, walker
from config.roles import read_roles
from config.settings import read_settings
from connectors.metadata import metadata_of
from models.ask import Ask
from models.errors import BadQuestion, NotFound, NotSignedIn
from pages import PAGES

pytestmark = [pytest.mark.browser]
ASKS = ["ask-measures", "ask-learners", "see-quality", "use-notebook", "open-page:quality"]
OPENS = ["see-content", "study-learners", "open-page:content", "open-page:assessments", "open-page:admin"]
PASSWORD = "of this test alone"


def token_of(running: Running, login: str, actions: list[str]) -> str:
    with metadata_of(read_settings({}, demo=True, data=running.data)) as metadata:
        return metadata.tokens.create(login, actions, days=1)


@pytest.fixture(scope="module")
def scientist(running: Running) -> str:
    return token_of(running, "priya", ASKS)


@pytest.fixture
def asking(running: Running, scientist: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTEBOOK_ADDRESS", running.api)
    monkeypatch.setenv("NOTEBOOK_TOKEN", scientist)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.mark.usefixtures("asking")
def test_a_notebook_runs_from_top_to_bottom_and_is_told_no_names(running: Running) -> None:
    import nbformat
    from nbclient import NotebookClient

    book: Any = nbformat.read(NOTEBOOKS / "learners-and-pages.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(book, timeout=120, kernel_name="python3").execute(cwd=str(NOTEBOOKS))
    told = str([cell.get("outputs") for cell in book.cells])
    assert "rank correlation" in told
    with metadata_of(read_settings({}, demo=True, data=running.data)) as metadata:
        names = {person.name for person in metadata.people.all() if person.roles[:1] == ("student",)}
    assert len(names) > 100
    assert [name for name in names if name in told] == []


def test_notebooks_are_committed_without_answers() -> None:
    books = [json.loads(path.read_text()) for path in NOTEBOOKS.glob("*.ipynb")]
    assert len(books) == 2
    assert not any(cell.get("outputs") for book in books for cell in book["cells"])


@pytest.mark.usefixtures("asking")
def test_the_marimo_notebook_runs() -> None:
    notebook = runpy.run_path(str(NOTEBOOKS / "in_marimo.py"))["app"]
    _, defined = notebook.run()
    assert defined["weeks"].arrow.num_rows >= 8
    drawn = [defined["drawn"](weeks).__panel__().s0 for weeks in (2, 4)]
    assert drawn[0] != drawn[1]


@pytest.mark.usefixtures("asking")
async def test_a_notebooks_desk_is_the_tokens_own_and_changes_nothing(running: Running) -> None:
    narrow = token_of(running, "priya", ["ask-measures"])
    with pytest.raises(NotFound):
        TokenDesk.open(narrow, running.api)
    with pytest.raises(NotSignedIn):
        TokenDesk.open("hw_of_nobody", running.api)
    head = TokenDesk.open(token_of(running, "amara", ASKS), running.api)
    rows = (await head.ask(Ask(measures=("active_days",), by=("learner_id",)))).rows()
    assert rows
    assert await head.names([int(str(row["learner_id"])) for row in rows]) == {}
    with pytest.raises(BadQuestion):
        await head.do("set_locale", locale="de-DE")


PAGES_OF_ROLE = [page.path for page in PAGES if page.action in read_roles()["data_scientist"].actions]


def test_a_data_scientist_has_the_pages_that_name_nobody() -> None:
    assert set(PAGES_OF_ROLE) == {"/admin", "/content", "/assessments", "/quality"}


@pytest.mark.usefixtures("asking")
@pytest.mark.parametrize("path", PAGES_OF_ROLE)
async def test_every_page_of_a_data_scientist_is_live_in_a_cell_and_names_nobody(
    running: Running, path: str
) -> None:
    desk = open_desk(running.api, token_of(running, "priya", [*ASKS, *OPENS]))
    page = desk.page(path, period="90d")
    try:
        for _ in range(1200):
            if len(page.cards) == len(page.slots):
                break
            await asyncio.sleep(0.05)
        assert len(page.cards) == len(page.slots)
        told = [card for card in page.cards.values() if card.title or card.body or card.drawing]
        assert len(told) >= 5 and any(card.drawing for card in told)
        shown = "".join(f"{c.title}{c.sub}{c.body}{c.after}{c.empty}" for c in told)
        shown += "".join(str(answer.table.to_pylist()) for c in told for answer in c.answers)
        with metadata_of(read_settings({}, demo=True, data=running.data)) as metadata:
            names = {person.name for person in metadata.people.all() if person.roles[:1] == ("student",)}
        assert len(names) > 100 and [name for name in names if name in shown] == []
        assert "/learner?" not in shown and 'class="problem"' not in shown
        assert await desk._desk.look("moved", since=desk._desk.watermark().number) is False
        assert await desk._desk.look("moved", since=0) is True
    finally:
        page.leave()


@pytest.mark.usefixtures("asking")
def test_a_page_about_one_person_by_name_says_why_it_is_not_there(running: Running) -> None:
    head = open_desk(running.api, token_of(running, "amara", [*ASKS, "open-page:learner"]))
    with pytest.raises(NotFound, match="no names"):
        head.page("/learner", child="1")
    with pytest.raises(NotFound, match="may not open"):
        open_desk(running.api, token_of(running, "priya", ASKS)).page("/admin")


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
        await page.wait_for_selector("#jp-main-statusbar :text('| Idle')", timeout=60_000)
        await page.click("text=Run >> nth=0")
        await page.click("text=Run All Cells")
        title = page.locator(".notebook section h2")
        try:
            await title.wait_for(timeout=90_000)
        except TimeoutError as late:
            outputs = await page.locator(".jp-OutputArea-output").all_inner_texts()
            raise AssertionError(f"no chart came; the cells say: {outputs}"[-1500:]) from late
        first = await title.inner_text()
        assert await page.locator(".notebook .drawing canvas").count()
        label = await page.locator(".notebook .drawing").get_attribute("aria-label")
        handle = page.locator(".noUi-handle")
        await handle.focus()
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("ArrowRight")
        await expect(title).not_to_have_text(first, timeout=30_000)
        await page.locator(".notebook .drawing canvas").first.wait_for()
        assert await page.locator(".notebook .drawing").get_attribute("aria-label") != label
    assert foreign == []
