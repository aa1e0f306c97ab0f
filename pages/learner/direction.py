"""Where a learner's results, time and pace are going, in words and with what is to be expected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

from compute.dimensions import first_day
from compute.trend import ENOUGH
from pages import charts
from pages.cards import Card, paragraph
from pages.charts import Ahead
from pages.learner.reading import answer_about, rows_about
from pages.rows import Row, rows_of
from pages.sheet import Asking, Sheet

_DAYS = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}
_FORMAT = {"day": "MMMEd", "week": "MMMd", "month": "yMMMM", "quarter": "yMMMM", "year": "y"}


@dataclass(frozen=True, slots=True)
class Seen:
    """One measure: how `learner_periods` and `learner_trends` say it, and how it is spelt."""

    measure: str
    value: Callable[[Row], float | None]
    spelt: Callable[[Sheet, float], str]
    change: Callable[[Sheet, float], str]
    top: float | None = None


def _daily(row: Row) -> float | None:
    return row["minutes"] / row["school_days"] if row["school_days"] else None


def _points(sheet: Sheet, value: float) -> str:
    return sheet.say("progress.points", n=max(1, round(value)))


def _duration(sheet: Sheet, minutes: float) -> str:
    return sheet.visit.speech.duration(max(1.0, minutes) * 60)


def _per_cent(sheet: Sheet, value: float) -> str:
    return sheet.visit.speech.percent(value)


def _minutes(sheet: Sheet, value: float) -> str:
    return sheet.visit.speech.duration(value * 60)


RESULTS = Seen("mean_score", lambda row: row["mean_score"], _per_cent, _points, 100.0)
TIME = Seen("minutes", _daily, _minutes, _duration)


def period_name(sheet: Sheet, day: date) -> str:
    frame, speech = sheet.filters.frame, sheet.visit.speech
    shown = speech.day(day, _FORMAT[frame])
    if frame == "week":
        return sheet.say("chart.week_of", day=shown)
    return sheet.say("progress.from_month", month=shown) if frame == "quarter" else shown


async def trends_of(sheet: Sheet, ask: Asking) -> dict[str, Row]:
    rows = await rows_about(sheet, ask, "learner_trends", frame=sheet.filters.frame)
    return {row["measure"]: row for row in rows}


async def direction_card(sheet: Sheet, ask: Asking, key: str, seen: Seen) -> Card:
    """`key` names the texts: `<key>_rising`, `_falling`, `_steady`, and `<key>` where nothing can be said."""
    say, frame = sheet.say, sheet.filters.frame
    answer = await answer_about(sheet, ask, "learner_periods", frame=frame)
    rows = rows_of(answer)
    trend = (await trends_of(sheet, ask)).get(seen.measure)
    known = [row for row in rows if seen.value(row) is not None]
    if not any(seen.value(row) for row in known):
        return Card(say(key), empty=say(f"{key}_none"), answers=(answer,))
    is_known = trend is not None and trend["enough"]
    running = next((row["period"] for row in rows if not row["is_over"]), None)
    last = max(row["period"] for row in rows)
    drawing = charts.band(
        answer,
        sheet.visit.speech,
        x="period",
        y=seen.measure,
        value=seen.value,
        said=lambda r: _said(sheet, seen, r, running),
        ahead=_ahead(trend, last if running is None else _before(last, frame), frame)
        if trend and is_known
        else (),
        said_ahead=lambda one: say(
            "progress.expected",
            when=period_name(sheet, one.day),
            low=seen.spelt(sheet, one.low),
            high=seen.spelt(sheet, one.high),
        ),
        ahead_text=say("progress.ahead"),
        top=seen.top,
        running=running,
        alternative=say(
            "progress.chart_text",
            n=len(known),
            last=seen.spelt(sheet, seen.value(known[-1]) or 0.0),
            when=period_name(sheet, known[-1]["period"]),
        ),
    )
    heading = say(f"{key}_{trend['verdict']}") if trend and is_known else say(key)
    return Card(heading, say(f"{key}_sub_{frame}"), drawing=drawing, after=_after(sheet, key, seen, trend))


def _said(sheet: Sheet, seen: Seen, row: Row, running: date | None) -> str:
    told = f"{period_name(sheet, row['period'])}: {seen.spelt(sheet, seen.value(row) or 0.0)}"
    return f"{told} ({sheet.say('chart.so_far')})" if row["period"] == running else told


def _before(day: date, frame: str) -> date:
    return first_day(frame, day - timedelta(days=1))


def _ahead(trend: Row, last: date, frame: str) -> list[Ahead]:
    days, at = [], last
    for _ in trend["expected"]:
        at = first_day(frame, at + timedelta(days=_DAYS[frame]))
        days.append(at)
    each = zip(days, trend["expected"], trend["expected_low"], trend["expected_high"], strict=True)
    return [Ahead(*one) for one in each]


def _after(sheet: Sheet, key: str, seen: Seen, trend: Row | None) -> Markup:
    if trend is None or not trend["enough"]:
        have, need = (trend["have"], trend["need"]) if trend else (0, ENOUGH)
        little = sheet.say(f"progress.little_{sheet.filters.frame}", have=have, need=need)
        return paragraph(little, "sub after")
    if trend["verdict"] == "steady":
        return paragraph(sheet.say("progress.steady_means"), "sub after")
    by = seen.change(sheet, abs(trend["rate"]))
    told = sheet.say(f"{key}_rate_{trend['verdict']}", by=by, sure=sureness(sheet, trend))
    return paragraph(told, "sub after")


def sureness(sheet: Sheet, trend: Row) -> str:
    """How often chance alone does this, in a hundred."""
    times = max(1, round(100 * trend["p_value"]))
    return sheet.say("progress.sure", n=times)
