"""What is held about me, what it may be used for, who looked, and a copy to take along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from markupsafe import Markup

from models.ask import Ask
from pages.cards import Card, bullets, join, paragraph
from pages.consents import allowed, uses, ways
from pages.regions import region_name
from pages.rows import Row, rows_of
from pages.sheet import Asking, Sheet, Slot
from pages.tables import Column, Turn, table

# What an event is about, by how its name begins; the first that fits.
ABOUT = (
    ("session_", "visits"),
    ("course_", "courses"),
    ("lesson_", "lessons"),
    ("reading_", "lessons"),
    ("video_", "videos"),
    ("quiz_", "work"),
    ("assignment_", "work"),
    ("exercise_", "work"),
    ("post_", "posts"),
    ("live_", "live"),
    ("page_view", "use"),
    ("feature_", "use"),
    ("search", "use"),
    ("achievement_", "reached"),
    ("streak_", "reached"),
    ("milestone_", "reached"),
    ("level_", "reached"),
    ("order_", "orders"),
    ("subscription_", "orders"),
    ("experiment_", "trials"),
    ("recommendation_", "steps"),
    ("consent_", "consents"),
    ("prediction_", "forecasts"),
    ("ai_", "forecasts"),
    ("safety_", "forecasts"),
)
GENDERS = ("female", "male", "diverse")
DAYS = ("born_on", "joined_on")


def about(event_type: str) -> str:
    return next((what for begin, what in ABOUT if event_type.startswith(begin)), "other")


def grouped(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """By what they are about, the most first."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        what = about(row["event_type"])
        one = found.setdefault(what, {"what": what, "events": 0, "first_on": date.max, "last_on": date.min})
        one["events"] += row["events"]
        one["first_on"] = min(one["first_on"], row["first_on"])
        one["last_on"] = max(one["last_on"], row["last_on"])
    return sorted(found.values(), key=lambda one: (-one["events"], one["what"]))


class MyDataPage(Sheet):
    slots = (
        Slot("held", span=7, height=480),
        Slot("uses", span=5, height=480),
        Slot("known", span=7, height=280),
        Slot("looked", span=5, height=280),
        Slot("copy", height=160),
    )

    async def held(self, ask: Asking) -> Card:
        say = self.say
        rows = rows_of(await ask.put(Ask(question="own_record"), within=False))
        if not rows:
            return Card(say("mydata.held"), empty=say("mydata.held_none"))
        since = self.visit.speech.day(min(row["first_on"] for row in rows), "yMMMMd")
        title = say("mydata.held_found", n=sum(row["events"] for row in rows), since=since)
        turn = self.turns.get("held", Turn())
        body = table(self.visit.speech, grouped(rows), self._columns(), turn, say("mydata.held"))
        return Card(title, say("mydata.held_sub"), body=body)

    def _columns(self) -> list[Column]:
        say, speech = self.say, self.visit.speech
        return [
            Column("what", say("mydata.what"), lambda r: say(f"mydata.about_{r['what']}")),
            Column("events", say("mydata.events"), lambda r: speech.number(r["events"]), numeric=True),
            Column("first_on", say("mydata.since"), lambda r: speech.day(r["first_on"], "yMMMd")),
            Column("last_on", say("mydata.newest"), lambda r: speech.day(r["last_on"], "yMMMd")),
        ]

    async def uses(self, ask: Asking) -> Card:
        told = await self.visit.desk.look("consents")
        mine = told[0]["purposes"] if told else []
        title = self.say("consent.found_you", n=allowed(mine), all=len(mine))
        return Card(title, self.say("consent.sub"), body=uses(self, mine, "you"), after=ways(self, "you"))

    async def known(self, ask: Asking) -> Card:
        held = await self.visit.desk.look("own_data")
        lines = [(name, value) for name, value in held["known"].items() if value]
        body = Markup('<dl class="known">{}</dl>').format(
            join(
                Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(
                    self.say(f"mydata.known_{name}"), self._spelt(name, value)
                )
                for name, value in lines
            )
        )
        kept = held["settings"]
        more = paragraph(self.say("mydata.settings", n=kept), "sub after") if kept else Markup("")
        mend = paragraph(self.say("mydata.mend"), "sub")
        return Card(self.say("mydata.known", n=len(lines)), body=body, after=more + mend)

    def _spelt(self, name: str, value: Any) -> str:
        """Codes as a person says them."""
        speech = self.visit.speech
        if name in DAYS:
            return speech.day(date.fromisoformat(value), "yMMMMd")
        if name in ("language", "spoken"):
            return str(speech.locale.languages.get(value[:2], value))
        if name == "country":
            return str(speech.locale.territories.get(value, value))
        if name == "region":
            return region_name(value)
        key = f"mydata.{name}_{value}"
        return self.say(key) if name == "gender" and value in GENDERS else str(value)

    async def looked(self, ask: Asking) -> Card:
        """By role, not by name: a role says what for."""
        held = await self.visit.desk.look("own_data")
        rows: Sequence[Mapping[str, Any]] = held["looked"]
        title = self.say(
            "mydata.looked_found", n=sum(row["people"] for row in rows), days=held["looked_days"]
        )
        if not rows:
            return Card(
                self.say("mydata.looked_none", days=held["looked_days"]),
                body=paragraph(self.say("mydata.looked_means"), "sub"),
            )
        lines = [
            self.say(
                "mydata.looked_role",
                role=self.say(f"role.{row['role']}") if row["role"] else self.say("mydata.no_role"),
                n=row["people"],
                days=self.say("word.days", n=row["days"]),
            )
            for row in rows
        ]
        return Card(title, body=bullets(lines), after=paragraph(self.say("mydata.looked_means"), "sub after"))

    async def copy(self, ask: Asking) -> Card:
        """Thousands of rows are asked for by who wants the file, not by who opens the page."""
        if self.for_file:
            await ask.put(Ask(question="own_events"), within=False)
            return Card()
        link = Markup(
            '<p class="buttons"><a class="button primary" href="/download{}/copy.csv" download>{}</a></p>'
        )
        return Card(
            self.say("mydata.copy"),
            body=paragraph(self.say("mydata.copy_means")),
            after=link.format(self.visit.page.path, self.say("mydata.copy_get"))
            + paragraph(self.say("mydata.copy_rest"), "sub after"),
            answers=(),
        )

    async def do_withdraw(self, purpose: str) -> list[str]:
        await self.visit.desk.do("withdraw_consent", purpose=purpose)
        return ["uses"]

    async def do_give(self, purpose: str) -> list[str]:
        await self.visit.desk.do("give_consent", purpose=purpose)
        return ["uses"]


__all__ = ["MyDataPage"]
