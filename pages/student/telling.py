"""Does a student want to be told what was reached? Asked, answered and taken back in one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from pages.cards import Card, button, paragraph

if TYPE_CHECKING:
    from pages.places import Visit
    from pages.sheet import Sheet

SETTING = "tell_news"


async def wants_news(sheet: Sheet) -> bool:
    return bool((await sheet.visit.desk.look("settings")).get(SETTING))


async def telling_card(sheet: Sheet) -> Card:
    """Where it is asked for, and where it ends."""
    say, on = sheet.say, await wants_news(sheet)
    turn = button(say("news.stop" if on else "news.begin"), "tell", "off" if on else "on")
    after = Markup('<p class="buttons">{}</p>').format(turn)
    return Card(say("news.on" if on else "news.ask"), body=paragraph(say("news.means")), after=after)


class NewsDeeds:
    """For a sheet with a slot called "telling"."""

    visit: Visit

    async def do_tell(self, value: str) -> Sequence[str]:
        await self.visit.desk.do("save_setting", name=SETTING, value=True if value == "on" else None)
        return ("telling",)
