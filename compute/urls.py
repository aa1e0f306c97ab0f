"""How programs write an Ask: as the query part of a URL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from compute.grammar import among, checked, day, limit, scalar, where, written
from models.ask import Ask, Scalar, Where
from models.errors import BadQuestion, unknown

SWITCHES = ("labels", "fill")  # options that are said by their name: `labels=true`
PARAMETERS = (
    "question",
    "measures",
    "by",
    "where",
    "since",
    "until",
    "order",
    "limit",
    "audience",
    "purpose",
    *SWITCHES,
    "option",
)

_SHORT = {"eq": "=", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_LONGEST_PURPOSE = 80


def from_query(pairs: Iterable[tuple[str, str]]) -> Ask:
    """The Ask of a URL's query: `measures=a,b&by=week&where=course_id:in:C1|C2&where=...&limit=10`."""
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        if name not in PARAMETERS:
            raise unknown("parameter", name, PARAMETERS)
        given.setdefault(name, []).append(value)
    for name in given.keys() - {"where", "option", "measures", "by", "order"}:
        if len(given[name]) > 1:
            raise BadQuestion(f"'{name}' is given {len(given[name])} times; give it once.")
    one = {name: values[0] for name, values in given.items()}
    ask = Ask(
        question=one.get("question") or "measures",
        measures=_names(given.get("measures", ())),
        by=_names(given.get("by", ())),
        where=tuple(_url_condition(text) for text in given.get("where", ())),
        since=day("since", one["since"]) if one.get("since") else None,
        until=day("until", one["until"]) if one.get("until") else None,
        order=_names(given.get("order", ())),
        limit=limit(one["limit"]) if one.get("limit") else None,
        options=tuple(_options(given)),
        purpose=(one.get("purpose") or Ask().purpose)[:_LONGEST_PURPOSE],
    )
    return checked(among(ask, one["audience"]) if one.get("audience") else ask)


def to_query(ask: Ask) -> list[tuple[str, str]]:
    """The pairs that `from_query` reads back as the same ask; encode them as any URL's query."""
    pairs = [] if ask.question == "measures" else [("question", ask.question)]
    lists = (("measures", ask.measures), ("by", ask.by), ("order", ask.order))
    pairs += [(name, ",".join(values)) for name, values in lists if values]
    pairs += [("where", f"{w.dimension}:{w.op}:{'|'.join(_escaped(v) for v in w.values)}") for w in ask.where]
    rest = (("since", ask.since), ("until", ask.until), ("limit", ask.limit))
    pairs += [(name, str(value)) for name, value in rest if value is not None]
    if ask.audience != "mine":
        pairs.append(("audience", ask.audience))
    return pairs + [_said(name, value) for name, value in ask.options]


def _names(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(name.strip() for text in texts for name in text.split(",") if name.strip())


def _escaped(value: Scalar) -> str:
    return re.sub(r"([|\\])", r"\\\1", written(value))


def _url_condition(text: str) -> Where:
    name, _, rest = text.partition(":")
    op, colon, values = rest.partition(":")
    if not colon:
        raise BadQuestion(f"where '{text[:80]}' is not NAME:OPERATOR:VALUE, such as course_id:in:C1|C2.")
    split = re.findall(r"(?:^|\|)((?:\\.|[^|\\]|\\$)*)", values, flags=re.DOTALL)
    return where(
        name, _SHORT.get(op, op), [re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL) for value in split]
    )


def _options(given: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, Scalar]]:
    for name in SWITCHES:
        for text in given.get(name, ()):
            if text not in ("true", "false"):
                raise BadQuestion(f"'{text[:80]}' is neither true nor false, as {name} needs.")
            if text == "true":
                yield name, True
    for text in given.get("option", ()):
        name, colon, value = text.partition(":")
        yield name, scalar(value) if colon else True


def _said(name: str, value: Scalar) -> tuple[str, str]:
    if name in SWITCHES and value is True:
        return name, "true"
    return "option", f"{name}:{written(value)}"
