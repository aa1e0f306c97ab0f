"""A tap on a mark of every chart: the page narrows, or it stays as it is. It never stays pale."""

from __future__ import annotations

from typing import Any

import pytest

from app.tour import Place, Walker, places
from app.tour.walker import Open

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
ONE_OF_EACH = tuple({place.path: place for place in reversed(tuple(places()))}.values())

# Every drawing with marks: whether it takes a tap, and the middle of its largest mark on the screen.
_TAPPED = """() => Bokeh.index.roots.filter((view) => view.model.type === 'Figure').flatMap((view) => {
  const tap = view.model.toolbar.tools.find((one) => one.type === 'TapTool')
  const drawn = view.all_renderer_views.find((one) => one.model.data_source?.data.mark?.length)
  if (!tap || !drawn || !view.el.closest('#stage .card')) return []
  return [{card: view.el.closest('.card').id.slice(5), takes: tap.active}]
})"""
_PLACE = """(card) => {
  const view = Bokeh.index.roots.find((one) => one.model.type === 'Figure' && one.el.closest('#card-' + card))
  const drawn = view.all_renderer_views.find((one) => one.model.data_source?.data.mark?.length)
  view.el.scrollIntoView({block: 'center', inline: 'end'})
  const glyph = drawn.glyph, box = view.el.getBoundingClientRect(), marks = drawn.model.data_source.data.mark
  const sides = (n) => [glyph.sbottom[n] - glyph.stop[n], glyph.sright[n] - glyph.sleft[n]]
  const size = (n) => glyph.sright ? Math.abs(sides(n)[0] * sides(n)[1]) : n
  const n = marks.map((_, i) => i).reduce((a, b) => size(b) > size(a) ? b : a)
  const [x, y] = glyph.scenterxy(n)
  return {x: box.x + x, y: box.y + y, mark: JSON.parse(marks[n])}
}"""
_CURSOR = """(card) => Bokeh.index.roots.find((one) => one.model.type === 'Figure'
  && one.el.closest('#card-' + card)).canvas_view.ui_event_bus.hit_area.style.cursor"""
_PALE = "() => [...document.querySelectorAll('#stage > [aria-busy]')].map((card) => card.id)"


async def tap(opened: Open, card: str) -> dict[str, Any]:
    page = opened.page
    at: dict[str, Any] = await page.evaluate(_PLACE, card)
    await page.mouse.move(at["x"] - 1, at["y"])
    await page.mouse.move(at["x"], at["y"])
    at["cursor"] = await page.evaluate(_CURSOR, card)
    await page.mouse.click(at["x"], at["y"])
    return at


@pytest.mark.parametrize("place", ONE_OF_EACH, ids=lambda place: place.path[1:])
async def test_a_tap_leaves_no_page_pale(walks: Walker, place: Place) -> None:
    async with walks.open(await walks.found(place)) as opened:
        page = opened.page
        for drawing in await page.evaluate(_TAPPED):
            card, takes = drawing["card"], drawing["takes"]
            address = page.url
            at = await tap(opened, card)
            assert at["cursor"] == ("pointer" if takes else "default"), card
            if takes:
                await page.wait_for_function("(was) => location.href !== was", arg=address)
                await opened.complete()
            else:
                await page.wait_for_timeout(500)
            assert await page.evaluate(_PALE) == [], f"{card} after a tap on {at['mark']}"
            if takes:
                await page.goto(address)
                await opened.complete()
            assert page.url == address
        assert opened.seen.errors == []


async def test_a_day_of_the_year_becomes_the_period_and_a_second_tap_undoes_it(
    walks: Walker,
) -> None:
    async with walks.open(Place("mia", "student", "/student")) as opened:
        page = opened.page
        at = await tap(opened, "year")
        await page.wait_for_function("() => location.search.includes('since=')")
        await opened.complete()
        assert f"since={at['mark']['day']}" in page.url
        assert await page.input_value("[name=period]") == "own"
        await page.wait_for_timeout(600)  # sooner it would be a double tap
        await tap(opened, "year")
        await page.wait_for_function("() => location.search.includes('period=week')")
        await opened.complete()
        assert await page.evaluate(_PALE) == []
