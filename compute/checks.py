"""Is an Ask one that can be answered at all? Every refusal names the value and what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from compute.dimensions import Dimension, dimension
from compute.measures import measure
from compute.measures.measure import Measure
from compute.scoping import Tables
from models.ask import Ask, Scalar, Where
from models.errors import BadQuestion, NotFound, unknown

MOST_ROWS = 1_000_000
MOST_VALUES = 1_000
MOST_CONDITIONS = 30  # planning takes the square of their number, in a thread that holds the interpreter
MOST_DIMENSIONS = 6
LONGEST_YEARS = 20
_WANTED = {"string": "plain text", "int": "a whole number", "date": "a date such as 2026-03-01"}
EARLIEST, LATEST = date(1970, 1, 1), date(2200, 1, 1)


def measures_of(ask: Ask, tables: Tables) -> tuple[Measure, ...]:
    """The asked measures, once each. What the scope may not ask for does not exist for it."""
    if not ask.measures:
        raise BadQuestion("Name at least one measure, for example 'active_learners by week'.")
    asked = tuple(measure(name) for name in dict.fromkeys(ask.measures))
    if any(tables.scope.rows not in m.scopes for m in asked):
        raise NotFound
    if not tables.sees_rows and any(m.sensitivity == "quality" for m in asked):
        raise BadQuestion("How good single days' data is, is for who may see rows. Ask for another measure.")
    return asked


def dimensions_of(ask: Ask, tables: Tables) -> tuple[Dimension, ...]:
    asked = tuple(dimension(name) for name in dict.fromkeys(ask.by))
    if len(asked) > MOST_DIMENSIONS:
        raise BadQuestion(f"{len(asked)} dimensions are too many; at most {MOST_DIMENSIONS} fit one answer.")
    refuse_single_learners((d.name for d in asked), tables)
    refuse_single_learners((w.dimension for w in ask.where), tables)
    return asked


def refuse_single_learners(names: Iterable[str], tables: Tables) -> None:
    if "learner_id" in names and not tables.sees_rows:
        raise BadQuestion("learner_id cannot be used here: you may see groups of learners, not single ones.")


def check_span(ask: Ask) -> None:
    for day in (ask.since, ask.until):
        if day is not None and not EARLIEST <= day <= LATEST:
            raise BadQuestion(f"{day} is outside {EARLIEST} to {LATEST}.")
    if ask.since and ask.until:
        if ask.since >= ask.until:
            raise BadQuestion(f"since {ask.since} must be before until {ask.until}, which is not included.")
        if (ask.until - ask.since).days > LONGEST_YEARS * 366:
            raise BadQuestion(f"{ask.since} to {ask.until} is longer than {LONGEST_YEARS} years.")


def check_limit(ask: Ask) -> None:
    if ask.limit is not None and not 1 <= ask.limit <= MOST_ROWS:
        raise BadQuestion(f"limit {ask.limit} must be between 1 and {MOST_ROWS}.")


def check_conditions(ask: Ask) -> None:
    if len(ask.where) > MOST_CONDITIONS:
        raise BadQuestion(
            f"{len(ask.where)} conditions are too many; at most {MOST_CONDITIONS} are read. "
            "Name several values of one dimension with 'in' or 'not-in'."
        )


def check_order(ask: Ask) -> None:
    known = (*ask.by, *ask.measures)
    for name in ask.order:
        if name.removeprefix("-") not in known:
            raise unknown("name to order by", name.removeprefix("-"), known)


def option(ask: Ask, name: str) -> Scalar | None:
    return dict(ask.options).get(name)


def check_options(ask: Ask, known: tuple[str, ...]) -> None:
    for name, _ in ask.options:
        if name not in known:
            raise unknown("option", name, known)


def values_of(where: Where, asked: Dimension) -> tuple[str | int | date, ...]:
    """The values of a condition in the dimension's own type."""
    if not where.values:
        raise BadQuestion(f"the condition on {where.dimension} has no value.")
    if len(where.values) > MOST_VALUES:
        raise BadQuestion(
            f"{len(where.values)} values for {where.dimension}; at most {MOST_VALUES} are allowed."
        )
    if len(where.values) > 1 and where.op not in ("in", "not-in"):
        raise BadQuestion(f"'{where.op}' takes one value; use 'in' for several values of {where.dimension}.")
    return tuple(value_of(value, asked) for value in where.values)


def value_of(value: Scalar, asked: Dimension) -> str | int | date:
    try:
        match asked.kind:
            case "string":
                return _text(value)
            case "int":
                return _whole(value)
            case "date":
                return date.fromisoformat(str(value))
    except ValueError:
        shown = ascii(str(value)[:80]) if asked.kind == "string" else f"'{str(value)[:80]}'"
        raise BadQuestion(f"{shown} is not {_WANTED[asked.kind]}, as {asked.name} needs.") from None


def _text(value: Scalar) -> str:
    """What no engine stores is nobody's id, and Postgres takes no statement that holds it."""
    text = str(value)
    if "\0" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
        raise ValueError
    return text


def _whole(value: Scalar) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise ValueError
    return number
