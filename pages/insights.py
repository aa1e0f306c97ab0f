"""Findings in words: what changed, how sure that is, what drives it, what to do, and how it is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from compute.insights import NOT_ENOUGH, ranked
from models.ask import Ask
from pages.cards import Card, Figure, Number, Tone, button, join, paragraph, tone
from pages.figures import figured
from pages.rows import Row, rows_of

if TYPE_CHECKING:
    from pages.places import Visit
    from pages.sheet import Asking, Sheet

MOST = 3
RECENT_DAYS, USUAL_DAYS = 14, 56  # what is compared
LOOKED_AT = ("active_days", "learning_minutes", "lessons_completed", "mean_score")
SETTING = "insights.judged"
_GOOD = ("_rose", "_strong")


@dataclass(frozen=True, slots=True)
class Words:
    what: str
    sure: str
    why: str  # "" where no part stands out
    do: str
    known: str  # the evidence
    tone: Tone


def insight_words(sheet: Sheet, row: Mapping[str, Any], name: str = "") -> Words:
    """Without a name the reader is spoken to; with one somebody else is spoken of."""
    say, kind = sheet.say, str(row["kind"])
    voice = "they" if name else "you"
    if kind == NOT_ENOUGH:
        what = say(f"insight.not_enough_{voice}", name=name)
        return Words(
            what, "", "", "", say("insight.not_enough_known", n=row["have"], need=row["need"]), "plain"
        )
    measure = kind.rsplit("_", 1)[0]
    before, after = _spelt(sheet, measure, row["before"]), _spelt(sheet, measure, row["after"])
    part = str(row.get("driver_title") or "")
    parts = {"name": name, "before": before, "after": after, "part": part}
    why = ""
    if part and measure != "skill" and (row.get("driver_share") or 0) < 0.995:
        why = say(
            f"insight.why_{row['driver_kind']}",
            part=part,
            share=sheet.visit.speech.share(row["driver_share"]),
        )
    return Words(
        say(f"insight.{kind}_{voice}", **parts),
        sure_words(sheet, row["sureness"]),
        why,
        say(f"insight.{kind}_do_{voice}", **parts),
        _known(sheet, measure, row, before, after),
        "good" if kind.endswith(_GOOD) else "watch",
    )


def sure_words(sheet: Sheet, sureness: float) -> str:
    which = "certain" if sureness >= 0.99 else "very" if sureness >= 0.95 else "fairly"
    return sheet.say(f"insight.sure_{which}")


def _spelt(sheet: Sheet, measure: str, value: float) -> str:
    speech = sheet.visit.speech
    if measure == "score":
        return speech.percent(value)
    if measure == "pace":
        return speech.number(value, 1)
    return speech.share(value)


def _known(sheet: Sheet, measure: str, row: Mapping[str, Any], before: str, after: str) -> str:
    numbers = sheet.say(f"insight.known_{measure}", n=row["n"], before=before, after=after)
    chance = 1 / max(float(row["p"]), 1e-6)
    often = sheet.say("insight.known_chance", n=_round(chance), compared=row["compared"])
    return f"{numbers} {often}"


def _round(value: float) -> int:
    """As a person would say it: 1 in 40, 1 in 300."""
    size = 10 ** max(0, len(str(int(value))) - 2)
    return max(1, int(value // size * size))


async def read_insights(sheet: Sheet, ask: Asking) -> list[Row]:
    """Of the learners the page looks at, up to today."""
    wish = Ask(
        question="insights",
        where=replace(sheet.filters, marks={}).where,
        until=sheet.today + timedelta(days=1),
    )
    return rows_of(await ask.put(wish, within=False))


async def judged(sheet: Sheet) -> Mapping[str, Sequence[int]]:
    """What this reader found useful so far, by kind."""
    saved = await sheet.visit.desk.look("settings")
    return dict(saved.get(SETTING) or {})


async def insights_card(sheet: Sheet, ask: Asking, name: str = "", most: int = MOST) -> Card:
    """What changed for the one learner the page is about."""
    rows = await read_insights(sheet, ask)
    heading = sheet.say("insight.heading")
    if not rows:
        return await _as_before(sheet, ask, heading, name)
    if not rows[0]["enough"]:
        words = insight_words(sheet, rows[0], name)
        return Card(heading, empty=f"{words.what} {words.known}")
    rows = ranked(rows, await judged(sheet))[:most]
    body = Markup('<ul class="insights">{}</ul>').format(
        join(finding(sheet, row, insight_words(sheet, row, name)) for row in rows)
    )
    return Card(heading, sheet.say("insight.sub"), body=body)


async def _as_before(sheet: Sheet, ask: Asking, heading: str, name: str) -> Card:
    """Nothing stands out: said, and shown by what was looked at."""
    say, speech = sheet.say, sheet.visit.speech
    voice = "they" if name else "you"
    until = sheet.today + timedelta(days=1)
    since = until - timedelta(days=RECENT_DAYS)
    here = replace(sheet.filters, since=since, until=until, marks={})
    earlier = replace(here, since=since - timedelta(days=USUAL_DAYS), until=since)
    now = await ask(*LOOKED_AT, filters=here)
    then = await ask(*LOOKED_AT, filters=earlier)
    new, old = next(iter(rows_of(now)), {}), next(iter(rows_of(then)), {})
    if not new.get("active_days") and not old.get("active_days"):
        return Card(heading, empty=say(f"insight.nothing_{voice}", name=name))
    told = say(f"insight.{'nothing' if new.get('active_days') else 'away'}_{voice}", name=name)
    spelt = {
        "active_days": lambda n: say("word.days", n=round(n)),
        "learning_minutes": lambda n: speech.duration(n * 60),
        "lessons_completed": lambda n: speech.number(n, 0),
        "mean_score": speech.percent,
    }
    shown = []
    for measure in LOOKED_AT:
        as_mean = measure == "mean_score"
        usual, recent = old.get(measure), new.get(measure)
        if as_mean and (usual is None or recent is None):
            continue
        usual = usual if as_mean else (usual or 0) * RECENT_DAYS / USUAL_DAYS
        compared = say("insight.usually", value=spelt[measure](usual))
        number = Number(recent or 0, now, measure, before=usual)
        label = say(f"insight.looked_{measure}")
        shown.append(Figure(label, spelt[measure](recent or 0), compared, number=number))
    return figured(shown, title=heading, sub=say("insight.looked_sub"), lead=paragraph(told))


def finding(sheet: Sheet, row: Mapping[str, Any], words: Words, head: Markup | str = "") -> Markup:
    """One finding. Its evidence is one click away, and so is what the reader thinks of it."""
    why = paragraph(words.why, "sub") if words.why else Markup("")
    return Markup(
        '<li class="insight"><p class="what">{}{}</p>{}<p>{}</p>'
        '<details><summary>{}</summary><p class="sub">{} {}</p></details>{}</li>'
    ).format(
        head,
        tone(words.what, words.tone),
        why,
        words.do,
        sheet.say("insight.how_known"),
        words.sure,
        words.known,
        _votes(sheet, str(row["kind"])),
    )


def _votes(sheet: Sheet, kind: str) -> Markup:
    said = getattr(sheet, "told_useful", {}).get(kind)
    if said is not None:
        thanks = sheet.say("insight.thanks_useful" if said else "insight.thanks_not")
        undo = button(sheet.say("insight.undo"), "insight_undo", kind)
        return Markup('<p class="votes">{} {}</p>').format(thanks, undo)
    return Markup('<p class="votes"><span class="sub">{}</span> {} {}</p>').format(
        sheet.say("insight.useful"),
        button(sheet.say("insight.yes"), "insight_useful", kind),
        button(sheet.say("insight.no"), "insight_not", kind),
    )


class InsightDeeds:
    """For a sheet with findings on it: name the slots in `insight_slots`."""

    insight_slots: tuple[str, ...] = ()
    told_useful: dict[str, bool]
    visit: Visit

    async def do_insight_useful(self, kind: str) -> Sequence[str]:
        return await self._judge(kind, useful=True)

    async def do_insight_not(self, kind: str) -> Sequence[str]:
        return await self._judge(kind, useful=False)

    async def do_insight_undo(self, kind: str) -> Sequence[str]:
        said = self._judged_so_far().pop(kind, None)
        if said is not None:
            await self.visit.desk.do("judge_insight", kind=kind, useful=said, undo=True)
        return self.insight_slots

    async def _judge(self, kind: str, *, useful: bool) -> Sequence[str]:
        if kind not in self._judged_so_far():
            await self.visit.desk.do("judge_insight", kind=kind, useful=useful)
            self._judged_so_far()[kind] = useful
        return self.insight_slots

    def _judged_so_far(self) -> dict[str, bool]:
        if not hasattr(self, "told_useful"):
            self.told_useful = {}
        return self.told_useful


def group_finding(sheet: Sheet, row: Mapping[str, Any]) -> Markup:
    """Of a class: what changed, which part of it drives that, what to look at."""
    kind = str(row["kind"])
    measure, way = kind.rsplit("_", 1)
    before, after = _spelt(sheet, measure, row["before"]), _spelt(sheet, measure, row["after"])
    why = ""
    if row["driver_id"]:
        share = sheet.visit.speech.share
        why = sheet.say(
            "insight.group_why",
            part=row["driver_id"],
            learners=share(row["driver_learners"]),
            share=share(min(1.0, row["driver_share"])),
        )
    chance = 1 / max(float(row["p"]), 1e-6)
    known = sheet.say("insight.group_known", n=row["n"], moved=row["moved"])
    often = sheet.say("insight.known_chance", n=_round(chance), compared=row["compared"])
    words = Words(
        sheet.say(f"insight.group_{kind}", before=before, after=after),
        sure_words(sheet, row["sureness"]),
        why,
        sheet.say(f"insight.group_{way}_do"),
        f"{known} {often}",
        "good" if way == "rose" else "watch",
    )
    return finding(sheet, row, words)
