"""The school's calendar: which days are term, weekend or holiday."""

from __future__ import annotations

import ibis

from compute import checks
from compute.plan import Plan
from compute.scoping import Tables
from models.ask import Ask, ColumnMeaning


def school_days(ask: Ask, tables: Tables) -> Plan:
    """The calendar's days from `since` to `until`; a day the school never named has no row."""
    checks.check_options(ask, ())
    checks.check_span(ask)
    days = tables["school_day"]
    if ask.since:
        days = days.filter(days.day >= ibis.literal(ask.since))
    if ask.until:
        days = days.filter(days.day < ibis.literal(ask.until))
    return Plan(
        parts=(days.select("day", "kind", "label").order_by("day"),),
        columns=(
            ColumnMeaning("day", "dimension", "", "The day, in the school's own zone."),
            ColumnMeaning("kind", "detail", "", "Term, weekend or holiday."),
            ColumnMeaning("label", "detail", "", "The holiday's name, where it has one."),
        ),
        source="school_day",
    )
