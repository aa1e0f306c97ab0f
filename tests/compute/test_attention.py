"""The rules by which a teacher's eye is led, at and beside each of their marks."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compute.attention import (
    Standing,
    middle,
    reasons,
    school_days_between,
    urgency,
)

TODAY = date(2026, 3, 4)  # a Wednesday
WEEKENDS = {TODAY - timedelta(days=n) for n in range(120) if (TODAY - timedelta(days=n)).weekday() > 4}
FINE = Standing(date(2026, 1, 7), TODAY - timedelta(days=1), 0.5, 80.0, 4, 80.0, 4)


def kinds(standing: Standing, free: set[date] = WEEKENDS, class_middle: float | None = 0.5) -> list[str]:
    return [reason.kind for reason in reasons(standing, TODAY, free, class_middle)]


def test_who_is_here_and_does_well_is_left_alone() -> None:
    assert kinds(FINE) == []


def test_five_missed_school_days_are_too_many_and_weekends_are_none() -> None:
    # Tuesday to Wednesday a week later: Wed, Thu, Fri, Mon, Tue were missed.
    assert kinds(replace(FINE, last_active=date(2026, 2, 24))) == ["unseen"]
    assert kinds(replace(FINE, last_active=date(2026, 2, 25))) == []
    holiday = {TODAY - timedelta(days=n) for n in range(1, 30)}
    assert kinds(replace(FINE, last_active=TODAY - timedelta(days=25)), free=holiday) == []


def test_who_has_finished_the_course_may_stay_away() -> None:
    assert kinds(replace(FINE, last_active=date(2026, 1, 20), progress=1.0)) == []


def test_who_never_came_is_counted_from_joining() -> None:
    assert kinds(replace(FINE, last_active=None, joined_on=date(2026, 2, 24))) == ["never"]
    assert kinds(replace(FINE, last_active=None, joined_on=TODAY - timedelta(days=1))) == []


@pytest.mark.parametrize(
    ("recent", "count", "found"),
    [
        (59.9, 3, ["falling", "low"]),
        (60.0, 3, ["falling"]),
        (70.0, 3, ["falling"]),
        (70.1, 3, []),
        (10.0, 2, []),
    ],
)
def test_results_speak_from_three_on(recent: float, count: int, found: list[str]) -> None:
    assert sorted(kinds(replace(FINE, recent_mean=recent, recent_scores=count))) == found


def test_behind_is_measured_against_the_middle_of_a_class_that_has_one() -> None:
    assert kinds(replace(FINE, progress=0.35)) == ["behind"]
    assert kinds(replace(FINE, progress=0.36)) == []
    assert kinds(replace(FINE, progress=0.0), class_middle=None) == []
    assert middle([FINE] * 4) is None
    assert middle([replace(FINE, progress=n / 10) for n in (9, 1, 2, 3, 8)]) == 0.3


@given(st.dates(date(2025, 12, 1), TODAY), st.sets(st.sampled_from(sorted(WEEKENDS))))
def test_school_days_are_counted_one_by_one(after: date, free: set[date]) -> None:
    day, counted = after + timedelta(days=1), 0
    while day < TODAY:
        counted += day not in free
        day += timedelta(days=1)
    assert school_days_between(after, TODAY, free) == counted


def test_the_longer_away_the_more_urgent_and_two_reasons_weigh_more_than_one() -> None:
    def of(standing: Standing) -> float:
        return urgency(reasons(standing, TODAY, WEEKENDS, 0.5))

    short = replace(FINE, last_active=date(2026, 2, 20))
    assert of(FINE) == 0
    assert of(replace(short, last_active=date(2026, 2, 12))) > of(short)
    assert of(replace(short, progress=0.0)) > of(short)
