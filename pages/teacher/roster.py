"""Every learner of the classes looked at: what the page says of each, read in a few questions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from markupsafe import Markup

from compute import attention
from compute.attention import EARLIER_DAYS, RECENT_DAYS, Reason, Standing
from models.ask import Answer, Ask, ColumnMeaning
from pages.cards import join, progress, sparkline, tone
from pages.learner.parts import ago, free_days
from pages.rows import rows_of
from pages.spans import weeks_until
from pages.tables import Column
from pages.teacher.why import flag, reason_tone

if TYPE_CHECKING:
    from pages.sheet import Asking, Sheet

TREND_WEEKS = 8
CALENDAR_DAYS = 120

Facts = Mapping[int, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Learner:
    learner_id: int
    name: str
    last_active: date | None
    progress: float
    mean: float | None  # of the last six weeks
    scores: int
    trend: tuple[float, ...]  # lessons finished, week by week
    reasons: tuple[Reason, ...]
    was_fine: bool  # a week ago
    engagement: float = 0.0  # share of the last school days with anything done

    def link(self, sheet: Sheet) -> Markup:
        shown = self.name or sheet.say("teacher.nameless")
        return Markup('<a href="/learner?child={}">{}</a>').format(str(self.learner_id), shown)


@dataclass(frozen=True, slots=True)
class Roster:
    learners: tuple[Learner, ...]

    @property
    def ranked(self) -> list[Learner]:
        """Who needs somebody most stands first."""
        return sorted(
            self.learners,
            key=lambda one: (-attention.urgency(one.reasons), one.name.casefold(), one.learner_id),
        )

    def answer(self, sheet: Sheet, first: Answer) -> Answer:
        """The list as a file: what is on screen, by name."""
        ranked = self.ranked
        table = pa.table(
            {
                "learner": pa.array([one.name for one in ranked], pa.string()),
                "last_active": pa.array([one.last_active for one in ranked], pa.date32()),
                "course_progress": pa.array([one.progress for one in ranked], pa.float64()),
                "mean_score": pa.array([one.mean for one in ranked], pa.float64()),
                "engagement": pa.array([one.engagement for one in ranked], pa.float64()),
                "risk": pa.array([attention.urgency(one.reasons) for one in ranked], pa.float64()),
                "flags": pa.array(
                    [", ".join(flag(sheet, r) for r in one.reasons) for one in ranked], pa.string()
                ),
            }
        )
        said = {c.name: c for c in first.columns}
        columns = tuple(said.get(name, ColumnMeaning(name, "detail")) for name in table.column_names)
        return replace(first, table=table, columns=columns)


async def roster_of(sheet: Sheet, ask: Asking) -> Roster:
    """Six questions, all at once. Progress and last activity are of all time, whatever the period."""
    today = sheet.today
    tomorrow = today + timedelta(days=1)
    recent = today - timedelta(days=RECENT_DAYS - 1)
    week = timedelta(days=7)
    weeks = weeks_until(today, TREND_WEEKS)
    span = replace(sheet.filters, since=today - timedelta(days=CALENDAR_DAYS), until=tomorrow)
    month = timedelta(days=EARLIER_DAYS)
    scored = ("mean_score", "scores")
    whole = ("last_active", "course_progress")
    ever, now, earlier, past, past_now, past_earlier = await asyncio.gather(
        _facts(sheet, ask, None, tomorrow, *whole),
        _facts(sheet, ask, recent, tomorrow, *scored, "active_days"),
        _facts(sheet, ask, recent - month, recent, *scored),
        _facts(sheet, ask, None, tomorrow - week, *whole),
        _facts(sheet, ask, recent - week, tomorrow - week, *scored),
        _facts(sheet, ask, recent - week - month, recent - week, *scored),
    )
    trend, free = await asyncio.gather(_trend(sheet, ask, weeks, tomorrow), free_days(sheet, ask, span))
    names = await ask.names(list(ever))
    here = {n: _standing(n, ever, now, earlier) for n in ever}
    then = {n: _standing(n, past, past_now, past_earlier) for n in ever}
    days = attention.school_days_between(recent - timedelta(days=1), today, free)
    middle, middle_then = attention.middle(list(here.values())), attention.middle(list(then.values()))
    learners = [
        Learner(
            learner_id=n,
            name=names.get(n, ""),
            last_active=here[n].last_active,
            progress=here[n].progress,
            mean=_mean(now.get(n), earlier.get(n)),
            scores=here[n].recent_scores + here[n].earlier_scores,
            trend=tuple(trend.get((n, week), 0) for week in weeks),
            reasons=attention.reasons(here[n], today, free, middle),
            was_fine=not attention.reasons(then[n], today - week, free, middle_then),
            engagement=min(1.0, (now.get(n, {}).get("active_days") or 0) / max(1, days)),
        )
        for n in ever
    ]
    return Roster(tuple(learners))


async def _facts(sheet: Sheet, ask: Asking, since: date | None, until: date, *measures: str) -> Facts:
    where = sheet.filters.where
    wish = Ask(question="learners", measures=measures, where=where, since=since, until=until)
    answer = await ask.put(wish, within=False)
    return {int(row["learner_id"]): row for row in rows_of(answer)}


async def _trend(
    sheet: Sheet, ask: Asking, weeks: Sequence[date], until: date
) -> dict[tuple[int, date], float]:
    span = replace(sheet.filters, since=weeks[0], until=until)
    answer = await ask("lessons_completed", by=("learner_id", "week"), filters=span)
    return {(r["learner_id"], r["week"]): r["lessons_completed"] for r in rows_of(answer)}


def _standing(n: int, ever: Facts, now: Facts, earlier: Facts) -> Standing:
    whole, late, early = ever.get(n, {}), now.get(n, {}), earlier.get(n, {})
    return Standing(
        joined_on=whole.get("joined_on"),
        last_active=whole.get("last_active"),
        progress=whole.get("course_progress") or 0.0,
        recent_mean=late.get("mean_score"),
        recent_scores=late.get("scores") or 0,
        earlier_mean=early.get("mean_score"),
        earlier_scores=early.get("scores") or 0,
    )


def _mean(now: Mapping[str, Any] | None, earlier: Mapping[str, Any] | None) -> float | None:
    parts = [(p["mean_score"], p["scores"]) for p in (now, earlier) if p and p["mean_score"] is not None]
    count = sum(n for _, n in parts)
    return sum(mean * n for mean, n in parts) / count if count else None


def columns(sheet: Sheet) -> list[Column]:
    say, speech = sheet.say, sheet.visit.speech

    def seen(row: Mapping[str, Any]) -> str:
        day = row["learner"].last_active
        return ago(sheet, day) if day else say("teacher.not_yet")

    def scored(row: Mapping[str, Any]) -> str:
        one = row["learner"]
        return speech.percent(one.mean) if one.mean is not None else say("teacher.no_scores")

    def trend(row: Mapping[str, Any]) -> Markup:
        one = row["learner"]
        text = say("teacher.trend_text", last=one.trend[-1], first=one.trend[0], n=len(one.trend))
        return sparkline(one.trend, text)

    def flags(row: Mapping[str, Any]) -> Markup:
        found = row["learner"].reasons
        if not found:
            return tone(say("teacher.fine"), "good")
        return join(
            Markup('<span class="flag">{}</span>').format(tone(flag(sheet, r), reason_tone(r))) for r in found
        )

    return [
        Column(
            "name",
            say("teacher.name"),
            lambda r: r["learner"].link(sheet),
            lambda r: r["learner"].name,
            find=True,
        ),
        Column("last_active", say("teacher.last_active"), seen, lambda r: r["learner"].last_active),
        Column(
            "progress",
            say("teacher.progress"),
            lambda r: progress(r["learner"].progress, speech.share(r["learner"].progress)),
            lambda r: r["learner"].progress,
        ),
        Column("mean", say("teacher.mean_column"), scored, lambda r: r["learner"].mean, numeric=True),
        Column("trend", say("teacher.trend"), trend, lambda r: r["learner"].trend[-1]),
        Column("flags", say("teacher.flags"), flags, lambda r: -attention.urgency(r["learner"].reasons)),
    ]
