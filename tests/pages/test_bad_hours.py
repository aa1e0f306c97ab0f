"""A question that takes long or fails, core that is away, a deed that was not done: each has its sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from models.desk import Desk
from models.errors import BadQuestion, NotFound, NotSignedIn, TooMany, Unavailable
from models.scope import Viewer
from pages import sheet as sheets
from pages.cards import Card
from pages.me import Me
from pages.places import Page, Visit
from pages.sheet import Asking, Sheet, Slot
from pages.speech import Speech
from tests.pages.elm import text_of


@dataclass
class Away:
    """As much of a desk as a page needs that asks nothing."""

    viewer: Viewer = field(default_factory=lambda: Viewer("p", 1, "teacher", frozenset()))
    line: list[Callable[[bool], None]] = field(default_factory=list)

    async def look(self, what: str) -> dict[str, Any]:
        return {}

    def watermark(self) -> Any:
        return type("Mark", (), {"number": 1})()

    def on_change(self, told: Any) -> Callable[[], None]:
        return lambda: None

    def on_line(self, told: Callable[[bool], None]) -> Callable[[], None]:
        self.line.append(told)
        return lambda: self.line.remove(told)


class Trouble(Sheet):
    slots = (Slot("only"),)
    what: Callable[[], Any] = staticmethod(lambda: None)
    asked = 0

    async def only(self, ask: Asking) -> Card:
        self.asked += 1
        await type(self).what()
        return Card("All is well")

    async def do_note(self, value: str) -> list[str]:
        raise TooMany("Too many notes.")

    async def do_press(self, value: str) -> list[str]:
        return []


def page_of(desk: Away, language: str = "en-GB") -> Trouble:
    page = Page("/trouble", "page.teacher", "open-page:teacher", Trouble)
    return Trouble(Visit(cast(Desk, desk), Me("A", "teacher"), Speech(language), page))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "LONGEST_WAIT_S", 0.05)
    monkeypatch.setattr(sheets, "RETRY_S", 0.02)
    monkeypatch.setattr(sheets, "BLINK_S", 0.02)


async def opened(page: Trouble, until: Callable[[], bool]) -> Trouble:
    page.start()
    page._document = None
    for _ in range(200):
        if until():
            return page
        await asyncio.sleep(0.01)
    raise AssertionError(page.stage.s0 or "nothing was shown")


async def _wait_for_ever() -> None:
    await asyncio.Event().wait()


def fails(error: Exception) -> Callable[[], Any]:
    async def fail() -> None:
        raise error

    return fail


CASES: list[tuple[Callable[[], Any], str, str]] = [
    (_wait_for_ever, "takes longer than it should", "data-again"),
    (fails(ValueError("secret of ours")), "could not be made", "data-again"),
    (fails(Unavailable("away")), "cannot be reached right now", "data-again"),
    (fails(TooMany("busy")), "Too many questions", "data-again"),
    (fails(NotFound()), "nothing here that you may see", "Go to your page"),
    (fails(BadQuestion("unknown measure 'x'")), "cannot be asked", "data-again"),
    (fails(NotSignedIn("over")), "signed out", "/sign-in"),
]


@pytest.mark.parametrize(("trouble", "sentence", "way_on"), CASES)
async def test_trouble_has_its_own_sentence_and_a_way_on(
    monkeypatch: pytest.MonkeyPatch, trouble: Callable[[], Any], sentence: str, way_on: str
) -> None:
    monkeypatch.setattr(Trouble, "what", staticmethod(trouble))
    page = page_of(Away())
    await opened(page, lambda: bool(page.stage.s0))
    page.leave()
    assert sentence in text_of(page.stage.s0)
    assert way_on in page.stage.s0
    assert "secret of ours" not in page.stage.s0
    assert "Traceback" not in page.stage.s0
    told = {page.say(f"problem.{key}") for key in ("slow", "error", "away", "too_many", "not_found")}
    assert len(told) == 5


@pytest.mark.parametrize("language", ["en-GB", "de-DE"])
async def test_core_away_is_said_until_it_is_back_and_what_was_missed_is_asked(
    monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    desk = Away()
    monkeypatch.setattr(Trouble, "what", staticmethod(fails(Unavailable("away"))))
    monkeypatch.setattr(sheets, "RETRY_S", 60.0)
    page = page_of(desk, language)
    await opened(page, lambda: bool(page.stage.s0))
    desk.line[0](False)
    await _until(lambda: page.stage.notice == page.say("frame.away"))
    monkeypatch.setattr(Trouble, "what", staticmethod(_nothing))
    desk.line[0](True)
    await _until(lambda: page.stage.notice == "" and "All is well" in page.stage.s0)
    page.leave()
    assert desk.line == []


async def test_a_blink_of_core_is_not_worth_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trouble, "what", staticmethod(_nothing))
    monkeypatch.setattr(sheets, "BLINK_S", 0.2)
    desk = Away()
    page = page_of(desk)
    await opened(page, lambda: bool(page.stage.s0))
    told: list[str] = []
    page.stage.param.watch(lambda event: told.append(event.new), "notice")
    desk.line[0](False)
    desk.line[0](True)
    await asyncio.sleep(0.3)
    page.leave()
    assert [text for text in told if text] == []


async def test_a_deed_that_was_not_done_is_said_where_it_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trouble, "what", staticmethod(_nothing))
    page = page_of(Away())
    await opened(page, lambda: bool(page.stage.s0))
    page._told({"kind": "do", "deed": "note", "value": "x", "number": "7"})
    await _until(lambda: "was not done" in page.stage.notice)
    assert "Too many notes." in page.stage.notice
    page._told({"kind": "do", "deed": "press", "value": "x", "number": "8"})
    await _until(lambda: page.stage.notice == "")
    page.leave()
    assert page.stage.did == '[["7",false],["8",true]]', "what was typed is cleared only if it is kept"


def test_a_page_that_hides_what_the_sheet_runs_on_is_refused() -> None:
    with pytest.raises(AssertionError, match="_told"):
        type("Hides", (Sheet,), {"_told": lambda self, message: None})


async def _nothing() -> None:
    return None


async def _until(done: Callable[[], bool]) -> None:
    for _ in range(300):
        if done():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to that")


class Late(Away):
    """Core comes only at the third attempt."""

    def __init__(self) -> None:
        super().__init__()
        self.looked = 0
        self.told: list[Any] = []

    async def look(self, what: str) -> dict[str, Any]:
        self.looked += 1
        if self.looked < 3:
            raise Unavailable("away")
        return {}

    def on_change(self, told: Any) -> Callable[[], None]:
        self.told.append(told)
        return lambda: self.told.remove(told)


async def test_who_tries_again_before_core_is_there_hurries_the_page_and_starts_it_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Trouble, "what", staticmethod(_nothing))
    monkeypatch.setattr(sheets, "RETRY_S", 60.0)
    desk = Late()
    page = page_of(desk)
    await opened(page, lambda: "cannot be reached" in page.stage.s0)
    waited_for = page.stage.filled
    page._told({"kind": "again"})
    await _until(lambda: desk.looked == 2 and page.stage.filled > waited_for)
    for _ in range(3):
        page._told({"kind": "again"})
    await _until(lambda: "All is well" in page.stage.s0)
    await asyncio.sleep(0.1)
    assert (desk.looked, len(desk.told), page.asked) == (3, 1, 1)
    page.leave()
    assert desk.told == [], "nothing holds a page that was left"
