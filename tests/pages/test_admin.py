from __future__ import annotations

from datetime import timedelta

import pytest

from pages.about import table
from pages.frame import filter_bar
from tests.pages.elm import (
    HOLIDAY,
    MONDAY,
    TITLES,
    TODAY,
    TOMORROW,
    WEEK,
    Elm,
    Row,
    count,
    drawn,
    figures_of,
    text_of,
    within,
)
from tests.pages.elm import card_of as card

SINCE = TOMORROW - 4 * WEEK


def who(rows: list[Row]) -> int:
    return len({row["learner_id"] for row in rows})


async def test_every_key_figure_is_what_the_events_say(school: Elm) -> None:
    shown = figures_of((await school.cards("head", "/admin"))["glance"])
    now, then = within(school.rows, SINCE, TOMORROW), within(school.rows, SINCE - 4 * WEEK, SINCE)
    today = within(school.rows, TODAY, TOMORROW)
    assert shown["Active today, so far"][0] == str(who(today))
    assert shown["Active today, so far"][1].startswith(
        f"{who(within(school.rows, TODAY - WEEK, TOMORROW - WEEK))} "
    )
    assert shown["Active in the period"][0] == str(who(now))
    assert str(who(then)) in shown["Active in the period"][1]
    assert shown["Courses finished"][0] == str(count(now, "course_complete"))
    assert str(count(then, "course_complete")) in shown["Courses finished"][1]
    assert shown["Revenue, before refunds"][0] == f"€{count(now, 'order_paid') * 49}"


async def test_every_column_is_a_day_or_a_week_of_the_events(school: Elm) -> None:
    cards = await school.cards("head", "/admin")
    by_day, by_week = cards["by_day"], cards["by_week"]
    assert by_day is not None
    assert by_week is not None
    days = [who([r for r in school.rows if r["day"] == SINCE + timedelta(days=n)]) for n in range(28)]
    assert drawn(by_day.drawing, "columns")["top"] == days
    weeks = [who(within(school.rows, MONDAY - n * WEEK, MONDAY - (n - 1) * WEEK)) for n in range(11, -1, -1)]
    assert drawn(by_week.drawing, "columns")["top"] == weeks


async def test_holidays_and_weekends_have_a_ground_of_their_own(school: Elm) -> None:
    by_day = (await school.cards("head", "/admin"))["by_day"]
    assert by_day is not None
    grounds = drawn(by_day.drawing, "grounds")
    runs = zip(grounds["left"], grounds["right"], strict=True)
    shaded = {n for left, right in runs for n in range(28) if left < n < right}
    days = {n: SINCE + timedelta(days=n) for n in range(28)}
    assert shaded == {n for n, day in days.items() if day.weekday() > 4 or day in HOLIDAY}
    assert "Winter break" in drawn(by_day.drawing, "words")["text"]


async def test_courses_stand_by_the_share_of_joiners_who_finished(school: Elm) -> None:
    best = (await school.cards("head", "/admin"))["best"]
    assert best is not None
    wanted = {}
    for course in ("c1", "c2"):
        joined = {
            r["learner_id"]
            for r in school.rows
            if r["course_id"] == course and r["event_type"] == "course_enroll"
        }
        ended = {
            r["learner_id"]
            for r in school.rows
            if r["course_id"] == course and r["event_type"] == "course_complete"
        }
        wanted[course] = len(joined & ended) / len(joined)
    told = {r["course_id"]: r["completion_share"] for r in best.answers[0].rows()} if best.answers else {}
    points = drawn(best.drawing, "points")
    assert sorted(points["value"], reverse=True) == points["value"]
    assert sorted(points["value"]) == pytest.approx(sorted(wanted.values()))
    assert not told or told == pytest.approx(wanted)


def finished_share(rows: list[Row], course: str) -> float | None:
    of = {
        kind: {r["learner_id"] for r in rows if r["course_id"] == course and r["event_type"] == kind}
        for kind in ("course_enroll", "course_complete")
    }
    joined = of["course_enroll"]
    return len(joined & of["course_complete"]) / len(joined) if joined else None


async def test_a_bar_tells_the_change_since_the_day_the_period_begins(school: Elm) -> None:
    """These periods end alike and so have one answer; what it is compared with differs."""
    for days in (28, 90, 7, 28):
        since = TOMORROW - timedelta(days=days)
        span = {"since": since.isoformat(), "until": TOMORROW.isoformat()}
        best = (await school.cards("head", "/admin", period="own", **span))["best"]
        assert best is not None
        told = dict(text.split(": ", 1) for text in drawn(best.drawing, "points")["said"])
        for course, title in TITLES.items():
            now = finished_share(school.rows, course)
            then = finished_share([r for r in school.rows if r["day"] < since], course)
            assert now is not None
            points = None if then is None else round((now - then) * 100)
            day = f"{since:%-d %b}"
            assert told[title].endswith(
                "nobody had joined before this period"
                if points is None
                else f"{points} points more than on {day}"
                if points
                else f"unchanged since {day}"
            )


async def test_course_and_class_narrow_every_number(school: Elm) -> None:
    shown = figures_of((await school.cards("head", "/admin", course="c2"))["glance"])
    now = [r for r in within(school.rows, SINCE, TOMORROW) if r["course_id"] == "c2"]
    assert shown["Active in the period"][0] == str(who(now))
    assert shown["Courses finished"][0] == str(count(now, "course_complete"))


async def test_a_click_on_a_day_narrows_the_numbers_and_keeps_the_columns(school: Elm) -> None:
    day = next(d for d in sorted({r["day"] for r in school.rows}, reverse=True) if d < TODAY)
    cards = await school.cards("head", "/admin", day=day.isoformat())
    assert figures_of(cards["glance"])["Active in the period"][0] == str(
        who([r for r in school.rows if r["day"] == day])
    )
    assert cards["by_day"] is not None
    assert len(drawn(cards["by_day"].drawing, "columns")["top"]) == 28


async def test_names_come_only_when_asked_for_and_with_the_right_numbers(school: Elm) -> None:
    sheet = await school.sheet("head", "/admin")
    closed = await card(sheet, "people")
    assert closed is not None
    assert "Pupil" not in text_of(closed.body)
    await sheet.do_who("open")
    opened = await card(sheet, "people")
    assert opened is not None
    now = within(school.rows, SINCE, TOMORROW)
    assert opened.title.startswith(f"{who(now)} learners")
    for student in ("S1", "S5"):
        days = len({r["day"] for r in within(school.of(student), SINCE, TOMORROW)})
        row = next(t for t in str(opened.body).split("<tr>") if f"Pupil{student[1:]} Elm" in t)
        assert f">{days}<" in row


async def test_a_day_that_is_no_day_is_one_sentence_and_every_card_is_there(school: Elm) -> None:
    wrong = await school.sheet("head", "/admin", day="rubbish")
    usual = await school.sheet("head", "/admin")
    bar = text_of(str(filter_bar(wrong)))
    assert bar.count("does not exist, so it is left out") == 1
    assert "Show the usual view" in bar
    assert "Show the usual view" not in text_of(str(filter_bar(usual)))
    for slot in ("glance", "by_day", "best"):
        one, other = await card(wrong, slot), await card(usual, slot)
        assert one is not None
        assert other is not None
        assert one.body == other.body


@pytest.mark.parametrize(
    "query",
    [
        {"period": "fortnight"},
        {"period": "own", "since": "2026-02-30", "until": "x"},
        {"period": "own", "since": "2026-03-04", "until": "2026-03-01"},
        {"course": "nothing-of-ours"},
        {"class": "k999"},
        {"course_id": "C404"},
        {"week": "2026-W99"},
        {"frame": "minute"},
    ],
)
async def test_an_unknown_value_in_the_address_is_said_once_with_a_way_on(
    school: Elm, query: dict[str, str]
) -> None:
    sheet = await school.sheet("head", "/admin", **query)
    assert len(dict.fromkeys(sheet.filters.problems)) == 1
    bar = str(filter_bar(sheet))
    assert bar.count('class="note"') == 1
    assert 'href="?"' in bar
    shown = await card(sheet, "by_day")
    assert shown is not None
    assert shown.drawing is not None


async def test_a_period_before_the_school_existed_says_when_it_began(school: Elm) -> None:
    cards = await school.cards("head", "/admin", period="own", since="2024-01-01", until="2024-01-08")
    assert cards["by_day"] is not None
    assert "There is nothing before" in cards["by_day"].empty


async def test_the_list_as_a_file_has_the_names_of_the_screen(school: Elm) -> None:
    sheet = await school.sheet("head", "/admin")
    rows = (await sheet.answers_of("people"))[0].rows()
    assert {str(row["learner"]) for row in rows} <= {f"Pupil{n} Elm" for n in range(1, 15)}
    assert len(rows) == len({row["learner"] for row in rows}) > 5
    assert "learner_id" not in rows[0]


async def test_what_a_tap_does_is_a_link_in_the_table_of_the_chart(school: Elm) -> None:
    sheet = await school.sheet("head", "/admin", week="2026-03-02")
    sheet.cards = {name: await card(sheet, name) for name in ("by_day", "best")}
    days = str(table(sheet, sheet.cards["by_day"]))
    assert f'href="?period=28d&amp;day={TODAY}" data-place' in days
    assert "week=" not in days
    courses = str(table(sheet, sheet.cards["best"]))
    assert "course=c1" in courses
    assert ">Algebra</a>" in courses


async def test_a_period_of_ones_own_stays_in_every_link(school: Elm) -> None:
    sheet = await school.sheet("head", "/admin", period="own", since="2026-02-01", until="2026-02-08")
    link = sheet.filters.link(course="c1")
    assert "since=2026-02-01" in link
    assert "until=2026-02-08" in link
    assert "since" not in sheet.filters.link(period="week")
