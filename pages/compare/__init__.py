"""Two classes, or a class now and in the span before, learner by learner; and what changed in the class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
from markupsafe import Markup

from compute.contrast import FEWEST, Contrast, groups, runs
from compute.insights import ranked
from models.ask import Answer, Ask, ColumnMeaning, Where
from pages.cards import Card, join, paragraph, tone
from pages.filters import Filters
from pages.findings import before as before_words
from pages.insights import InsightDeeds, group_finding, judged
from pages.rows import rows_of
from pages.sheet import Asking, Sheet, Slot
from pages.speech import Speech
from pages.tables import Column, Turn, table

MEASURES = ("active_days", "learning_minutes", "lessons_completed", "mean_score")
EARLIER = "before"
MOST = 4


@dataclass(frozen=True)
class Against(Filters):
    """With what the class is compared: another class, or its own span before."""

    other: str = EARLIER

    def link(self, **changes: str | None) -> str:
        kept = {"with": self.other if self.other != EARLIER else None}
        return super().link(**{**kept, **changes})


class ComparePage(InsightDeeds, Sheet):
    period = "28d"
    slots = (
        Slot("sides", height=360),
        Slot("changed", height=320),
    )
    insight_slots = ("changed",)

    def read_query(self, query: Mapping[str, str]) -> Filters:
        plain = super().read_query(query)
        values = {field.name: getattr(plain, field.name) for field in fields(Filters)}
        return self._of_one(Against(**values, other=query.get("with") or EARLIER))

    async def prepare(self) -> None:
        await super().prepare()
        self.filters = self._of_one(self.filters)

    def _of_one(self, filters: Filters) -> Filters:
        """Where no class was chosen it is the first: all of them at once is nothing to compare."""
        offered = self.offered.classes
        return replace(filters, class_=offered[0].value) if offered and not filters.class_ else filters

    @property
    def class_id(self) -> str | None:
        """The one that is compared; none, where the viewer has none."""
        known = {choice.value for choice in self.offered.classes}
        return self.filters.class_ if self.filters.class_ in known else None

    @property
    def other(self) -> str:
        wanted = getattr(self.filters, "other", EARLIER)
        known = {choice.value for choice in self.offered.classes} - {self.class_id}
        return wanted if wanted in known else EARLIER

    async def sides(self, ask: Asking) -> Card:
        if self.class_id is None:
            return Card(self.say("teacher.no_class"), empty=self.say("teacher.no_class_means"))
        one = await self._learners(ask, self.class_id, self.filters)
        if self.other == EARLIER:
            other = await self._learners(ask, self.class_id, self.filters.before)
        else:
            other = await self._learners(ask, self.other, self.filters)
        found = {name: self._contrast(one.get(name, {}), other.get(name, {})) for name in MEASURES}
        clear = [name for name in MEASURES if found[name].is_clear]
        title = (
            self.say("compare.found", n=len(clear), all=len(MEASURES))
            if clear
            else self.say("compare.nothing")
        )
        enough = any(found[name].is_enough for name in MEASURES)
        return Card(
            title if enough else self.say("compare.few", n=FEWEST),
            self.say("compare.sub"),
            body=self._chooser() + self._table(found),
            after=paragraph(
                self.say(f"compare.caveat_{'run' if self.other == EARLIER else 'class'}"), "sub after"
            ),
            answers=(self._file(found, ask.answers[0]), *ask.answers),
        )

    async def _learners(self, ask: Asking, class_id: str, span: Filters) -> dict[str, dict[int, float]]:
        """measure -> learner -> value; counts of who did nothing are zero, a missing score is missing."""
        until = min(span.until, self.today + timedelta(days=1))
        wish = Ask(
            question="learners",
            measures=MEASURES,
            where=(Where("class_id", "=", (class_id,)),),
            since=span.since,
            until=until,
        )
        rows = rows_of(await ask.put(wish, within=False))
        return {
            name: {
                row["learner_id"]: float(row[name] or 0)
                for row in rows
                if row[name] is not None or name != "mean_score"
            }
            for name in MEASURES
        }

    def _contrast(self, one: Mapping[int, float], other: Mapping[int, float]) -> Contrast:
        if self.other == EARLIER:
            return runs(one, other)
        return groups(list(one.values()), list(other.values()))

    def _chooser(self) -> Markup:
        options = [
            (EARLIER, self.say("compare.earlier", before=before_words(self.visit.speech, self.filters)))
        ]
        options += [(c.value, c.label) for c in self.offered.classes if c.value != self.class_id]
        rows = join(
            Markup('<option value="{}"{}>{}</option>').format(
                value, Markup(" selected") if value == self.other else "", label
            )
            for value, label in options
        )
        return Markup(
            '<label class="filter"><span>{}</span><select name="with" data-filter>{}</select></label>'
        ).format(self.say("compare.with", name=self._title(self.class_id)), rows)

    def _title(self, class_id: str | None) -> str:
        return next((c.label for c in self.offered.classes if c.value == class_id), "")

    def _table(self, found: Mapping[str, Contrast]) -> Markup:
        say = self.say
        second = say("compare.earlier_column") if self.other == EARLIER else self._title(self.other)
        rows = [{"measure": name, "found": found[name]} for name in MEASURES]
        return table(
            self.visit.speech,
            rows,
            [
                Column("measure", say("compare.measure"), lambda r: say(f"compare.{r['measure']}")),
                Column(
                    "one", self._title(self.class_id), lambda r: self._value(r["measure"], r["found"].one)
                ),
                Column("other", second, lambda r: self._value(r["measure"], r["found"].other)),
                Column("difference", say("compare.difference"), self._difference),
            ],
            Turn(),
            say("compare.heading"),
            stacked=False,
        )

    def _value(self, measure: str, value: float | None) -> str:
        speech: Speech = self.visit.speech
        if value is None:
            return self.say("teacher.no_scores")
        if measure == "mean_score":
            return speech.percent(value)
        return speech.duration(value * 60) if measure == "learning_minutes" else speech.number(value, 1)

    def _difference(self, row: Mapping[str, Any]) -> Markup | str:
        found: Contrast = row["found"]
        if not found.is_enough or found.difference is None:
            return self.say("compare.too_few", n=min(found.have, found.have_other), need=FEWEST)
        name = row["measure"]
        if found.low is None or found.high is None:
            return self._alike(name, found.difference)
        if not found.is_clear:
            return self.say("compare.unclear")
        ends = sorted((abs(found.low), abs(found.high)))
        key = "more" if found.difference > 0 else "less"
        said = self.say(
            f"compare.{key}",
            by=self._value(name, abs(found.difference)),
            low=self._value(name, ends[0]),
            high=self._value(name, ends[1]),
        )
        return tone(said, "good" if key == "more" else "watch")

    def _alike(self, measure: str, difference: float) -> str:
        """Everybody did the same, or changed by as much."""
        if not difference:
            return self.say("compare.same")
        key = "more" if difference > 0 else "less"
        return self.say(f"compare.alike_{key}", by=self._value(measure, abs(difference)))

    def _file(self, found: Mapping[str, Contrast], first: Answer) -> Answer:
        columns: dict[str, Any] = {"measure": list(found)}
        for name in ("one", "other", "difference", "low", "high"):
            columns[name] = pa.array([getattr(one, name) for one in found.values()], pa.float64())
        columns["learners"] = [one.have for one in found.values()]
        columns["other_learners"] = [one.have_other for one in found.values()]
        made = pa.table(columns)
        return replace(
            first, table=made, columns=tuple(ColumnMeaning(name, "detail") for name in made.column_names)
        )

    async def changed(self, ask: Asking) -> Card | None:
        """Of the class as a whole: each learner against the own weeks before."""
        if self.class_id is None:
            return None
        wish = Ask(
            question="group_insights",
            where=(Where("class_id", "=", (self.class_id,)),),
            until=_tomorrow(self.today),
        )
        rows = [row for row in rows_of(await ask.put(wish, within=False)) if row["group_id"] == self.class_id]
        heading = self.say("insight.group_heading")
        if rows and not rows[0]["enough"]:
            return Card(
                heading, empty=self.say("insight.group_not_enough", n=rows[0]["have"], need=rows[0]["need"])
            )
        if not rows:
            return Card(heading, empty=self.say("insight.group_nothing"))
        shown = ranked(rows, await judged(self))[:MOST]
        body = Markup('<ul class="insights">{}</ul>').format(join(group_finding(self, row) for row in shown))
        return Card(heading, self.say("insight.sub"), body=body)


def _tomorrow(day: date) -> date:
    return day + timedelta(days=1)


__all__ = ["ComparePage"]
