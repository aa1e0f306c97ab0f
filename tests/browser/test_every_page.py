"""Every page as every role: nothing foreign, no error, nothing axe objects to, nothing too wide."""

from __future__ import annotations

import pytest

from app.tour import DESKTOP, NARROW, PHONE, Place, Size, Walker, places
from pages import PAGES

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
PLACES = [pytest.param(place, id=f"{place.path.strip('/')}-{place.role}") for place in places()]


async def test_the_tour_visits_every_page() -> None:
    assert {place.path for place in places()} == {page.path for page in PAGES}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("place", PLACES)
async def test_a_page_is_clean(walks: Walker, place: Place, size: Size, theme: str) -> None:
    seen = await walks.look(place, size, theme)
    assert seen.clean, seen.told()
    assert 0 < seen.frame_ms <= seen.complete_ms


@pytest.mark.parametrize("place", PLACES)
async def test_a_page_needs_no_sideways_scrolling_at_320_pixels(walks: Walker, place: Place) -> None:
    seen = await walks.look(place, NARROW, "light", axe=False)
    assert seen.clean, seen.told()


async def test_a_foreign_request_and_a_script_error_are_seen(walks: Walker) -> None:
    async with walks.open(Place("mia", "student", "/student")) as opened:
        await opened.page.evaluate("fetch('http://example.invalid/x').catch(() => 0)")
        await opened.page.evaluate("setTimeout(() => { throw new Error('planted') })")
        await opened.page.evaluate("document.querySelector('#main').append(document.createElement('img'))")
        await opened.page.wait_for_timeout(200)
        assert any("example.invalid" in one for one in opened.seen.foreign + opened.seen.errors)
        assert any("planted" in one for one in opened.seen.errors)
        from app.tour.walker import findings

        assert any("image-alt" in one for one in await findings(opened.page))
