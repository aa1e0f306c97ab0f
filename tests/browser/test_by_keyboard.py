"""Without a mouse, with little motion, in another language: the pages of the demo school in Chromium."""

from __future__ import annotations

from typing import Any

import pytest

from app.tour import DESKTOP, PHONE, Place, Walker

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
ADMIN = Place("amara", "administrator", "/admin")
TEACHER = Place("hartmann", "teacher", "/teacher")
PUPIL = Place("mia", "student", "/student")
PARENT = Place("jana", "guardian", "/parent")

# What a keyboard must reach: all that can be clicked, and what scrolls. A radio group is one stop.
_REACHABLE = """() => {
  const all = [...document.querySelectorAll(
    'a[href], button, select, input, textarea, summary, [tabindex="0"]')]
  const seen = (e) => e.checkVisibility({visibilityProperty: true}) && !e.disabled && e.type !== 'hidden'
    && !e.closest('details:not([open]) > :not(summary)')
  window.stops = all.filter(seen)
  return window.stops.map((e) => e.outerHTML.slice(0, 90))
}"""
_AT = """() => {
  const e = document.activeElement, box = e.getBoundingClientRect(), style = getComputedStyle(e)
  return {number: window.stops.indexOf(e), y: box.top + scrollY, text: e.outerHTML.slice(0, 90),
    fixed: Boolean(e.closest('.top, .rail, .bottom, .skip')), main: Boolean(e.closest('main')),
    outline: style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth),
    body: e === document.body, drawing: Boolean(e.closest('.drawing')),
    inside: box.top < innerHeight && box.bottom > 0 && box.width > 0}
}"""


@pytest.mark.parametrize("place", [ADMIN, TEACHER, PUPIL, PARENT], ids=lambda place: place.path[1:])
async def test_everything_is_reached_in_order_and_seen_when_it_is(walks: Walker, place: Place) -> None:
    async with walks.open(place, DESKTOP) as opened:
        page = opened.page
        stops = await page.evaluate(_REACHABLE)
        visited: list[dict[str, Any]] = []
        for _ in range(len(stops) + 30):
            await page.keyboard.press("Tab")
            at = await page.evaluate(_AT)
            if at["body"] or (visited and at["number"] == visited[0]["number"]):
                break
            visited.append(at)
        assert [at["text"] for at in visited if at["drawing"]] == [], "a drawing is read by its table"
        missed = set(range(len(stops))) - {at["number"] for at in visited}
        assert [stops[n] for n in missed] == []
        assert visited[0]["text"].startswith('<a class="skip"')
        assert [at["text"] for at in visited if at["number"] >= 0 and at["outline"] < 2] == []
        assert [at["text"] for at in visited if at["number"] >= 0 and not at["inside"]] == []
        inside = [at["number"] for at in visited if at["main"] and at["number"] >= 0]
        assert inside == sorted(inside), "focus jumps about"


async def test_the_skip_link_leads_past_the_menu(walks: Walker) -> None:
    async with walks.open(ADMIN) as opened:
        page = opened.page
        await page.keyboard.press("Tab")
        assert await page.locator(".skip").evaluate("e => e.getBoundingClientRect().top >= 0")
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        assert await page.evaluate("Boolean(document.activeElement.closest('main'))")


async def test_a_chart_is_read_and_narrowed_by_keyboard(walks: Walker) -> None:
    async with walks.open(ADMIN) as opened:
        page = opened.page
        alternative = await page.locator("#card-by_day .drawing").get_attribute("aria-label")
        assert alternative
        opener = page.locator("#card-by_day [data-open=table]")
        await opener.focus()
        await page.keyboard.press("Enter")
        days = page.locator("#dialog tbody tr")
        await days.first.wait_for()
        assert await days.count() >= 20
        await page.keyboard.press("Escape")
        assert await opener.evaluate("e => e === document.activeElement")
        await page.keyboard.press("Enter")
        link = page.locator("#dialog a[data-place]").last
        await link.focus()
        await page.keyboard.press("Enter")
        await page.wait_for_function("() => location.search.includes('day=')")
        await page.locator("#filters a.mark").wait_for()
        assert not await page.locator("#dialog").evaluate("e => e.open")
        await opened.complete()
        assert opened.seen.errors == []


async def test_nothing_moves_for_who_wants_no_motion_and_little_for_others(walks: Walker) -> None:
    longest = """() => Math.max(...[...document.querySelectorAll('*')].flatMap((e) => {
      const s = getComputedStyle(e)
      return [...s.transitionDuration.split(','), ...s.animationDuration.split(',')].map(parseFloat) }))"""
    for wish, most in (("reduce", 0.0), ("no-preference", 0.15)):
        async with walks.open(PARENT, PHONE, reduced_motion=wish) as opened:
            assert await opened.page.evaluate(longest) <= most


@pytest.mark.parametrize(
    ("login", "place", "words"),
    [
        ("mia", PUPIL, ("Diese Woche", "Abmelden")),
        ("amara", ADMIN, ("Zeitraum", "Letzte 28 Tage", "Als Tabelle")),
    ],
)
async def test_a_page_speaks_the_language_that_was_chosen(
    walks: Walker, login: str, place: Place, words: tuple[str, ...]
) -> None:
    async with walks.open(place) as opened:
        page = opened.page
        await page.click("details.account summary")
        try:
            async with page.expect_navigation():
                await page.select_option("select[name=locale]", "de-DE")
            await opened.complete()
            assert await page.get_attribute("html", "lang") == "de-DE"
            text = await page.inner_text("body")
            await page.click("details.account summary")
            text += await page.inner_text("details.account")
            assert [word for word in words if word not in text] == []
        finally:
            if await page.locator("details.account[open]").count() == 0:
                await page.click("details.account summary")
            async with page.expect_navigation():
                await page.select_option("select[name=locale]", "en-GB")
