"""The columns of the page's tables."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from markupsafe import Markup

from models.quality import DIMENSIONS
from pages.cards import Tone, sparkline, tone
from pages.quality.words import Row, event_type, known_points, rule
from pages.speech import Speech
from pages.tables import Column

Shown = Callable[[Row], Markup]
_OF_BATCHES = tuple(name for name in DIMENSIONS if name != "consistency")


def origins(speech: Speech, source: Shown, judged: Callable[[float, float], Tone]) -> list[Column]:
    def overall(row: Row) -> Markup:
        return tone(known_points(speech, row["score"]), judged(row["score"], row["target"]))

    def trend(row: Row) -> Markup:
        return sparkline(row["trend"], speech.say("quality.trend_means", source=row["source"]))

    return [
        Column("source", speech.say("quality.source"), source, find=True),
        Column("score", speech.say("quality.score"), overall, numeric=True),
        *(_scored(speech, name) for name in DIMENSIONS),
        _arrived(speech),
        Column("trend", speech.say("quality.trend"), trend, key=lambda r: (r["trend"] or [None])[-1]),
    ]


def offenders(speech: Speech, shown: Shown | None) -> list[Column]:
    """`shown` leads to the rows, for those who may see them."""
    say = speech.say

    def wrong(row: Row) -> str:
        return rule(speech, row["dimension"], row["rule"])

    def days(row: Row) -> str:
        return speech.span(row["since"], row["last"] + timedelta(days=1))

    def kind(row: Row) -> str:
        return event_type(speech, row["event_type"])

    return [
        Column("rule", say("quality.what"), wrong, key=wrong, find=True),
        *([Column("show", say("quality.behind"), shown, key=lambda r: "")] if shown else []),
        Column("source", say("quality.source"), lambda r: str(r["source"]), find=True),
        Column("event_type", say("quality.type"), kind, find=True),
        Column("broken", say("quality.times"), lambda r: speech.number(r["broken"]), numeric=True),
        Column("share", say("quality.share"), lambda r: speech.share(r["share"], 1), numeric=True),
        Column("since", say("quality.days"), days),
    ]


def batches(speech: Speech) -> list[Column]:
    say = speech.say
    return [
        Column("received_at", say("quality.received"), lambda r: speech.moment(r["received_at"])),
        Column("source", say("quality.source"), lambda r: str(r["source"]), find=True),
        _arrived(speech),
        *(_scored(speech, name) for name in ("score", *_OF_BATCHES)),
    ]


def lost(speech: Speech) -> list[Column]:
    say = speech.say

    def fate(row: Row) -> str:
        return say(f"quality.fate_{row['fate'].replace('-', '_')}")

    def kind(row: Row) -> str:
        return event_type(speech, row["event_type"])

    def why(row: Row) -> str:
        return rule(speech, "", row["code"]) if row["code"] else ""

    return [
        Column("fate", say("quality.fate"), fate, key=fate, find=True),
        Column("events", say("quality.arrived"), lambda r: speech.number(r["events"]), numeric=True),
        Column("event_type", say("quality.type"), kind, find=True),
        Column("priority", say("quality.priority"), lambda r: str(r["priority"])),
        Column("code", say("quality.what"), why, key=why, find=True),
    ]


def events(speech: Speech) -> list[Column]:
    """What shows it, before the id: a telephone has room for little."""
    say = speech.say
    return [
        Column("event_type", say("quality.type"), lambda r: event_type(speech, r["event_type"] or "")),
        Column("occurred_at", say("quality.occurred"), lambda r: speech.moment(r["occurred_at"])),
        Column("received_at", say("quality.received"), lambda r: speech.moment(r["received_at"])),
        Column("source", say("quality.source"), lambda r: str(r["source"])),
        Column("value", say("quality.value"), lambda r: str(r["value"] or "")),
        Column("event_id", say("quality.event"), lambda r: str(r["event_id"] or ""), find=True),
    ]


def _arrived(speech: Speech) -> Column:
    title = speech.say("quality.arrived")
    return Column("arrived", title, lambda r: speech.number(r["arrived"]), numeric=True)


def _scored(speech: Speech, name: str) -> Column:
    title = speech.say(f"quality.{name}")
    return Column(name, title, lambda r: known_points(speech, r[name]), numeric=True)
