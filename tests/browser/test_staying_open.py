"""A page that stays open while data moves, processes die and sessions end."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from app.tour import Place, Running, Walker
from app.tour.school import answers
from app.tour.walker import Open
from config.settings import read_settings
from connectors.demo.day import open_days
from connectors.metadata import metadata_of

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
ADMIN = Place("amara", "administrator", "/admin?period=month")
MIA = Place("mia", "student", "/student")
TEACHER = Place("hartmann", "teacher", "/teacher?period=month")


async def until(opened: Open, condition: str, seconds: float = 60.0) -> None:
    await opened.page.wait_for_function(condition, timeout=seconds * 1000)


async def post(own: Running, count: int) -> None:
    settings = read_settings({}, demo=True, data=own.data)
    with metadata_of(settings) as metadata:
        token = metadata.tokens.create("amara", ["send-events"], days=1)
    events = open_days(own.data, 20.0)[0].take(count, datetime.now(UTC))
    async with httpx.AsyncClient(base_url=own.api, timeout=30) as client:
        answer = await client.post(
            "/api/v1/events", json=events, headers={"Authorization": f"Bearer {token}"}
        )
    assert answer.json()["accepted"] > 0, answer.text


_WHOLE = """() => document.documentElement.dataset.ready === 'complete' && location.search.includes('90d')
  && !document.querySelector('.problem')"""
_NOTICED = """() => { window.noticed = []
  new MutationObserver(() => window.noticed.push(document.querySelector('#notice').textContent))
  .observe(document.querySelector('#notice'), {childList: true, characterData: true, subtree: true}) }"""
_WATCH = """() => { window.moved = []; new MutationObserver(() => window.moved.push(Date.now()))
  .observe(document.querySelector('#stage'), {subtree: true, childList: true, characterData: true}) }"""


async def test_an_event_changes_an_open_page_within_a_second(own: Running, guests: Walker) -> None:
    delays = []
    async with guests.open(ADMIN) as opened:
        for _ in range(3):
            await opened.page.evaluate(_WATCH)
            await post(own, 250)
            committed = datetime.now(UTC).timestamp() * 1000
            await until(opened, "() => window.moved.length", 10)
            delays.append(await opened.page.evaluate("window.moved[0]") - committed)
            await asyncio.sleep(1.5)
        assert opened.seen.errors == []
    assert min(delays) < 1000, delays


def readme_line(own: Running) -> str:
    """The README's line for newcomers, sent to this school."""
    text = (Path(__file__).parents[2] / "README.md").read_text()
    line = text[text.index("curl -s http://127.0.0.1:8081/api/v1/events") :].split("\n```")[0]
    settings = read_settings({}, demo=True, data=own.data)
    with metadata_of(settings) as metadata:
        token = metadata.tokens.create("amara", ["send-events"], days=1)
    return f"TOKEN={token}\n" + line.replace("http://127.0.0.1:8081", own.api)


def minutes_learned(page: str) -> int:
    found = re.search(r"learned for (?:(\d+) h )?(\d+) min", page)
    return int(found[1] or 0) * 60 + int(found[2]) if found else 0


async def test_the_readme_s_line_is_seen_on_mia_s_page(own: Running, guests: Walker) -> None:
    async with guests.open(MIA) as opened:
        before = await opened.page.inner_text("#stage")
        await opened.page.evaluate(_WATCH)
        told = await asyncio.to_thread(
            subprocess.run, ["bash", "-c", readme_line(own)], capture_output=True, text=True, check=True
        )
        assert '"accepted":1' in told.stdout, told.stdout
        await until(opened, "() => window.moved.length", 10)
        await asyncio.sleep(1)
        after = await opened.page.inner_text("#stage")
    assert minutes_learned(after) == minutes_learned(before) + 10


async def test_a_killed_ui_process_comes_back_under_open_pages(own: Running, guests: Walker) -> None:
    async with guests.open(TEACHER) as opened:
        await opened.page.fill("[data-find]", "a")
        await until(opened, "() => document.querySelector('[data-find]').value === 'a'")
        await asyncio.sleep(1)
        rows = await opened.page.locator("#card-everybody tbody tr").all_inner_texts()
        os.kill(own.part("ui"), signal.SIGKILL)
        await until(opened, "() => !document.querySelector('#lost').hidden")
        assert "connection" in await opened.page.inner_text("#lost")
        await until(opened, "() => document.querySelector('#lost').hidden", 120)
        await opened.complete()
        await until(opened, "() => document.querySelector('[data-find]')?.value === 'a'")
        await opened.page.select_option("[name=period]", "90d")
        await until(opened, "() => location.search.includes('period=90d')")
        await opened.complete()
        assert await opened.page.input_value("[name=period]") == "90d"
        assert await opened.page.locator("#card-everybody tbody tr").count() == len(rows)
        assert await opened.page.input_value("[data-find]") == "a"


async def test_a_killed_core_loses_no_open_page(own: Running, guests: Walker) -> None:
    async with guests.open(ADMIN) as opened:
        await opened.page.evaluate("window.sameTab = true")
        await opened.page.evaluate(_NOTICED)
        os.kill(own.part("core"), signal.SIGKILL)
        await until(opened, "() => window.noticed.some((text) => text.includes('cannot be reached'))", 20)
        await opened.page.select_option("[name=period]", "90d")
        while not await asyncio.to_thread(answers, own.api + "/health"):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        await until(opened, _WHOLE, 90)
        await until(opened, "() => document.querySelector('#notice').hidden")
        assert await opened.page.evaluate("window.sameTab") is True
        assert "period=90d" in opened.page.url
        await opened.page.evaluate(_WATCH)
        await post(own, 250)
        await until(opened, "() => window.moved.length", 30)


async def test_a_session_that_ended_in_an_open_tab_says_so_and_shows_the_way(
    own: Running, guests: Walker
) -> None:
    place = Place("jana", "guardian", "/parent")
    async with guests.open(place) as opened:
        await guests.sign_out("jana")
        await opened.page.select_option("[name=period]", "month")
        await until(opened, "() => document.querySelector('#stage a[href^=\"/sign-in\"]')")
        text = await opened.text()
        assert "You are signed out" in text
        assert "Traceback" not in text
