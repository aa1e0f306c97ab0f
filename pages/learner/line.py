"""What a learner did, day by day, the newest first: results, finished work, what was begun."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from pages.cards import Card, join
from pages.learner.parts import DAYS_COUNTED, ago
from pages.rows import rows_of
from pages.teacher.plans import plan_words

if TYPE_CHECKING:
    from pages.sheet import Asking, Sheet

DAYS = 56
MOST = 14  # days shown


async def line_card(sheet: Sheet, ask: Asking, plans: Sequence[Mapping[str, Any]]) -> Card:
    say, speech = sheet.say, sheet.visit.speech
    span = replace(
        sheet.filters, since=sheet.today - timedelta(days=DAYS - 1), until=sheet.today + timedelta(days=1)
    )
    results = await ask("mean_score", by=("day", "assessment_id"), options=(("labels", True),), filters=span)
    done = await ask("lessons_completed", "completions", "achievements", "posts", by="day", filters=span)
    days: dict[date, list[str]] = defaultdict(list)
    for row in rows_of(done):
        for name in ("lessons_completed", "completions", "achievements", "posts"):
            if row[name]:
                days[row["day"]].append(say(f"line.{name}", n=row[name]))
    for row in rows_of(results):
        if row["mean_score"] is not None:
            title = row.get("assessment_id_label") or row["assessment_id"] or say("line.exercise")
            days[row["day"]].append(say("line.result", title=title, score=speech.percent(row["mean_score"])))
    for plan in plans:
        day = date.fromisoformat(str(plan["made_on"])[:10])
        if day > sheet.today - timedelta(days=DAYS):
            days[day].append(say("line.plan", plan=plan_words(sheet, plan)))
    if not days:
        return Card(say("line.heading"), empty=say("line.nothing", n=DAYS))
    shown = sorted(days, reverse=True)[:MOST]
    body = Markup('<ol class="line">{}</ol>').format(
        join(
            Markup('<li><span class="sub">{}</span>{}</li>').format(
                _when(sheet, day),
                join(Markup("<br>{}").format(what) for what in days[day]),
            )
            for day in shown
        )
    )
    sub = say("line.sub", n=len(shown), all=len(days))
    return Card(say("line.found", n=len(days), days=DAYS), sub, body=body)


def _when(sheet: Sheet, day: date) -> str:
    """How long ago it was, while that is easier to picture than the day alone."""
    named = sheet.visit.speech.day(day, "EEEMMMd")
    return named if (sheet.today - day).days > DAYS_COUNTED else f"{named} · {ago(sheet, day)}"
