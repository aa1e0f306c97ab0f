"""Where a student's learning is going: by day, week, month, quarter or year."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from markupsafe import Markup

from compute.dimensions import first_day
from compute.release import closed_until
from models.ask import Ask
from pages.cards import Card, Figure, Number, join, paragraph
from pages.figures import figured
from pages.learner.direction import RESULTS, TIME, direction_card, trends_of
from pages.learner.habits import habits_card
from pages.learner.reading import rows_about
from pages.learner.skills import gaps_card, strengths_card
from pages.learner.unusual import unusual_card
from pages.rows import Row, row_of, rows_of
from pages.sheet import Asking, Sheet, Slot

EVEN, UNEVEN = 0.7, 0.4  # of consistency


class ProgressPage(Sheet):
    period = "year"
    slots = (
        Slot("words", height=160, alone=True),
        Slot("results", span=6, height=320, alone=True),
        Slot("time", span=6, height=320, alone=True),
        Slot("unusual", height=200, alone=True),
        Slot("skills", span=6, height=400, rows=2, alone=True),
        Slot("gaps", span=6, height=180, alone=True),
        Slot("peers", span=6, height=180),
        Slot("habits", height=240, alone=True),
    )

    async def words(self, ask: Asking) -> Card:
        """The half year in two to four sentences."""
        say = self.say
        profile = next(iter(await rows_about(self, ask, "learner_profile")), None)
        if profile is None or not profile["active_days"]:
            return Card(say("progress.words"), empty=say("progress.words_none"))
        told = [say("progress.days", n=profile["active_days"], all=profile["school_days"])]
        if not profile["enough"]:
            told.append(say("progress.few_days", n=profile["have"], need=profile["need"]))
        else:
            told.append(self._evenness(profile["consistency"]))
            told += self._pace(await trends_of(self, ask))
        return Card(
            say("progress.words"),
            say("progress.words_sub"),
            body=Markup('<div class="prose">{}</div>').format(join(paragraph(one) for one in told if one)),
        )

    def _evenness(self, consistency: float | None) -> str:
        if consistency is None or UNEVEN <= consistency < EVEN:
            return ""
        return self.say("progress.even" if consistency >= EVEN else "progress.uneven")

    def _pace(self, trends: Mapping[str, Row]) -> list[str]:
        """What has no chart of its own, where there is enough to say it."""
        told = []
        for name in ("accuracy", "velocity"):
            trend = trends.get(name)
            if trend is None or not trend["enough"]:
                continue
            spelt = self.visit.speech.share if name == "accuracy" else self._pieces
            told.append(self.say(f"progress.{name}_{trend['verdict']}", level=spelt(trend["level"])))
        return told

    def _pieces(self, a_day: float) -> str:
        """A week of five school days is easier to picture than 0.6 a day."""
        return self.say("progress.pieces", n=round(a_day * 5))

    async def results(self, ask: Asking) -> Card:
        return await direction_card(self, ask, "progress.results", RESULTS)

    async def time(self, ask: Asking) -> Card:
        return await direction_card(self, ask, "progress.time", TIME)

    async def unusual(self, ask: Asking) -> Card | None:
        return await unusual_card(self, ask, "progress")

    async def skills(self, ask: Asking) -> Card:
        return await strengths_card(self, ask, "progress")

    async def gaps(self, ask: Asking) -> Card | None:
        return await gaps_card(self, ask, "progress")

    async def habits(self, ask: Asking) -> Card:
        return await habits_card(self, ask, "progress")

    async def peers(self, ask: Asking) -> Card:
        """The class in the last whole month: an average of many, or a sentence why there is none."""
        say, speech = self.say, self.visit.speech
        month, until = self._last_month()
        span = replace(self.filters, since=month, until=until)
        mine = await ask("mean_score", filters=span)
        own = row_of(mine)["mean_score"]
        peers = await ask.put(Ask(measures=("mean_score",), audience="peers"), filters=span)
        rows = rows_of(peers)
        theirs = rows[0]["mean_score"] if rows else None
        sub = say("progress.peers_sub", month=speech.day(month, "yMMMM"))
        if theirs is None:
            return Card(say("progress.peers"), sub, empty=say("progress.peers_few"))
        shown = [
            Figure(say("progress.you"), speech.percent(own), number=Number(own, mine, "mean_score")),
            Figure(
                say("progress.your_classes"),
                speech.percent(theirs),
                number=Number(theirs, peers, "mean_score"),
            ),
        ]
        means = paragraph(say("progress.peers_means"), "sub after")
        return replace(figured(shown, title=say("progress.peers"), sub=sub), after=means)

    def _last_month(self) -> tuple[date, date]:
        until = closed_until(self.today)
        return first_day("month", date.fromordinal(until.toordinal() - 1)), until
