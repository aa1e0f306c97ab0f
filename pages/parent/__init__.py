"""A child's week for the parents: in words, in three charts, with nothing to press and no other child."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from markupsafe import Markup

from pages import charts
from pages.cards import Card, bullets, join, paragraph
from pages.filters import Filters
from pages.findings import change, nothing, title
from pages.learner.parts import ago, free_days, results_card, standing, tiles, total
from pages.parent.words import sentences, week_of
from pages.rows import rows_of
from pages.sheet import Asking, Sheet, Slot
from pages.spans import places, running, step_of, weeks_until

WEEKS = 8
MONTH_DAYS = 30


class ParentPage(Sheet):
    period = "week"
    slots = (
        Slot("words", height=200),
        Slot("active", span=6, height=300),
        Slot("finished", span=6, height=300),
        Slot("results", span=12, height=300),
        Slot("courses", height=240),
        Slot("worked_out", height=160),
    )

    def _read(self, query: Mapping[str, str]) -> Filters:
        """A child is always chosen: two children's numbers are never added up."""
        read = super()._read(query)
        mine = [child.value for child in self.visit.me.children]
        if read.child in mine:
            return read
        problems = (*read.problems, "filter.unknown_choice") if read.child else read.problems
        return replace(read, child=mine[0] if mine else None, problems=problems)

    @property
    def child(self) -> str:
        """The first name, or "" where there is no child to see."""
        found = (c.label for c in self.visit.me.children if c.value == self.filters.child)
        return next(found, "").split(" ")[0]

    async def words(self, ask: Asking) -> Card:
        if not self.filters.child:
            return Card(self.say("parent.no_child"), empty=self.say("parent.no_child_means"))
        speech = self.visit.speech
        heading = self.say(
            "parent.whole_week" if self.filters.period in ("week", "last-week") else "parent.week",
            name=self.child,
            span=speech.span(self.filters.since, self.filters.until),
        )
        week = await week_of(self, ask, MONTH_DAYS)
        if not week.days and not week.days_before:
            return Card(heading, empty=await nothing(ask, speech))
        seen = ago(self, week.last_active) if week.last_active else ""
        told = sentences(speech, self.child, week, self.filters, seen)
        return Card(heading, body=Markup('<div class="prose">{}</div>').format(join(map(paragraph, told))))

    async def active(self, ask: Asking) -> Card | None:
        if not self.filters.child:
            return None
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

    async def courses(self, ask: Asking) -> Card | None:
        if not self.filters.child:
            return None
        rows = await standing(self, ask)
        if not rows:
            return Card(self.say("parent.courses"), empty=self.say("parent.no_courses", name=self.child))
        return Card(self.say("parent.courses"), body=tiles(self, rows))

    async def worked_out(self, ask: Asking) -> Card | None:
        """How the sentences above come about, in plain words."""
        if not self.filters.child:
            return None
        lines = [
            self.say(f"parent.worked_{n}", n=MONTH_DAYS) for n in ("day", "time", "lesson", "result", "late")
        ]
        return Card(self.say("parent.worked_out"), body=bullets(lines))


__all__ = ["ParentPage"]
