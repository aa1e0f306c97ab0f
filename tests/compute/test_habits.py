"""Habits by hand: each verdict from days that anybody can count, and too little is said."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from compute.learners.habits import (
    Help,
    Observed,
    Scored,
    Visit,
    Watch,
    help_seeking,
    part_of_day,
    rewatching,
    session_length,
    spacing,
    time_of_day,
    weekday,
)
from compute.learners.history import Calendar, DayFacts, consistency, engagement, periods


def told(of: Observed) -> tuple[Any, ...]:
    return of.verdict, of.value, of.have


MONDAY = date(2026, 1, 5)  # the first of two weeks as they are counted
WEEKENDS = {
    MONDAY + timedelta(days=n): "weekend" for n in range(140) if (MONDAY + timedelta(days=n)).weekday() > 4
}


def study(*places: int, minutes: float = 30.0) -> list[DayFacts]:
    return [DayFacts(MONDAY + timedelta(days=n), lessons=1, learning_s=minutes * 60) for n in places]


def every(days: tuple[int, ...], step: int, times: int) -> list[int]:
    return [start * step + day for start in range(times) for day in days]


@pytest.mark.parametrize(
    ("places", "verdict", "share"),
    [
        (every((9, 10, 11), 14, 5), "crammed", 1.0),
        (every((0, 2, 4), 7, 10), "spaced", 2 / 6),  # the 0th and 2nd of one week are three days in a row
        (every((0, 1, 2, 8), 14, 5), "crammed", 3 / 4),
        (every((0, 1, 7), 14, 5), "mixed", 2 / 3),
    ],
)
def test_spacing_and_cramming(places: list[int], verdict: str, share: float) -> None:
    found = spacing(study(*places))
    assert (found.verdict, found.enough) == (verdict, True)
    assert found.value == pytest.approx(share)
    assert len(found.evidence) == len({place // 14 for place in places})


def test_too_few_weeks_say_nothing_of_spacing() -> None:
    found = spacing(study(*every((9, 10, 11), 14, 3)))
    assert (found.verdict, found.value, found.have, found.need) == ("unknown", None, 3, 4)


def test_visits_by_length_and_by_the_part_of_the_day() -> None:
    visits = [Visit(MONDAY + timedelta(days=n), 20 if n else 6, 5.0 + n) for n in range(9)]
    long, when = session_length(visits), time_of_day(visits)
    assert (long.verdict, long.value) == ("short", 9.0)
    assert told(when) == ("evening", pytest.approx(8 / 9), 9)
    assert [e.on for e in when.evidence] == [MONDAY + timedelta(days=n) for n in range(8, 0, -1)]
    assert session_length(visits[:7]).verdict == time_of_day(visits[:7]).verdict == "unknown"
    mixed = [Visit(MONDAY, hour, 60.0) for hour in (6, 7, 13, 14, 19, 20, 23, 2)]
    assert (session_length(mixed).verdict, time_of_day(mixed).verdict) == ("long", "varied")
    assert [part_of_day(h) for h in (0, 4, 5, 11, 12, 17, 18, 22, 23)] == [
        *["night"] * 2,
        *["morning"] * 2,
        *["afternoon"] * 2,
        *["evening"] * 2,
        "night",
    ]


def test_weekends_and_school_days() -> None:
    calendar = Calendar(WEEKENDS)
    assert weekday(study(*every((5, 6), 7, 5)), calendar).verdict == "weekends"
    found = weekday(study(*every((0, 2, 4, 5), 7, 3)), calendar)
    assert told(found) == ("varied", pytest.approx(0.75), 12)
    assert {e.what for e in found.evidence} == {"weekend"} and len(found.evidence) == 3
    assert weekday(study(*range(5), *range(7, 12)), calendar).verdict == "school_days"


def test_watched_again_is_a_jump_back_or_another_day() -> None:
    begun = [Watch(MONDAY, f"v{n}", 0.0, None) for n in range(8)]
    again = [
        Watch(MONDAY, "v1", 90.0, 30.0),  # back
        Watch(MONDAY, "v2", 90.0, 88.0),  # a slip
        Watch(MONDAY, "v3", 10.0, 90.0),  # on
        Watch(MONDAY, "v4", 0.0, None),  # the same day
        Watch(MONDAY + timedelta(days=2), "v5", 0.0, None),
    ]
    found = rewatching([*begun, *again])
    assert told(found) == ("sometimes", pytest.approx(2 / 8), 8)
    assert {(e.what, e.value) for e in found.evidence} == {("v1", 30.0), ("v5", 0.0)}
    assert rewatching(begun[:7]).verdict == "unknown"


def test_help_within_two_days_of_a_low_score() -> None:
    at = datetime(2026, 1, 5, 12, tzinfo=UTC)
    low = [Scored(at + timedelta(days=7 * n), MONDAY + timedelta(days=7 * n), "q", 40.0) for n in range(5)]
    good = Scored(at, MONDAY, "q", 60.0)
    asked = [
        Help(at + timedelta(hours=47), "post_create"),
        Help(at + timedelta(days=7, hours=49), "search"),  # too late
        Help(at + timedelta(days=14), "search"),  # not after it
        Help(at + timedelta(days=21, minutes=1), "live_join"),
    ]
    found = help_seeking([good, *low], asked)
    assert told(found) == ("often", pytest.approx(2 / 5), 5)
    assert [e.what for e in found.evidence] == ["", "live_join", "", "", "post_create"]
    assert help_seeking([good, *low[:3]], asked).verdict == "unknown"


def test_engagement_and_consistency_by_hand() -> None:
    assert engagement(5, 5, 100.0, 5) == 1.0
    assert engagement(10, 5, 100.0, 0) == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert engagement(0, 3, 50.0, 2) is None
    calendar = Calendar(WEEKENDS)

    def weeks(*active: int) -> float | None:
        days = study(*(week * 7 + n for week, count in enumerate(active) for n in range(count)))
        return consistency(periods(days, calendar, "week", MONDAY, MONDAY + timedelta(days=7 * len(active))))

    assert weeks(3, 3, 3, 3) == pytest.approx(1.0)
    assert weeks(4, 0, 0, 0) == pytest.approx(1 / 4)
    # 1 less the mean difference of any two, over twice the mean.
    counts = (1, 2, 3, 5)
    gini = sum(abs(a - b) for a in counts for b in counts) / (2 * len(counts) * sum(counts))
    assert weeks(*counts) == pytest.approx(1 - gini)
    assert weeks(3, 3, 3) is None
