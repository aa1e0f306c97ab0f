"""A student's own page: what to do next, how the week goes, where each course stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from compute.dimensions import first_day
from compute.release import closed_until
from models.ask import Ask
from pages.cards import Card, Figure, figures, paragraph
from pages.findings import before, change
from pages.findings import then as compared
from pages.learner.parts import calendar_card, is_done, lasting, results_card, standing, streak_of, tiles
from pages.rows import row_of, rows_of
from pages.sheet import Asking, Sheet, Slot


class StudentPage(Sheet):
    period = "week"
    slots = (
        Slot("hello", height=64, live=True, bare=True),
        Slot("onward", height=72),
        Slot("glance", height=128, live=True, bare=True),
        Slot("mine", height=360),
        Slot("year", span=12, height=240),
        Slot("results", span=8, height=280),
        Slot("peers", span=4, height=280),
    )

    async def hello(self, ask: Asking) -> Card:
        hour = datetime.now(self.visit.speech.zone).hour
        part = "morning" if hour < 12 else "afternoon" if hour < 18 else "evening"
        greeting = self.say(f"student.{part}", name=self.visit.me.first_name)
        return Card(
            body=paragraph(greeting, "greeting") + paragraph(await self._week(ask), "sub"),
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
        rows = [r for r in await standing(self, ask) if not is_done(r) and r["next_lesson"]]
        ask.answers.clear()
        if not rows:
            return None
        due = [r for r in rows if r["due_on"] and (r["due_on"] - self.today).days <= 3]
        row = min(due, key=lambda r: r["due_on"]) if due else rows[0]
        why = "student.because_due" if due else "student.because_last"
        long = lasting(self, row["next_lesson_s"])
        words = self.say(why, course=row["title"], due=row["due"] or "")
        return Card(
            self.say("student.onward", lesson=row["next_lesson"]),
            words + (f" {self.say('student.takes', time=long)}" if long else ""),
        )

    async def glance(self, ask: Asking) -> Card:
        speech, say = self.visit.speech, self.say
        run = await streak_of(self, ask)
        rows = await standing(self, ask)
        now = row_of(await ask("learning_minutes"))["learning_minutes"] or 0
        then = row_of(await ask.before("learning_minutes"))["learning_minutes"] or 0
        found = change(now, then)
        more = found.tone() == "good"  # less is no reason to blame anybody
        return Card(
            body=figures(
                [
                    Figure(
                        say("student.streak"),
                        say("learner.school_days", n=run.current),
                        say("student.longest", n=run.longest),
                    ),
                    Figure(
                        say("student.time"),
                        speech.duration(now * 60),
                        compared(speech, speech.duration(then * 60), self.filters, found if more else None),
                        "good" if more else "plain",
                    ),
                    Figure(
                        say("student.completed"),
                        say("learner.of", n=sum(is_done(r) for r in rows), all=len(rows)),
                        say("student.under_way", n=sum(not is_done(r) for r in rows)),
                    ),
                ]
            ),
        )

    async def mine(self, ask: Asking) -> Card:
        rows = await standing(self, ask)
        if not rows:
            return Card(self.say("student.courses"), empty=self.say("student.no_courses"))
        return Card(self.say("student.courses"), body=tiles(self, rows))

    async def year(self, ask: Asking) -> Card:
        return await calendar_card(self, ask, "student")

    async def results(self, ask: Asking) -> Card:
        return await results_card(self, ask, "student")

    async def peers(self, ask: Asking) -> Card:
        """The class in the last whole month: an average of many, or a sentence why there is none."""
        say, speech = self.say, self.visit.speech
        month, until = self._last_month()
        span = replace(self.filters, since=month, until=until)
        own = row_of(await ask("mean_score", filters=span))["mean_score"]
        peers = await ask.put(Ask(measures=("mean_score",), audience="peers"), filters=span)
        rows = rows_of(peers)
        theirs = rows[0]["mean_score"] if rows else None
        sub = say("student.peers_sub", month=speech.day(month, "yMMMM"))
        if theirs is None:
            return Card(say("student.peers"), sub, empty=say("student.peers_few"))
        shown = [
            Figure(say("student.you"), speech.percent(own)),
            Figure(say("student.your_classes"), speech.percent(theirs)),
        ]
        return Card(
            say("student.peers"),
            sub,
            body=figures(shown),
            after=paragraph(say("student.peers_means"), "sub after"),
        )

    def _last_month(self) -> tuple[date, date]:
        until = closed_until(self.today)
        return first_day("month", date.fromordinal(until.toordinal() - 1)), until


__all__ = ["StudentPage"]
