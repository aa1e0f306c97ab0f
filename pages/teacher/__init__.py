"""A class at a glance: who needs the teacher first, then how the class goes, then everybody."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from markupsafe import Markup

from models.ask import Answer
from pages.cards import Card, Figure, Number, button, join, paragraph, tone
from pages.figures import figured
from pages.filters import Filters
from pages.findings import then as compared
from pages.learner.parts import score_figure
from pages.rows import row_of
from pages.sheet import Asking, Sheet, Slot
from pages.tables import Turn, table
from pages.teacher.matrix import matrix
from pages.teacher.plans import PlanDeeds, plan_words, since_words
from pages.teacher.roster import Learner, Roster, columns, roster_of
from pages.teacher.why import reason_tone, why

MOST_NAMED = 3
KEPT_S = 50.0  # the cards of one look share one reading of the class


class TeacherPage(PlanDeeds, Sheet):
    period = "week"
    slots = (
        Slot("needs", height=264, live=True),
        Slot("glance", height=128, live=True, bare=True),
        Slot("risks", span=8, height=400),
        Slot("onward", span=4, height=400),
        Slot("everybody", height=560),
    )
    plan_slots = ("needs",)
    plans_open_only = True

    kept: tuple[Filters, float, asyncio.Task[tuple[Roster, list[Answer]]]] | None = None

    async def roster(self, ask: Asking) -> Roster:
        """Read once for all cards: every reading of learners is written into the audit."""
        kept = self.kept
        if kept is None or kept[0] != self.filters or time.monotonic() - kept[1] > KEPT_S or _failed(kept[2]):
            task = asyncio.ensure_future(self._read_roster(Asking(self)))
            kept = self.kept = (self.filters, time.monotonic(), task)
        roster, answers = await asyncio.shield(kept[2])
        ask.answers.extend(answers)
        return roster

    async def _read_roster(self, ask: Asking) -> tuple[Roster, list[Answer]]:
        return await roster_of(self, ask), list(ask.answers)

    async def needs(self, ask: Asking) -> Card:
        if not self.offered.classes:
            return Card(self.say("teacher.no_class"), empty=self.say("teacher.no_class_means"))
        roster = await self.roster(ask)
        sub = self.say("teacher.needs_sub", span=self._of_class())
        if not roster.learners:
            return Card(self.say("teacher.empty_class"), empty=self.say("teacher.empty_class_means"))
        open_ = {int(row["learner_id"]): row for row in reversed(await self.plans()) if row["open"]}
        flagged = [one for one in roster.ranked if one.reasons or _was_raised(open_.get(one.learner_id))]
        # What a rule saw this minute comes first, then who most rules speak of.
        flagged.sort(key=lambda one: not _was_raised(open_.get(one.learner_id)))
        if not flagged:
            return Card(
                self.say("teacher.needs_nobody"), sub, body=paragraph(self.say("teacher.needs_rules"), "sub")
            )
        shown = flagged[:MOST_NAMED]
        marked = self.say("teacher.needs_marked", n=len(flagged), all=len(roster.learners))
        tiles = (self._needy(one, open_.get(one.learner_id)) for one in shown)
        return Card(
            self.say("teacher.needs_found", n=len(shown)),
            sub,
            body=Markup('<ul class="tiles">{}</ul>').format(join(tiles)),
            after=Markup(
                '<p class="sub after">{}</p><details><summary>{}</summary><p class="sub">{}</p></details>'
            ).format(marked, self.say("teacher.needs_how"), self.say("teacher.needs_rules")),
            answers=(roster.answer(self, ask.answers[0]), *ask.answers),
        )

    def _needy(self, one: Learner, row: Mapping[str, Any] | None) -> Markup:
        reasons = [tone(why(self, reason), reason_tone(reason)) for reason in one.reasons[:2]]
        if row is None:
            does = Markup('<p class="buttons">{} {}</p>').format(
                button(self.say("teacher.plan_talk"), "plan", f"{one.learner_id} talk"),
                button(self.say("teacher.plan_practice"), "plan", f"{one.learner_id} practice"),
            )
        elif _was_raised(row):
            reasons.insert(0, tone(plan_words(self, row), "urgent"))
            does = Markup('<p><a href="/learner?child={}">{}</a></p>').format(
                one.learner_id, self.say("teacher.answer_it")
            )
        else:
            made = row["steps"][0]
            back = (
                button(self.say("plan.take_back"), "take_back", f"{row['id']} {made['id']}")
                if made["mine"]
                else ""
            )
            running = self.say("plan.running", plan=plan_words(self, row), since=since_words(self, row))
            does = Markup('<p class="buttons">{} {}</p>').format(tone(running, "good"), back)
        lines = join(Markup("<p>{}</p>").format(reason) for reason in reasons)
        return Markup('<li class="tile"><h3>{}</h3>{}{}</li>').format(one.link(self), lines, does)

    async def risks(self, ask: Asking) -> Card | None:
        """Nobody is a point without a name: each dot says who, how often here, and which rules speak."""
        roster = await self.roster(ask) if self.offered.classes else None
        if roster is None or not roster.learners:
            return None
        middle = statistics.median(one.engagement for one in roster.learners)
        seldom = sum(bool(one.reasons) and one.engagement < middle for one in roster.learners)
        title = self.say("teacher.matrix_found", n=seldom) if seldom else self.say("teacher.matrix_none")
        return Card(
            title,
            self.say("teacher.matrix_sub"),
            body=matrix(self, roster.learners),
            answers=(roster.answer(self, ask.answers[0]), *ask.answers),
        )

    async def onward(self, ask: Asking) -> Card | None:
        """Where the rest of the class's story stands."""
        if not self.offered.classes:
            return None
        here = self.filters.link(period=None)
        places = ("content", "assessments", "interventions", "compare")
        lines = join(
            Markup('<li><a href="/{}{}"><strong>{}</strong></a><br><span class="sub">{}</span></li>').format(
                place, here, self.say(f"teacher.to_{place}"), self.say(f"teacher.to_{place}_means")
            )
            for place in places
        )
        return Card(self.say("teacher.onward"), body=Markup('<ul class="ways">{}</ul>').format(lines))

    def _of_class(self) -> str:
        chosen = next((c.label for c in self.offered.classes if c.value == self.filters.class_), None)
        return chosen or self.say("teacher.all_classes", n=len(self.offered.classes))

    async def glance(self, ask: Asking) -> Card | None:
        if not self.offered.classes:
            return None
        speech, say = self.visit.speech, self.say
        roster, read = await self.roster(ask), ask.newest
        if not roster.learners:
            return None
        measures = ("active_learners", "lessons_completed", "mean_score")
        answer, past = await ask(*measures), await ask.before(*measures)
        now, then = row_of(answer), row_of(past)
        total, fine = len(roster.learners), sum(not one.reasons for one in roster.learners)
        were_fine = sum(one.was_fine for one in roster.learners)

        def than(value: str) -> str:
            return compared(speech, value, self.filters)

        def number(measure: str, of: int | None = None) -> Number:
            return Number(now[measure] or 0, answer, measure, of=of, before=then[measure] or 0)

        return figured(
            [
                Figure(
                    say("teacher.active"),
                    say("learner.of", n=now["active_learners"] or 0, all=total),
                    than(speech.number(then["active_learners"] or 0)),
                    number=number("active_learners", total),
                ),
                Figure(
                    say("teacher.lessons"),
                    speech.number(now["lessons_completed"] or 0),
                    than(speech.number(then["lessons_completed"] or 0)),
                    number=number("lessons_completed"),
                ),
                score_figure(self, say("teacher.mean"), answer, past),
                Figure(
                    say("teacher.on_track"),
                    say("learner.of", n=fine, all=total),
                    say("teacher.on_track_then", n=were_fine),
                    number=Number(
                        fine, read, of=total, before=were_fine, unit="learners", days=self._until_today()
                    ),
                ),
            ]
        )

    def _until_today(self) -> tuple[date, date]:
        """What the rules judge is how somebody stands now, whatever the period."""
        return self.today, self.today + timedelta(days=1)

    async def everybody(self, ask: Asking) -> Card | None:
        if not self.offered.classes:
            return None
        roster = await self.roster(ask)
        if not roster.learners:
            return None
        rows = [{"learner": one} for one in roster.ranked]
        one = self.say("teacher.one_learner") if len(rows) == 1 else ""
        body = table(
            self.visit.speech,
            rows,
            columns(self),
            self.turns.get("everybody", Turn()),
            self.say("teacher.everybody"),
        )
        return Card(
            self.say("teacher.everybody_found", n=len(rows)),
            one or self.say("teacher.everybody_sub", span=self._of_class()),
            body=body,
            answers=(roster.answer(self, ask.answers[0]), *ask.answers),
        )


def _was_raised(row: Mapping[str, Any] | None) -> bool:
    """By a rule, and nobody has taken it up yet."""
    return row is not None and row["origin"] == "rule" and len(row["steps"]) == 1


def _failed(task: asyncio.Task[tuple[Roster, list[Answer]]]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


__all__ = ["TeacherPage"]
