"""The school as a whole: who is here, what is finished, what is earned; a click narrows all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyarrow.compute as pc
from markupsafe import Markup

from models.ask import Answer, Ask
from pages import charts, tables
from pages.cards import Card, Figure, button, figures, sparkline
from pages.filters import Filters
from pages.findings import change, nothing, title
from pages.findings import then as compared
from pages.learner.parts import ago, free_days
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
        Slot("people", height=120),
    )
    asked_who = False

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
        days = rows_of(await ask("active_learners", by="day", filters=self._last_days(SPARK_DAYS)))
        by_day = {row["day"]: row["active_learners"] for row in days}
        measures = ("active_learners", "completions", "revenue")
        now, then = row_of(await ask(*measures)), row_of(await ask.before(*measures))
        trend = rows_of(
            await ask("active_learners", "completions", "revenue", by="week", filters=self._last_weeks())
        )
        week_ago = self.today - timedelta(days=7)
        spark = [by_day.get(self.today - timedelta(days=n), 0) for n in reversed(range(SPARK_DAYS))]

        def figure(name: str, shown: Any) -> Figure:
            found = change(now[name], then[name])
            told = compared(speech, shown(then[name] or 0), self.filters, found)
            return Figure(
                say(f"admin.{name}"), shown(now[name] or 0), told, found.tone(), self._spark(trend, name)
            )

        return Card(
            body=figures(
                [
                    Figure(
                        say("admin.today"),
                        speech.number(by_day.get(self.today) or 0),
                        say("admin.same_weekday", n=by_day.get(week_ago) or 0),
                        spark=sparkline(spark, say("admin.spark_days", n=SPARK_DAYS)),
                    ),
                    figure("active_learners", speech.number),
                    figure("completions", speech.number),
                    figure("revenue", self._money),
                ]
            )
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

    async def best(self, ask: Asking) -> Card:
        return await self._courses(ask, "best")

    async def worst(self, ask: Asking) -> Card:
        return await self._courses(ask, "worst")

    async def _courses(self, ask: Asking, which: str) -> Card:
        """By the share of those who joined up to the period's end and have finished by then."""
        say, speech = self.say, self.visit.speech
        order = "-completion_share" if which == "best" else "completion_share"
        now = await self._completion(ask, self.filters.until, order)
        then = await self._completion(ask, self.filters.since, order)
        ask.answers.remove(then)
        rows = [r for r in rows_of(now) if r["completion_share"] is not None]
        if not rows:
            return Card(say(f"admin.{which}"), empty=await nothing(ask, speech))
        past = {r["course_id"]: r["completion_share"] for r in rows_of(then)}
        titles = {r["course_id"]: r["course_id_label"] for r in rows}

        def shown(row: Mapping[str, Any]) -> str:
            share = say(
                "admin.finished_share",
                title=titles[row["course_id"]],
                share=speech.share(row["completion_share"]),
            )
            return f"{share} {self._shift(row['completion_share'], past.get(row['course_id']))}"

        drawing = charts.bars(
            now,
            speech,
            x="course_id",
            y="completion_share",
            unit="share",
            label=lambda course: str(titles.get(course, course)),
            said=shown,
            most=MOST_COURSES,
            full=1.0,
            picked=self.filters.course or "",
        )
        first = rows[0]
        heading = say(
            f"admin.{which}_found",
            title=first["course_id_label"],
            share=speech.share(first["completion_share"]),
        )
        lines = Markup("").join(
            Markup("<li>{}: {}</li>").format(
                titles[r["course_id"]],
                self._shift(r["completion_share"], past.get(r["course_id"])),
            )
            for r in rows[:MOST_COURSES]
        )
        return Card(
            heading,
            say(f"admin.{which}_sub", n=MOST_COURSES),
            drawing=drawing,
            after=Markup('<details><summary>{}</summary><ul class="bullets">{}</ul></details>').format(
                say("admin.changes"), lines
            ),
        )

    async def _completion(self, ask: Asking, until: Any, order: str) -> Answer:
        where = tuple(w for w in self.whole.where if w.dimension != "course_id")
        wish = Ask(
            measures=("completion_share",),
            by=("course_id",),
            where=where,
            until=until,
            order=(order,),
            options=(("labels", True),),
            purpose=PURPOSE,
        )
        answer = await ask.put(wish, within=False)
        named = answer.table.filter(pc.is_valid(answer.table["course_id"]))
        ask.answers[-1] = replace(answer, table=named)
        return ask.answers[-1]

    def _shift(self, now: float, then: float | None) -> str:
        if then is None:
            return self.say("admin.moved_new")
        points = round((now - then) * 100)
        if not points:
            return self.say("admin.moved_same", before=self._since())
        return self.say(f"admin.moved_{'up' if points > 0 else 'down'}", n=abs(points), before=self._since())

    def _since(self) -> str:
        return self.visit.speech.day(self.filters.since, "MMMd")

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
        if not self.asked_who:
            return Card(
                self.say("admin.who"),
                self._looked_at(),
                body=Markup("<p>{}</p>{}").format(
                    self.say("admin.who_means"), button(self.say("admin.who_open"), "who", "open", "primary")
                ),
            )
        measures = ("active_days", "lessons_completed", "last_active")
        answer = await ask(*measures, by="learner_id", order=("-active_days",), purpose=PURPOSE)
        rows = [dict(row) for row in rows_of(answer)]
        names = await ask.names([row["learner_id"] for row in rows])
        for row in rows:
            row["name"] = names.get(row["learner_id"], self.say("teacher.nameless"))
        turn = self.turns.get("people", tables.Turn())
        return Card(
            self.say("admin.who_found", n=len(rows)),
            self._looked_at(),
            body=tables.table(self.visit.speech, rows, self._columns(), turn, self.say("admin.who")),
            after=button(self.say("admin.who_close"), "who", "close"),
        )

    def _looked_at(self) -> str:
        asked = self.filters
        parts = [self.visit.speech.span(asked.since, asked.until)]
        parts += [self.mark_label(name, value) for name, value in asked.marks.items()]
        parts += [self.mark_label("course_id", asked.course)] if asked.course else []
        parts += [self.mark_label("class_id", asked.class_)] if asked.class_ else []
        return ", ".join(parts)

    def _columns(self) -> list[tables.Column]:
        say, speech = self.say, self.visit.speech
        return [
            tables.Column("name", say("teacher.name"), lambda r: _to_learner(r), find=True),
            tables.Column("last_active", say("teacher.last_active"), lambda r: ago(self, r["last_active"])),
            tables.Column(
                "active_days", say("learner.days"), lambda r: speech.number(r["active_days"]), numeric=True
            ),
            tables.Column(
                "lessons_completed",
                say("teacher.lessons"),
                lambda r: speech.number(r["lessons_completed"]),
                numeric=True,
            ),
        ]


def _to_learner(row: Mapping[str, Any]) -> Markup:
    return Markup('<a href="/learner?child={}">{}</a>').format(str(row["learner_id"]), row["name"])


def _mean(answer: Answer, page: AdminPage, step: str) -> float | None:
    """Of the days that are over: a running day would pull it down."""
    now = running(page.filters, step)
    done = [row["active_learners"] for row in rows_of(answer) if row[step] != now]
    return sum(done) / len(done) if done else None


__all__ = ["AdminPage"]
