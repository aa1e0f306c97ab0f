from __future__ import annotations

import statistics
from datetime import date, timedelta

import pytest

from tests.pages.elm import (
    HOLIDAY,
    LESSONS,
    MONDAY,
    NEVER,
    TITLES,
    TODAY,
    WEEK,
    Elm,
    count,
    current_streak,
    done,
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


@pytest.mark.parametrize("pupil", [1, 2, 5])
async def test_every_key_figure_is_what_the_events_say(school: Elm, pupil: int) -> None:
    rows = school.of(f"S{pupil}")
    shown = figures_of((await school.cards(f"p{pupil}", "/student"))["glance"])
    now = minutes(within(rows, MONDAY, TODAY + timedelta(days=1)))
    then = minutes(within(rows, MONDAY - WEEK, TODAY + timedelta(days=1) - WEEK))
    taken = {r["course_id"] for r in rows if r["course_id"]}
    whole = [c for c in taken if done(rows, c) == set(LESSONS[c])]
    assert shown["School days in a row"][0].split()[0] == str(current_streak(rows))
    assert shown["Learning time"] == (duration(now), f"{duration(then)} last week up to the same day")
    assert shown["Courses finished"][0] == f"{len(whole)} of {len(taken)}"


async def test_a_holiday_does_not_break_the_streak(school: Elm) -> None:
    before, after = HOLIDAY[0] - timedelta(days=3), HOLIDAY[-1] + timedelta(days=3)
    runs = []
    for pupil in range(1, 12):
        days = {row["day"] for row in school.of(f"S{pupil}")}
        runs.append(before in days and after in days and not days & set(HOLIDAY))
    assert any(runs), "no pupil was there on both sides of the holiday: this test would prove nothing"


async def test_each_course_has_its_progress_and_its_next_lesson(school: Elm) -> None:
    rows = school.of("S2")
    card = (await school.cards("p2", "/student"))["mine"]
    assert card is not None
    tiles = {text_of(t).split(" ")[0]: text_of(t) for t in str(card.body).split('<li class="tile">')[1:]}
    for course in {r["course_id"] for r in rows if r["course_id"]}:
        finished = done(rows, course)
        assert f"{len(finished)} of {len(LESSONS[course])} lessons" in tiles[TITLES[course]]
        left = [lesson for lesson in LESSONS[course] if lesson not in finished]
        assert (
            (f"Lesson {left[0]}" in tiles[TITLES[course]]) if left else ("Finished" in tiles[TITLES[course]])
        )
    assert "Essay" in tiles["Algebra"]


async def test_the_calendar_has_every_day_with_its_minutes(school: Elm) -> None:
    rows = school.of("S3")
    card = (await school.cards("p3", "/student"))["year"]
    assert card is not None
    by_day = {day: minutes([r for r in rows if r["day"] == day]) for day in {r["day"] for r in rows}}
    learned = {day: m for day, m in by_day.items() if m}
    assert f"on {len(learned)} days" in card.title
    told = {r["day"]: r["learning_minutes"] for r in card.answers[0].rows()}
    assert told == pytest.approx(learned)


async def test_results_are_dots_over_the_middle_of_the_own_past(school: Elm) -> None:
    rows = [r for r in school.of("S4") if r["event_type"] == "quiz_submit"]
    card = (await school.cards("p4", "/student"))["results"]
    assert card is not None
    cells: dict[tuple[date, str], list[float]] = {}
    for row in rows:
        cells.setdefault((row["day"], row["assessment_id"]), []).append(row["score"])
    wanted = [sum(v) / len(v) for _, v in sorted(cells.items())]
    assert drawn(card.drawing, "points")["y"] == pytest.approx(wanted)
    assert drawn(card.drawing, "middle")["y"][0] == pytest.approx(statistics.median(wanted[:-1]))


async def test_the_class_average_is_of_many_and_of_a_whole_month(school: Elm) -> None:
    card = (await school.cards("p1", "/progress"))["peers"]
    february = [r for r in school.rows if r["day"].month == 2 and r["course_id"] == "c1"]
    assert card is not None
    assert "February" in card.sub
    shown = figures_of(card)
    mine = [r for r in february if r["learner_id"] == school.learners["S1"]]
    assert shown["You"][0] == percent(mean(scores(mine)))
    assert shown["Your classes"][0] == percent(mean(scores(february)))


async def test_who_has_done_nothing_reads_what_will_stand_there(school: Elm) -> None:
    cards = await school.cards(f"p{NEVER[1:]}", "/student")
    assert cards["onward"] is None
    for name in ("mine", "year", "results", "skills"):
        card = cards[name]
        assert card is not None
        assert card.empty or card.body
    assert cards["mine"] is not None
    assert "Your teacher adds you" in cards["mine"].empty
    assert count(school.of(NEVER), "page_view") == 0


async def test_a_period_before_the_school_existed_has_its_sentence(school: Elm) -> None:
    cards = await school.cards("p1", "/student", period="own", since="2024-01-01", until="2024-01-08")
    assert figures_of(cards["glance"])["Learning time"][0] == "0 min"
