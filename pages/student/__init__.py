"""A student's own page: what to do next, how the week goes, where each course stands."""

from __future__ import annotations

from datetime import datetime

from models.ask import Answer
from pages.cards import Card, Figure, Number, paragraph
from pages.figures import figured
from pages.findings import before, change
from pages.findings import then as compared
from pages.insights import InsightDeeds, insights_card
from pages.learner.parts import ago, calendar_card, is_done, results_card, standing, streak_of, tiles
from pages.learner.reading import answer_about
from pages.learner.skills import radar_card
from pages.recommendations import RecommendationDeeds, next_step_card
from pages.rows import row_of, rows_of
from pages.sheet import Asking, Sheet, Slot
from pages.student.goal import GoalDeeds, goal_card
from pages.student.news import news


class StudentPage(GoalDeeds, InsightDeeds, RecommendationDeeds, Sheet):
    insight_slots = ("changed",)
    step_slots = ("onward",)
    period = "week"
    slots = (
        Slot("hello", height=64, live=True, bare=True, alone=True),
        Slot("onward", height=160, alone=True),
        Slot("glance", height=128, live=True, bare=True, alone=True),
        Slot("mine", height=360, alone=True),
        Slot("goal", span=8, height=120, live=True, alone=True),
        Slot("skills", span=4, height=440, rows=2, alone=True),
        Slot("year", span=8, height=280, alone=True),
        Slot("results", span=6, height=300, alone=True),
        Slot("changed", span=6, height=300, alone=True),
    )

    async def hello(self, ask: Asking) -> Card:
        hour = datetime.now(self.visit.speech.zone).hour
        part = "morning" if hour < 12 else "afternoon" if hour < 18 else "evening"
        greeting = self.say(f"student.{part}", name=self.visit.me.first_name)
        told = await news(self, ask)
        return Card(
            body=paragraph(greeting, "greeting") + paragraph(await self._week(ask), "sub") + told,
            answers=(),
        )

    async def _week(self, ask: Asking) -> str:
        speech = self.visit.speech
        now = row_of(await ask("learning_minutes"))["learning_minutes"] or 0
        then = row_of(await ask.before("learning_minutes"))["learning_minutes"] or 0
        ask.answers.clear()
        if not now:
            return self.say("student.week_nothing")
        more = now - then
        key = "same" if abs(more) < 5 else "more" if more > 0 else "less"
        return self.say(
            f"student.week_{key}",
            time=speech.duration(now * 60),
            than=speech.duration(abs(more) * 60),
            before=before(speech, self.filters),
        )

    async def onward(self, ask: Asking) -> Card | None:
        return await next_step_card(self, ask)

    async def glance(self, ask: Asking) -> Card:
        speech, say = self.visit.speech, self.say
        run, days = await streak_of(self, ask), ask.newest
        state = await answer_about(self, ask, "learner_now")
        rows, courses = await standing(self, ask), ask.newest
        finished = sum(is_done(r) for r in rows)
        spent = await ask("learning_minutes")
        now = row_of(spent)["learning_minutes"] or 0
        then = row_of(await ask.before("learning_minutes"))["learning_minutes"] or 0
        found = change(now, then)
        more = found.tone() == "good"  # less is no reason to blame anybody
        return figured(
            [
                Figure(
                    say("student.streak"),
                    say("learner.school_days", n=run.current),
                    say("student.longest", n=run.longest),
                    number=Number(run.current, days, unit="school days"),
                ),
                *self._momentum(state),
                Figure(
                    say("student.time"),
                    speech.duration(now * 60),
                    compared(speech, speech.duration(then * 60), self.filters, found if more else None),
                    "good" if more else "plain",
                    number=Number(now, spent, "learning_minutes", before=then),
                ),
                Figure(
                    say("student.completed"),
                    say("learner.of", n=finished, all=len(rows)),
                    say("student.under_way", n=len(rows) - finished),
                    number=Number(finished, courses, of=len(rows), unit="courses"),
                ),
            ]
        )

    def _momentum(self, answer: Answer) -> list[Figure]:
        """How it goes at this moment; somebody who has never been here has none."""
        state = next(iter(rows_of(answer)), None)
        if state is None or state["last_active"] is None:
            return []
        say, momentum = self.say, state["momentum"]
        today = say("student.today", n=state["lessons_today"]) if momentum == "high" else ""
        seen = today or say("student.seen", when=ago(self, state["last_active"]))
        told = say(f"student.momentum_{momentum}")
        return [Figure(say("student.momentum"), told, seen, number=Number(None, answer))]

    async def mine(self, ask: Asking) -> Card:
        rows = await standing(self, ask)
        if not rows:
            return Card(self.say("student.courses"), empty=self.say("student.no_courses"))
        return Card(self.say("student.courses"), body=tiles(self, rows))

    async def year(self, ask: Asking) -> Card:
        return await calendar_card(self, ask, "student")

    async def goal(self, ask: Asking) -> Card:
        return await goal_card(self, ask)

    async def results(self, ask: Asking) -> Card:
        return await results_card(self, ask, "student")

    async def skills(self, ask: Asking) -> Card:
        return await radar_card(self, ask, "student")

    async def changed(self, ask: Asking) -> Card:
        return await insights_card(self, ask)


__all__ = ["StudentPage"]
