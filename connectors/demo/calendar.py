"""The school's year, counted back from the last day so that this day is always in a term.

A term has twelve weeks, then come two weeks of holidays. The last day lies in the eleventh week.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

TERM_WEEKS, HOLIDAY_WEEKS = 12, 2
AHEAD_DAYS = 84
Kind = Literal["term", "weekend", "holiday"]


@dataclass(frozen=True, slots=True)
class SchoolDay:
    day: date
    kind: Kind
    label: str | None
    offset_s: int  # of the zone at noon; nobody learns in the hours in which clocks are changed

    @property
    def holiday(self) -> bool:
        return self.kind == "holiday"


def calendar(last: date, days: int, zone: str, has_terms: bool) -> list[SchoolDay]:
    """`days` days up to and including `last`, then those ahead (due dates lie there)."""
    first = last - timedelta(days=days - 1)
    return [
        _school_day(first + timedelta(days=n), last, ZoneInfo(zone), has_terms)
        for n in range(days + AHEAD_DAYS)
    ]


def _school_day(day: date, last: date, zone: ZoneInfo, has_terms: bool) -> SchoolDay:
    kind, label = _kind(day, last, has_terms)
    offset = datetime(day.year, day.month, day.day, 12, tzinfo=zone).utcoffset()
    assert offset is not None
    return SchoolDay(day, kind, label, int(offset.total_seconds()))


def _kind(day: date, last: date, has_terms: bool) -> tuple[Kind, str | None]:
    if not has_terms:
        if (day.month, day.day) in {(1, 1), (7, 1), (12, 25), (12, 26)} and day != last:
            return "holiday", "Public holiday"
        return ("weekend", None) if day.weekday() >= 5 else ("term", None)
    term_start = last - timedelta(days=last.weekday(), weeks=10)
    weeks, weekday = divmod((day - term_start).days, 7)
    terms, week = divmod(weeks, TERM_WEEKS + HOLIDAY_WEEKS)
    if week >= TERM_WEEKS:
        return "holiday", "Holidays between terms"
    if week == 5 and weekday == 0 and day != last:
        return "holiday", "Founders' Day"
    label = {-1: "Previous term", 0: "This term", 1: "Next term"}.get(terms, f"Term {terms:+d}")
    return ("weekend", label) if weekday >= 5 else ("term", label)
