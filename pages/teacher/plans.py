"""What was done for a learner, in words, and the buttons to record it. Seen by the class's teachers alone."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from models.errors import BadQuestion
from pages.cards import button, join, paragraph, tone

if TYPE_CHECKING:
    from pages.places import Visit
    from pages.sheet import Sheet

PLANS = ("talk", "practice", "message", "family", "other")
OUTCOMES = ("helped", "no_change", "worse")
LATER_DAYS = (7, 14)
KEPT_S = 1.0  # moves of the data come several times a second; each reading is written into the audit
Row = Mapping[str, Any]


def plan_words(sheet: Sheet, row: Row) -> str:
    if row["origin"] == "rule":
        scores = [sheet.visit.speech.number(score) for score in row["scores"]]
        return sheet.say("plan.struggle", n=len(scores), scores=", ".join(scores))
    words = sheet.say(f"plan.{row['plan']}")
    return f"{words}: {row['text']}" if row["text"] else words


def since_words(sheet: Sheet, row: Row) -> str:
    day = date.fromisoformat(str(row["made_on"])[:10])
    by = row["to"] or row["by"]
    shown = sheet.visit.speech.day(day)
    return sheet.say("plan.since_by", day=shown, name=by) if by else sheet.say("plan.since", day=shown)


def follow_words(sheet: Sheet, row: Row) -> Markup:
    """When to look again; overdue is said."""
    if not row["follow_up"] or not row["open"]:
        return Markup("")
    day = date.fromisoformat(row["follow_up"])
    shown = sheet.visit.speech.day(day)
    if day <= sheet.today:
        return tone(sheet.say("plan.look_now", day=shown), "watch")
    return Markup("{}").format(sheet.say("plan.look_again", day=shown))


def plan_buttons(sheet: Sheet, learner_id: str | int) -> Markup:
    """What a teacher may begin for a learner."""
    buttons = join(button(sheet.say(f"plan.{plan}"), "plan", f"{learner_id} {plan}") for plan in PLANS)
    return Markup('<p class="buttons">{}</p>').format(buttons)


def tile(sheet: Sheet, row: Row, colleagues: Sequence[Row] = (), head: Markup | str = "") -> Markup:
    """One intervention: its steps in a line of time, and what can be done next."""
    outcome = row["outcome"]
    state = (
        tone(sheet.say(f"plan.outcome_{outcome}"), "good" if outcome == "helped" else "plain")
        if outcome
        else follow_words(sheet, row)
    )
    steps = join(_step(sheet, row, step) for step in row["steps"])
    return Markup(
        '<li class="tile plan">{}<h3>{}</h3><p class="sub">{}</p><p>{}</p><ol class="line">{}</ol>{}</li>'
    ).format(
        head, plan_words(sheet, row), since_words(sheet, row), state, steps, _next(sheet, row, colleagues)
    )


def _step(sheet: Sheet, row: Row, step: Row) -> Markup:
    say, speech, kind = sheet.say, sheet.visit.speech, step["kind"]
    words = {
        "made": lambda: say("plan.step_made_rule" if row["origin"] == "rule" else "plan.step_made"),
        "note": lambda: step["text"],
        "assigned": lambda: say("plan.step_assigned", name=step["text"] or say("plan.somebody")),
        "follow_up": lambda: say("plan.step_follow_up", day=speech.day(date.fromisoformat(step["text"]))),
        "outcome": lambda: say(f"plan.outcome_{step['text']}"),
    }[kind]()
    who = " · ".join(part for part in (_when(sheet, step), step["by"]) if part)
    back = button(say("plan.take_back"), "take_back", f"{row['id']} {step['id']}") if step["mine"] else ""
    return Markup('<li><span class="sub">{}</span> {} {}</li>').format(who, words, back)


def _when(sheet: Sheet, step: Row) -> str:
    at = step["at"] if isinstance(step["at"], datetime) else datetime.fromisoformat(str(step["at"]))
    return sheet.visit.speech.day(at.astimezone(sheet.visit.speech.zone).date(), "MMMd")


def _next(sheet: Sheet, row: Row, colleagues: Sequence[Row]) -> Markup:
    if not row["open"]:
        return Markup("")
    say, name = sheet.say, row["id"]
    later = [
        button(
            say("plan.look_in", n=days),
            "follow_up",
            f"{name} {(sheet.today + timedelta(days=days)).isoformat()}",
        )
        for days in LATER_DAYS
    ]
    give = [
        button(say("plan.give", name=one["name"]), "give", f"{name} {one['person_id']}") for one in colleagues
    ]
    came = [button(say(f"plan.outcome_{outcome}"), "outcome", f"{name} {outcome}") for outcome in OUTCOMES]
    note = Markup(
        '<p class="noting"><label class="unseen" for="note-{}">{}</label>'
        '<input id="note-{}" type="text" maxlength="400" placeholder="{}" autocomplete="off">'
        '<button type="button" class="quiet" data-do="note" data-with="note-{}" value="{}">{}</button></p>'
    ).format(name, say("plan.note"), name, say("plan.note"), name, name, say("plan.note_add"))
    return Markup(
        '{}<details id="more-{}"><summary>{}</summary><p class="buttons">{}</p></details>'
        '<p class="sub">{}</p><p class="buttons">{}</p>'
    ).format(note, name, say("plan.more"), join([*later, *give]), say("plan.what_came"), join(came))


class PlanDeeds:
    """For a sheet on which things are begun and followed: name the slots in `plan_slots`."""

    plan_slots: tuple[str, ...] = ()
    plans_open_only = False  # where only what is under way is shown
    visit: Visit
    _plans: tuple[str | None, float, list[dict[str, Any]]] | None = None

    async def plans(self, learner_id: str | None = None) -> list[dict[str, Any]]:
        kept = self._plans
        if kept is None or kept[0] != learner_id or time.monotonic() - kept[1] > KEPT_S:
            rows = list(
                await self.visit.desk.look(
                    "interventions", learner_id=learner_id, open_only=self.plans_open_only
                )
            )
            kept = self._plans = (learner_id, time.monotonic(), rows)
        return kept[2]

    async def do_plan(self, value: str) -> Sequence[str]:
        learner, _, plan = value.partition(" ")
        return await self._record("intervene", learner_id=learner, plan=plan)

    async def do_note(self, value: str) -> Sequence[str]:
        name, _, text = value.partition("\n")
        return await self._record("intervention_step", intervention_id=name, kind="note", value=text)

    async def do_follow_up(self, value: str) -> Sequence[str]:
        return await self._step_of("follow_up", value)

    async def do_give(self, value: str) -> Sequence[str]:
        return await self._step_of("assigned", value)

    async def do_outcome(self, value: str) -> Sequence[str]:
        return await self._step_of("outcome", value)

    async def do_take_back(self, value: str) -> Sequence[str]:
        name, _, step = value.partition(" ")
        if not step.isdecimal():
            raise BadQuestion("There is no such step.")
        return await self._record("undo_intervention_step", intervention_id=name, step_id=int(step))

    async def _step_of(self, kind: str, value: str) -> Sequence[str]:
        name, _, said = value.partition(" ")
        return await self._record("intervention_step", intervention_id=name, kind=kind, value=said)

    async def _record(self, deed: str, **fields: Any) -> Sequence[str]:
        await self.visit.desk.do(deed, **fields)
        self._plans = None
        return self.plan_slots


def nothing_yet(sheet: Sheet) -> Markup:
    return paragraph(sheet.say("plan.nothing"), "sub")
