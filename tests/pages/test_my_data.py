"""A pupil's own data and goal, and what parents read of it: each number again in plain Python."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from connectors.metadata import Consent
from models.ask import Ask
from models.errors import NotFound
from pages.about import csv_of
from pages.student.data import about
from pages.student.goal import SETTING
from tests.pages.elm import TODAY, Elm, card_of, count, minutes, text_of, within

SINCE = datetime(2025, 9, 1, tzinfo=UTC)
MONDAY = TODAY - timedelta(days=TODAY.weekday())


@pytest.fixture
def consented(school: Elm) -> Iterator[Elm]:
    held, organisation = school.door.metadata.consents, school.door.metadata.organisations.all()[0].id
    learner = school.learners["S1"]
    held.grant_many(
        organisation,
        [
            Consent(learner, "legitimate-interest", SINCE),
            Consent(learner, "guardian-consent", SINCE, purpose="research"),
        ],
    )
    yield school
    held.forget(organisation, learner)


@pytest.fixture
def aiming(school: Elm) -> Iterator[Elm]:
    yield school
    school.door.metadata.settings.put(school.people["p1"], SETTING, None)


def rows_of(html: object) -> list[list[str]]:
    found = re.findall(r"<tr>(.*?)</tr>", str(html), re.DOTALL)[1:]
    return [
        [text_of(cell) for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row, re.DOTALL)] for row in found
    ]


async def test_what_is_held_is_what_happened(school: Elm) -> None:
    rows = school.of("S1")
    card = await card_of(await school.sheet("p1", "/my-data"), "held")
    assert card and card.title.startswith(f"{len(rows)} entries about you, since 3 Jan 2026")
    assert min(row["day"] for row in rows) == date(2026, 1, 3)
    shown = {row[0]: row[1] for row in rows_of(card.body)}
    known = Counter(about(row["event_type"]) for row in rows)
    assert [*shown.values()] == [str(n) for _, n in sorted(known.items(), key=lambda kv: (-kv[1], kv[0]))]
    assert shown["Lessons"] == str(known["lessons"]) and known["lessons"] > 0


async def test_the_copy_is_asked_for_by_who_wants_it(school: Elm) -> None:
    seen = await card_of(await school.sheet("p1", "/my-data"), "copy")
    assert seen and "/download/my-data/copy.csv" in str(seen.after) and seen.answers == ()
    (answer,) = await (await school.sheet("p1", "/my-data")).answers_of("copy")
    file = list(csv.DictReader(io.StringIO(csv_of(answer).decode("utf-8-sig"))))
    rows = school.of("S1")
    assert Counter(row["event_type"] for row in file) == Counter(row["event_type"] for row in rows)
    scores = sorted(float(row["score"]) for row in file if row["score"])
    assert scores == pytest.approx(sorted(row["score"] for row in rows if row["score"] is not None))


async def test_consents_are_told_taken_back_and_given_again(consented: Elm) -> None:
    sheet = await consented.sheet("p1", "/my-data")
    card = await card_of(sheet, "uses")
    body = text_of(card and card.body)
    assert card and card.title == "Your data may be used for 2 of 4 things"
    assert "The school needs it to teach, since 1 Sept 2025" in body
    assert "A parent allowed it on 1 Sept 2025" in body
    assert re.findall(r'data-do="(\w+)" value="(\w+)"', str(card.body)) == [("withdraw", "research")]
    assert await sheet.do_withdraw("research") == ["uses"]
    card = await card_of(sheet, "uses")
    assert card and card.title == "Your data may be used for 1 of 4 things"
    assert "taken back on 4 Mar 2026" in text_of(card.body)
    assert re.findall(r'data-do="(\w+)" value="(\w+)"', str(card.body)) == [("give", "research")]
    with pytest.raises(Exception, match="no consent"):
        await sheet.do_withdraw("analytics")


async def test_who_takes_personalisation_back_gets_no_next_steps_and_nobody_else_sees_any(
    school: Elm,
) -> None:
    held, organisation = school.door.metadata.consents, school.door.metadata.organisations.all()[0].id
    one = school.learners["S1"]

    async def told(login: str, path: str) -> set[int]:
        desk = (await school.visit(login, path)).desk
        return {int(str(row["learner_id"])) for row in (await desk.ask(Ask("recommendations"))).rows()}

    everybody = await told("teacher", "/teacher")
    assert one in everybody and await told("p1", "/student") == {one}
    held.grant_many(organisation, [Consent(one, "consent", SINCE, purpose="personalisation")])
    sheet = await school.sheet("p1", "/my-data")
    try:
        await sheet.do_withdraw("personalisation")
        assert await told("p1", "/student") == set()
        assert await told("teacher", "/teacher") == everybody - {one}
        assert await card_of(await school.sheet("p1", "/student"), "onward") is None
        await sheet.do_give("personalisation")
        assert await told("teacher", "/teacher") == everybody
    finally:
        held.forget(organisation, one)


async def test_parents_read_it_and_press_nothing(consented: Elm) -> None:
    one, two = str(consented.learners["S1"]), str(consented.learners["S2"])
    mine = await consented.cards("mother", "/child-data", child=one)
    assert mine["uses"] and mine["uses"].title == "Pupil1's data may be used for 2 of 4 things"
    other = await consented.cards("mother", "/child-data", child=two)
    assert other["uses"] and other["uses"].title == "Pupil2's data may be used for 0 of 4 things"
    for card in (*mine.values(), *other.values()):
        assert card and "data-do" not in f"{card.body}{card.after}"
    nobody = await consented.cards("stranger", "/child-data")
    assert nobody["uses"] and nobody["uses"].empty and nobody["rights"] is None
    with pytest.raises(NotFound):
        await (await consented.visit("mother", "/child-data")).desk.do("withdraw_consent", purpose="research")


async def test_who_looked_is_told_by_role_and_never_by_name(school: Elm) -> None:
    await school.cards("teacher", "/teacher")
    card = await card_of(await school.sheet("p1", "/my-data"), "looked")
    told = text_of(card and card.body)
    assert "Teacher: " in told and "Elm" not in told
    known = await card_of(await school.sheet("p1", "/my-data"), "known")
    assert "Pupil1 Elm" in text_of(known and known.body) and "6 May 2012" in text_of(known and known.body)


@pytest.mark.parametrize("measure", ["learning_minutes", "lessons_completed"])
async def test_a_goal_is_set_met_changed_and_undone(aiming: Elm, measure: str) -> None:
    sheet: Any = await aiming.sheet("p1", "/student")
    none = await card_of(sheet, "goal")
    assert none and none.title == "Would you like a goal for the week?"
    await sheet.do_goal_choose("")
    offer = await card_of(sheet, "goal")
    assert offer and offer.title == "What is your goal for each week?" and measure in str(offer.body)
    week = within(aiming.of("S1"), MONDAY, TODAY + timedelta(days=1))
    done = minutes(week) if measure == "learning_minutes" else count(week, "lesson_complete")
    await sheet.do_goal(f"{measure} {int(done) + 10}")
    card = await card_of(sheet, "goal")
    assert card and card.title.startswith(f"{round(done)} of {int(done) + 10} ")
    assert f"{round(100 * done / (int(done) + 10))} %" in text_of(card.body)
    assert "5 days are left, with today. Only you see your goal." in card.sub
    await sheet.do_goal(f"{measure} 1")
    card = await card_of(sheet, "goal")
    assert card and card.title.startswith("Goal reached: ") == (done >= 1)
    await sheet.do_goal_undo(str(sheet.goal_was))
    card = await card_of(sheet, "goal")
    assert card and card.title.startswith(f"{round(done)} of {int(done) + 10} ")
    await sheet.do_goal(f"{measure} 0")
    card = await card_of(sheet, "goal")
    assert card and card.title == none.title and "Undo" in text_of(card.after)


@pytest.mark.parametrize("path", ["/my-data", "/child-data"])
async def test_it_speaks_german(consented: Elm, path: str) -> None:
    login = "p1" if path == "/my-data" else "mother"
    english, german = [await consented.cards(login, path, locale) for locale in ("en-GB", "de-DE")]
    for name, card in german.items():
        other = english[name]
        assert card and other and card.title != other.title, name
        assert not re.search(r"\{|\}|None", text_of(f"{card.title} {card.sub} {card.body} {card.after}"))
