"""Data never becomes markup: every name of the school is an attack, and nothing of it runs anywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app.tour import DESKTOP, Place, Running, Walker, demo, places, walker
from tests.browser.hostile import NAMES, TEMPLATE, spoil

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

# Everything that a name could have become, in the page and in what Bokeh draws.
_BECAME = """() => {
  const all = (root) => [...root.querySelectorAll('*')]
    .flatMap((e) => e.shadowRoot ? [e, ...all(e.shadowRoot)] : [e])
  return all(document).filter((e) => e.matches('img[src="x"], svg[onload], [onerror], [onfocus], [onload],'
    + 'a[href^="javascript" i], form[action^="javascript" i]')).map((e) => e.outerHTML.slice(0, 120))
}"""
_HOVER = """() => [...document.querySelectorAll('.drawing')].map((e) => { const b = e.getBoundingClientRect()
  return {x: b.x, y: b.y + scrollY, w: b.width, h: b.height} })"""


@pytest.fixture(scope="module")
def spoilt(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    own = tmp_path_factory.mktemp("hw") / "hostile"
    spoil(small_data, own)
    with demo(own) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def guests(spoilt: Running) -> AsyncIterator[Walker]:
    async with walker(spoilt.address) as walks:
        yield walks


@pytest.mark.parametrize("policy", ["with the policy", "without the policy"])
async def test_nothing_runs_and_text_shows_as_text(guests: Walker, policy: str) -> None:
    shown: list[str] = []
    pages = {place.path: place for place in places()}
    for place in [*pages.values(), Place("", "nobody", "/sign-in")]:
        shown.append(await _visit(guests, place, without="without" in policy))
    everything = "\n".join(shown)
    assert [one for one in NAMES if one not in everything] == []


async def _visit(guests: Walker, place: Place, without: bool) -> str:
    place = await guests.found(place) if place.login else place
    async with guests.open(place, DESKTOP, whole=bool(place.login), bypass_csp=without) as opened:
        page: Any = opened.page
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        await _touch(page)
        assert await page.evaluate("window.hostile") is None, place
        assert await page.evaluate(_BECAME) == [], place
        assert dialogs == [], place
        violations = [one for one in opened.seen.errors if "Content Security Policy" in one]
        assert violations == [], place
        text = await page.inner_text("body")
        assert TEMPLATE not in text.replace(",", ""), place
        return f"{text}\n{await page.title()}"


async def _touch(page: Any) -> None:
    """What a reader opens: the account, the first table and explanation, what hovers over charts."""
    account = page.locator("details.account summary")
    if await account.count():
        await account.click()
        await page.keyboard.press("Escape")
    for what in ("about", "table"):
        opener = page.locator(f"[data-open={what}]").first
        if await opener.count():
            await opener.click()
            await page.wait_for_function("() => !document.querySelector('#dialog .skeleton')")
            await page.keyboard.press("Escape")
    for box in (await page.evaluate(_HOVER))[:3]:
        await page.evaluate("y => scrollTo(0, y - 200)", box["y"])
        top = box["y"] - await page.evaluate("scrollY")
        for share in (0.4, 0.7):
            await page.mouse.move(box["x"] + box["w"] * share, top + box["h"] * 0.4)
            await page.wait_for_timeout(40)


async def test_a_name_that_ran_would_be_seen(guests: Walker) -> None:
    """The test can fail: the same names put into a page as markup do run."""
    async with guests.open(Place("mia", "student", "/student"), bypass_csp=True) as opened:
        await opened.page.evaluate("text => { document.querySelector('#main').innerHTML += text }", NAMES[0])
        await opened.page.wait_for_function("() => window.hostile === 1")
        assert len(await opened.page.evaluate(_BECAME)) == 1
