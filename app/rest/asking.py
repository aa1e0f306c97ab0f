"""A question as it stands in a URL."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from models.ask import Ask, Audience, Operator, Where
from models.errors import BadQuestion, unknown

ONCE = ("measures", "by", "since", "until", "order", "limit", "audience", "purpose", "labels", "fill")
KNOWN = (*ONCE, "where")
_OPERATORS: dict[str, Operator] = {
    "=": "=",
    "!=": "!=",
    "in": "in",
    "not-in": "not-in",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
    "eq": "=",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
}
_AUDIENCES: dict[str, Audience] = {"mine": "mine", "peers": "peers"}
_LONGEST_PURPOSE = 80


def read_ask(parameters: Iterable[tuple[str, str]]) -> Ask:
    """From a query string's pairs. Raises BadQuestion with the nearest right name."""
    once: dict[str, str] = {}
    wheres: list[Where] = []
    for name, value in parameters:
        if name not in KNOWN:
            raise unknown("parameter", name, KNOWN)
        if name == "where":
            wheres.append(_where(value))
        elif once.setdefault(name, value) is not value:
            raise BadQuestion(f"'{name}' stands twice; name several values with commas.")
    return Ask(
        measures=_names(once.get("measures", "")),
        by=_names(once.get("by", "")),
        where=tuple(wheres),
        since=_day("since", once.get("since")),
        until=_day("until", once.get("until")),
        order=_names(once.get("order", "")),
        limit=_limit(once.get("limit")),
        audience=_audience(once.get("audience", "mine")),
        options=tuple((name, True) for name in ("labels", "fill") if _flag(name, once.get(name))),
        purpose=once.get("purpose", "teaching")[:_LONGEST_PURPOSE],
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for part in text.split(",") if (name := part.strip()))


def _where(text: str) -> Where:
    """`course_id:in:C1|C2`; a value may hold colons."""
    dimension, _, rest = text.partition(":")
    word, colon, values = rest.partition(":")
    if not dimension or not colon:
        raise BadQuestion(f"where '{text[:80]}' is not like course_id:in:C1|C2 or level:=:beginner.")
    if word not in _OPERATORS:
        raise unknown("operator", word, _OPERATORS)
    op = _OPERATORS[word]
    return Where(dimension, op, tuple(values.split("|")) if op in ("in", "not-in") else (values,))


def _day(name: str, text: str | None) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadQuestion(f"{name} '{text[:40]}' is not a date such as 2026-03-01.") from None


def _limit(text: str | None) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise BadQuestion(f"limit '{text[:40]}' is not a whole number above 0.")
    return int(text)


def _audience(text: str) -> Audience:
    if text in _AUDIENCES:
        return _AUDIENCES[text]
    raise unknown("audience", text, _AUDIENCES)


def _flag(name: str, text: str | None) -> bool:
    if text in (None, "", "0", "false", "no"):
        return False
    if text in ("1", "true", "yes"):
        return True
    raise BadQuestion(f"{name} is 1 or 0, not '{(text or '')[:40]}'.")
