"""What was done for the learners of a class, and how they fared beside similar ones."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
from markupsafe import Markup

from compute.dimensions import first_day
from compute.matched import FEWEST, Done, Fared, TooFew, fared
from models.ask import Answer, Ask, ColumnMeaning
from pages.cards import Card, join, paragraph
from pages.rows import rows_of
from pages.sheet import Asking, Sheet, Slot
from pages.tables import Column, Turn, table
from pages.teacher.plans import PlanDeeds, nothing_yet, plan_words, tile

WEEKS = 30
MOST_OPEN = 12
MEASURES = ("active_days", "lessons_completed")
Row = Mapping[str, Any]


class InterventionsPage(PlanDeeds, Sheet):
    period = "week"
    slots = (
        Slot("open", height=360, live=True),
        Slot("came", height=320),
        Slot("closed", height=320),
    )
    plan_slots = ("open", "came", "closed")

    async def mine(self) -> list[dict[str, Any]]:
        """Of the chosen class, or of all."""
        rows = await self.plans()
        if not self.filters.class_:
            return rows
        related = await self.visit.desk.look("relations")
        course = {one["class_id"]: one["course_id"] for one in related["classes"]}.get(self.filters.class_)
        wish = Ask(question="learners", measures=("last_active",), where=self.filters.where)
        inside = {str(row["learner_id"]) for row in rows_of(await self.visit.desk.ask(wish))}
        return [row for row in rows if row["course_id"] == course and row["learner_id"] in inside]

    async def named(self, ask: Asking, rows: Sequence[Row]) -> Mapping[str, str]:
        names = await ask.names(sorted({int(row["learner_id"]) for row in rows}))
        return {str(n): name for n, name in names.items()}

    async def open(self, ask: Asking) -> Card:
        if not self.offered.classes:
            return Card(self.say("teacher.no_class"), empty=self.say("teacher.no_class_means"))
        rows = [row for row in await self.mine() if row["open"]]
        if not rows:
            way_on = Markup('<p class="buttons"><a class="button" href="/teacher{}">{}</a></p>').format(
                self.filters.link(period=None), self.say("fared.begin")
            )
            return Card(self.say("plan.heading_open"), body=nothing_yet(self) + way_on)
        rows.sort(key=lambda row: (not self._is_due(row), not row["to_me"], row["made_on"]))
        names, colleagues = await asyncio.gather(self.named(ask, rows), self.visit.desk.look("colleagues"))
        tiles = join(tile(self, row, colleagues, self._who(row, names)) for row in rows[:MOST_OPEN])
        due = sum(self._is_due(row) for row in rows)
        title = self.say("fared.open_due", n=due) if due else self.say("fared.open_found", n=len(rows))
        more = len(rows) - MOST_OPEN
        after = paragraph(self.say("fared.open_more", n=more), "sub after") if more > 0 else Markup("")
        return Card(
            title,
            self.say("fared.open_sub"),
            body=Markup('<ul class="tiles">{}</ul>').format(tiles),
            after=after,
            answers=await self._list(ask, rows, names),
        )

    async def _list(self, ask: Asking, rows: Sequence[Row], names: Mapping[str, str]) -> tuple[Answer, ...]:
        """What is on screen, as a file."""
        base = await ask("active_learners")
        made = pa.table(
            {
                "learner": pa.array([names.get(row["learner_id"], "") for row in rows], pa.string()),
                "what": pa.array([plan_words(self, row) for row in rows], pa.string()),
                "begun": pa.array([_day(row) for row in rows], pa.date32()),
                "by": pa.array(
                    [row["to"] or row["by"] or self.say("fared.rule") for row in rows], pa.string()
                ),
                "look_again": pa.array([row["follow_up"] for row in rows], pa.string()),
                "outcome": pa.array([row["outcome"] for row in rows], pa.string()),
            }
        )
        columns = tuple(ColumnMeaning(name, "detail") for name in made.column_names)
        return replace(base, table=made, columns=columns), base

    def _is_due(self, row: Row) -> bool:
        """To be looked at again, or raised by a rule and not answered yet."""
        if row["origin"] == "rule" and len(row["steps"]) == 1:
            return True
        return bool(row["follow_up"]) and date.fromisoformat(row["follow_up"]) <= self.today

    def _who(self, row: Row, names: Mapping[str, str]) -> Markup:
        shown = names.get(row["learner_id"]) or self.say("teacher.nameless")
        return Markup('<p><a href="/learner?child={}">{}</a></p>').format(row["learner_id"], shown)

    async def came(self, ask: Asking) -> Card | None:
        """Learners for whom something was done, beside others who were alike and had nothing done."""
        if not self.offered.classes:
            return None
        answered = [row for row in await self.mine() if row["origin"] == "person" or len(row["steps"]) > 1]
        done = [Done(int(row["learner_id"]), self._week(row)) for row in answered]
        weekly = await self._weekly(ask)
        found = {name: fared(done, weekly[name], first_day("week", self.today)) for name in MEASURES}
        main = found[MEASURES[0]]
        if isinstance(main, TooFew):
            empty = self.say("fared.too_few", n=main.have, need=FEWEST)
            return Card(self.say("fared.heading"), empty=empty)
        return Card(
            self._verdict(main),
            self.say("fared.sub", n=len(main.pairs)),
            body=self._table(found),
            after=paragraph(self.say("fared.caveat"), "sub after")
            + (
                paragraph(self.say("fared.left_out", n=main.left_out), "sub") if main.left_out else Markup("")
            ),
            answers=(self._file(found, ask.answers[-1]), *ask.answers),
        )

    def _verdict(self, found: Fared) -> str:
        which = "better" if found.low > 0 else "worse" if found.high < 0 else "unclear"
        return self.say(f"fared.{which}", by=self.visit.speech.number(abs(found.effect), 1))

    def _table(self, found: Mapping[str, Fared | TooFew]) -> Markup:
        say, number = self.say, self.visit.speech.number
        rows = [{"measure": name, "found": one} for name, one in found.items() if isinstance(one, Fared)]

        def change(before: float, after: float) -> str:
            return say("fared.change", before=number(before, 1), after=number(after, 1))

        return table(
            self.visit.speech,
            rows,
            [
                Column("measure", say("fared.measure"), lambda r: say(f"fared.{r['measure']}")),
                Column("helped", say("fared.helped"), lambda r: change(r["found"].before, r["found"].after)),
                Column(
                    "alike",
                    say("fared.alike"),
                    lambda r: change(r["found"].alike_before, r["found"].alike_after),
                ),
                Column(
                    "effect",
                    say("fared.effect"),
                    lambda r: say(
                        "fared.interval",
                        effect=_signed(self, r["found"].effect),
                        low=_signed(self, r["found"].low),
                        high=_signed(self, r["found"].high),
                    ),
                ),
            ],
            Turn(),
            say("fared.heading"),
            stacked=False,
        )

    def _file(self, found: Mapping[str, Fared | TooFew], first: Answer) -> Answer:
        whole = [(name, one) for name, one in found.items() if isinstance(one, Fared)]
        columns: dict[str, Any] = {"measure": [name for name, _ in whole]}
        for field in ("before", "after", "alike_before", "alike_after", "effect", "low", "high"):
            columns[field] = [float(getattr(one, field)) for _, one in whole]
        made = pa.table(columns)
        return replace(
            first, table=made, columns=tuple(ColumnMeaning(name, "detail") for name in made.column_names)
        )

    async def _weekly(self, ask: Asking) -> dict[str, dict[int, dict[date, float]]]:
        since = first_day("week", self.today) - timedelta(weeks=WEEKS)
        span = replace(self.filters, since=since, until=self.today + timedelta(days=1))
        wish = Ask(question="learners", measures=("last_active",), where=self.filters.where)
        learners, weeks = await asyncio.gather(
            self.visit.desk.ask(wish), ask(*MEASURES, by=("learner_id", "week"), filters=span)
        )
        weekly: dict[str, dict[int, dict[date, float]]] = {
            name: defaultdict(dict, {row["learner_id"]: {} for row in rows_of(learners)}) for name in MEASURES
        }
        for row in rows_of(weeks):
            for name in MEASURES:
                weekly[name][row["learner_id"]][row["week"]] = float(row[name] or 0)
        return weekly

    def _week(self, row: Row) -> date:
        return first_day("week", _day(row))

    async def closed(self, ask: Asking) -> Card | None:
        if not self.offered.classes:
            return None
        rows = [row for row in await self.mine() if not row["open"]]
        heading = self.say("fared.closed")
        if not rows:
            return Card(heading, empty=self.say("fared.closed_none"))
        names, say, speech = await self.named(ask, rows), self.say, self.visit.speech

        body = table(
            speech,
            rows,
            [
                Column(
                    "name",
                    say("teacher.name"),
                    lambda r: self._who(r, names),
                    lambda r: names.get(r["learner_id"], ""),
                    find=True,
                ),
                Column("plan", say("fared.plan"), lambda r: plan_words(self, r), find=True),
                Column("made_on", say("fared.begun"), lambda r: speech.day(_day(r)), _day),
                Column("by", say("fared.by"), lambda r: r["to"] or r["by"] or say("fared.rule")),
                Column("outcome", say("fared.outcome"), lambda r: say(f"plan.outcome_{r['outcome']}")),
            ],
            self.turns.get("closed", Turn()),
            heading,
        )
        helped = sum(row["outcome"] == "helped" for row in rows)
        return Card(
            self.say("fared.closed_found", n=len(rows), helped=helped),
            body=body,
            answers=await self._list(ask, rows, names),
        )


def _day(row: Row) -> date:
    return date.fromisoformat(str(row["made_on"])[:10])


def _signed(sheet: Sheet, value: float) -> str:
    """As it is rounded: what is shown as 0 has no sign."""
    shown = sheet.visit.speech.number(abs(value), 1)
    if round(value, 1) == 0:
        return shown
    return f"+{shown}" if value > 0 else f"−{shown}"


__all__ = ["InterventionsPage"]
