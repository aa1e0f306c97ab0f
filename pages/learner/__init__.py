"""One learner, as a teacher sees him or her. The address holds the pseudonym, never the name."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from markupsafe import Markup

from models.errors import NotFound
from pages.cards import Card, Figure, Number, join, paragraph
from pages.figures import figured
from pages.findings import then as compared
from pages.insights import InsightDeeds, insights_card
from pages.learner.habits import habits_card
from pages.learner.line import line_card
from pages.learner.parts import (
    STREAK_DAYS,
    ago,
    calendar_card,
    is_done,
    results_card,
    score_figure,
    standing,
    streak_of,
    tiles,
)
from pages.learner.skills import gaps_card, strengths_card
from pages.learner.unusual import unusual_card
from pages.me import Choice
from pages.recommendations import read_steps, steps_of
from pages.rows import row_of
from pages.sheet import Asking, Sheet, Slot
from pages.teacher.plans import PlanDeeds, nothing_yet, plan_buttons, tile

HABITS = 2  # read at once; the others are one click away


class LearnerPage(PlanDeeds, InsightDeeds, Sheet):
    period = "28d"
    slots = (
        Slot("who", height=40, bare=True),
        Slot("glance", height=128, live=True, bare=True),
        Slot("done", span=7, height=360, live=True),
        Slot("changed", span=5, height=360),
        Slot("unusual", height=200),
        Slot("line", span=7, height=420),
        Slot("onward", span=5, height=420),
        Slot("skills", span=6, height=400, rows=2),
        Slot("gaps", span=6, height=180),
        Slot("habits", span=6, height=240),
        Slot("courses", height=320),
        Slot("results", height=280),
        Slot("year", height=240),
    )
    plan_slots = ("done", "line")
    insight_slots = ("changed",)

    async def prepare(self) -> None:
        await super().prepare()
        child = self.filters.child
        names = await self.visit.desk.names([int(child)]) if child else {}
        if not child or int(child) not in names:
            raise NotFound()
        self.offered = replace(self.offered, children=(Choice(child, names[int(child)]),))

    async def who(self, ask: Asking) -> Card:
        name = self.mark_label("learner_id", self.filters.child or "")
        since = self.today - timedelta(days=STREAK_DAYS)
        seen = row_of(await ask("last_active", since=since, until=self.today + timedelta(days=1)))
        ask.answers.clear()
        day = seen["last_active"]
        when = self.say("learner.last_seen", when=ago(self, day)) if day else self.say("teacher.not_yet")
        return Card(body=paragraph(name, "greeting") + paragraph(when, "sub"))

    async def glance(self, ask: Asking) -> Card:
        say, speech = self.say, self.visit.speech
        run, days = await streak_of(self, ask), ask.newest
        rows, courses = await standing(self, ask), ask.newest
        finished = sum(is_done(r) for r in rows)
        measures = ("active_days", "learning_minutes", "lessons_completed", "mean_score")
        answer, past = await ask(*measures), await ask.before(*measures)
        now, then = row_of(answer), row_of(past)

        def than(value: str) -> str:
            return compared(speech, value, self.filters)

        def number(measure: str) -> Number:
            return Number(now[measure] or 0, answer, measure, before=then[measure] or 0)

        minutes, minutes_then = now["learning_minutes"] or 0, then["learning_minutes"] or 0
        return figured(
            [
                Figure(
                    say("learner.days"),
                    say("word.days", n=now["active_days"] or 0),
                    than(say("word.days", n=then["active_days"] or 0)),
                    number=number("active_days"),
                ),
                Figure(
                    say("learner.time"),
                    speech.duration(minutes * 60),
                    than(speech.duration(minutes_then * 60)),
                    number=number("learning_minutes"),
                ),
                score_figure(self, say("learner.mean"), answer, past),
                Figure(
                    say("learner.streak"),
                    say("learner.school_days", n=run.current),
                    say("learner.longest", n=run.longest),
                    number=Number(run.current, days, unit="school days"),
                ),
                Figure(
                    say("learner.completed"),
                    say("learner.of", n=finished, all=len(rows)),
                    number=Number(finished, courses, of=len(rows), unit="courses"),
                ),
            ]
        )

    @property
    def learner_name(self) -> str:
        return self.mark_label("learner_id", self.filters.child or "")

    @property
    def may_intervene(self) -> bool:
        return bool(self.visit.me.role == "teacher")

    async def done(self, ask: Asking) -> Card | None:
        """What was begun for the learner, and what to begin. Of the class's teachers, nobody else's."""
        if not self.may_intervene:
            return None
        rows = await self.plans(self.filters.child)
        colleagues = await self.visit.desk.look("colleagues")
        tiles = Markup('<ul class="plans">{}</ul>').format(join(tile(self, row, colleagues) for row in rows))
        begin = Markup('<h3 class="begin">{}</h3>{}').format(
            self.say("plan.begin"), plan_buttons(self, self.filters.child or "")
        )
        return Card(self.say("plan.heading"), body=(tiles if rows else nothing_yet(self)) + begin)

    async def changed(self, ask: Asking) -> Card:
        return await insights_card(self, ask, name=self.learner_name)

    async def line(self, ask: Asking) -> Card:
        return await line_card(self, ask, await self.plans(self.filters.child) if self.may_intervene else ())

    async def onward(self, ask: Asking) -> Card:
        """What Headway shows the learner as next steps, read-only."""
        rows = [row for row in await read_steps(self, ask) if row["rank"]]
        heading = self.say("recommend.for_learner")
        if not rows:
            return Card(heading, empty=self.say("recommend.nothing"))
        lines = join(
            Markup('<li><strong>{}</strong><br><span class="sub">{} {}</span></li>').format(*parts)
            for parts in (steps_of(self, row) for row in rows)
        )
        return Card(
            heading,
            self.say("recommend.for_learner_sub"),
            body=Markup('<ol class="ways">{}</ol>').format(lines),
        )

    async def unusual(self, ask: Asking) -> Card | None:
        return await unusual_card(self, ask, "observed")

    async def skills(self, ask: Asking) -> Card:
        return await strengths_card(self, ask, "observed")

    async def gaps(self, ask: Asking) -> Card | None:
        return await gaps_card(self, ask, "observed")

    async def habits(self, ask: Asking) -> Card:
        return await habits_card(self, ask, "observed", most=HABITS)

    async def courses(self, ask: Asking) -> Card:
        rows = await standing(self, ask)
        if not rows:
            return Card(self.say("learner.courses"), empty=self.say("learner.no_courses"))
        return Card(self.say("learner.courses"), body=tiles(self, rows))

    async def results(self, ask: Asking) -> Card:
        return await results_card(self, ask, "learner")

    async def year(self, ask: Asking) -> Card:
        return await calendar_card(self, ask, "learner")


__all__ = ["LearnerPage"]
