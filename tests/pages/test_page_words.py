"""All pages in both languages; a class of ten thousand; names that would like to be markup."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from compute.attention import Reason
from pages.tables import PAGE_ROWS, Turn, table
from pages.teacher.roster import Learner, columns
from tests.pages.elm import TODAY, Elm, text_of

EVERY = [
    ("p1", "/student"),
    ("mother", "/parent"),
    ("teacher", "/teacher"),
    ("newcomer", "/teacher"),
    ("head", "/admin"),
]


@pytest.mark.parametrize(("login", "path"), EVERY)
@pytest.mark.parametrize("period", ["week", "last-week", "month", "28d", "90d", "year"])
async def test_every_page_speaks_german_in_every_period(
    school: Elm, login: str, path: str, period: str
) -> None:
    english = await school.cards(login, path, period=period)
    german = await school.cards(login, path, "de-DE", period=period)
    assert english.keys() == german.keys()
    for name, card in german.items():
        other = english[name]
        assert (card is None) == (other is None)
        if card and other and (card.title or card.empty):
            assert (card.title, card.empty) != (other.title, other.empty), name
        shown = text_of(f"{card.title} {card.sub} {card.body} {card.after}") if card else ""
        assert not re.search(r"\d\.\d{3,}\b(?!\s*€)|\{|\}|None|nan\b", shown.replace(" ", " ")), shown


async def test_no_number_is_spelt_longer_than_a_person_would(school: Elm) -> None:
    for login, path in EVERY:
        for card in (await school.cards(login, path)).values():
            shown = text_of(f"{card.title} {card.sub} {card.body} {card.after}") if card else ""
            assert not re.search(r"\d\.\d\d", shown), shown


async def test_ten_thousand_learners_are_one_page_of_rows(school: Elm) -> None:
    sheet = await school.sheet("teacher", "/teacher")
    one = Learner(1, "", TODAY, 0.5, 70.0, 3, (1.0,) * 8, (Reason("behind", 0.2),), True)
    many = [
        {
            "learner": replace(
                one, learner_id=n, name=f"Pupil {n:05}", last_active=TODAY - timedelta(days=n % 90)
            )
        }
        for n in range(10_000)
    ]
    html = str(table(sheet.visit.speech, many, columns(sheet), Turn(order="-name"), "Everybody"))
    assert html.count('<th scope="row"') == PAGE_ROWS
    assert "Pupil 09999" in html
    assert "10,000" in text_of(html)
    found = str(table(sheet.visit.speech, many, columns(sheet), Turn(find="pupil 00042"), "Everybody"))
    assert found.count('<th scope="row"') == 1


async def test_a_hostile_name_is_text(school: Elm) -> None:
    sheet = await school.sheet("teacher", "/teacher")
    name = '<img src=x onerror="alert(1)">{{7*7}}'
    one = Learner(1, name, None, 0.0, None, 0, (0.0,) * 8, (), True)
    html = str(table(sheet.visit.speech, [{"learner": one}], columns(sheet), Turn(), "Everybody"))
    assert "<img" not in html
    assert name in text_of(html)
