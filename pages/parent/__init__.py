"""A child's week for the parents: in words, four numbers, a calendar. Nothing to press, no other child."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from markupsafe import Markup

from pages.cards import Card, Figure, Number, bullets, join, paragraph
from pages.figures import figured
from pages.findings import nothing
from pages.findings import then as compared
from pages.learner.parts import ago, free_days, standing, tiles
from pages.learner.reading import rows_about
from pages.parent.child import ChildSheet
from pages.parent.month import month_of, month_table
from pages.parent.words import FEWEST, MONTH_DAYS, Week, sentences, week_of
from pages.rows import Row, rows_of
from pages.sheet import Asking, Slot


class ParentPage(ChildSheet):
    period = "week"
    slots = (
        Slot("words", height=200, alone=True),
        Slot("glance", height=128, live=True, bare=True, alone=True),
        Slot("month", span=5, height=400, alone=True),
        Slot("courses", span=7, height=400, alone=True),
        Slot("worked_out", height=160, alone=True),
    )

    async def words(self, ask: Asking) -> Card:
        if not self.filters.child:
            return self.no_child()
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

    async def glance(self, ask: Asking) -> Card | None:
        """Each number with the span before; results with the child's own month."""
        if not self.filters.child:
            return None
        say, speech = self.say, self.visit.speech
        week = await week_of(self, ask, MONTH_DAYS)
        answer = ask.answers[0]  # the week's own

        def than(value: str) -> str:
            return compared(speech, value, self.filters)

        return figured(
            [
                Figure(
                    say("parent.days_active"),
                    say("word.days", n=week.days),
                    than(say("word.days", n=week.days_before)),
                    number=Number(week.days, answer, "active_days", before=week.days_before),
                ),
                Figure(
                    say("parent.time"),
                    speech.duration(week.minutes * 60),
                    than(speech.duration(week.minutes_before * 60)),
                    number=Number(week.minutes, answer, "learning_minutes", before=week.minutes_before),
                ),
                Figure(
                    say("parent.finished"),
                    say("parent.lessons_n", n=week.lessons),
                    than(say("parent.lessons_n", n=week.lessons_before)),
                    number=Number(week.lessons, answer, "lessons_completed", before=week.lessons_before),
                ),
                self._result(week, Number(week.mean, answer, "mean_score", before=week.usual)),
            ]
        )

    def _result(self, week: Week, number: Number) -> Figure:
        say, speech = self.say, self.visit.speech
        usual = say("parent.month_before", score=speech.percent(week.usual)) if week.usual is not None else ""
        if week.mean is None:
            none = say("learner.nothing_scored_then", then=usual) if usual else say("learner.nothing_scored")
            return Figure(say("parent.results"), "–", none, number=number)
        alone = say("parent.month_unknown", n=FEWEST)
        return Figure(say("parent.results"), speech.percent(week.mean), usual or alone, number=number)

    async def month(self, ask: Asking) -> Card | None:
        """The wall calendar of the month that the period ends in."""
        if not self.filters.child:
            return None
        say, speech = self.say, self.visit.speech
        last = min(self.filters.until - timedelta(days=1), self.today)
        first, until = month_of(last)
        span = replace(self.filters, since=first, until=until)
        found = rows_of(await ask("events", "learning_minutes", by="day", filters=span))
        minutes = {row["day"]: float(row["learning_minutes"] or 0) for row in found if row["events"]}
        free = await free_days(self, ask, span)
        table = month_table(speech, first, until, minutes, free, self.today)
        title = say("parent.month_found", n=len(minutes), name=self.child, month=speech.day(first, "yMMMM"))
        return Card(
            title,
            say("parent.month_sub", n=_school_days(first, min(until, self.today + timedelta(days=1)), free)),
            body=table,
            after=join(
                paragraph(line, "sub after") for line in (*self._free(free), await self._pattern(ask))
            ),
        )

    def _free(self, free: dict[date, str]) -> list[str]:
        """Holidays of the month by their names, each with its days."""
        runs: list[tuple[str, date, date]] = []
        for day in sorted(day for day, label in free.items() if label):
            label, last = free[day], day - timedelta(days=1)
            if runs and runs[-1][0] == label and runs[-1][2] == last:
                runs[-1] = (label, runs[-1][1], day)
            else:
                runs.append((label, day, day))
        speech = self.visit.speech
        return [
            self.say(
                "parent.free_days",
                label=label,
                span=speech.day(first) if first == last else speech.span(first, last + timedelta(days=1)),
            )
            for label, first, last in runs
        ]

    async def _pattern(self, ask: Asking) -> str:
        """When the child learns most, once enough was seen."""
        profile: Row | None = next(iter(await rows_about(self, ask, "learner_profile")), None)
        if profile is None or not profile["enough"] or profile["preferred_weekday"] is None:
            return self.say("parent.pattern_unknown")
        day = self.visit.speech.weekday(date(2024, 1, profile["preferred_weekday"]))  # began on a Monday
        part = profile["part_of_day"]
        key = f"parent.pattern_{part}" if part else "parent.pattern"
        return self.say(key, name=self.child, day=day)

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


def _school_days(since: date, until: date, free: dict[date, str]) -> int:
    return sum(since + timedelta(days=n) not in free for n in range((until - since).days))


__all__ = ["ParentPage"]
