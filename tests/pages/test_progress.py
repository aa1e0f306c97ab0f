"""The student's way over time and what was reached, every number counted again from the class's events."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import pytest

from tests.pages.elm import (
    HOLIDAY,
    LEARNING,
    LESSONS,
    MONDAY,
    NEVER,
    SKILLS,
    TITLES,
    TODAY,
    Elm,
    count,
    current_streak,
    done,
    drawn,
    duration,
    figures_of,
    minutes,
    text_of,
)

PUPILS = (1, 4, 9)


def is_school(day: date) -> bool:
    return day.weekday() < 5 and day not in HOLIDAY


def school_days(since: date, until: date) -> list[date]:
    return [d for n in range((until - since).days) if is_school(d := since + timedelta(days=n))]


def week_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def weekly(rows: list[dict[str, Any]]) -> dict[date, list[dict[str, Any]]]:
    """Every week from the first to this one, also empty ones."""
    found: dict[date, list[dict[str, Any]]] = {}
    day = week_of(min(row["day"] for row in rows))
    while day <= TODAY:
        found[day] = [row for row in rows if week_of(row["day"]) == day]
        day += timedelta(days=7)
    return found


def answers(rows: list[dict[str, Any]]) -> dict[str, list[bool]]:
    found: defaultdict[str, list[bool]] = defaultdict(list)
    for row in rows:
        if row["event_type"] == "quiz_answer":
            found[row["skill_id"]].append(row["correct"])
    return found


def known(values: Iterable[float | None]) -> list[float]:
    return [v for v in values if v is not None and not math.isnan(v)]


@pytest.mark.parametrize("pupil", PUPILS)
async def test_the_words_say_how_many_school_days(school: Elm, pupil: int) -> None:
    rows = school.of(f"S{pupil}")
    days = {row["day"] for row in rows}
    until = TODAY + timedelta(days=1) if TODAY in days else TODAY
    card = (await school.cards(f"p{pupil}", "/progress"))["words"]
    assert card is not None
    said = text_of(card.body)
    assert f"You were here on {len(days)} days" in said
    assert f"There were {len(school_days(min(days), until))} school days" in said


@pytest.mark.parametrize("pupil", PUPILS)
async def test_results_are_the_weeks_means(school: Elm, pupil: int) -> None:
    rows = school.of(f"S{pupil}")
    card = (await school.cards(f"p{pupil}", "/progress"))["results"]
    assert card is not None
    means = {
        week: sum(scores) / len(scores)
        for week, some in weekly(rows).items()
        if (scores := [r["score"] for r in some if r["event_type"] == "quiz_submit"])
    }
    assert drawn(card.drawing, "points")["y"] == pytest.approx(list(means.values()))
    over = sum(week != MONDAY for week in means)
    if over < 8:
        assert f"{over} of 8 weeks" in text_of(card.after)
        assert drawn(card.drawing, "ahead")["y"] == []
    else:
        low, high = drawn(card.drawing, "area")["low"], drawn(card.drawing, "area")["high"]
        assert len(low) == 5  # the newest week, and four to come
        assert all(a <= b for a, b in zip(low, high, strict=True))
        assert max(high) <= 100


@pytest.mark.parametrize("pupil", PUPILS)
async def test_time_is_minutes_of_a_school_day(school: Elm, pupil: int) -> None:
    rows = school.of(f"S{pupil}")
    card = (await school.cards(f"p{pupil}", "/progress"))["time"]
    assert card is not None
    active = {row["day"] for row in rows}
    # A day that runs counts from its first event on.
    until = TODAY + timedelta(days=1) if TODAY in active else TODAY
    wanted = []
    for week, some in weekly(rows).items():
        days = school_days(max(week, min(active)), min(week + timedelta(days=7), until))
        if days:  # a week of holidays is a gap, not a zero
            wanted.append(minutes(some) / len(days))
    assert drawn(card.drawing, "points")["y"] == pytest.approx(wanted)


@pytest.mark.parametrize("frame", ["day", "week", "month", "quarter", "year"])
async def test_every_step_adds_up_to_the_same_time(school: Elm, frame: str) -> None:
    rows = school.of("S4")
    card = (await school.cards("p4", "/progress", frame=frame))["time"]
    assert card is not None
    told = card.answers[0].rows()
    assert sum(row["minutes"] for row in told) == pytest.approx(minutes(rows))  # type: ignore[misc]
    assert sum(row["lessons"] for row in told) == count(rows, "lesson_complete")  # type: ignore[misc]
    assert card.drawing is not None


async def test_an_unknown_step_is_the_week(school: Elm) -> None:
    sheet = await school.sheet("p4", "/progress", frame="fortnight")
    assert sheet.filters.frame == "week"
    assert sheet.filters.problems


@pytest.mark.parametrize("pupil", PUPILS)
async def test_strengths_and_weaknesses_are_the_share_of_right_answers(school: Elm, pupil: int) -> None:
    card = (await school.cards(f"p{pupil}", "/progress"))["skills"]
    assert card is not None
    groups = dict(zip(*_groups(str(card.body)), strict=True))
    wanted: dict[str, set[str]] = {"Strong": set(), "On the way": set(), "Worth some practice": set()}
    for skill, right in answers(school.of(f"S{pupil}")).items():
        if len(right) >= 5:
            share = sum(right) / len(right)
            group = "Strong" if share >= 0.8 else "Worth some practice" if share < 0.6 else "On the way"
            named = next(title for title in SKILLS.values() if title.lower() == skill)
            wanted[group].add(f"{named} {sum(right)} of {len(right)} answers right")
    for group, skills in wanted.items():
        for one in skills:
            assert one in groups[group]


def _groups(html: str) -> tuple[list[str], list[str]]:
    parts = re.split(r"<h3>(.*?)</h3>", html)[1:]
    return parts[::2], [text_of(part) for part in parts[1::2]]


@pytest.mark.parametrize("pupil", PUPILS)
async def test_the_radar_reaches_as_far_as_the_share(school: Elm, pupil: int) -> None:
    card = (await school.cards(f"p{pupil}", "/student"))["skills"]
    assert card is not None
    right = {skill: some for skill, some in answers(school.of(f"S{pupil}")).items() if len(some) >= 5}
    if len(right) < 3:
        assert card.drawing is None
        return
    points = drawn(card.drawing, "points")
    reach = sorted(math.hypot(x, y) for x, y in zip(points["x"], points["y"], strict=True))
    assert reach == pytest.approx(sorted(sum(s) / len(s) for s in right.values()), abs=1e-3)
    before = {
        skill: [
            row["correct"]
            for row in school.of(f"S{pupil}")
            if row["event_type"] == "quiz_answer"
            and row["skill_id"] == skill
            and row["day"] <= TODAY - timedelta(days=28)
        ]
        for skill in right
    }
    grey = drawn(card.drawing, "before")
    shares = sorted(sum(s) / len(s) for s in before.values() if s)
    told = sorted(math.hypot(x, y) for x, y in zip(grey["x"], grey["y"], strict=True))
    assert told == (pytest.approx(shares, abs=1e-3) if len(shares) >= 3 else [])


@pytest.mark.parametrize("pupil", PUPILS)
async def test_habits_have_their_numbers_from_the_visits(school: Elm, pupil: int) -> None:
    rows = school.of(f"S{pupil}")
    card = (await school.cards(f"p{pupil}", "/progress"))["habits"]
    assert card is not None
    said = text_of(card.body)
    days = {row["day"] for row in rows if row["event_type"] in LEARNING and row["duration_s"]}
    school_share = sum(map(is_school, days)) / len(days)
    assert len(days) >= 8, "too few for this test to say anything"
    assert f"{round(100 * school_share)} % of {len(days)} days of learning were school days" in said
    assert "not who you are" in text_of(card.after)
    for word in ("visual", "type of learner", "auditory"):
        assert word not in said


# ---- what was reached ------------------------------------------------------------------------------------


@pytest.mark.parametrize("pupil", PUPILS)
async def test_what_was_reached_is_what_the_events_say(school: Elm, pupil: int) -> None:
    rows = school.of(f"S{pupil}")
    card = (await school.cards(f"p{pupil}", "/achievements"))["reached"]
    assert card is not None
    reached = {(r["object_id"], r["day"]) for r in rows if r["event_type"] == "achievement_unlocked"}
    courses = {r["course_id"] for r in rows if r["event_type"] == "course_complete"}
    assert card.title.startswith(f"You have reached {len(reached) + len(courses)} goal")
    said = text_of(card.body)
    for name, _ in reached:
        assert ("First lesson done" if name == "lessons-1" else "10 lessons done") in said
    for course in courses:
        assert f"{TITLES[course]} finished" in said


@pytest.mark.parametrize("pupil", PUPILS)
async def test_the_bests_are_ones_own(school: Elm, pupil: int) -> None:
    rows = school.of(f"S{pupil}")
    shown = figures_of((await school.cards(f"p{pupil}", "/achievements"))["bests"])
    lessons = Counter(week_of(r["day"]) for r in rows if r["event_type"] == "lesson_complete")
    spent: Counter[date] = Counter()
    for row in rows:
        if row["event_type"] in LEARNING:
            spent[week_of(row["day"])] += row["duration_s"]
    assert shown["Most lessons in a week"][0] == str(max(lessons.values()))
    assert shown["Most time in a week"][0] == duration(max(spent.values()) / 60)
    assert shown["Longest run of school days"][1].startswith(f"now it is {current_streak(rows)}")


async def test_the_nearest_goal_is_the_next_half_or_whole(school: Elm) -> None:
    rows = school.of("S2")
    card = (await school.cards("p2", "/achievements"))["ahead"]
    assert card is not None
    left = []
    for course in {r["course_id"] for r in rows if r["course_id"]}:
        finished, all_ = len(done(rows, course)), len(LESSONS[course])
        half = math.ceil(all_ / 2)
        if finished < all_:
            goal = "half" if finished < half else "end"
            n = (half if finished < half else all_) - finished
            left.append(n)
            assert re.search(rf"{n} more lessons? to the {goal} of {TITLES[course]}", text_of(card.body))
    assert f"{min(left)} lesson" in card.title


async def test_who_has_done_nothing_reads_what_comes(school: Elm) -> None:
    for path in ("/progress", "/achievements"):
        cards = await school.cards(f"p{NEVER[1:]}", path)
        for name, card in cards.items():
            if card is not None and name != "bests":
                assert card.empty or card.body, name
        assert "0 of" not in str([c.title for c in cards.values() if c])


async def test_every_text_of_the_new_pages_is_german_too(school: Elm) -> None:
    for login, path in (
        ("p4", "/progress"),
        ("p4", "/achievements"),
        ("mother", "/over-time"),
        ("mother", "/letter"),
    ):
        english, german = await school.cards(login, path), await school.cards(login, path, "de-DE")
        for name, card in german.items():
            other = english[name]
            assert (card is None) == (other is None)
            if card and other and (card.title or card.empty):
                assert (card.title, card.empty) != (other.title, other.empty), name
            shown = text_of(f"{card.title} {card.sub} {card.body} {card.after}") if card else ""
            assert not re.search(r"\{|\}|None|nan\b", shown), shown
