"""What the school decides for all its people, each with what it means and a way back."""

from __future__ import annotations

from pages.cards import Card, button, paragraph, tone
from pages.sheet import Asking, Sheet, Slot


class SettingsPage(Sheet):
    slots = (Slot("leaderboard", height=200),)

    async def leaderboard(self, ask: Asking) -> Card:
        say = self.say
        is_on = (await self.visit.desk.look("school_settings"))["leaderboard"]
        state = tone(say("settings.on"), "good") if is_on else paragraph(say("settings.off"))
        turn = button(
            say("settings.turn_off" if is_on else "settings.turn_on"), "turn", "off" if is_on else "on"
        )
        return Card(
            say("settings.leaderboard"),
            body=paragraph(say("settings.leaderboard_means"))
            + paragraph(say("settings.leaderboard_who"), "sub"),
            after=state + turn,
        )

    async def do_turn(self, value: str) -> list[str]:
        await self.visit.desk.do("set_school_setting", name="leaderboard", value=value == "on")
        return ["leaderboard"]
