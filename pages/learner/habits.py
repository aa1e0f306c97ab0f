"""How a learner learns, as it was observed: each habit with what shows it. Never a type of person."""

from __future__ import annotations

from markupsafe import Markup

from pages.cards import Card, paragraph
from pages.learner.parts import folded
from pages.learner.reading import rows_about
from pages.rows import Row
from pages.sheet import Asking, Sheet

OF_READER = ("session_length", "rewatching", "help_seeking")  # told of `you` or of somebody else
ORDER = ("spacing", "session_length", "time_of_day", "weekday", "rewatching", "help_seeking")


async def habits_card(sheet: Sheet, ask: Asking, key: str, most: int = len(ORDER)) -> Card:
    """The first `most`; the others one click away."""
    say = sheet.say
    rows = {row["habit"]: row for row in await rows_about(sheet, ask, "learner_habits")}
    known = [rows[name] for name in ORDER if name in rows and rows[name]["enough"]]
    if not known:
        visits = rows.get("time_of_day")
        have, need = (visits["have"], visits["need"]) if visits else (0, 8)
        return Card(say(f"{key}.habits"), empty=say(f"{key}.habits_little", have=have, need=need))
    body = folded([_habit(sheet, key, row) for row in known], most, lambda n: say("habit.more", n=n))
    return Card(
        _title(sheet, key, rows),
        say("habit.sub"),
        body=body,
        after=paragraph(say(f"{key}.habits_no_type"), "sub after"),
    )


def _title(sheet: Sheet, key: str, rows: dict[str, Row]) -> str:
    spacing = rows.get("spacing")
    if spacing and spacing["enough"]:
        return sheet.say(f"{key}.habits_{spacing['verdict']}")
    return sheet.say(f"{key}.habits")


def _habit(sheet: Sheet, key: str, row: Row) -> Markup:
    said = sheet.say(f"{key}.{row['habit']}_{row['verdict']}")
    return Markup('<li><p>{}</p><p class="sub">{}</p></li>').format(said, _shown_by(sheet, key, row))


def _shown_by(sheet: Sheet, key: str, row: Row) -> str:
    """What it was read from, with its number."""
    value = row["value"]
    spelt = (
        sheet.visit.speech.duration(value * 60) if row["unit"] == "min" else sheet.visit.speech.share(value)
    )
    kind = row["habit"]
    if kind == "weekday" or (kind == "time_of_day" and row["verdict"] == "varied"):
        kind = f"{kind}_{row['verdict']}"
    told = key if kind in OF_READER else "habit"
    return sheet.say(f"{told}.by_{kind}", n=row["have"], value=spelt)
