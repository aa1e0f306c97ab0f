"""How good the data is: scores against the target, what was unusual, what is broken most, and the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
from markupsafe import Markup

from models.ask import Answer, Ask, Where
from models.quality import DIMENSIONS, REPEATED_ID
from pages import charts, tables
from pages.cards import Card, Figure, Number, Tone, button, join, paragraph, place_link, tone
from pages.figures import figured
from pages.quality import lists
from pages.quality.words import Run, event_type, known_points, rule, runs, told, when
from pages.sheet import Asking, Sheet, Slot
from pages.spans import step_of

MOST_ANOMALIES = 12
FEWEST = 20  # events; a score of fewer says little
PURPOSE = "administration"
Row = Mapping[str, Any]
Picked = tuple[str, str, str, str, date, date]  # dimension, rule, source, event type, since, until


class QualityPage(Sheet):
    period = "90d"
    marks = ("source",)
    slots = (
        Slot("glance", height=128, bare=True),
        Slot("history", height=300),
        Slot("unusual", height=300),
        Slot("behind", height=120),
        Slot("origins", height=220),
        Slot("offenders", height=320),
        Slot("batches", height=160),
        Slot("lost", height=200),
    )
    asked_for: Picked | None = None

    # Cards

    async def glance(self, ask: Asking) -> Card:
        say = self.say
        answer = await ask.put(Ask(question="quality_scores"))
        now = answer.rows()[0]
        then = (await self._before(ask)).rows()[0]
        if now["score"] is None:
            return Card(empty=say("quality.nothing"))

        def figure(name: str) -> Figure:
            score, target = _number(now[name]), _number(now["target"])
            shown = self._points(score)
            past = _number(then[name])
            compared = self._compared(score, past, target)
            number = Number(score, answer, name, before=past)
            return Figure(say(f"quality.{name}"), shown, compared, self._tone(score, target), number=number)

        return figured([figure(name) for name in DIMENSIONS])

    async def _before(self, ask: Asking) -> Answer:
        answer = await ask.put(Ask(question="quality_scores"), filters=self.filters.before)
        ask.answers.remove(answer)
        return answer

    def _compared(self, score: float | None, then: float | None, target: float | None) -> str:
        if score is None or target is None:
            return self.say("quality.not_judged")
        if score < target:
            return self.say("quality.under", target=self._points(target))
        if then is None or round(score, 1) == round(then, 1):
            return self.say("quality.reached", target=self._points(target))
        return self.say("quality.reached_then", target=self._points(target), then=self._points(then))

    def _tone(self, score: float | None, target: float | None) -> Tone:
        if score is None or target is None:
            return "plain"
        return "good" if score >= target else "watch" if score >= target - 10 else "urgent"

    def _points(self, score: float | None) -> str:
        return known_points(self.visit.speech, score)

    async def history(self, ask: Asking) -> Card:
        say, step = self.say, step_of(self.filters)
        answer = await ask.put(Ask(question="quality_scores", by=(step,)))
        by_source = await ask.put(Ask(question="quality_scores", by=(step, "source")))
        rows = answer.rows()
        if not rows:
            return Card(say("quality.history"), empty=say("quality.nothing"))
        target = _number(rows[0]["target"]) or 0.0
        lowest = _lowest(by_source.rows())
        worst = str(lowest["source"]) if lowest else ""
        drawing = charts.line(
            _beside(answer, by_source, step, worst),
            self.visit.speech,
            x=step,
            y=("score", "worst"),
            compared=_level(answer, step, target),
            today=self.today if self.filters.running and step == "day" else None,
            said=lambda row: self._said(row, step, worst),
        )
        sub = say(f"quality.history_{step}", target=self._points(target), source=worst)
        overall = (await ask.put(Ask(question="quality_scores"))).rows()[0]
        title = self._lowest_title(lowest, target, step, self._points(_number(overall["score"])))
        return Card(title, sub, drawing=drawing)

    def _lowest_title(self, lowest: Row | None, target: float, step: str, overall: str) -> str:
        if lowest is None or lowest["score"] >= target:
            return self.say(f"quality.above_{step}", overall=overall)
        return self.say(
            f"quality.lowest_{step}",
            overall=overall,
            source=lowest["source"],
            score=self._points(lowest["score"]),
            day=self.visit.speech.day(lowest[step]),
        )

    def _said(self, row: Row, step: str, worst: str) -> str:
        return self.say(
            f"quality.on_{step}",
            day=self.visit.speech.day(row[step]),
            score=self._points(row["score"]),
            source=worst,
            worst=self._points(row["worst"]),
        )

    async def unusual(self, ask: Asking) -> Card:
        answer = await ask.put(Ask(question="quality_anomalies"))
        found = runs(answer.rows())
        if not found:
            return Card(self.say("quality.unusual"), empty=self.say("quality.usual"))
        grave = [run for run in found if run.worst["severity"] == "severe"]
        lines = [self._line(run) for run in found[:MOST_ANOMALIES]]
        more = len(found) - len(lines)
        return Card(
            self.say("quality.unusual_grave", n=len(grave)) if grave else self.say("quality.unusual_found"),
            self.say("quality.unusual_sub"),
            body=Markup('<ul class="bullets">{}</ul>').format(join(lines)),
            after=paragraph(self.say("quality.more", n=more), "quiet") if more else Markup(""),
        )

    def _line(self, run: Run) -> Markup:
        row = run.worst
        text = Markup("{} {}").format(
            told(self.visit.speech, run), tone(self.say(f"quality.{row['severity']}"), run.tone)
        )
        shown = Markup("")
        if row["kind"] == "broken":
            picked = (row["dimension"], row["rule"], row["source"], "", run.first, run.last)
            shown = self._button(picked)
        return Markup("<li>{}: {} {}</li>").format(when(self.visit.speech, run), text, shown)

    async def origins(self, ask: Asking) -> Card:
        say, speech = self.say, self.visit.speech
        answer = await ask.put(Ask(question="quality_scores", by=("source",)))
        rows: list[dict[str, Any]] = [dict(row) for row in answer.rows()]
        if not rows:
            return Card(say("quality.origins"), empty=say("quality.nothing"))
        weekly = await ask.put(Ask(question="quality_scores", by=("source", "week")))
        ask.answers.remove(weekly)
        for row in rows:
            row["trend"] = [w["score"] for w in weekly.rows() if w["source"] == row["source"]]
        judged = [r for r in rows if r["score"] is not None and r["arrived"] >= FEWEST]
        under = [r for r in judged if r["score"] < r["target"]]
        title = say("quality.origins_under", n=len(under)) if under else say("quality.origins_worst")
        turn = self.turns.get("origins", tables.Turn(order="score"))
        table = tables.table(
            speech, rows, lists.origins(speech, self._source, self._tone), turn, say("quality.origins")
        )
        return Card(title, say("quality.origins_sub"), body=table)

    def _source(self, row: Row) -> Markup:
        name = str(row["source"])
        chosen = self.filters.marks.get("source") == name
        return place_link(name, self.filters.link(source=None if chosen else name))

    async def offenders(self, ask: Asking) -> Card:
        say, speech = self.say, self.visit.speech
        answer = await ask.put(Ask(question="quality_offenders"))
        rows = answer.rows()
        if not rows:
            return Card(say("quality.offenders"), empty=say("quality.none_broken"))
        turn = self.turns.get("offenders", tables.Turn(order="-broken"))
        shown = self._shown if self.may_see_rows else None
        table = tables.table(speech, rows, lists.offenders(speech, shown), turn, say("quality.offenders"))
        first = rows[0]
        title = say(
            "quality.offenders_first",
            rule=rule(speech, str(first["dimension"]), str(first["rule"])),
            source=str(first["source"]),
        )
        return Card(title, say("quality.offenders_sub"), body=table)

    def _shown(self, row: Row) -> Markup:
        where = (row["source"], row["event_type"], row["since"], row["last"])
        return self._button((row["dimension"], row["rule"], *where))

    async def batches(self, ask: Asking) -> Card | None:
        say, speech = self.say, self.visit.speech
        answer = await ask.put(replace(self._whole(), question="quality_batches"), within=False)
        rows = answer.rows()
        if not rows:
            return None
        columns = lists.batches(speech)
        table = tables.table(
            speech,
            rows,
            columns,
            self.turns.get("batches", tables.Turn()),
            say("quality.batches"),
        )
        return Card(say("quality.batches_found", n=len(rows)), say("quality.batches_sub"), body=table)

    async def lost(self, ask: Asking) -> Card:
        """Whatever the period: it is told since core began."""
        say, speech = self.say, self.visit.speech
        found = await self.visit.desk.look("way_in")
        if found["since"] is None:
            return Card(say("quality.lost"), empty=say("quality.lost_unknown"))
        since = speech.moment(datetime.fromisoformat(found["since"]))
        rows = found["kinds"]
        if not rows:
            return Card(say("quality.lost"), empty=say("quality.lost_none", since=since))
        gone = sum(row["events"] for row in rows if row["fate"] == "shed")
        title = say("quality.lost_shed", n=gone) if gone else say("quality.lost_not_shed")
        table = tables.table(
            speech,
            rows,
            lists.lost(speech),
            self.turns.get("lost", tables.Turn(order="-events")),
            say("quality.lost"),
        )
        return Card(title, say("quality.lost_sub", since=since), body=table)

    def _whole(self) -> Ask:
        return Ask(since=self.filters.since, until=self.filters.until)

    # The rows that show it

    @property
    def may_see_rows(self) -> bool:
        return self.visit.desk.viewer.may("see-events")

    def _button(self, picked: Picked) -> Markup:
        if not self.may_see_rows or picked[1] == REPEATED_ID:
            return Markup("")
        # A link into the page: whoever asks is brought to the rows.
        return Markup('<a href="#card-behind" data-do="show" data-value="{}">{}</a>').format(
            "|".join(map(str, picked)), self.say("quality.show")
        )

    async def do_show(self, value: str) -> list[str]:
        self.asked_for = _picked(value) if self.may_see_rows else None
        return ["behind"]

    async def behind(self, ask: Asking) -> Card | None:
        if not self.may_see_rows:
            return None
        say, speech = self.say, self.visit.speech
        if self.asked_for is None:
            return Card(say("quality.behind"), empty=say("quality.behind_means"))
        dimension, name, source, kind, since, last = self.asked_for
        where = [Where(d, "=", (v,)) for d, v in (("source", source), ("event_type", kind)) if v]
        wish = Ask(
            question="quality_rows",
            where=tuple(where),
            since=since,
            until=last + timedelta(days=1),
            options=(("dimension", dimension), ("rule", name)),
            purpose=PURPOSE,
        )
        rows = (await ask.put(wish, within=False)).rows()
        told_rule = rule(speech, dimension, name)
        if not rows:
            return Card(say("quality.behind_rule", rule=told_rule), empty=say("quality.behind_none"))
        turn = self.turns.get("behind", tables.Turn())
        table = tables.table(speech, rows, lists.events(speech), turn, told_rule)
        place = ", ".join(part for part in (source, event_type(speech, kind) if kind else "") if part)
        days = speech.span(since, last + timedelta(days=1))
        return Card(
            say("quality.behind_rule", rule=told_rule),
            say("quality.behind_where", where=place, days=days, n=len(rows)),
            body=table,
            after=button(say("quality.close"), "show", ""),
            file=False,
        )


def _picked(value: str) -> Picked | None:
    """From a browser: the desk checks the names, this the shape."""
    parts = value.split("|")
    if len(parts) != 6:
        return None
    try:
        since, last = date.fromisoformat(parts[4]), date.fromisoformat(parts[5])
    except ValueError:
        return None
    return (parts[0], parts[1], parts[2], parts[3], since, last) if since <= last else None


def _lowest(rows: Sequence[Row]) -> Row | None:
    judged = [row for row in rows if row["score"] is not None and row["arrived"] >= FEWEST]
    return min(judged, key=lambda row: float(row["score"]), default=None)


def _beside(answer: Answer, by_source: Answer, step: str, source: str) -> Answer:
    """All sources together, and the one that fell lowest."""
    of = {row[step]: row["score"] for row in by_source.rows() if row["source"] == source}
    worst = pa.array([of.get(day) for day in answer.table[step].to_pylist()], pa.float64())
    table = answer.table.select([step, "score"]).append_column("worst", worst)
    return replace(answer, table=table, key=f"{answer.key}-{by_source.key}")


def _level(answer: Answer, step: str, target: float) -> Answer:
    level = pa.array([target] * answer.table.num_rows)
    table = pa.table({step: answer.table[step], "score": level})
    return replace(answer, table=table, key=f"{answer.key}-target")


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


__all__: Sequence[str] = ["QualityPage"]
