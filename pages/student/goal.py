"""A goal for the week that a student sets, changes and takes away. Nobody else is told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from pages.cards import Card, button, join, paragraph, progress
from pages.filters import span_of
from pages.rows import row_of

if TYPE_CHECKING:
    from pages.places import Visit
    from pages.sheet import Asking, Sheet

SETTING = "week_goal"
OFFERED: Mapping[str, Sequence[int]] = {
    "learning_minutes": (30, 60, 90, 120, 180),
    "lessons_completed": (1, 2, 3, 5, 8),
}
USUAL_WEEKS = 4


async def goal_card(sheet: GoalSheet, ask: Asking) -> Card:
    goal = (await sheet.visit.desk.look("settings")).get(SETTING)
    if sheet.choosing:
        return await _offer(sheet, ask, goal)
    if goal is None:
        after = _buttons([*_undo(sheet), button(sheet.say("goal.begin"), "goal_choose", "", "primary")])
        return Card(sheet.say("goal.none"), body=paragraph(sheet.say("goal.none_means")), after=after)
    measure, amount = str(goal["measure"]), int(goal["amount"])
    done = row_of(await ask(measure, filters=_week(sheet)))[measure] or 0
    reached = "reached" if done >= amount else "found"
    title = sheet.say(f"goal.{reached}_{measure}", n=amount, done=sheet.visit.speech.number(done, 0))
    left = sheet.say("goal.left", n=_days_left(sheet))
    bar = progress(done / amount, sheet.visit.speech.share(min(1.0, done / amount)))
    change = [
        button(sheet.say("goal.change"), "goal_choose"),
        button(sheet.say("goal.leave"), "goal", _off(goal)),
    ]
    return Card(
        title, f"{left} {sheet.say('goal.alone')}", body=bar, after=_buttons([*_undo(sheet), *change])
    )


async def _offer(sheet: GoalSheet, ask: Asking, goal: Mapping[str, Any] | None) -> Card:
    """What is usual stands beside, so that a goal can be one that is met."""
    week = _week(sheet)
    span = replace(week, since=week.since - timedelta(weeks=USUAL_WEEKS), until=week.since)
    usual = row_of(await ask(*OFFERED, filters=span))
    parts = []
    for measure, amounts in OFFERED.items():
        weekly = (usual[measure] or 0) / USUAL_WEEKS
        heading = sheet.say(f"goal.choose_{measure}", usual=sheet.visit.speech.number(weekly, 0))
        row = _buttons(
            button(sheet.say(f"goal.{measure}", n=amount), "goal", f"{measure} {amount}")
            for amount in amounts
        )
        parts.append(Markup("<div>{}{}</div>").format(paragraph(heading, "sub"), row))
    back = _buttons([button(sheet.say("goal.keep" if goal else "goal.later"), "goal_close")])
    return Card(sheet.say("goal.choose"), sheet.say("goal.alone"), body=join(parts), after=back, answers=())


def _undo(sheet: GoalSheet) -> list[Markup]:
    if sheet.goal_was is None:
        return []
    return [button(sheet.say("goal.undo"), "goal_undo", sheet.goal_was)]


def _off(goal: Mapping[str, Any]) -> str:
    return f"{goal['measure']} 0"


def _week(sheet: Sheet) -> Any:
    since, until = span_of("week", sheet.today, sheet.visit.speech.first_weekday)
    return replace(sheet.filters, since=since, until=until, marks={})


def _days_left(sheet: Sheet) -> int:
    return int((_week(sheet).until - sheet.today).days)


def _buttons(buttons: Any) -> Markup:
    return Markup('<p class="buttons">{}</p>').format(join(buttons))


class GoalDeeds:
    """For a sheet with a slot called "goal"."""

    choosing = False
    goal_was: str | None = None  # the goal before the last change, for who wants back
    visit: Visit

    async def do_goal_choose(self, value: str) -> Sequence[str]:
        self.choosing = True
        return ("goal",)

    async def do_goal_close(self, value: str) -> Sequence[str]:
        self.choosing = False
        return ("goal",)

    async def do_goal(self, value: str) -> Sequence[str]:
        was = (await self.visit.desk.look("settings")).get(SETTING)
        await self._set(value)
        self.goal_was = f"{was['measure']} {was['amount']}" if was else _off({"measure": value.split(" ")[0]})
        return ("goal",)

    async def do_goal_undo(self, value: str) -> Sequence[str]:
        await self._set(value)
        self.goal_was = None
        return ("goal",)

    async def _set(self, value: str) -> None:
        measure, _, amount = value.partition(" ")
        await self.visit.desk.do(
            "set_goal", measure=measure, amount=int(amount) if amount.isdecimal() else -1
        )
        self.choosing = False


if TYPE_CHECKING:

    class GoalSheet(GoalDeeds, Sheet):
        """A sheet that knows how to change its goal."""
