"""A child's week in three to five plain sentences. Every number in them is one of the week's answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from pages.filters import Filters
from pages.findings import before
from pages.learner.parts import is_done, standing
from pages.rows import row_of, rows_of
from pages.speech import Speech

if TYPE_CHECKING:
    from pages.sheet import Asking, Sheet

MONTH_DAYS = 30
MINUTES = 10  # a smaller difference is "about as much"
POINTS = 5.0  # per cent of the points; a smaller difference is "as usual"
LOW = 60.0
FEWEST = 3  # results before a mean is compared


@dataclass(frozen=True, slots=True)
class Week:
    days: int
    days_before: int
    minutes: float
    minutes_before: float
    lessons: int
    lessons_before: int
    most_in: str  # the course of most of the lessons
    results: int
    mean: float | None
    usual: float | None  # the mean of the month before
    last_active: date | None
    next_lesson: str
    next_course: str


async def week_of(sheet: Sheet, ask: Asking, month_days: int) -> Week:
    measures = ("active_days", "learning_minutes", "lessons_completed", "scores", "mean_score")
    now: Mapping[str, Any] = row_of(await ask(*measures))
    then: Mapping[str, Any] = row_of(await ask.before(*measures))
    since = sheet.filters.since
    month = replace(sheet.filters, since=since - timedelta(days=month_days), until=since)
    usual: Mapping[str, Any] = row_of(await ask("mean_score", "scores", filters=month))
    by_course = await ask(
        "lessons_completed", by="course_id", order=("-lessons_completed",), options=(("labels", True),)
    )
    rows = await standing(sheet, ask)
    open_ = next((r for r in rows if not is_done(r) and r["next_lesson"]), None)
    return Week(
        days=int(now["active_days"] or 0),
        days_before=int(then["active_days"] or 0),
        minutes=float(now["learning_minutes"] or 0),
        minutes_before=float(then["learning_minutes"] or 0),
        lessons=int(now["lessons_completed"] or 0),
        lessons_before=int(then["lessons_completed"] or 0),
        most_in=_most(rows_of(by_course)),
        results=int(now["scores"] or 0),
        mean=now["mean_score"],
        usual=usual["mean_score"] if (usual["scores"] or 0) >= FEWEST else None,
        last_active=max((r["last_active"] for r in rows if r["last_active"]), default=None),
        next_lesson=str(open_["next_lesson"]) if open_ else "",
        next_course=str(open_["title"]) if open_ else "",
    )


def _most(rows: Sequence[Mapping[str, Any]]) -> str:
    named = [row for row in rows if row["course_id"] is not None]
    return str(named[0]["course_id_label"]) if len(named) > 1 else ""


def sentences(speech: Speech, name: str, week: Week, filters: Filters, seen: str) -> list[str]:
    """`seen` says when the child was last there."""
    told = [_days(speech, name, week, filters)]
    if not week.days and seen:
        told.append(speech.say("parent.seen_last", when=seen))
    if week.days:
        told.append(_time(speech, week, filters))
        told.append(_lessons(speech, name, week))
    if week.results:
        told.append(_results(speech, name, week))
    told.append(_help(speech, name, week))
    return told


def _days(speech: Speech, name: str, week: Week, filters: Filters) -> str:
    if not week.days:
        return speech.say(
            "parent.days_none", name=name, then=week.days_before, before=before(speech, filters)
        )
    return speech.say("parent.days", n=week.days, name=name, time=speech.duration(week.minutes * 60))


def _time(speech: Speech, week: Week, filters: Filters) -> str:
    more = week.minutes - week.minutes_before
    key = "same" if abs(more) < MINUTES else "more" if more > 0 else "less"
    return speech.say(
        f"parent.time_is_{key}", time=speech.duration(abs(more) * 60), before=before(speech, filters)
    )


def _lessons(speech: Speech, name: str, week: Week) -> str:
    if not week.lessons:
        return speech.say("parent.lessons_none", name=name)
    key = "parent.lessons_most" if week.most_in and week.lessons > 1 else "parent.lessons"
    return speech.say(key, n=week.lessons, name=name, course=week.most_in)


def _results(speech: Speech, name: str, week: Week) -> str:
    shown = speech.percent(week.mean)
    if week.usual is None or week.mean is None:
        return speech.say("parent.results_alone", n=week.results, name=name, mean=shown)
    gap = week.mean - week.usual
    key = "same" if abs(gap) < POINTS else "better" if gap > 0 else "lower"
    return speech.say(
        f"parent.results_{key}", n=week.results, name=name, mean=shown, usual=speech.percent(week.usual)
    )


def _help(speech: Speech, name: str, week: Week) -> str:
    """One thing to do at home, by the first rule that fits."""
    if not week.days:
        return speech.say("parent.help_start", name=name)
    if week.mean is not None and (week.mean < LOW or (week.usual or 0) - week.mean >= POINTS):
        return speech.say("parent.help_results", name=name)
    if week.minutes < week.minutes_before / 2:
        return speech.say("parent.help_time", name=name)
    if week.next_lesson:
        return speech.say("parent.help_next", name=name, lesson=week.next_lesson, course=week.next_course)
    return speech.say("parent.help_tell", name=name)
