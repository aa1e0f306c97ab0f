"""The school's calendar: which days are term, weekend or holiday."""

from __future__ import annotations

import ibis.expr.types as ir

from compute import checks
from compute.forms import Form, in_span, shared
from compute.plan import Plan
from compute.scoping import Tables
from models.ask import Ask, ColumnMeaning


def school_days(ask: Ask, tables: Tables) -> Plan:
    """The calendar's days from `since` to `until`; a day the school never named has no row."""
    checks.check_options(ask, ())
    checks.check_span(ask)
    return Plan(
        parts=(shared(_days, Ask(since=ask.since, until=ask.until), tables),),
        columns=(
            ColumnMeaning("day", "dimension", "", "The day, in the school's own zone."),
            ColumnMeaning("kind", "detail", "", "Term, weekend or holiday."),
            ColumnMeaning("label", "detail", "", "The holiday's name, where it has one."),
        ),
        source="school_day",
    )


def _days(tables: Tables, form: Form) -> ir.Table:
    return in_span(tables["school_day"], form).select("day", "kind", "label").order_by("day")
