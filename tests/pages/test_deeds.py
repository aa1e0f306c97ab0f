"""What a button does while the page is busy with something else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from models.desk import Desk
from pages import filters
from pages.cards import Card
from pages.me import Me
from pages.places import Page, Visit
from pages.sheet import Asking, Sheet, Slot
from pages.speech import Speech
from tests.pages.elm import text_of
from tests.pages.test_bad_hours import Away
from tests.pages.test_live import until


class Busy(Sheet):
    slots = (Slot("slow"), Slot("quick"))
    pressed = 0
    held: list[asyncio.Event]
    asked = 0

    async def slow(self, ask: Asking) -> Card:
        self.asked += 1
        said = f"{self.filters.period}, pressed {self.pressed}"
        gate = asyncio.Event()
        self.held.append(gate)
        await gate.wait()
        return Card(said)

    async def quick(self, ask: Asking) -> Card:
        return Card(f"{self.filters.period}, pressed {self.pressed}")

    async def do_press(self, value: str) -> Sequence[str]:
        self.pressed += 1
        return (value,)


@pytest.fixture
def page() -> Busy:
    place = Page("/busy", "page.teacher", "open-page:teacher", Busy, filters=("period",))
    page = Busy(Visit(cast(Desk, Away()), Me("A", "teacher"), Speech("en-GB"), place))
    page.held = []
    assert filters.PERIODS[0] == "week"
    return page


def press(page: Busy, slot: str) -> None:
    page.stage._handle_msg({"kind": "do", "deed": "press", "value": slot})


async def test_a_button_pressed_while_cards_load_costs_no_other_card(page: Busy) -> None:
    page.place({"period": "90d"})
    await until(lambda: "90d" in page.stage.s1 and bool(page.held))
    before = page.stage.filled
    press(page, "quick")
    await until(lambda: "90d, pressed 1" in text_of(page.stage.s1))
    assert page.stage.filled == before, "the slow card is of the period before: the page still waits"
    page.held[0].set()
    await until(lambda: "90d, pressed 0" in text_of(page.stage.s0))
    await until(lambda: page.stage.filled > before)
    page.leave()


async def test_what_a_button_changed_is_not_overtaken_by_what_was_asked_before(page: Busy) -> None:
    page.place({"period": "90d"})
    await until(lambda: len(page.held) == 1)
    press(page, "slow")
    await until(lambda: len(page.held) == 2)
    page.held[1].set()
    await until(lambda: "pressed 1" in text_of(page.stage.s0))
    page.held[0].set()
    await until(lambda: page.stage.filled > 0)
    assert "pressed 1" in text_of(page.stage.s0)
    page.leave()
