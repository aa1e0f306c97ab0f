"""Days and weeks of a page's period, as places on an axis."""

from __future__ import annotations

from datetime import date, timedelta

from compute.dimensions import first_day
from pages.filters import Filters

MOST_DAYS = 62  # longer periods are shown by week


def step_of(filters: Filters) -> str:
    return "day" if (filters.until - filters.since).days <= MOST_DAYS else "week"


def places(filters: Filters, step: str) -> list[date]:
    """Every day, or every week's Monday, of the period; also those not yet come."""
    found = [filters.since + timedelta(days=n) for n in range((filters.until - filters.since).days)]
    return found if step == "day" else list(dict.fromkeys(first_day(step, day) for day in found))


def running(filters: Filters, step: str) -> date | None:
    """The place that is not over yet."""
    return first_day(step, filters.today) if filters.running else None


def weeks_until(today: date, count: int) -> list[date]:
    monday = first_day("week", today)
    return [monday - timedelta(days=7 * n) for n in reversed(range(count))]
