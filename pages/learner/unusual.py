"""What was different from a learner's own usual, kindly: how much, what it is seen by, what may help."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from markupsafe import Markup

from pages.cards import Card, Tone, tone
from pages.learner.parts import folded
from pages.learner.reading import rows_about
from pages.rows import Row
from pages.sheet import Asking, Sheet

MOST_SHOWN = 3


async def unusual_card(sheet: Sheet, ask: Asking, key: str) -> Card | None:
    """Nothing unusual, no card: a page that warns of nothing is read."""
    rows = await rows_about(sheet, ask, "learner_anomalies")
    if not rows:
        return None
    body = folded(
        [_one(sheet, key, row) for row in rows], MOST_SHOWN, lambda n: sheet.say("unusual.more", n=n)
    )
    return Card(sheet.say(f"{key}.unusual", n=len(rows)), sheet.say(f"{key}.unusual_sub"), body=body)


def _one(sheet: Sheet, key: str, row: Row) -> Markup:
    what = sheet.say(f"{key}.{row['kind']}_{row['direction']}")
    severity = sheet.say(f"unusual.severity_{row['severity']}")
    return Markup('<li><p>{}</p><p class="sub">{} {}</p><p>{}</p></li>').format(
        tone(what, _tone(row)), severity, _evidence(sheet, key, row), sheet.say(f"{key}.do_{row['action']}")
    )


def _tone(row: Row) -> Tone:
    return "good" if row["direction"] == "up" and row["action"] == "praise" else "watch"


def _evidence(sheet: Sheet, key: str, row: Row) -> str:
    spelt = sheet.visit.speech.percent if row["kind"] == "performance" else _counted(sheet)
    return sheet.say(
        f"{key}.seen_{row['kind']}",
        when=_when(sheet, row["since"], row["until"]),
        value=spelt(row["value"]),
        usual=spelt(row["expected"]),
    )


def _counted(sheet: Sheet) -> Callable[[float], str]:
    return lambda value: sheet.visit.speech.number(value)


def _when(sheet: Sheet, since: date, until: date | None) -> str:
    day = sheet.visit.speech.day
    if until is None:
        return sheet.say("unusual.since", day=day(since, "MMMd"))
    if since == until:
        return sheet.say("learner.on_day", day=day(since, "MMMd"))
    return sheet.say("unusual.from_to", since=day(since, "MMMd"), until=day(until, "MMMd"))
