"""The leaderboard's card: an invitation, a list of those who take part, and the way out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from models.ask import Ask
from models.scope import SMALLEST_GROUP
from pages.cards import Card, button, join, paragraph
from pages.rows import Row, rows_of
from pages.sheet import Asking, Sheet

if TYPE_CHECKING:
    from pages.student.achievements import AchievementsPage


async def board_card(sheet: AchievementsPage, ask: Asking) -> Card | None:
    """No card where the school has none."""
    look = await sheet.visit.desk.look("board")
    if not look["on"]:
        return None
    if look["nickname"] is None:
        sheet.offers = sheet.offers or tuple(look["offers"])
        return _invitation(sheet)
    rows = rows_of(await ask.put(Ask(question="leaderboard"), within=False))
    say, name = sheet.say, spelt(sheet, look["nickname"])
    way_out = _row_of_buttons([button(say("board.leave"), "leave")])
    if not rows:
        few = paragraph(say("board.few", name=name, n=SMALLEST_GROUP))
        return Card(say("board.waiting"), say("board.sub"), body=few, after=way_out)
    mine = next(row for row in rows if row["mine"])
    heading = say("board.place", n=mine["place"]) if mine["lessons"] else say("board.not_yet")
    return Card(heading, say("board.sub"), body=_list(sheet, rows), after=way_out)


def spelt(sheet: Sheet, nickname: str) -> str:
    """`brave-otter-12` in the reader's language."""
    quality, animal, number = nickname.split("-")
    return f"{sheet.say(f'nickname.{quality}')} {sheet.say(f'nickname.{animal}')} {number}"


def _invitation(sheet: AchievementsPage) -> Card:
    say = sheet.say
    lines = paragraph(say("board.what")) + paragraph(say("board.who", n=SMALLEST_GROUP), "sub")
    if sheet.left_as:
        undo = button(say("board.undo", name=spelt(sheet, sheet.left_as)), "join", sheet.left_as)
        return Card(say("board.left"), body=lines, after=_row_of_buttons([undo]))
    chosen = [button(spelt(sheet, one), "join", one) for one in sheet.offers]
    return Card(
        say("board.invitation"),
        body=lines + paragraph(say("board.choose"), "sub"),
        after=_row_of_buttons([*chosen, button(say("board.others"), "others", kind="plain")]),
    )


def _row_of_buttons(buttons: Sequence[Markup]) -> Markup:
    return Markup('<p class="buttons">{}</p>').format(join(buttons))


def _list(sheet: Sheet, rows: Sequence[Row]) -> Markup:
    return Markup('<ol class="board">{}</ol>').format(join(_line(sheet, row) for row in rows))


def _line(sheet: Sheet, row: Row) -> Markup:
    say = sheet.say
    name: str | Markup = spelt(sheet, row["nickname"])
    if row["mine"]:
        name = Markup("<strong>{}</strong>").format(say("board.you", name=name))
    place = sheet.visit.speech.number(row["place"]) if row["lessons"] else "–"
    marked = Markup(' class="mine"') if row["mine"] else ""
    lessons = say("board.lessons", n=row["lessons"])
    return Markup(
        '<li{}><span class="place">{}</span> <span>{}</span> <span class="sub">{}</span></li>'
    ).format(marked, place, name, lessons)
