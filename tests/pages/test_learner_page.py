"""A learner's page in depth: what a teacher reads there is what the events of the own class say."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import timedelta
from typing import Any

import pytest

from models.ask import Ask, Where
from pages.cards import Card
from tests.pages.elm import AWAY, HOLIDAY, NEVER, SKILLS, TODAY, Elm, text_of

DEEP = ("unusual", "skills", "gaps", "habits")
SEVERITIES = {
    "notable": "This does not happen often.",
    "serious": "This is rare.",
    "severe": "This is very rare.",
}


async def opened(school: Elm, student: str, login: str = "teacher", locale: str = "en-GB") -> dict[str, Any]:
    return await school.cards(login, "/learner", locale, child=str(school.learners[student]))


def whole(card: Card | None) -> str:
    return text_of(f"{card.title} {card.sub} {card.body} {card.after} {card.empty}") if card else ""


def in_class(school: Elm, student: str) -> list[dict[str, Any]]:
    return [row for row in school.of(student) if row["course_id"] == "c1"]


async def test_what_was_unusual_says_how_much_by_what_and_what_may_help(school: Elm) -> None:
    card = (await opened(school, AWAY))["unusual"]
    last = max(row["day"] for row in in_class(school, AWAY))
    away = [last + timedelta(days=n) for n in range(1, (TODAY - last).days)]
    said = text_of(card.body)
    assert f"since {away[0].day} {away[0]:%b}: {len(set(away) - set(HOLIDAY))} days away" in said
    assert "Away for longer than usual" in said and "What may help: a talk." in said
    (row,) = card.answers[0].rows()
    assert SEVERITIES[row["severity"]] in said
    assert (await opened(school, "S4"))["unusual"] is None  # a page that warns of nothing is read


async def test_a_pupil_reads_how_big_a_change_was(school: Elm) -> None:
    card = (await school.cards(f"p{AWAY[1:]}", "/progress"))["unusual"]
    assert card is not None
    (row,) = card.answers[0].rows()
    assert SEVERITIES[str(row["severity"])] in text_of(card.body)


@pytest.mark.parametrize("student", ["S1", "S9", AWAY])
async def test_strengths_are_the_right_answers_of_the_class(school: Elm, student: str) -> None:
    right: defaultdict[str, list[bool]] = defaultdict(list)
    for row in in_class(school, student):
        if row["event_type"] == "quiz_answer":
            right[row["skill_id"]].append(row["correct"])
    said = whole((await opened(school, student))["skills"])
    shown = re.findall(r"(\w+) (\d+) of (\d+) answers right", said)
    names = {title.lower(): title for title in SKILLS.values()}
    wanted = {(names[s], str(sum(r)), str(len(r))) for s, r in right.items() if len(r) >= 5}
    assert wanted and set(shown) <= wanted
    groups = {"s": [], "b": [], "w": []}  # at most three of each are shown
    for name, n, of in wanted:
        share = int(n) / int(of)
        groups["s" if share >= 0.8 else "w" if share < 0.6 else "b"].append(name)
    assert len(shown) == sum(min(3, len(some)) for some in groups.values())


async def test_a_gap_is_what_the_desk_says_of_the_class(school: Elm) -> None:
    desk = (await school.visit("teacher", "/teacher")).desk
    gaps = (await desk.ask(Ask("gaps", where=(Where("learner_id", "=", (school.learners["S1"],)),)))).rows()
    assert gaps, "without a gap this test says nothing"
    card = (await opened(school, "S1"))["gaps"]
    assert card.title == f"Not mastered yet: begin with {gaps[0]['root_title'] or gaps[0]['title']}"
    assert all(str(row["title"]) in text_of(card.body) for row in gaps[:3])
    assert (await opened(school, AWAY))["gaps"] is None


async def test_habits_beyond_the_first_two_are_one_click_away(school: Elm) -> None:
    card = (await opened(school, "S4"))["habits"]
    before, _, folded = str(card.body).partition("<details>")
    known = [row for row in card.answers[0].rows() if row["enough"]]
    assert before.count("<li>") == 2 and folded.count("<li>") == len(known) - 2 > 0
    assert f"{len(known) - 2} more habits" in text_of(folded)
    assert "no type of learner" in text_of(card.after)
    student = (await school.cards("p4", "/progress"))["habits"]
    assert student is not None and "<details>" not in str(student.body)


@pytest.mark.parametrize(
    ("locale", "of_you"), [("en-GB", r"\b[Yy]our?\b"), ("de-DE", r"\b([Dd]u|[Dd]ich|[Dd]eine?[rmns]?)\b")]
)
async def test_a_teacher_reads_of_somebody_else(school: Elm, locale: str, of_you: str) -> None:
    other = "de-DE" if locale == "en-GB" else "en-GB"
    for student in ("S1", "S4", AWAY, NEVER):
        cards = await opened(school, student, locale=locale)
        in_other = await opened(school, student, locale=other)
        for name in DEEP:
            said = whole(cards[name])
            assert not re.search(of_you, said), said
            assert not re.search(r"\{|\}|None|nan\b", said), said
            assert (said != whole(in_other[name])) == bool(said)


async def test_a_tutor_of_another_course_learns_nothing_of_this_one(school: Elm) -> None:
    cards = await opened(school, "S1", "tutor")
    assert "There are no answers yet" in whole(cards["skills"])
    assert cards["gaps"] is None
    for title in SKILLS.values():
        assert title not in "".join(whole(cards[name]) for name in DEEP)
