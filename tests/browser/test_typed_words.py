"""What a reader has typed or opened is there until it is kept: over new cards, refusals and reloads."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.tour import Place, Running, Walker
from app.tour.walker import Open

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
LEARNER = Place("hartmann", "teacher", "/learner", through="/teacher")
NOTE = "input[id^=note-]"
ADD = "[data-do=note]"


@asynccontextmanager
async def two_plans(guests: Walker) -> AsyncIterator[Open]:
    """One learner's page, with two things under way, each with a field for a note."""
    async with guests.open(await guests.found(LEARNER)) as opened:
        page = opened.page
        while (have := await page.locator(NOTE).count()) < 2:
            await page.locator("#card-done [data-do=plan]").nth(have).click()
            await until(opened, f"have => document.querySelectorAll('{NOTE}').length > have", have)
        yield opened


async def until(opened: Open, condition: str, arg: object = None) -> None:
    await opened.page.wait_for_function(condition, arg=arg, timeout=120_000)


_TOLD = "said => document.querySelector('#card-done')?.innerText.includes(said)"


async def test_another_button_leaves_what_is_typed_and_open(guests: Walker) -> None:
    async with two_plans(guests) as opened:
        page = opened.page
        await page.fill(f"{NOTE} >> nth=0", "rang the parents")
        await page.fill(f"{NOTE} >> nth=1", "sent a message")
        await page.click("#card-done details summary >> nth=1")
        await page.click(f"{ADD} >> nth=1")
        await until(opened, _TOLD, "sent a message")
        await until(opened, f"() => document.querySelectorAll('{NOTE}')[1].value === ''")
        assert await page.input_value(f"{NOTE} >> nth=0") == "rang the parents"
        folded = "e => [...document.querySelectorAll('#card-done .plan details')].map((one) => one.open)"
        assert await page.evaluate(folded) == [False, True]
        assert opened.seen.errors == []


@pytest.mark.parametrize("reloads", [True, False])
async def test_what_was_typed_while_the_connection_was_away_is_kept_when_it_is_back(
    own: Running, guests: Walker, reloads: bool
) -> None:
    first, second = ("not sent yet", "pressed while away") if reloads else ("still here", "pressed as well")
    async with two_plans(guests) as opened:
        page = opened.page
        await page.click("#card-done details summary >> nth=0")
        if reloads:  # as when the tries of Bokeh's own are used up
            await page.evaluate("Bokeh.documents.forEach((doc) => { doc.config.reconnect_session = false })")
        os.kill(own.part("ui"), signal.SIGKILL)
        await until(opened, "() => !document.querySelector('#lost').hidden")
        await page.evaluate("window.sameLoad = true")
        await page.fill(f"{NOTE} >> nth=0", first)
        await page.fill(f"{NOTE} >> nth=1", second)
        await page.click(f"{ADD} >> nth=1")
        await page.click(f"{ADD} >> nth=1")
        if reloads:
            await until(opened, "() => !window.sameLoad")
        await until(opened, _TOLD, second)
        await until(opened, f"() => document.querySelectorAll('{NOTE}')[1].value === ''")
        assert await page.input_value(f"{NOTE} >> nth=0") == first
        assert await page.locator("#card-done .plan details >> nth=0").evaluate("e => e.open")
        assert (await page.inner_text("#card-done")).count(second) == 1


async def test_a_note_that_was_refused_stays_in_its_field(guests: Walker) -> None:
    async with two_plans(guests) as opened:
        page, blank = opened.page, "   "
        await page.fill(f"{NOTE} >> nth=0", blank)
        await page.click(f"{ADD} >> nth=0")
        await until(opened, "() => document.querySelector('#notice').textContent.includes('was not done')")
        assert await page.input_value(f"{NOTE} >> nth=0") == blank
        await page.fill(f"{NOTE} >> nth=0", "a word at least")
        await page.click(f"{ADD} >> nth=0")
        await until(opened, _TOLD, "a word at least")
        await until(opened, f"() => document.querySelectorAll('{NOTE}')[0].value === ''")
        assert await page.locator("#notice").is_hidden()
