"""What a student has reached, what is near, and, where school and student want it, a leaderboard."""

from __future__ import annotations

from datetime import timedelta

from markupsafe import Markup

from pages.cards import Card, Figure, Number, join, paragraph
from pages.figures import figured
from pages.learner.parts import is_done, standing, streak_of
from pages.learner.reading import rows_about
from pages.rows import Row
from pages.sheet import Asking, Sheet, Slot
from pages.student.board import board_card
from pages.student.telling import NewsDeeds, telling_card

NEWEST = 8
WEEK = timedelta(days=7)
NEAR = 4  # things ahead that are shown


class AchievementsPage(NewsDeeds, Sheet):
    slots = (
        Slot("bests", height=128, live=True, bare=True, alone=True),
        Slot("reached", span=7, height=400, live=True, alone=True),
        Slot("ahead", span=5, height=400, alone=True),
        Slot("telling", height=120),
        Slot("board", height=240),
    )
    left_as: str | None = None  # the nickname just given up, for who wants back
    offers: tuple[str, ...] = ()  # stay as they are until others are asked for

    async def bests(self, ask: Asking) -> Card:
        """The best so far: only ever compared with oneself."""
        say, speech = self.say, self.visit.speech
        run, days = await streak_of(self, ask), ask.newest
        weeks, periods = await rows_about(self, ask, "learner_periods", frame="week"), ask.newest
        shown = [
            Figure(
                say("reached.streak"),
                say("learner.school_days", n=run.longest),
                say("reached.streak_now", n=run.current),
                number=Number(run.longest, days, unit="school days"),
            )
        ]
        for name, key in (("lessons", "reached.best_lessons"), ("minutes", "reached.best_time")):
            best = max(weeks, key=lambda r: r[name], default=None)
            if best is not None and best[name]:
                value = speech.duration(best[name] * 60) if name == "minutes" else speech.number(best[name])
                when = say("reached.in_week", day=speech.day(best["period"], "MMMMd"))
                of_week = (best["period"], best["period"] + WEEK)
                number = Number(best[name], periods, unit=name, days=of_week)
                shown.append(Figure(say(key), value, when, number=number))
        return figured(shown)

    async def reached(self, ask: Asking) -> Card:
        say = self.say
        rows = await rows_about(self, ask, "rewards")
        if not rows:
            return Card(say("reached.title"), empty=say("reached.none"))
        listed = Markup('<ul class="reached">{}</ul>').format(join(map(self._reached, rows[:NEWEST])))
        more = len(rows) - NEWEST
        after = paragraph(say("reached.more", n=more), "sub after") if more > 0 else Markup("")
        return Card(say("reached.found", n=len(rows)), say("reached.sub"), body=listed, after=after)

    def _reached(self, row: Row) -> Markup:
        speech = self.visit.speech
        year = "y" if row["on"].year != self.today.year else ""
        return Markup('<li><p>{}</p><p class="sub">{}</p></li>').format(
            reward_name(self, row), speech.day(row["on"], f"{year}MMMMd")
        )

    async def ahead(self, ask: Asking) -> Card:
        """The next half and the next whole of a course, the nearest first."""
        say = self.say
        near = sorted(
            (self._near(row) for row in await standing(self, ask) if not is_done(row) and row["lessons"]),
            key=lambda one: one[0],
        )
        if not near:
            return Card(say("reached.ahead"), empty=say("reached.ahead_none"))
        lines = Markup('<ul class="reached">{}</ul>').format(
            join(Markup("<li>{}</li>").format(paragraph(text)) for _, text in near[:NEAR])
        )
        return Card(say("reached.ahead_found", n=near[0][0]), say("reached.ahead_sub"), body=lines)

    def _near(self, row: Row) -> tuple[int, str]:
        half = -(-row["lessons"] // 2)
        goal, key = (half, "reached.half") if row["finished"] < half else (row["lessons"], "reached.whole")
        left = goal - row["finished"]
        return left, self.say(key, n=left, course=row["title"])

    async def telling(self, ask: Asking) -> Card:
        return await telling_card(self)

    async def board(self, ask: Asking) -> Card | None:
        return await board_card(self, ask)

    async def do_join(self, value: str) -> list[str]:
        await self.visit.desk.do("join_board", nickname=value)
        self.left_as, self.offers = None, ()
        return ["board"]

    async def do_leave(self, value: str) -> list[str]:
        left = await self.visit.desk.do("leave_board")
        self.left_as = str(left) if left else None
        return ["board"]

    async def do_others(self, value: str) -> list[str]:
        """Other nicknames to choose from."""
        self.left_as, self.offers = None, ()
        return ["board"]


def reward_name(sheet: Sheet, row: Row) -> str:
    """What was reached, in words. A name that has none of ours is spelt as its sender spells it."""
    say, course = sheet.say, row["course_title"] or sheet.say("reached.a_course")
    name = str(row["name"] or "")
    if row["kind"] == "course":
        return say("reached.course", course=course)
    if row["kind"] == "level":
        skill = row["skill_title"]
        return say("reached.level", skill=skill) if skill else say("reached.a_level", course=course)
    if row["kind"] == "milestone" and name == "half-course":
        return say("reached.half_course", course=course)
    stem, _, number = name.rpartition("-")
    if stem == "lessons" and number.isdecimal():
        return say("reached.lessons", n=int(number))
    return name.replace("-", " ").replace("_", " ").strip().capitalize() or say("reached.something")


__all__ = ["AchievementsPage"]
