"""The week's letter to the parents, as it would come by e-mail: the last whole week, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from markupsafe import Markup

from pages.cards import Card, bullets, join, paragraph
from pages.filters import Filters, span_of
from pages.learner.parts import ago, is_done, standing
from pages.parent.child import ChildSheet
from pages.parent.words import MONTH_DAYS, sentences, week_of
from pages.sheet import Asking, Slot

DUE_DAYS = 10


@dataclass(frozen=True, slots=True)
class Letter:
    subject: str
    greeting: str
    paragraphs: tuple[str, ...]
    dates: tuple[str, ...]  # what is to be handed in
    ending: str


class LetterPage(ChildSheet):
    period = "last-week"
    slots = (Slot("letter", height=480, alone=True),)

    def read_query(self, query: Mapping[str, str]) -> Filters:
        """A letter is about the last whole week, whatever the address says."""
        read = super().read_query(query)
        since, until = span_of("last-week", self.today, self.visit.speech.first_weekday)
        return replace(read, period="last-week", since=since, until=until)

    async def letter(self, ask: Asking) -> Card:
        if not self.filters.child:
            return self.no_child()
        letter = await letter_of(self, ask)
        dates = paragraph(self.say("letter.dates")) + bullets(letter.dates) if letter.dates else Markup("")
        body = Markup('<article class="letter"><h3>{}</h3>{}{}{}{}</article>').format(
            letter.subject,
            paragraph(letter.greeting),
            join(map(paragraph, letter.paragraphs)),
            dates,
            paragraph(letter.ending),
        )
        return Card(self.say("letter.title", name=self.child), self.say("letter.sub"), body=body)


async def letter_of(sheet: ChildSheet, ask: Asking) -> Letter:
    """From the same week and the same sentences as the page."""
    say, speech, name = sheet.say, sheet.visit.speech, sheet.child
    week = await week_of(sheet, ask, MONTH_DAYS)
    seen = ago(sheet, week.last_active) if week.last_active else ""
    told = sentences(speech, name, week, sheet.filters, seen)
    last = sheet.today + timedelta(days=DUE_DAYS)
    due = sorted(
        (row["due_on"], row["due"], row["title"])
        for row in await standing(sheet, ask)
        if row["due"] and not is_done(row) and sheet.today <= row["due_on"] <= last
    )
    return Letter(
        subject=say("letter.subject", name=name, span=speech.span(sheet.filters.since, sheet.filters.until)),
        greeting=say("letter.greeting", name=sheet.visit.me.first_name),
        paragraphs=tuple(told),
        dates=tuple(
            say("letter.due", what=what, course=course, day=speech.day(day, "MMMMEEEEd"))
            for day, what, course in due
        ),
        ending=say("letter.ending", school=sheet.visit.me.organisation),
    )
