"""Two people do what they come for without a mouse, from the door to the end."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from app.tour import Walker

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
MOST_STOPS = 400
_HERE = "(query) => document.activeElement.matches(query)"
_READY = "() => document.documentElement.dataset.ready === 'complete'"
_LOST = "() => document.activeElement === document.body"
NOTE = "Called after the lesson"


async def reach(page: Page, query: str, text: str = "", key: str = "Tab") -> None:
    """Tab on until it is there; Headway never puts focus anywhere by itself."""
    for _ in range(MOST_STOPS):
        await page.keyboard.press(key)
        if await page.evaluate(_HERE, query):
            here = await page.evaluate("() => document.activeElement.innerText || ''")
            if text in here:
                return
    raise AssertionError(f"no Tab leads to {query} {text}")


async def come_in(page: Page, address: str, login: str) -> None:
    await page.goto(address + "/")
    await reach(page, f'[name=persona][value="{login}"]')
    await page.keyboard.press("Enter")
    await page.wait_for_function(_READY)


async def pressed(page: Page) -> None:
    """Enter, and whoever pressed it is not thrown back to the top of the page."""
    await page.keyboard.press("Enter")
    await page.wait_for_timeout(300)


async def test_a_teacher_finds_who_needs_help_and_sees_it_through(walks: Walker) -> None:
    async with walks.context() as context:
        page = await context.new_page()
        await come_in(page, walks.address, "chen")
        await reach(page, "#card-needs h3 a")
        name = await page.evaluate("() => document.activeElement.innerText")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/learner?child=*")
        await page.wait_for_function(_READY)
        assert name in await page.inner_text("main")
        await reach(page, '#card-done [data-do="plan"]', "Talk")
        await pressed(page)
        begun = page.locator("#card-done .plan").first
        await expect(begun).to_contain_text("Talk")
        assert not await page.evaluate(_LOST)
        await reach(page, "#card-done .noting input", key="Shift+Tab")  # it stands above what was pressed
        await page.keyboard.type(NOTE)
        await page.keyboard.press("Tab")
        assert await page.evaluate(_HERE, '#card-done [data-do="note"]')
        await pressed(page)
        await expect(begun.locator(".line")).to_contain_text(NOTE)
        assert not await page.evaluate(_LOST)
        await reach(page, '#card-done [data-do="outcome"]', "It helped")
        await pressed(page)
        await expect(begun).not_to_contain_text("What came of it?")
        await expect(begun).to_contain_text("It helped")
        assert not await page.evaluate(_LOST)
        assert name not in page.url


async def test_a_parent_turns_to_the_other_child(walks: Walker) -> None:
    async with walks.context() as context:
        page = await context.new_page()
        await come_in(page, walks.address, "jana")
        await reach(page, "select[name=child]")
        first = await page.inner_text("#t-words")
        await page.keyboard.press("ArrowDown")
        await page.wait_for_function(_READY)
        await expect(page.locator("#t-words")).not_to_have_text(first)
        second = await page.inner_text("#t-words")
        assert {first.split("'")[0], second.split("'")[0]} == {"Mia", "Noah"}
        assert not await page.evaluate(_LOST)
