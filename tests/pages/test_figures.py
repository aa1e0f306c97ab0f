"""Behind a card of key figures: file, table and facts tell the figures that are shown."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from datetime import date

import pytest

from pages import about, frame
from tests.pages.elm import (
    LESSONS,
    MONDAY,
    TODAY,
    TOMORROW,
    WEEK,
    Elm,
    count,
    current_streak,
    done,
    figures_of,
    mean,
    minutes,
    scores,
    text_of,
    within,
)
from tests.pages.elm import card_of as card

SINCE = TOMORROW - 4 * WEEK  # of 28 days
WHERE = [
    ("p2", "/student", "glance"),
    ("teacher", "/teacher", "glance"),
    ("head", "/admin", "glance"),
    ("mother", "/parent", "glance"),
    ("p2", "/achievements", "bests"),
    ("p2", "/progress", "peers"),
]


async def file_of(school: Elm, login: str, path: str, slot: str = "glance") -> dict[str, Mapping[str, str]]:
    """The file as somebody reads it: figure -> its row."""
    answers = await (await school.sheet(login, path)).answers_of(slot)
    text = about.csv_of(answers[0]).decode("utf-8-sig")
    return {row["figure"]: row for row in csv.DictReader(io.StringIO(text))}


@pytest.mark.parametrize(("login", "path", "slot"), WHERE)
async def test_file_table_and_facts_have_the_figures_that_are_shown(
    school: Elm, login: str, path: str, slot: str
) -> None:
    sheet = await school.sheet(login, path)
    shown = await card(sheet, slot)
    assert shown is not None
    told = {label: value for label, (value, _) in figures_of(shown).items()}
    rows = await file_of(school, login, path, slot)
    assert {figure: text_of(row["shown"]) for figure, row in rows.items()} == told
    here = next(s for s in sheet.slots if s.name == slot)
    assert 'data-open="table"' in str(frame.card(sheet, here, shown))
    table, facts = text_of(about.table(sheet, shown)), text_of(about.number(sheet, shown))
    for label, (value, compared) in figures_of(shown).items():
        assert f"{label} {value} {re.sub('[▲◆●] ', '', compared)}".strip() in table
        assert f"{label}: {value}" in facts


async def test_a_students_file_has_each_figure_with_its_own_days(school: Elm) -> None:
    rows, mine = await file_of(school, "p2", "/student"), school.of("S2")
    taken = {r["course_id"] for r in mine if r["course_id"]}
    whole = [c for c in taken if done(mine, c) == set(LESSONS[c])]
    spent = rows["Learning time"]
    assert float(spent["value"]) == pytest.approx(minutes(within(mine, MONDAY, TOMORROW)))
    assert float(spent["before"]) == pytest.approx(minutes(within(mine, MONDAY - WEEK, TOMORROW - WEEK)))
    assert (spent["unit"], spent["first_day"], spent["last_day"]) == ("minutes", "2026-03-02", "2026-03-08")
    assert float(rows["School days in a row"]["value"]) == current_streak(mine)
    assert (float(rows["Courses finished"]["value"]), float(rows["Courses finished"]["of"])) == (
        len(whole),
        len(taken),
    )


async def test_a_teachers_file_has_the_four_figures_and_no_learners(school: Elm) -> None:
    rows = await file_of(school, "teacher", "/teacher")
    own = [r for r in school.rows if r["course_id"] == "c1"]
    now, then = within(own, MONDAY, TOMORROW), within(own, MONDAY - WEEK, TOMORROW - WEEK)
    assert list(rows) == ["Active learners", "Finished lessons", "Mean score", "On track"]
    active = rows["Active learners"]
    assert float(active["value"]) == len({r["learner_id"] for r in now})
    assert float(active["of"]) == len(school.learners)
    assert float(active["before"]) == len({r["learner_id"] for r in then})
    assert float(rows["Finished lessons"]["value"]) == count(now, "lesson_complete")
    assert float(rows["Mean score"]["value"]) == pytest.approx(mean(scores(now)))
    assert {row["first_day"] for row in rows.values()} == {"2026-03-02", str(TODAY)}
    assert rows["On track"]["last_day"] == str(TODAY)  # judged now, whatever the period


async def test_the_file_of_who_needs_the_teacher_is_the_list_with_its_flags(school: Elm) -> None:
    sheet = await school.sheet("teacher", "/teacher")
    shown = await card(sheet, "needs")
    assert shown is not None
    named = re.findall(r">(Pupil\d+ Elm)<", str(shown.body))
    rows = (await (await school.sheet("teacher", "/teacher")).answers_of("needs"))[0].rows()
    assert named
    assert {row["learner"] for row in rows if row["flags"]} >= set(named)
    assert len(rows) == len(school.learners)


async def test_an_administrators_file_has_what_was_finished_and_earned(school: Elm) -> None:
    rows = await file_of(school, "head", "/admin")
    now, today = within(school.rows, SINCE, TOMORROW), within(school.rows, TODAY, TOMORROW)
    assert {name: float(row["value"]) for name, row in rows.items()} == {
        "Active today, so far": len({r["learner_id"] for r in today}),
        "Active in the period": len({r["learner_id"] for r in now}),
        "Courses finished": count(now, "course_complete"),
        "Revenue, before refunds": count(now, "order_paid") * 49,
    }
    assert rows["Active today, so far"]["first_day"] == rows["Active today, so far"]["last_day"] == str(TODAY)
    assert rows["Courses finished"]["first_day"] == str(SINCE)


@pytest.mark.parametrize(
    ("login", "path", "figure", "period"),
    [
        ("p2", "/student", "Learning time", (MONDAY, MONDAY + WEEK)),
        ("teacher", "/teacher", "Active learners", (MONDAY, MONDAY + WEEK)),
        ("head", "/admin", "Revenue, before refunds", (SINCE, TOMORROW)),
    ],
)
async def test_the_facts_name_the_period_of_the_figure(
    school: Elm, login: str, path: str, figure: str, period: tuple[date, date]
) -> None:
    sheet = await school.sheet(login, path)
    shown = await card(sheet, "glance")
    assert shown is not None
    parts = str(about.number(sheet, shown)).split("<h3>")
    (own,) = (text_of(part) for part in parts if text_of(part).startswith(figure))
    assert f"Period {text_of(sheet.visit.speech.span(*period))}" in own
