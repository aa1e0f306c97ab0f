"""One learner's cards, as the student, the parents and the teachers see them alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta

from markupsafe import Markup

from compute.streaks import Streak, streak
from models.ask import Answer, Ask
from pages import charts
from pages.cards import Card, Figure, Number, join, paragraph, progress, tone
from pages.filters import Filters
from pages.findings import change
from pages.findings import then as compared
from pages.rows import Row, row_of, rows_of
from pages.sheet import Asking, Sheet

STREAK_DAYS = 400
RESULTS_DAYS = 90
DAYS_COUNTED = 28  # so long ago a day is told as days ago
FEWEST_RESULTS = 3  # fewer have no middle to speak of


async def streak_of(sheet: Sheet, ask: Asking) -> Streak:
    """Counted on school days: a holiday does not break it."""
    span = replace(sheet.filters, since=sheet.today - timedelta(days=STREAK_DAYS), until=_tomorrow(sheet))
    active = await ask("events", by="day", filters=span)
    free = await free_days(sheet, ask, span)
    return streak([r["day"] for r in rows_of(active)], free, sheet.today)


async def free_days(sheet: Sheet, ask: Asking, span: Filters) -> dict[date, str]:
    """Weekends and holidays of the span, with the holiday's name where there is one."""
    wish = Ask(question="school_days", since=span.since, until=span.until)
    answer = await ask.put(wish, within=False)
    ask.answers.remove(answer)
    return {
        r["day"]: (r["label"] or "") if r["kind"] == "holiday" else ""
        for r in rows_of(answer)
        if r["kind"] != "term"
    }


def _tomorrow(sheet: Sheet) -> date:
    return sheet.today + timedelta(days=1)


async def standing(sheet: Sheet, ask: Asking) -> list[Row]:
    """The learner's courses; the finished ones last."""
    filters = replace(sheet.filters, marks={}, course=None)
    wish = replace(filters.narrow(Ask(question="courses")), since=None, until=None)
    rows = rows_of(await ask.put(wish, within=False))
    return sorted(
        rows, key=lambda r: (bool(r["completed"]), -(r["last_active"] or date.min).toordinal(), r["title"])
    )


def is_done(row: Row) -> bool:
    return bool(row["completed"]) or (row["lessons"] > 0 and row["finished"] >= row["lessons"])


def tiles(sheet: Sheet, rows: Sequence[Row]) -> Markup:
    return Markup('<ul class="tiles">{}</ul>').format(join(_tile(sheet, row) for row in rows))


def _tile(sheet: Sheet, row: Row) -> Markup:
    say, speech = sheet.say, sheet.visit.speech
    share = row["finished"] / row["lessons"] if row["lessons"] else None
    lines = [paragraph(say("learner.lessons", n=row["lessons"], done=row["finished"]), "sub")]
    if is_done(row):
        lines.append(tone(say("learner.course_done"), "good"))
    elif row["next_lesson"]:
        lines.append(_line(say("learner.next"), row["next_lesson"], lasting(sheet, row["next_lesson_s"])))
    if row["due"] and not is_done(row):
        lines.append(_line(say("learner.due"), row["due"], _when(sheet, row["due_on"])))
    if row["last_active"]:
        lines.append(paragraph(say("learner.last_here", when=ago(sheet, row["last_active"])), "sub"))
    return Markup('<li class="tile"><h3>{}</h3>{}{}</li>').format(
        row["title"], progress(share, speech.share(share)), join(lines)
    )


def _line(label: str, text: str, more: str) -> Markup:
    extra = Markup(' <span class="sub">{}</span>').format(more) if more else Markup("")
    return Markup('<p><span class="sub">{}</span> {}{}</p>').format(label, text, extra)


def lasting(sheet: Sheet, seconds: float | None) -> str:
    return sheet.say("learner.about", time=sheet.visit.speech.duration(max(60, seconds))) if seconds else ""


def _when(sheet: Sheet, due: date) -> str:
    left = (due - sheet.today).days
    if left <= 1:
        return sheet.say("learner.today" if left <= 0 else "learner.tomorrow")
    return sheet.say("learner.by_day", day=sheet.visit.speech.day(due, "MMMEd"))


def ago(sheet: Sheet, day: date) -> str:
    past = (sheet.today - day).days
    if past <= 1:
        return sheet.say("learner.today" if past <= 0 else "learner.yesterday")
    if past <= DAYS_COUNTED:
        return sheet.say("learner.days_ago", n=past)
    year = "y" if day.year != sheet.today.year else ""
    return sheet.say("learner.on_day", day=sheet.visit.speech.day(day, f"{year}MMMd"))


def folded(lines: Sequence[Markup], most: int, more: Callable[[int], str]) -> Markup:
    """A list whose later lines wait behind a line that says how many they are."""
    shown = Markup('<ul class="habits">{}</ul>')
    rest = lines[most:]
    if not rest:
        return shown.format(join(lines))
    return (shown + Markup("<details><summary>{}</summary>") + shown + Markup("</details>")).format(
        join(lines[:most]), more(len(rest)), join(rest)
    )


async def calendar_card(sheet: Sheet, ask: Asking, key: str) -> Card:
    """A year of days: `key` names the texts of whose year it is."""
    say, speech = sheet.say, sheet.visit.speech
    year = replace(sheet.filters, since=sheet.today - timedelta(days=364), until=_tomorrow(sheet), marks={})
    answer = await ask("learning_minutes", by="day", filters=year)
    days = [r for r in rows_of(answer) if r["learning_minutes"]]
    if not days:
        return Card(say(f"{key}.calendar"), empty=say("learner.no_year"))
    best = max(days, key=lambda r: r["learning_minutes"])
    title = say(f"{key}.calendar_found", n=len(days))
    sub = say(
        f"{key}.calendar_best",
        day=speech.day(best["day"], "yMMMMd"),
        time=speech.duration(best["learning_minutes"] * 60),
    )
    drawing = charts.calendar(answer, speech, today=sheet.today, y="learning_minutes", unit="minutes")
    return Card(title, sub, drawing=drawing)


async def results_card(sheet: Sheet, ask: Asking, key: str, days: int = RESULTS_DAYS) -> Card:
    """Each result a dot, over the middle of the results before the newest."""
    say, speech = sheet.say, sheet.visit.speech
    span = replace(sheet.filters, since=sheet.today - timedelta(days=days - 1), until=_tomorrow(sheet))
    answer = await ask(
        "mean_score", by=("day", "assessment_id"), options=(("labels", True),), order=("day",), filters=span
    )
    scores = [(r["day"], r["mean_score"], _titled(r)) for r in rows_of(answer) if r["mean_score"] is not None]
    if not scores:
        return Card(
            say(f"{key}.results"), say("learner.results_sub", n=days), empty=say("learner.no_results", n=days)
        )
    last_day, last, last_title = scores[-1]
    usual = statistics.median(s for _, s, _ in scores[:-1]) if len(scores) > FEWEST_RESULTS else None
    return Card(
        _results_title(sheet, key, last, usual),
        say("learner.results_sub", n=days),
        drawing=charts.dots(
            answer,
            speech,
            y="mean_score",
            since=span.since,
            until=sheet.today,
            usual=usual,
            usual_text=say(f"{key}.usual", score=speech.percent(usual)) if usual is not None else "",
            said=lambda r: (
                f"{_titled(r)}, {speech.day(r['day'], 'MMMEd')}: {speech.percent(r['mean_score'])}"
            ),
            alternative=say(
                "learner.results_text",
                n=len(scores),
                last=speech.percent(last),
                title=last_title,
                day=speech.day(last_day),
            ),
        ),
    )


def _titled(row: Row) -> str:
    return str(row.get("assessment_id_label") or row.get("assessment_id") or "")


def _results_title(sheet: Sheet, key: str, last: float, usual: float | None) -> str:
    shown = sheet.visit.speech.percent(last)
    if usual is None:
        return sheet.say(f"{key}.result_last", score=shown)
    which = "same" if abs(last - usual) < 3 else "above" if last > usual else "below"
    return sheet.say(f"{key}.result_{which}", score=shown, usual=sheet.visit.speech.percent(usual))


def score_figure(sheet: Sheet, label: str, answer: Answer, past: Answer) -> Figure:
    """A mean score; no result is said in words, never as a number."""
    speech, earlier = sheet.visit.speech, ""
    now, then = row_of(answer)["mean_score"], row_of(past)["mean_score"]
    number = Number(now, answer, "mean_score", before=then)
    found = change(now, then)
    if then is not None:
        earlier = compared(speech, speech.percent(then), sheet.filters, found)
    if now is None:
        key = "learner.nothing_scored_then" if earlier else "learner.nothing_scored"
        return Figure(label, "–", sheet.say(key, then=earlier), number=number)
    return Figure(label, speech.percent(now), earlier, found.tone(), number=number)


def total(answer: Answer, measure: str) -> float:
    return float(sum(r[measure] or 0 for r in rows_of(answer)))
