"""A learner's skills: a radar of now and a month ago, strengths and weaknesses, gaps and their roots."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from pages import charts
from pages.cards import Card, join, paragraph, progress
from pages.charts import Spoke
from pages.charts.radar import FEWEST, MOST
from pages.learner.reading import answer_about, rows_about
from pages.rows import Row, rows_of
from pages.sheet import Asking, Sheet

MOST_SHOWN = 3  # of each kind; a longer list is no advice
GROUPS = ("strength", "between", "weakness")


async def radar_card(sheet: Sheet, ask: Asking, key: str) -> Card:
    """The skills last worked on. With fewer than three directions there is no radar, but bars."""
    say = sheet.say
    answer = await answer_about(sheet, ask, "learner_skills")
    rows = [row for row in rows_of(answer) if row["enough"]]
    if not rows:
        return Card(say(f"{key}.skills"), empty=_too_little(sheet, rows_of(answer)))
    newest = sorted(rows, key=lambda r: (-r["last_on"].toordinal(), r["title"]))[:MOST]
    newest.sort(key=lambda r: (r["subject"] or "", r["title"]))
    if len(newest) < FEWEST:
        return Card(skills_title(sheet, key, rows), say("skill.sub"), body=_bars(sheet, newest))
    spokes = [Spoke(row["title"], row["share"], row["before_share"], _said(sheet, row)) for row in newest]
    drawing = charts.radar(
        answer.key,
        spokes,
        sheet.visit.speech,
        alternative=say(
            "skill.radar_text", n=len(spokes), all=sheet.visit.speech.names([s.said for s in spokes])
        ),
    )
    return Card(
        skills_title(sheet, key, rows), say("skill.radar_sub"), drawing=drawing, after=_legend(sheet, spokes)
    )


def skills_title(sheet: Sheet, key: str, rows: Sequence[Row]) -> str:
    best = max(rows, key=lambda r: (r["share"], r["answers"]))
    weak = min(rows, key=lambda r: (r["share"], -r["answers"]))
    if weak["verdict"] == "weakness" and weak is not best:
        return sheet.say(f"{key}.skills_practise", skill=weak["title"])
    if best["verdict"] == "strength":
        return sheet.say(f"{key}.skills_strong", skill=best["title"])
    return sheet.say(f"{key}.skills_between", n=len(rows))


def _said(sheet: Sheet, row: Row) -> str:
    share = sheet.visit.speech.share
    if row["before_share"] is None:
        return sheet.say("skill.point", skill=row["title"], share=share(row["share"]))
    return sheet.say(
        "skill.point_then", skill=row["title"], share=share(row["share"]), then=share(row["before_share"])
    )


def _legend(sheet: Sheet, spokes: Sequence[Spoke]) -> Markup:
    if sum(s.before is not None for s in spokes) < FEWEST:
        return paragraph(sheet.say("skill.no_before"), "sub after")
    return paragraph(sheet.say("skill.legend"), "sub after")


async def strengths_card(sheet: Sheet, ask: Asking, key: str) -> Card:
    """Strengths and what to practise, with the answers each is judged by."""
    say = sheet.say
    rows = await rows_about(sheet, ask, "learner_skills")
    judged = [row for row in rows if row["enough"]]
    if not judged:
        return Card(say(f"{key}.skills"), empty=_too_little(sheet, rows))
    parts = []
    for group in GROUPS:
        some = [row for row in judged if row["verdict"] == group]
        some.sort(key=lambda r: (r["share"] if group == "weakness" else -r["share"], r["title"]))
        if some:
            more = len(some) - MOST_SHOWN
            rest = paragraph(say("skill.more", n=more), "sub") if more > 0 else Markup("")
            heading = Markup("<h3>{}</h3>").format(say(f"skill.{group}"))
            parts.append(Markup("<div>{}</div>").format(heading + _bars(sheet, some[:MOST_SHOWN]) + rest))
    waiting = len(rows) - len(judged)
    after = paragraph(say("skill.waiting", n=waiting, need=rows[0]["need"]), "sub after") if waiting else None
    return Card(
        skills_title(sheet, key, judged),
        say("skill.sub"),
        body=Markup('<div class="groups">{}</div>').format(join(parts)),
        after=after or Markup(""),
    )


def _bars(sheet: Sheet, rows: Sequence[Row]) -> Markup:
    return Markup('<ul class="skills">{}</ul>').format(join(_bar(sheet, row) for row in rows))


def _bar(sheet: Sheet, row: Row) -> Markup:
    right = sheet.say("skill.right", n=row["answers"], right=row["correct"])
    return Markup('<li><p>{} <span class="sub">{}</span></p>{}</li>').format(
        row["title"], right, progress(row["share"], sheet.visit.speech.share(row["share"]))
    )


def _too_little(sheet: Sheet, rows: Sequence[Row]) -> str:
    if not rows:
        return sheet.say("skill.none")
    most = max(rows, key=lambda r: r["have"])
    return sheet.say("skill.little", have=most["have"], need=most["need"], skill=most["title"])


async def gaps_card(sheet: Sheet, ask: Asking, key: str) -> Card | None:
    """What is not mastered, and the earlier skill to begin with. No gap, no card."""
    say = sheet.say
    rows = await rows_about(sheet, ask, "gaps")
    if not rows:
        return None
    shown = rows[:MOST_SHOWN]
    body = Markup('<ul class="skills">{}</ul>').format(join(_gap(sheet, key, row) for row in shown))
    return Card(
        say(f"{key}.gaps", skill=shown[0]["root_title"] or shown[0]["title"]),
        say("skill.gaps_sub"),
        body=body,
    )


def _gap(sheet: Sheet, key: str, row: Row) -> Markup:
    share = sheet.visit.speech.share(row["mastery"])
    is_own = row["root_skill_id"] in (None, row["skill_id"])
    advice = sheet.say(f"{key}.gap_itself" if is_own else f"{key}.gap_root", skill=row["root_title"] or "")
    return Markup('<li><p>{}</p>{}<p class="sub">{}</p></li>').format(
        row["title"], progress(row["mastery"], sheet.say("skill.chance", share=share)), advice
    )
