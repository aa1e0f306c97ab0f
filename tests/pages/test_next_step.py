"""What a pupil says of a next step is remembered: pressed on one page, read on the next one opened."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.core import Core
from connectors.metadata import Consent
from models.ask import Ask
from pages import recommendations
from pages.cards import Card
from pages.sheet import Sheet
from tests.builders import event, events
from tests.hill import Clock
from tests.pages import elm
from tests.pages.conftest import built
from tests.pages.elm import Elm, card_of, text_of

PRESSED = re.compile(r'data-do="(\w+)" value="([^"]+)"')
TAKEN = "You chose this."


@pytest.fixture
async def school(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Elm]:
    """One that takes events in, of its own: what is said here moves it."""
    monkeypatch.setattr(Sheet, "today", property(lambda sheet: elm.TODAY))
    with built(tmp_path) as school:
        organisation = school.door.metadata.organisations.all()[0].id
        consent = Consent(school.learners["S2"], "legitimate-interest", datetime(2025, 9, 1, tzinfo=UTC))
        school.door.metadata.consents.grant_many(organisation, [consent])
        core = Core(school.door.settings)
        core.take(school.door)
        yield school
        await core.close()


async def reopened(school: Elm) -> tuple[Any, Card, dict[str, list[str]]]:
    """The page as it is opened anew, its card, and what can be pressed on it."""
    clock = school.door.clock
    assert isinstance(clock, Clock)
    clock.forward(minutes=1)
    sheet = await school.sheet("p2", "/student")
    sheet._document = SimpleNamespace(session_context=None)  # somebody looks at it
    return sheet, *await seen(sheet)


async def seen(sheet: Any) -> tuple[Card, dict[str, list[str]]]:
    card = await card_of(sheet, "onward")
    assert card is not None
    buttons: dict[str, list[str]] = {}
    for deed, value in PRESSED.findall(f"{card.body}{card.after}"):
        buttons.setdefault(deed, []).append(value)
    return card, buttons


async def test_what_was_taken_up_stands_as_such_after_a_reload(school: Elm) -> None:
    sheet, card, buttons = await reopened(school)
    assert TAKEN not in text_of(card.body)
    assert await sheet.do_take_step(buttons["take_step"][0]) == ("onward",)
    for now, left in (await seen(sheet), (await reopened(school))[1:]):
        assert now.title == card.title and TAKEN in text_of(now.body)
        assert not {"take_step", "refuse_step"} & left.keys()
        assert left["change_step"]


async def test_what_was_refused_rests(school: Elm) -> None:
    sheet, card, buttons = await reopened(school)
    name = buttons["refuse_step"][0].split()[0]
    await sheet.do_refuse_step(buttons["refuse_step"][0])
    _, after, left = await reopened(school)
    assert after.title != card.title
    assert name not in str(left)


async def test_the_other_one_that_was_chosen_is_there_after_a_reload(school: Elm) -> None:
    sheet, card, buttons = await reopened(school)
    first, other, rule, target = buttons["change_step"][0].split()
    wanted = next(r for r in (await steps(school)) if r["recommendation_id"] == other)
    assert await sheet.do_change_step(f"{first} {other} {rule} {target}") == ("onward",)
    for now, left in (await seen(sheet), (await reopened(school))[1:]):
        assert wanted["target_title"] in now.title and now.title != card.title
        assert TAKEN in text_of(now.body)
        assert first not in str(left)


async def test_what_is_done_waits_until_it_is_rated(school: Elm, monkeypatch: pytest.MonkeyPatch) -> None:
    sheet, _, buttons = await reopened(school)
    chosen = next(r for r in await steps(school) if r["strategy"] == "next_lesson")
    name, lesson = chosen["recommendation_id"], chosen["target_id"]
    await sheet.do_take_step(f"{name} next_lesson {lesson}")
    row = event(
        "lesson_complete",
        school.door.clock(),
        organisation_id=school.door.metadata.organisations.all()[0].id,
        learner_id=school.learners["S2"],
        course_id=chosen["course_id"],
        lesson_id=lesson,
    )
    school.door.warehouse.append(events([row]))
    monkeypatch.setattr(recommendations, "SHOWN_AFTER_S", 0.0)
    for _ in range(2):  # the first page tells that it is done; the row outlives that
        sheet, card, buttons = await reopened(school)
        assert "You did what you had chosen" in text_of(card.after)
        await asyncio.gather(*sheet._running)
    ended = [r for r in await steps(school) if not r["rank"]]
    assert [(r["recommendation_id"], r["said"]) for r in ended] == [(name, "completed")]
    best = next(value for value in buttons["rate_step"] if value.endswith(" 5"))
    assert await sheet.do_rate_step(best) == ("onward",)
    for now in ((await seen(sheet))[0], (await reopened(school))[1]):
        assert "You did what you had chosen" not in text_of(now.after)


async def steps(school: Elm) -> list[dict[str, Any]]:
    desk = (await school.visit("p2", "/student")).desk
    return (await desk.ask(Ask("recommendations"))).rows()
