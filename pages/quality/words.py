"""How rules and unusual days are told to a reader."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from babel.numbers import format_decimal

from models.tables import EVENTS
from pages.cards import Tone
from pages.speech import Speech
from pages.texts import has_text

Row = Mapping[str, Any]
_TONES: Mapping[str, Tone] = {"notable": "plain", "serious": "watch", "severe": "urgent"}
_NAMED = ("broken", "values")  # kinds of which a source can have several on a day
_ORDER = ("notable", "serious", "severe")


@dataclass(frozen=True, slots=True)
class Run:
    """The same thing unusual on days that follow each other; `worst` is the most unusual of them."""

    first: date
    last: date
    worst: Row

    @property
    def tone(self) -> Tone:
        return _TONES[self.worst["severity"]]


def runs(rows: Iterable[Row]) -> list[Run]:
    """The gravest first, of equal ones the newest."""
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        key = (row["kind"], row["source"], row["dimension"], row["rule"] if row["kind"] in _NAMED else "")
        found.setdefault(key, []).append(row)
    made = [run for days in found.values() for run in _runs(sorted(days, key=lambda r: r["day"]))]
    return sorted(made, key=lambda run: (-_ORDER.index(run.worst["severity"]), -run.last.toordinal()))


def _runs(days: list[Row]) -> Iterator[Run]:
    part: list[Row] = []
    for row in days:
        if part and row["day"] - part[-1]["day"] > timedelta(days=1):
            yield _run(part)
            part = []
        part.append(row)
    yield _run(part)


def _run(part: list[Row]) -> Run:
    worst = max(part, key=lambda r: (_ORDER.index(r["severity"]), abs(r["deviations"])))
    return Run(part[0]["day"], part[-1]["day"], worst)


def told(speech: Speech, run: Run) -> str:
    row = run.worst
    if row["kind"] == "volume":
        key = "quality.many" if row["value"] > row["expected"] else "quality.few"
        return speech.say(
            key,
            source=row["source"],
            value=speech.number(row["value"]),
            expected=speech.number(row["expected"]),
        )
    if row["kind"] == "mix":
        return speech.say("quality.mix", source=row["source"], type=event_type(speech, row["rule"]))
    if row["kind"] == "values":
        return speech.say("quality.values", source=row["source"], field=field(speech, row["rule"]))
    return speech.say(
        "quality.often",
        source=row["source"],
        rule=rule(speech, row["dimension"], row["rule"]),
        value=speech.share(row["value"]),
        expected=speech.share(row["expected"]),
    )


def rule(speech: Speech, dimension: str, name: str) -> str:
    """A broken rule as what is wrong."""
    if dimension in ("completeness", "validity") and name in EVENTS.names():
        key = "missing" if dimension == "completeness" else "outside"
        return speech.say(f"quality.{key}", field=field(speech, name))
    key = f"quality.rule_{name.replace('-', '_')}"
    return speech.say(key) if has_text(speech.language, key) else name


def field(speech: Speech, name: str) -> str:
    key = f"quality.field_{name}"
    return speech.say(key) if has_text(speech.language, key) else name


def event_type(speech: Speech, name: str) -> str:
    return name.replace("_", " ") if name else speech.say("quality.no_type")


def points(speech: Speech, score: float) -> str:
    """99.96 is not 100: something was wrong."""
    shown = min(round(score, 1), 99.9) if score < 100 else 100.0
    return str(format_decimal(shown, format="#,##0.#", locale=speech.locale))


def known_points(speech: Speech, score: float | None) -> str:
    return speech.say("quality.unknown") if score is None else points(speech, score)


def when(speech: Speech, run: Run) -> str:
    if run.first == run.last:
        return speech.day(run.first, "MMMEd")
    return speech.span(run.first, run.last + timedelta(days=1))
