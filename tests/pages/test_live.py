"""The pulse of a page: live cards follow every move, the others come along once a minute."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from models.ask import Watermark
from models.desk import Desk
from pages import live
from pages.live import Pulse


class Moving:
    """As much of a desk as a pulse needs."""

    def __init__(self) -> None:
        self.number = 0
        self.told: list[Callable[[Watermark], None]] = []
        self.concerned = True
        self.looked: list[int] = []

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

    async def refresh(everything: bool) -> None:
        rounds.append(everything)

    pulse = Pulse(cast(Desk, desk), refresh)
    pulse.start()
    return pulse, rounds


async def test_every_move_reaches_the_live_cards_not_only_the_first() -> None:
    desk = Moving()
    pulse, rounds = await followed(desk)
    for expected in (1, 2, 3):
        desk.move()
        await asyncio.sleep(0.1)
        assert rounds == [False] * expected
    pulse.stop()


async def test_moves_close_together_are_one_round() -> None:
    desk = Moving()
    pulse, rounds = await followed(desk)
    for _ in range(5):
        desk.move()
    await asyncio.sleep(0.1)
    assert rounds == [False]
    pulse.stop()


async def test_a_page_whose_learners_did_nothing_is_not_asked_again() -> None:
    desk = Moving()
    pulse, rounds = await followed(desk)
    desk.concerned = False
    desk.move()
    await asyncio.sleep(0.1)
    desk.concerned = True
    desk.move()
    await asyncio.sleep(0.1)
    assert (rounds, desk.looked) == ([False], [0, 1])
    pulse.stop()


async def test_the_other_cards_have_their_round_even_if_nothing_moves_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "PATIENCE_S", 0.2)
    desk = Moving()
    pulse, rounds = await followed(desk)
    desk.move()
    await asyncio.sleep(0.5)
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
