"""The school as a whole: who is here, what is finished, what is earned; a click narrows all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from markupsafe import Markup

from models.ask import Answer
from pages import charts
from pages.admin import courses, people
from pages.admin import places as where
from pages.cards import Card, Figure, Number, button, sparkline
from pages.figures import figured
from pages.filters import Filters
from pages.findings import change, nothing, title
from pages.findings import then as compared
from pages.learner.parts import free_days
from pages.rows import Row, row_of, rows_of
from pages.sheet import Asking, Sheet, Slot
from pages.spans import places, running, step_of, weeks_until

WEEKS = 12
SPARK_DAYS = 14
MOST_COURSES = 5
PURPOSE = "administration"


class AdminPage(Sheet):
    period = "28d"
    marks = ("day", "week", "course_id")
    slots = (
        Slot("glance", height=128, live=True, bare=True),
        Slot("by_day", span=12, height=300, live=True),
        Slot("best", span=6, height=280),
        Slot("worst", span=6, height=280),
        Slot("by_week", height=300),
        Slot("where", span=7, height=320),
        Slot("points", span=5, height=320),
        Slot("people", height=160),
    )
    asked_who = False
    asked_points = False

    @property
    def whole(self) -> Filters:
        """The page's filters without what was clicked in a chart: that chart keeps all its columns."""
        return replace(self.filters, marks={})

    def picked(self, slot: str, mark: Mapping[str, str]) -> None:
        """A course is a filter of the bar; a day and a week replace each other."""
        if "course_id" in mark:
            again = self.filters.course == mark["course_id"]
            self.place({**self._query(), "course": "" if again else mark["course_id"]})
            return
        self.filters = replace(self.filters, marks={k: v for k, v in self.filters.marks.items() if k in mark})
        super().picked(slot, mark)

    def narrowed(self, name: str, value: str) -> str:
        if name == "course_id":
            return self.filters.link(course=value, course_id=None)
        other = {"day": "week", "week": "day"}.get(name, name)
        return self.filters.link(**{other: None, name: value})

    def _query(self) -> dict[str, str]:
        asked = self.filters
        own = {"since": asked.since.isoformat(), "until": asked.until.isoformat()}
        chosen = {"period": asked.period, "class": asked.class_ or "", **asked.marks}
        return chosen | (own if asked.period == "own" else {})

    def mark_label(self, name: str, value: str) -> str:
        if name in ("day", "week"):
            return self._day_label(name, value)
        return super().mark_label(name, value)

    def _day_label(self, name: str, value: str) -> str:
        from datetime import date

        try:
            day = self.visit.speech.day(date.fromisoformat(value), "MMMEd")
        except ValueError:
            return value
        return self.say("chart.week_of", day=day) if name == "week" else day

    # Cards

    async def glance(self, ask: Asking) -> Card:
        say, speech = self.say, self.visit.speech
        days = await ask("active_learners", by="day", filters=self._last_days(SPARK_DAYS))
        by_day = {row["day"]: row["active_learners"] for row in rows_of(days)}
        measures = ("active_learners", "completions", "revenue")
        answer = await ask(*measures)
        now, then = row_of(answer), row_of(await ask.before(*measures))
        trend = rows_of(
            await ask("active_learners", "completions", "revenue", by="week", filters=self._last_weeks())
        )
        week_ago = self.today - timedelta(days=7)
        spark = [by_day.get(self.today - timedelta(days=n), 0) for n in reversed(range(SPARK_DAYS))]

        def figure(name: str, shown: Any) -> Figure:
            found = change(now[name], then[name])
            told = compared(speech, shown(then[name] or 0), self.filters, found)
            return Figure(
                say(f"admin.{name}"),
                shown(now[name] or 0),
                told,
                found.tone(),
                self._spark(trend, name),
                number=Number(now[name] or 0, answer, name, before=then[name] or 0),
            )

        here, past = by_day.get(self.today) or 0, by_day.get(week_ago) or 0
        return figured(
            [
                Figure(
                    say("admin.today"),
                    speech.number(here),
                    say("admin.same_weekday", n=past),
                    spark=sparkline(spark, say("admin.spark_days", n=SPARK_DAYS)),
                    number=Number(
                        here,
                        days,
                        "active_learners",
                        before=past,
                        days=(self.today, self.today + timedelta(days=1)),
                    ),
                ),
                figure("active_learners", speech.number),
                figure("completions", speech.number),
                figure("revenue", self._money),
            ]
        )

    def _money(self, amount: float) -> str:
        """As a person says it: three figures that count."""
        if abs(amount) >= 1000:
            size = 10 ** (len(str(int(abs(amount)))) - 3)
            amount = round(amount / size) * size
        return self.visit.speech.money(amount * 100, self.visit.me.currency)

    def _spark(self, rows: list[Row], name: str) -> Markup:
        values = {row["week"]: row[name] for row in rows}
        line = [values.get(week, 0) for week in weeks_until(self.today, WEEKS)[:-1]]
        return sparkline(line, self.say("admin.spark_weeks", n=WEEKS - 1))

    def _last_days(self, count: int) -> Filters:
        tomorrow = self.today + timedelta(days=1)
        return replace(self.whole, since=tomorrow - timedelta(days=count), until=tomorrow)

    def _last_weeks(self) -> Filters:
        first = weeks_until(self.today, WEEKS)[0]
        return replace(self.whole, since=first, until=self.today + timedelta(days=1))

    async def by_day(self, ask: Asking) -> Card:
        speech, step = self.visit.speech, step_of(self.filters)
        answer = await ask("active_learners", by=step, filters=self.whole)
        if not answer.table.num_rows:
            return Card(self.say("admin.activity"), empty=await nothing(ask, speech))
        past = self.whole.before
        earlier = await ask("active_learners", by=step, filters=past)
        ask.answers.remove(earlier)
        found = change(_mean(answer, self, step), _mean(earlier, self, step))
        free = await free_days(self, ask, self.whole) if step == "day" else None
        drawing = charts.columns(
            answer,
            speech,
            x=step,
            y="active_learners",
            days=places(self.filters, step),
            compared=earlier,
            compared_days=places(past, step),
            free=free,
            running=running(self.filters, step),
            after=self.today + timedelta(days=1),
            picked=self.filters.marks.get(step, ""),
        )
        return Card(
            title(speech, "admin.activity", found, self.filters),
            self.say(f"admin.activity_by_{step}"),
            drawing=drawing,
        )

    async def by_week(self, ask: Asking) -> Card:
        weeks = weeks_until(self.today, WEEKS)
        answer = await ask("active_learners", by="week", filters=self._last_weeks())
        values = {row["week"]: row["active_learners"] for row in rows_of(answer)}
        if not values:
            return Card(self.say("admin.weeks"), empty=await nothing(ask, self.visit.speech))
        drawing = charts.columns(
            answer,
            self.visit.speech,
            x="week",
            y="active_learners",
            days=weeks,
            running=weeks[-1],
            picked=self.filters.marks.get("week", ""),
        )
        last, past = values.get(weeks[-2]), values.get(weeks[-3])
        found = change(last, past)
        key = "admin.weeks" if found.direction == "unknown" else f"admin.weeks_{found.direction}"
        heading = self.say(key, share=self.visit.speech.share(found.share))
        return Card(heading, self.say("admin.weeks_sub", n=WEEKS), drawing=drawing)

    async def best(self, ask: Asking) -> Card | None:
        return await courses.ranked(self, ask, "best")

    async def worst(self, ask: Asking) -> Card | None:
        return await courses.ranked(self, ask, "worst")

    # Who is behind it

    @property
    def may_see_who(self) -> bool:
        viewer = self.visit.desk.viewer
        return viewer.may("ask-learners") and viewer.may("see-names")

    async def do_who(self, value: str) -> list[str]:
        self.asked_who = self.may_see_who and value == "open"
        return ["people"]

    async def people(self, ask: Asking) -> Card | None:
        if not self.may_see_who:
            return None
        if not (self.asked_who or self.for_file):
            return Card(
                self.say("admin.who"),
                self.looked_at(),
                body=Markup("<p>{}</p>{}").format(
                    self.say("admin.who_means"), button(self.say("admin.who_open"), "who", "open", "primary")
                ),
            )
        return await people.listed(self, ask)

    async def where(self, ask: Asking) -> Card:
        return await where.where_card(self, ask)

    async def do_points(self, value: str) -> list[str]:
        self.asked_points = self.may_see_who and value == "open"
        return ["points"]

    async def points(self, ask: Asking) -> Card | None:
        return await where.points_card(self, ask)

    def looked_at(self) -> str:
        asked = self.filters
        parts = [self.visit.speech.span(asked.since, asked.until)]
        parts += [self.mark_label(name, value) for name, value in asked.marks.items()]
        parts += [self.mark_label("course_id", asked.course)] if asked.course else []
        parts += [self.mark_label("class_id", asked.class_)] if asked.class_ else []
        return ", ".join(parts)


def _mean(answer: Answer, page: AdminPage, step: str) -> float | None:
    """Of the days that are over: a running day would pull it down."""
    now = running(page.filters, step)
    done = [row["active_learners"] for row in rows_of(answer) if row[step] != now]
    return sum(done) / len(done) if done else None


__all__ = ["AdminPage"]
