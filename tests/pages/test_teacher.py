from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest

from models.errors import NotFound
from pages.sheet import Asking
from pages.teacher.why import flag
from tests.pages.elm import (
    AWAY,
    HOLIDAY,
    LESSONS,
    NEVER,
    TODAY,
    Elm,
    Row,
    count,
    done,
    figures_of,
    mean,
    percent,
    scores,
    text_of,
    within,
)

MONDAY = date(2026, 3, 2)
TOMORROW = TODAY + timedelta(days=1)
WEEK = timedelta(days=7)


def in_class(school: Elm, rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["course_id"] == "c1"]


async def test_the_glance_is_what_the_events_of_the_classs_course_say(school: Elm) -> None:
    shown = figures_of((await school.cards("teacher", "/teacher"))["glance"])
    now = in_class(school, within(school.rows, MONDAY, TOMORROW))
    then = in_class(school, within(school.rows, MONDAY - WEEK, TOMORROW - WEEK))
    active = {r["learner_id"] for r in now}
    assert shown["Active learners"][0] == f"{len(active)} of {len(school.learners)}"
    assert shown["Active learners"][1].startswith(f"{len({r['learner_id'] for r in then})} ")
    assert shown["Finished lessons"][0] == str(count(now, "lesson_complete"))
    assert shown["Finished lessons"][1].startswith(f"{count(then, 'lesson_complete')} ")
    assert shown["Mean score"][0] == percent(mean(scores(now)))


def facts(school: Elm, student: str) -> dict[str, Any]:
    rows = in_class(school, school.of(student))
    recent = scores(within(rows, TOMORROW - 2 * WEEK, TOMORROW))
    earlier = scores(within(rows, TOMORROW - 6 * WEEK, TOMORROW - 2 * WEEK))
    last = max((r["day"] for r in rows), default=None)
    start = last or min(r["day"] for r in school.rows)
    day, missed = start + timedelta(days=1), 0
    while day < TODAY:
        missed += day.weekday() < 5 and day not in HOLIDAY
        day += timedelta(days=1)
    return {
        "last": last,
        "progress": len(done(rows, "c1")) / len(LESSONS["c1"]),
        "recent": recent,
        "earlier": earlier,
        "missed": missed,
    }


def average(values: list[float]) -> float:
    return sum(values) / len(values)


def flags(school: Elm, student: str) -> set[str]:
    """The rules again, by hand."""
    own = facts(school, student)
    ranked = sorted(facts(school, s)["progress"] for s in school.learners)
    middle = (ranked[len(ranked) // 2] + ranked[(len(ranked) - 1) // 2]) / 2
    found = set()
    if own["missed"] >= 5 and own["progress"] < 1:
        found.add("not seen" if own["last"] else "not yet here")
    if len(own["recent"]) >= 3:
        if average(own["recent"]) < 60:
            found.add("low results")
        if len(own["earlier"]) >= 3 and average(own["earlier"]) - average(own["recent"]) >= 10:
            found.add("falling")
    if middle - own["progress"] >= 0.15:
        found.add("behind")
    return found


async def test_every_row_of_the_list_is_what_the_learners_events_say(school: Elm) -> None:
    sheet = await school.sheet("teacher", "/teacher")
    roster = await sheet.roster(Asking(sheet))
    assert {one.learner_id for one in roster.learners} == set(school.learners.values())
    student_of = {n: s for s, n in school.learners.items()}
    for one in roster.learners:
        student = student_of[one.learner_id]
        own = facts(school, student)
        assert one.name == f"Pupil{student[1:]} Elm"
        assert one.last_active == own["last"]
        assert one.progress == pytest.approx(own["progress"])
        assert one.mean == (
            pytest.approx(mean(own["recent"] + own["earlier"])) if own["recent"] + own["earlier"] else None
        )
        weekly = in_class(school, school.of(student))
        assert one.trend == tuple(
            count(within(weekly, MONDAY - n * WEEK, MONDAY - (n - 1) * WEEK), "lesson_complete")
            for n in range(7, -1, -1)
        )
        assert {flag(sheet, r) for r in one.reasons} == flags(school, student), student


async def test_on_track_is_whoever_no_rule_speaks_of(school: Elm) -> None:
    cards = await school.cards("teacher", "/teacher")
    fine = sum(not flags(school, student) for student in school.learners)
    assert figures_of(cards["glance"])["On track"][0] == f"{fine} of {len(school.learners)}"
    assert cards["needs"] is not None
    assert f"{len(school.learners) - fine} of {len(school.learners)}" in text_of(cards["needs"].after)


async def test_who_was_away_and_who_never_came_are_named_first_with_why(school: Elm) -> None:
    assert "not seen" in flags(school, AWAY)
    card = (await school.cards("teacher", "/teacher"))["needs"]
    assert card is not None
    names = re.findall(r"<h3><a [^>]*>(.*?)</a>", str(card.body))
    assert len(names) == 3
    assert {f"Pupil{AWAY[1:]} Elm", f"Pupil{NEVER[1:]} Elm"} <= set(names)
    assert f"Not seen for {facts(school, AWAY)['missed']} school days" in text_of(card.body)


async def test_no_name_stands_in_an_address(school: Elm) -> None:
    cards = await school.cards("teacher", "/teacher")
    hrefs = [h for c in cards.values() if c for h in re.findall(r'href="(.*?)"', str(c.body))]
    assert hrefs
    assert not [h for h in hrefs if "Pupil" in h or "Elm" in h]


async def test_the_list_as_a_file_has_the_rows_of_the_screen(school: Elm) -> None:
    sheet = await school.sheet("teacher", "/teacher")
    answers = await sheet.answers_of("everybody")
    rows = answers[0].rows()
    assert len(rows) == len(school.learners)
    assert {row["learner"] for row in rows} == {f"Pupil{s[1:]} Elm" for s in school.learners}


async def test_an_empty_class_one_learner_and_no_class_have_their_sentences(school: Elm) -> None:
    empty = await school.cards("newcomer", "/teacher")
    assert empty["needs"] is not None
    assert "Nobody is in this class yet" in empty["needs"].title
    assert empty["glance"] is None
    assert empty["everybody"] is None
    single = await school.cards("tutor", "/teacher")
    assert single["everybody"] is not None
    assert "no class to compare with" in single["everybody"].sub
    none = await school.cards("idle", "/teacher")
    assert none["needs"] is not None
    assert "no class at present" in none["needs"].title


async def test_a_learners_page_opens_for_the_class_and_for_nobody_else(school: Elm) -> None:
    cards = await school.cards("teacher", "/learner", child=str(school.learners["S4"]))
    assert cards["who"] is not None
    assert "Pupil4 Elm" in text_of(cards["who"].body)
    rows = in_class(school, within(school.of("S4"), TOMORROW - 4 * WEEK, TOMORROW))
    shown = figures_of(cards["glance"])
    assert shown["Active days"][0].split()[0] == str(len({r["day"] for r in rows}))
    assert shown["Mean score"][0] == percent(mean(scores(rows)))
    for login, child in (("tutor", "S4"), ("teacher", ""), ("newcomer", "S4")):
        with pytest.raises(NotFound):
            await school.cards(login, "/learner", child=str(school.learners.get(child, "")))
