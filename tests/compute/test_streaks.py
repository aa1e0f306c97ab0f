from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from compute.streaks import Streak, streak

MONDAY = date(2026, 3, 2)


def day(offset: int) -> date:
    return MONDAY + timedelta(days=offset)


WEEKENDS = {day(n) for n in range(-70, 70) if day(n).weekday() >= 5}


def test_a_weekend_does_not_break_a_streak() -> None:
    assert streak([day(3), day(4), day(7)], WEEKENDS, day(7)) == Streak(3, 3, 3, day(7))


def test_a_missed_school_day_breaks_it() -> None:
    assert streak([day(0), day(1), day(3)], WEEKENDS, day(3)).current == 1
    assert streak([day(0), day(1), day(3)], WEEKENDS, day(3)).longest == 2


def test_today_cannot_break_a_streak_that_still_may_go_on() -> None:
    assert streak([day(0), day(1)], WEEKENDS, day(2)).current == 2
    assert streak([day(0), day(1)], WEEKENDS, day(3)).current == 0


def test_a_holiday_of_two_weeks_breaks_nothing() -> None:
    holiday = {day(n) for n in range(5, 19)}
    assert streak([day(4), day(19)], WEEKENDS | holiday, day(19)).current == 2


def test_nobody_who_was_never_active_has_a_streak() -> None:
    assert streak([], WEEKENDS, day(3)) == Streak(0, 0, 0, None)


@given(st.sets(st.integers(-60, 10)), st.integers(-10, 10))
def test_streaks_agree_with_walking_the_calendar(active: set[int], today: int) -> None:
    """Plain recomputation: walk every day once, oldest first."""
    run = longest = 0
    for offset in range(-61, today + 1):
        if offset in active:
            run += 1
        elif day(offset) not in WEEKENDS and offset != today:
            run = 0
        longest = max(longest, run)
    found = streak([day(n) for n in active], WEEKENDS, day(today))
    assert (found.current, found.longest) == (run, longest)
