"""Numbers, dates and names in two locales, as the Unicode locale data publishes them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from pages.speech import Speech

DAY = date(2026, 3, 4)
ENGLISH, GERMAN, SWISS = (Speech(one, "Europe/Berlin") for one in ("en-GB", "de-DE", "de-CH"))


def plain(text: str) -> str:
    """With plain spaces: locale data uses narrow and unbreakable ones."""
    return text.replace("\u202f", " ").replace("\xa0", " ").replace("\u2009", " ")


@pytest.mark.parametrize(
    ("speech", "number", "share", "money", "day", "weekday", "names"),
    [
        (ENGLISH, "12,345", "18 %", "€1,235", "4 March", "Wednesday", "Ada, Bo and Cy"),
        (GERMAN, "12.345", "18 %", "1.235 €", "4. März", "Mittwoch", "Ada, Bo und Cy"),
    ],
)
def test_numbers_days_and_lists(
    speech: Speech, number: str, share: str, money: str, day: str, weekday: str, names: str
) -> None:
    assert plain(speech.number(12345)) == number
    assert plain(speech.share(0.1834)) == share
    assert plain(speech.money(123456, "EUR")) == money
    assert speech.day(DAY) == day
    assert speech.weekday(DAY) == weekday
    assert speech.names(["Ada", "Bo", "Cy"]) == names


def test_a_country_keeps_its_own_spelling() -> None:
    assert plain(SWISS.number(12345)) == "12’345"
    assert Speech("en-US").first_weekday == 6
    assert ENGLISH.first_weekday == GERMAN.first_weekday == 0


def test_a_moment_is_told_in_the_schools_zone() -> None:
    at = datetime(2026, 3, 4, 23, 30, tzinfo=UTC)
    assert ENGLISH.moment(at) == "5 March, 00:30"
    assert GERMAN.moment(at) == "5. März, 00:30"


def test_an_unknown_language_is_english() -> None:
    assert Speech("tlh").language == Speech("%%%").language == "en"
