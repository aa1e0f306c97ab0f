"""What a student asked to be told: something was reached, or a run of school days has ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from markupsafe import Markup

from compute.streaks import last_run, streak
from pages.cards import bullets, tone
from pages.learner.parts import STREAK_DAYS, free_days
from pages.learner.reading import rows_about
from pages.rows import rows_of
from pages.student.achievements import reward_name
from pages.student.telling import wants_news

if TYPE_CHECKING:
    from pages.sheet import Asking, Sheet

FRESH_DAYS = 3  # something reached is news for so long
MOST = 3
WORTH_TELLING = 3  # school days; a shorter run is no loss
SOON_DAYS = 7  # an ended run is told for so long, and then rests


async def news(sheet: Sheet, ask: Asking) -> Markup:
    """Nothing for who did not ask for it."""
    if not await wants_news(sheet):
        return Markup("")
    lines = [*await _reached(sheet, ask), *await _ended(sheet, ask)]
    return bullets(lines) if lines else Markup("")


async def _reached(sheet: Sheet, ask: Asking) -> list[Markup]:
    since = sheet.today - timedelta(days=FRESH_DAYS - 1)
    rows = [row for row in await rows_about(sheet, ask, "rewards") if row["on"] >= since]
    return [tone(sheet.say("news.reached", what=reward_name(sheet, row)), "good") for row in rows[:MOST]]


async def _ended(sheet: Sheet, ask: Asking) -> list[str]:
    until = sheet.today + timedelta(days=1)
    span = replace(sheet.filters, since=sheet.today - timedelta(days=STREAK_DAYS), until=until)
    active = [row["day"] for row in rows_of(await ask("events", by="day", filters=span))]
    free = await free_days(sheet, ask, span)
    run, now = last_run(active, free, sheet.today), streak(active, free, sheet.today)
    if now.current or run < WORTH_TELLING or now.last_active is None:
        return []
    if (sheet.today - now.last_active).days > SOON_DAYS:
        return []
    return [sheet.say("news.ended", n=run)]
