"""Something reached and a run that ended: told to who asked for it, and to nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from compute.streaks import last_run
from pages.student.news import FRESH_DAYS, SOON_DAYS, WORTH_TELLING
from pages.student.telling import SETTING
from tests.pages.elm import HOLIDAY, PUPILS, TODAY, Elm, card_of, text_of


@pytest.fixture
def asking(school: Elm) -> Iterator[Elm]:
    yield school
    for n in range(1, PUPILS + 1):
        school.door.metadata.settings.put(school.people[f"p{n}"], SETTING, None)


def is_school(day: date) -> bool:
    return day.weekday() < 5 and day not in HOLIDAY


def run_by_hand(days: set[date]) -> tuple[int, bool]:
    """The newest run of active days, and whether it still goes on today."""
    if not days:
        return 0, False
    day = max(days)
    alive = not any(is_school(day + timedelta(days=n)) for n in range(1, (TODAY - day).days))
    run = 0
    while day >= min(days):
        if day in days:
            run += 1
        elif is_school(day):
            break
        day -= timedelta(days=1)
    return run, alive


def test_the_newest_run_counts_over_free_days() -> None:
    friday, monday = date(2026, 2, 27), date(2026, 3, 2)
    weekend = {friday + timedelta(days=1), friday + timedelta(days=2)}
    assert last_run({friday, monday}, weekend, TODAY) == 2
    assert last_run({friday, monday}, set(), TODAY) == 1
    assert last_run(set(), weekend, TODAY) == 0


async def test_nothing_is_told_to_who_did_not_ask(asking: Elm) -> None:
    card = await card_of(await asking.sheet("p1", "/student"), "hello")
    assert card and "<ul" not in str(card.body)
    sheet = await asking.sheet("p1", "/achievements")
    asked = await card_of(sheet, "telling")
    assert asked and asked.title == "Shall we tell you what you reach?"
    assert await sheet.do_tell("on") == ("telling",)
    turned = await card_of(sheet, "telling")
    assert turned and turned.title == "You are told what you reach"
    await sheet.do_tell("off")
    again = await card_of(sheet, "telling")
    assert again and again.title == asked.title


async def test_each_pupil_is_told_what_the_events_say(asking: Elm) -> None:
    told_new = told_ended = 0
    for n in range(1, PUPILS + 1):
        rows = asking.of(f"S{n}")
        asking.door.metadata.settings.put(asking.people[f"p{n}"], SETTING, True)
        card = await card_of(await asking.sheet(f"p{n}", "/student"), "hello")
        body = text_of(card and card.body)
        firsts: dict[str, date] = {}
        for row in rows:
            if row["event_type"] == "achievement_unlocked":
                firsts[row["object_id"]] = min(row["day"], firsts.get(row["object_id"], row["day"]))
        fresh = [name for name, day in firsts.items() if day > TODAY - timedelta(days=FRESH_DAYS)]
        assert body.count("New: ") == len(fresh), n
        days = {row["day"] for row in rows}
        run, alive = run_by_hand(days)
        ended = run >= WORTH_TELLING and not alive and (TODAY - max(days)).days <= SOON_DAYS
        assert (f"Your run of {run} school days has ended" in body) == ended, n
        told_new, told_ended = told_new + len(fresh), told_ended + ended
    assert told_new or told_ended, "nobody was told anything: this proves nothing"
