from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

from tests.pages.elm import (
    HOLIDAY,
    MONDAY,
    TODAY,
    WEEK,
    Elm,
    card_of,
    count,
    drawn,
    duration,
    figures_of,
    mean,
    minutes,
    percent,
    scores,
    text_of,
    within,
)


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
    sheet.filters = sheet.read_query({})
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


async def test_four_numbers_are_counted_from_the_childs_events(school: Elm) -> None:
    rows = school.of("S2")
    week, before = within(rows, MONDAY - WEEK, MONDAY), within(rows, MONDAY - 2 * WEEK, MONDAY - WEEK)
    month = within(rows, MONDAY - WEEK - timedelta(days=30), MONDAY - WEEK)
    query = {"child": str(school.learners["S2"]), "period": "last-week"}
    shown = figures_of((await school.cards("mother", "/parent", **query))["glance"])
    assert shown["Days with learning"][0].split()[0] == str(len({r["day"] for r in week}))
    assert shown["Days with learning"][1].split()[0] == str(len({r["day"] for r in before}))
    assert shown["Learning time"] == (
        duration(minutes(week)),
        f"{duration(minutes(before))} the week before",
    )
    assert shown["Finished lessons"][0].split()[0] == str(count(week, "lesson_complete"))
    assert shown["Finished lessons"][1].split()[0] == str(count(before, "lesson_complete"))
    if marks := scores(week):
        assert shown["Results"][0] == percent(mean(marks))
    if len(usual := scores(month)) >= 3:
        assert percent(mean(usual)) in shown["Results"][1]


async def test_the_wall_calendar_has_the_days_of_the_month(school: Elm) -> None:
    rows = school.of("S1")
    card = (await school.cards("mother", "/parent", child=str(school.learners["S1"]), period="last-week"))[
        "month"
    ]
    assert card is not None
    # The week before 2 March ends on the 1st: its month is March.
    days = {r["day"] for r in rows if r["day"].month == 3}
    assert f"learned on {len(days)} day" in card.title
    cells = re.findall(r'<td class="([^"]*)"><span aria-hidden="true">(\d+)</span>', str(card.body))
    assert {int(day) for kinds, day in cells if "did" in kinds} == {day.day for day in days}
    assert {int(day) for kinds, day in cells if "today" in kinds} == {TODAY.day}
    assert len(cells) == 31
    later = {int(day) for kinds, day in cells if "later" in kinds}
    assert later == {n for n in range(TODAY.day + 1, 32) if date(2026, 3, n).weekday() < 5}


async def test_the_wall_calendar_names_the_holidays_of_its_month(school: Elm) -> None:
    sheet = await school.sheet("mother", "/parent", period="own", since="2026-02-09", until="2026-02-28")
    card = await card_of(sheet, "month")
    assert card and "Winter break, 16–20 Feb" in text_of(card.after)
    assert (HOLIDAY[0].day, HOLIDAY[-1].day) == (16, 20)


async def test_two_guardians_see_what_each_may(school: Elm) -> None:
    """The father's link to the first child ended three days ago; the mother's holds."""
    mother, father = await school.sheet("mother", "/parent"), await school.sheet("father", "/parent")
    s1, s2 = str(school.learners["S1"]), str(school.learners["S2"])
    assert {c.value for c in mother.visit.me.children} == {s1, s2}
    assert {c.value for c in father.visit.me.children} == {s2}
    for path in ("/parent", "/over-time", "/letter"):
        cards = await school.cards("father", path, child=s1)
        whole = " ".join(f"{c.title} {c.sub} {c.body} {c.after}" for c in cards.values() if c)
        assert "Pupil1 " not in whole
        assert "Pupil2" in whole or path == "/over-time"


async def test_the_letter_tells_the_last_whole_week_in_the_pages_own_sentences(school: Elm) -> None:
    child = {"child": str(school.learners["S2"])}
    page = (await school.cards("mother", "/parent", period="last-week", **child))["words"]
    letter = (await school.cards("mother", "/letter", period="year", **child))["letter"]
    assert page is not None
    assert letter is not None
    assert text_of(page.body) in text_of(letter.body)
    assert "Pupil2's week" in text_of(letter.body)
    assert "Essay in Algebra: by Friday" in text_of(letter.body)
    assert "<button" not in str(letter.body)


async def test_parents_have_nothing_to_press_that_writes(school: Elm) -> None:
    for path in ("/parent", "/over-time", "/letter"):
        for card in (await school.cards("mother", path)).values():
            assert card is None or "data-do" not in f"{card.body}{card.after}"
