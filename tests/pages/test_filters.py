"""What an address may say of the period: everything else is said on the page, and the usual one is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.filters import read_filters
from pages.frame import filter_bar
from pages.sheet import Sheet
from pages.speech import Speech
from pages.texts import text
from tests.pages.elm import TODAY, Elm

OWN = {"period": "own"}
FUTURE = {**OWN, "since": "2027-01-01", "until": "2027-02-01"}
YEAR_ONE = {**OWN, "since": "0001-01-01", "until": "0001-02-01"}
WRONG = [
    (FUTURE, "has not begun yet"),
    ({**OWN, "since": str(TODAY + timedelta(days=1)), "until": "2026-04-01"}, "has not begun yet"),
    ({**OWN, "since": "9999-12-01", "until": "9999-12-31"}, "has not begun yet"),
    (YEAR_ONE, "begins before the year 2000"),
    ({**OWN, "since": "0001-01-01", "until": "9999-12-31"}, "empty or longer than three years"),
    ({**OWN, "since": "2026-03-04", "until": "2026-03-01"}, "empty or longer than three years"),
    ({**OWN, "since": "2026-03-01", "until": "2026-03-01"}, "empty or longer than three years"),
    ({**OWN, "since": "2026-03-01"}, "a period we do not know"),
    ({**OWN, "until": "2026-03-01"}, "a period we do not know"),
]
PLACES = [("p2", "/student"), ("mother", "/parent"), ("teacher", "/teacher"), ("head", "/admin")]


@pytest.mark.parametrize(("query", "said"), WRONG)
@pytest.mark.parametrize(("login", "path"), PLACES)
async def test_a_period_that_cannot_be_is_said_and_the_usual_one_is_shown(
    school: Elm, login: str, path: str, query: Mapping[str, str], said: str
) -> None:
    sheet, usual = await school.sheet(login, path, **query), await school.sheet(login, path)
    assert said in str(filter_bar(sheet))
    assert (sheet.filters.since, sheet.filters.until) == (usual.filters.since, usual.filters.until)
    assert sheet.filters.period == usual.filters.period


@pytest.mark.parametrize("query", [FUTURE, YEAR_ONE, {**OWN, "since": "2000-01-01", "until": "2000-02-01"}])
@pytest.mark.parametrize(("login", "path"), [*PLACES, ("teacher", "/compare"), ("teacher", "/content")])
async def test_no_card_is_a_problem_for_the_address(
    school: Elm, login: str, path: str, query: Mapping[str, str]
) -> None:
    sheet: Sheet = await school.sheet(login, path, **query)
    cards = await asyncio.gather(*(sheet._card(slot) for slot in sheet.slots))
    wrong = [one.title for one in cards if one is not None and 'class="problem"' in str(one.body)]
    assert wrong == []


@pytest.mark.parametrize("key", ["filter.future_span", "filter.early_span"])
def test_both_are_said_in_german_too(key: str) -> None:
    assert "Du siehst den üblichen." in text("de", key, "other")


@given(since=st.dates(), until=st.dates())
def test_whatever_the_dates_there_is_a_span_and_one_before_it(since: date, until: date) -> None:
    query = {**OWN, "since": since.isoformat(), "until": until.isoformat()}
    found = read_filters(query, TODAY, Speech("en-GB"))
    assert found.since < found.until
    assert found.since <= TODAY
    assert found.before.since < found.before.until <= found.since
