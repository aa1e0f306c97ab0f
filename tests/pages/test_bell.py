"""Twelve pupils at once: everybody's page is complete, and nobody's card says that it failed."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import orjson
import pytest

from app.door import MOST_WAITING
from pages import sheet
from pages.student import StudentPage
from tests.pages.elm import Elm
from tests.pages.mounted import Mounted, Tab, mounted

PUPILS = 12
_CARD = re.compile(r"s\d+")


def state_of(tab: Tab) -> dict[str, Any]:
    """The stage as this tab knows it: its document, and every change since."""
    state: dict[str, Any] = {}
    for content in tab.heard:
        if isinstance(content, dict) and "doc" in content:
            stages = [root for root in content["doc"]["roots"] if "data" in root["attributes"]]
            state |= stages[0]["attributes"]["data"]["attributes"]
        for event in content.get("events", []) if isinstance(content, dict) else []:
            if event.get("kind") == "ModelChanged":
                state[event["attr"]] = event["new"]
    return state


async def complete(mount: Mounted, secret: str) -> Tab:
    tab = await mount.open("/student", secret)
    while not state_of(tab).get("filled"):
        await tab.message()
    return tab


async def test_twelve_pupils_who_come_at_once_all_have_the_complete_page(
    school: Elm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet, "LONGEST_WAIT_S", 300.0)  # how long it takes is the bench's affair
    async with mounted(school) as mount:
        secrets = [mount.session(f"p{n % 8 + 1}") for n in range(PUPILS)]
        tabs = await asyncio.gather(*(complete(mount, secret) for secret in secrets))
        assert len(tabs) == PUPILS < MOST_WAITING
        for tab in tabs:
            cards = {name: text for name, text in state_of(tab).items() if _CARD.fullmatch(name) and text}
            shown = [orjson.loads(text)["html"] for text in cards.values()]
            assert len(shown) >= len(StudentPage.slots) - 2  # two may have nothing to say to this pupil
            assert not [html for html in shown if 'class="problem"' in html]
            await tab.close()
