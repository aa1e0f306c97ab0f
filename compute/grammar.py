"""How people write an Ask in a line of text.

    active_learners, mean_score by week where course_id in C1|C2 and device_type = mobile
      since 2026-03-01 until 2026-04-01 order -mean_score limit 10 with labels

A value with a space or a sign of the grammar in it stands in double quotes. A question other than the
catalogue stands first with a colon: `learners: active_days where class_id = K7`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from compute.checks import value_of
from compute.dimensions import dimension
from compute.measures import measure
from models.ask import Ask, Operator, Scalar, Where
from models.errors import BadQuestion, unknown

LONGEST = 20_000
_OPERATORS: tuple[Operator, ...] = ("not-in", "in", "!=", "<=", ">=", "=", "<", ">")
_CLAUSES = ("by", "where", "since", "until", "order", "limit", "among", "with")
_TOKEN = re.compile(
    r'\s*(?:(?P<quoted>"(?:\\.|[^"\\])*")|(?P<sign>!=|<=|>=|[=<>,|:])|(?P<word>[^\s"!=<>,|:]+))'
)
_PLAIN = re.compile(r'[^\s"!=<>,|:\\]+')
_KEYWORDS = frozenset((*_CLAUSES, "and", "in", "not-in"))


def parse(text: str) -> Ask:
    """The Ask that a line of text says. What it names must exist; whether it may be asked is not said."""
    if len(text) > LONGEST:
        raise BadQuestion(f"The question has {len(text)} characters; at most {LONGEST} are read.")
    return checked(_Reader(tuple(_tokens(text))).ask())


def text_of(ask: Ask) -> str:
    """The line of text that `parse` reads back as the same ask. The purpose is not part of it."""
    words = [] if ask.question == "measures" else [f"{ask.question}:"]
    words.append(", ".join(ask.measures))
    if ask.by:
        words.append("by " + ", ".join(ask.by))
    if ask.where:
        words.append("where " + " and ".join(_condition(where) for where in ask.where))
    words += [f"{word} {day}" for word, day in (("since", ask.since), ("until", ask.until)) if day]
    if ask.order:
        words.append("order " + ", ".join(ask.order))
    if ask.limit is not None:
        words.append(f"limit {ask.limit}")
    if ask.audience != "mine":
        words.append(f"among {ask.audience}")
    if ask.options:
        words.append("with " + ", ".join(_option(name, value) for name, value in ask.options))
    return " ".join(word for word in words if word)


def checked(ask: Ask) -> Ask:
    for name in ask.measures:
        measure(name)
    for name in ask.by:
        dimension(name)
    return ask


# ---- reading text ---------------------------------------------------------------------------------------


def _tokens(text: str) -> Iterator[str]:
    at = 0
    text = text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found:
            raise BadQuestion(f"cannot read '{text[at : at + 40].strip()}' at character {at + 1}.")
        at = found.end()
        yield found[found.lastgroup or 0]


class _Reader:
    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def ask(self) -> Ask:
        ask = Ask()
        if len(self._tokens) > 1 and self._tokens[1] == ":":
            ask = replace(ask, question=self._take())
            self._take()
        if self._next() not in (None, *_CLAUSES):
            ask = replace(ask, measures=self._list())
        seen: set[str] = set()
        while (word := self._next()) is not None:
            if word not in _CLAUSES:
                raise unknown("word", word, (*_CLAUSES, "and"))
            if word in seen:
                raise BadQuestion(f"'{word}' stands twice; say it once.")
            seen.add(self._take())
            ask = self._clause(word, ask)
        return ask

    def _clause(self, word: str, ask: Ask) -> Ask:
        match word:
            case "by":
                return replace(ask, by=self._list())
            case "where":
                return replace(ask, where=self._conditions())
            case "since":
                return replace(ask, since=day(word, self._value(word)))
            case "until":
                return replace(ask, until=day(word, self._value(word)))
            case "order":
                return replace(ask, order=self._list())
            case "limit":
                return replace(ask, limit=limit(self._value(word)))
            case "among":
                return among(ask, self._value(word))
            case _:
                return replace(ask, options=self._options())

    def _next(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _value(self, after: str) -> str:
        token = self._next()
        if token is None or (token[0] in "=<>!,|:" and token[0] != '"') or token in _KEYWORDS:
            raise BadQuestion(f"a value is missing after '{after}'.")
        return _unquoted(self._take())

    def _list(self) -> tuple[str, ...]:
        names = [self._value(self._tokens[self._at - 1] if self._at else "the beginning")]
        while self._next() == ",":
            self._take()
            names.append(self._value(","))
        return tuple(names)

    def _conditions(self) -> tuple[Where, ...]:
        conditions = [self._condition()]
        while self._next() == "and":
            self._take()
            conditions.append(self._condition())
        return tuple(conditions)

    def _condition(self) -> Where:
        name = self._value("where")
        op = self._next()
        if op not in _OPERATORS:
            raise unknown("operator", op or "", _OPERATORS)
        self._take()
        values = [self._value(op)]
        while self._next() == "|":
            self._take()
            values.append(self._value("|"))
        return where(name, op, values)

    def _options(self) -> tuple[tuple[str, Scalar], ...]:
        options: list[tuple[str, Scalar]] = []
        while not options or self._next() == ",":
            if options:
                self._take()
            name = self._value("with")
            if self._next() == "=":
                self._take()
                options.append((name, scalar(self._value("="))))
            else:
                options.append((name, True))
        return tuple(options)


def _unquoted(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL) if token.startswith('"') else token


def where(name: str, op: str, values: Sequence[str]) -> Where:
    if op not in _OPERATORS:
        raise unknown("operator", op, _OPERATORS)
    kind = dimension(name)
    read = tuple(value_of(value, kind) for value in values)
    return Where(name, op, tuple(v.isoformat() if isinstance(v, date) else v for v in read))


def day(word: str, text: str) -> date:
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise BadQuestion(f"'{text[:80]}' after '{word}' is not a date such as 2026-03-01.") from None


def limit(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise BadQuestion(f"limit '{text[:80]}' is not a whole number such as 10.")
    return int(text)


def among(ask: Ask, audience: str) -> Ask:
    match audience:
        case "mine" | "peers":
            return replace(ask, audience=audience)
    raise unknown("audience", audience, ("mine", "peers"))


def scalar(text: str) -> Scalar:
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"-?[0-9]{1,18}", text):
        return int(text)
    if re.fullmatch(r"-?[0-9]+\.[0-9]+", text):
        return float(text)
    return text


# ---- writing --------------------------------------------------------------------------------------------


def written(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _quoted(value: Scalar) -> str:
    text = written(value)
    if _PLAIN.fullmatch(text) and text not in _KEYWORDS:
        return text
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def _condition(where: Where) -> str:
    return f"{where.dimension} {where.op} " + "|".join(_quoted(value) for value in where.values)


def _option(name: str, value: Scalar) -> str:
    return name if value is True else f"{name} = {_quoted(value)}"
