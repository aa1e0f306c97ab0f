"""The personal data finder on a labelled set: what it misses, what it takes for personal and is not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.intake import numbers
from connectors.intake.payloads import cleaned
from connectors.intake.personal import Finder
from tests.connectors.personal_texts import HARMLESS, NAMES, PERSONAL

FINDER = Finder(NAMES)


def test_precision_and_recall_on_the_labelled_set(capsys: pytest.CaptureFixture[str]) -> None:
    missed = [p for text, parts in PERSONAL for p in parts if p.casefold() in FINDER.clean(text).casefold()]
    parts = sum(len(parts) for _, parts in PERSONAL)
    alarms = [text for text in HARMLESS if FINDER.clean(text) != text]
    found = parts - len(missed)
    recall, precision = found / parts, found / (found + len(alarms))
    with capsys.disabled():
        print(f"\npersonal data: recall {recall:.3f} of {parts}, precision {precision:.3f}", end=" ")
    assert recall >= 0.95, missed
    assert precision >= 0.97, alarms


@pytest.mark.parametrize(("text", "parts"), PERSONAL)
def test_what_is_not_personal_in_a_text_stays(text: str, parts: tuple[str, ...]) -> None:
    clean = FINDER.clean(text)
    for word in ("please", "tonight", "please", "wrote", "answer", "piano", "absent"):
        assert (word in clean) == (word in text)


def test_cleaning_reaches_into_lists_and_objects_and_long_numbers() -> None:
    given = {"a": [{"b": "anna@example.org"}], "card": 4111111111111111, "n": 12, "anna@example.org": True}
    assert cleaned(given, FINDER.clean) == {
        "a": [{"b": "[e-mail]"}],
        "card": "[card]",
        "n": 12,
        "[e-mail]": True,
    }


def test_a_school_without_names_only_loses_numbers() -> None:
    assert Finder().clean("Anna Müller, anna@example.org") == "Anna Müller, [e-mail]"


@pytest.mark.parametrize(
    ("holds", "right", "wrong"),
    [
        (numbers.is_card, "4242424242424242", "4242424242424241"),
        (numbers.is_iban, "FR1420041010050500013M02606", "FR1420041010050500013M02607"),
        (numbers.is_german_tax, "86095742719", "86095742718"),
        (numbers.is_polish, "44051401359", "44051401358"),
        (numbers.is_french, "255081416802538", "255081416802539"),
        (numbers.is_swiss, "7569217076985", "7569217076986"),
        (numbers.is_spanish, "12345678Z", "12345678A"),
        (numbers.is_us_social, "078051120", "666051120"),
    ],
)
def test_published_numbers_pass_their_checksum_and_neighbours_do_not(
    holds: object, right: str, wrong: str
) -> None:
    assert callable(holds)
    assert holds(right) and not holds(wrong)


@given(st.text(max_size=300))
@settings(max_examples=300, deadline=1000)
def test_cleaning_never_fails_and_cleaning_twice_changes_no_more(text: str) -> None:
    once = FINDER.clean(text)
    assert FINDER.clean(once) == once


@pytest.mark.parametrize(
    "text", ["1" * 16_000, "a@" * 8_000, "1 " * 8_000, "::" * 8_000, "Aa " * 5_000, "1." * 8_000]
)
def test_hostile_texts_take_no_time(text: str) -> None:
    from time import process_time

    started = process_time()
    FINDER.clean(text)
    assert process_time() - started < 1


@pytest.mark.parametrize(
    "unit", ["A-", "A", "1 ", "a.", "(", "0", "+1 ", "12:", "Ab ", "straße ", "5 Ab ", "Anna "]
)
def test_a_hostile_text_is_searched_in_one_pass(unit: str) -> None:
    """Were each of its letters tried anew, this would take an hour."""
    text = unit * (200_000 // len(unit)) + "@ 1.1.1.1"  # which makes it worth a look
    assert len(FINDER.clean(text)) > 0
