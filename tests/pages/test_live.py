"""The pulse of a page: live cards follow every move, the others come along once a minute."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast

import pytest

from models.ask import Watermark
from models.desk import Desk
from models.errors import BadQuestion
from pages import live
from pages.cards import Card
from pages.live import Pulse
from pages.me import Me
from pages.places import Page, Visit
from pages.sheet import Asking, Sheet, Slot
from pages.speech import Speech

PATIENCE_S = 1.5  # long beside the first look of a page, also on a busy machine


def _reached(rounds: list[bool], count: int) -> bool:
    return len(rounds) >= count


async def until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not so():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.02)


class Moving:
    """As much of a desk as a pulse needs."""

    def __init__(self) -> None:
        self.number = 0
        self.told: list[Callable[[Watermark], None]] = []
        self.concerned = True
        self.looked: list[int] = []
        self.rounds: list[tuple[bool, bool]] = []

    def watermark(self) -> Watermark:
        return Watermark(self.number, datetime.now(UTC))

    def on_change(self, told: Callable[[Watermark], None]) -> Callable[[], None]:
        self.told.append(told)
        return lambda: self.told.remove(told)

    async def look(self, what: str, since: int) -> bool:
        assert what == "moved"
        self.looked.append(since)
        return self.concerned

    def move(self) -> None:
        self.number += 1
        for told in self.told:
            told(self.watermark())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "TICK_S", 0.02)


async def followed(desk: Moving, **parts: Any) -> tuple[Pulse, list[bool]]:
    rounds: list[bool] = []

    async def refresh(everything: bool, concerned: bool) -> None:
        rounds.append(everything)
        desk.rounds.append((everything, concerned))

    pulse = Pulse(cast(Desk, desk), refresh)
    pulse.start()
    return pulse, rounds


async def test_every_move_reaches_the_live_cards_not_only_the_first() -> None:
    desk = Moving()
    pulse, rounds = await followed(desk)
    for expected in (1, 2, 3):
        desk.move()
        await until(partial(_reached, rounds, expected))
        assert rounds == [False] * expected
    pulse.stop()


async def test_moves_close_together_are_one_round() -> None:
    desk = Moving()
    pulse, rounds = await followed(desk)
    for _ in range(5):
        desk.move()
    await until(lambda: bool(rounds))
    await asyncio.sleep(0.1)
    assert rounds == [False]
    pulse.stop()


async def test_a_page_whose_learners_did_nothing_is_not_asked_again() -> None:
    desk = Moving()
    pulse, rounds = await followed(desk)
    desk.concerned = False
    desk.move()
    await until(lambda: len(desk.looked) == 1)
    await asyncio.sleep(0.1)
    desk.concerned = True
    desk.move()
    await until(lambda: bool(rounds))
    assert (rounds, desk.looked) == ([False], [0, 1])
    pulse.stop()


async def test_the_other_cards_have_their_round_even_if_nothing_moves_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "PATIENCE_S", PATIENCE_S)
    desk = Moving()
    pulse, rounds = await followed(desk)
    desk.move()
    await until(lambda: len(rounds) == 2)
    assert rounds == [False, True]
    pulse.stop()


async def test_a_page_that_was_left_is_not_refreshed() -> None:
    desk = Moving()
    pulse, rounds = await followed(desk)
    desk.move()
    pulse.stop()
    desk.move()
    await asyncio.sleep(0.1)
    assert (rounds, desk.told) == ([], [])


async def test_a_round_of_all_cards_says_whether_the_reader_s_own_learned_since_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "PATIENCE_S", PATIENCE_S)
    desk = Moving()
    pulse, _ = await followed(desk)
    desk.concerned = False
    desk.move()
    await until(lambda: len(desk.rounds) == 1)
    await asyncio.sleep(PATIENCE_S)  # all is due again, and nothing moved
    desk.concerned = True
    desk.move()
    await until(lambda: len(desk.rounds) == 2)
    assert desk.rounds == [(True, False), (True, True)]
    assert desk.looked == [0, 0, 1], "first for the live cards, then since the last round of all"
    pulse.stop()


class Cards(Sheet):
    slots = (Slot("own", alone=True), Slot("now", live=True, alone=True), Slot("others"))
    fails = False
    filled: list[str]

    async def _one(self, name: str) -> Card:
        self.filled.append(name)
        if self.fails:
            raise BadQuestion("It is broken.")
        return Card(name)

    async def own(self, ask: Asking) -> Card:
        return await self._one("own")

    async def now(self, ask: Asking) -> Card:
        return await self._one("now")

    async def others(self, ask: Asking) -> Card:
        return await self._one("others")


def cards() -> Cards:
    page = Page("/cards", "page.student", "open-page:student", Cards)
    sheet = Cards(Visit(cast(Desk, Moving()), Me("A", "student"), Speech("en-GB"), page))
    sheet.filled = []
    return sheet


async def test_what_is_about_the_reader_alone_waits_until_the_reader_learned() -> None:
    sheet = cards()
    for everything, concerned, expected in (
        (True, False, ["others"]),
        (False, True, ["now"]),
        (True, True, ["others", "now", "own"]),
    ):
        sheet.filled.clear()
        await sheet._moved(everything, concerned)
        assert sorted(sheet.filled) == sorted(expected)


async def test_a_card_that_told_of_a_problem_is_asked_again_with_the_others() -> None:
    sheet = cards()
    sheet.fails = True
    await sheet._moved(True, True)
    sheet.fails = False
    for expected in (["now", "others", "own"], ["others"]):
        sheet.filled.clear()
        await sheet._moved(True, False)
        assert sorted(sheet.filled) == expected


async def test_another_hour_is_another_page() -> None:
    """A greeting, a day, a week that is over: what the clock alone changes."""
    sheet = cards()
    sheet._hour -= timedelta(hours=1)
    for expected in (["now", "others", "own"], ["others"]):
        sheet.filled.clear()
        await sheet._moved(True, False)
        assert sorted(sheet.filled) == expected
