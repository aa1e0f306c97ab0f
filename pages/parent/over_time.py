"""A child's last weeks for the parents: time, finished lessons, results, and what goes well."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pages import charts
from pages.cards import Card
from pages.findings import change, nothing, title
from pages.learner.parts import free_days, results_card, total
from pages.learner.skills import strengths_card
from pages.parent.child import ChildSheet
from pages.rows import rows_of
from pages.sheet import Asking, Slot
from pages.spans import places, running, step_of, weeks_until

WEEKS = 8
MONTH_DAYS = 30


class ChildOverTimePage(ChildSheet):
    period = "28d"
    slots = (
        Slot("active", span=6, height=300, alone=True),
        Slot("finished", span=6, height=300, alone=True),
        Slot("results", height=300, alone=True),
        Slot("skills", height=340, alone=True),
    )

    async def active(self, ask: Asking) -> Card | None:
        if not self.filters.child:
            return self.no_child()
        step = step_of(self.filters)
        answer = await ask("learning_minutes", by=step)
        before = await ask.before("learning_minutes", by=step)
        if not total(answer, "learning_minutes") and not total(before, "learning_minutes"):
            return Card(self.say("parent.time"), empty=await nothing(ask, self.visit.speech))
        found = change(total(answer, "learning_minutes"), total(before, "learning_minutes"))
        drawing = charts.columns(
            answer,
            self.visit.speech,
            x=step,
            y="learning_minutes",
            unit="minutes",
            days=places(self.filters, step),
            compared=before,
            compared_days=places(self.filters.before, step),
            free=await free_days(self, ask, self.filters) if step == "day" else None,
            running=running(self.filters, step),
            after=self.today + timedelta(days=1),
        )
        return Card(
            title(self.visit.speech, "parent.time", found, self.filters),
            self.say(f"parent.time_by_{step}"),
            drawing=drawing,
        )

    async def finished(self, ask: Asking) -> Card | None:
        if not self.filters.child:
            return None
        weeks = weeks_until(self.today, WEEKS)
        span = replace(self.filters, since=weeks[0], until=self.today + timedelta(days=1))
        answer = await ask("lessons_completed", by="week", filters=span)
        by_week = {row["week"]: row["lessons_completed"] for row in rows_of(answer)}
        if not by_week:
            return Card(
                self.say("parent.finished"), empty=self.say("parent.finished_none", name=self.child, n=WEEKS)
            )
        drawing = charts.columns(
            answer,
            self.visit.speech,
            x="week",
            y="lessons_completed",
            days=weeks,
            running=weeks[-1],
        )
        heading = self.say("parent.finished_found", n=by_week.get(weeks[-1]) or 0)
        return Card(heading, self.say("parent.finished_sub", n=WEEKS), drawing=drawing)

    async def results(self, ask: Asking) -> Card | None:
        return await results_card(self, ask, "parent", MONTH_DAYS) if self.filters.child else None

    async def skills(self, ask: Asking) -> Card | None:
        return await strengths_card(self, ask, "parent") if self.filters.child else None
