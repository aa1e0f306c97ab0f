from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.pages.elm import (
    TODAY,
    Elm,
    count,
    drawn,
    duration,
    mean,
    minutes,
    percent,
    scores,
    text_of,
    within,
)

MONDAY = date(2026, 3, 2)
TOMORROW = TODAY + timedelta(days=1)
WEEK = timedelta(days=7)


@pytest.mark.parametrize("student", ["S1", "S2"])
async def test_every_number_in_the_sentences_is_counted_from_the_childs_events(
    school: Elm, student: str
) -> None:
    rows = school.of(student)
    week, before = within(rows, MONDAY - WEEK, MONDAY), within(rows, MONDAY - 2 * WEEK, MONDAY - WEEK)
    query = {"child": str(school.learners[student]), "period": "last-week"}
    card = (await school.cards("mother", "/parent", **query))["words"]
    assert card is not None
    said = text_of(card.body)
    days = len({r["day"] for r in week})
    assert f"learned on {days} day" in said
    assert f"{duration(minutes(week))} in all" in said
    gap = minutes(week) - minutes(before)
    if abs(gap) >= 10:
        assert f"That is {duration(abs(gap))} {'more' if gap > 0 else 'less'} than the week before" in said
    if lessons := count(week, "lesson_complete"):
        assert f"finished {lessons} lesson" in said
    if marks := scores(week):
        assert f"{len(marks)} result" in said
        assert percent(mean(marks)) in said
    assert 3 <= str(card.body).count("<p") <= 5


async def test_the_charts_show_the_childs_days_weeks_and_results(school: Elm) -> None:
    rows = school.of("S2")
    cards = await school.cards("mother", "/over-time", child=str(school.learners["S2"]), period="last-week")
    active, finished = cards["active"], cards["finished"]
    assert active is not None
    assert finished is not None
    by_day = [minutes([r for r in rows if r["day"] == MONDAY - WEEK + timedelta(days=n)]) for n in range(7)]
    assert drawn(active.drawing, "columns")["top"] == pytest.approx(by_day)
    by_week = [
        count(within(rows, MONDAY - n * WEEK, MONDAY - (n - 1) * WEEK), "lesson_complete")
        for n in range(7, -1, -1)
    ]
    assert drawn(finished.drawing, "columns")["top"] == by_week
    assert finished.title.startswith(f"{by_week[-1]} lesson")


async def test_two_children_are_never_added_up(school: Elm) -> None:
    sheet = await school.sheet("mother", "/parent")
    assert sheet.filters.child in {str(school.learners["S1"]), str(school.learners["S2"])}
    sheet.filters = sheet._read({})
    assert sheet.filters.child


async def test_another_child_is_not_shown_and_the_page_says_so(school: Elm) -> None:
    sheet = await school.sheet("mother", "/parent", child=str(school.learners["S3"]))
    assert sheet.filters.child != str(school.learners["S3"])
    assert "filter.unknown_choice" in sheet.filters.problems


async def test_who_has_no_child_to_see_reads_why(school: Elm) -> None:
    cards = await school.cards("stranger", "/parent")
    assert cards["words"] is not None
    assert "ask the school" in cards["words"].empty
    assert all(card is None for name, card in cards.items() if name != "words")


async def test_a_period_before_the_school_existed_says_when_it_began(school: Elm) -> None:
    cards = await school.cards("mother", "/parent", period="own", since="2024-01-01", until="2024-01-08")
    assert cards["words"] is not None
    assert "There is nothing before" in cards["words"].empty
    assert "2026" in cards["words"].empty


async def test_no_other_childs_name_or_rank_stands_on_the_page(school: Elm) -> None:
    cards = await school.cards("mother", "/parent")
    whole = " ".join(f"{c.title} {c.sub} {c.body} {c.after}" for c in cards.values() if c)
    assert "Pupil3" not in whole
    assert "rank" not in whole
