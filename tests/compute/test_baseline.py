from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from compute.baseline import DayValue, shift, unusual_days

START = date(2026, 1, 5)


def school(
    seed: int, weeks: int = 26, holiday: tuple[int, int] = (70, 84)
) -> tuple[list[DayValue], dict[date, str]]:
    """Counts of a school with a weekly rhythm and a holiday: what is usual is known by construction."""
    rng = np.random.default_rng(seed)
    kinds = {}
    values = []
    for n in range(weeks * 7):
        day = START + timedelta(days=n)
        kind = "holiday" if holiday[0] <= n < holiday[1] else "weekend" if day.weekday() >= 5 else "term"
        rate = {"holiday": 60, "weekend": 150, "term": 900 + 40 * day.weekday()}[kind]
        kinds[day] = kind
        values.append(DayValue(day, float(rng.poisson(rate))))
    return values, kinds


def test_a_usual_school_raises_hardly_an_alarm() -> None:
    alarms = sum(len(unusual_days(*school(seed))) for seed in range(20))
    assert alarms <= 20 * 26 * 7 * 0.002  # two in a thousand days


def test_a_holiday_is_no_anomaly_but_would_be_one_without_the_calendar() -> None:
    values, kinds = school(1)
    in_holiday = [u for u in unusual_days(values, kinds) if kinds[u.day] == "holiday"]
    assert in_holiday == []
    assert any(kinds[u.day] == "holiday" for u in unusual_days(values, None))


@pytest.mark.parametrize("factor", [0.2, 3.0])
def test_a_day_that_lost_or_gained_most_of_its_events_is_found(factor: float) -> None:
    values, kinds = school(2)
    broken = START + timedelta(days=120)
    values = [DayValue(v.day, v.value * factor) if v.day == broken else v for v in values]
    found = unusual_days(values, kinds)
    assert [u.day for u in found] == [broken]
    assert (found[0].value > found[0].high) == (factor > 1)


def test_a_bad_week_is_found_on_every_day_because_bad_days_teach_nothing() -> None:
    values, kinds = school(3)
    week = {START + timedelta(days=n) for n in range(140, 145)}
    values = [DayValue(v.day, v.value * 0.3) if v.day in week else v for v in values]
    assert {u.day for u in unusual_days(values, kinds)} == week


def test_too_few_days_are_no_baseline() -> None:
    values, kinds = school(4)
    assert unusual_days([*values[:3], DayValue(START + timedelta(days=3), 9e9)], kinds) == []


def test_a_null_rate_is_judged_by_how_many_it_is_a_share_of() -> None:
    usual = [DayValue(START + timedelta(days=7 * n), 0.02, 1000) for n in range(10)]
    last = START + timedelta(days=70)
    assert unusual_days([*usual, DayValue(last, 0.10, 1000)]) != []
    assert unusual_days([*usual, DayValue(last, 0.10, 10)]) == []


def test_the_shift_of_shares_matches_the_published_formula() -> None:
    # PSI by hand: (0.6-0.5)ln(0.6/0.5) + (0.4-0.5)ln(0.4/0.5)
    found = shift({"a": 50, "b": 50}, {"a": 60, "b": 40})
    assert found is not None
    assert found.index == pytest.approx(0.1 * np.log(1.2) - 0.1 * np.log(0.8))
    assert not found.drifted
    moved = shift({"a": 50, "b": 50}, {"a": 95, "b": 5})
    assert moved is not None and moved.drifted and moved.worst == "b"
    assert shift({}, {"a": 1}) is None
