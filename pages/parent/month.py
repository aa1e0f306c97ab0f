"""A month as a wall calendar: on which days the child learned. It is HTML, so it is read aloud by day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from markupsafe import Markup

from pages.cards import join
from pages.speech import Speech

_STEPS = (15.0, 30.0)  # minutes from which a day is drawn darker


def month_of(day: date) -> tuple[date, date]:
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


def month_table(
    speech: Speech,
    first: date,
    until: date,
    minutes: Mapping[date, float],
    free: Mapping[date, str],
    today: date,
) -> Markup:
    """`minutes` has a row for each day with anything done, be it without learning time."""
    start = first - timedelta(days=(first.weekday() - speech.first_weekday) % 7)
    days = [start + timedelta(days=n) for n in range((until - start).days)]
    days += [days[-1] + timedelta(days=n) for n in range(1, 1 + -len(days) % 7)]
    names = [speech.weekday_short((speech.first_weekday + n) % 7) for n in range(7)]
    head = join(Markup('<th scope="col">{}</th>').format(name) for name in names)
    weeks = [days[n : n + 7] for n in range(0, len(days), 7)]
    rows = join(
        Markup("<tr>{}</tr>").format(
            join(
                _cell(speech, day, minutes, free, today) if first <= day < until else Markup("<td></td>")
                for day in week
            )
        )
        for week in weeks
    )
    return Markup('<table class="month"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>').format(
        head, rows
    )


def _cell(
    speech: Speech, day: date, minutes: Mapping[date, float], free: Mapping[date, str], today: date
) -> Markup:
    kinds = ["day", *([f"did{_step(minutes[day])}"] if day in minutes else [])]
    kinds += ["free"] if day in free else ["later"] if day > today else []
    kinds += ["today"] if day == today else []
    return Markup(
        '<td class="{}"><span aria-hidden="true">{}</span><span class="unseen">{}</span></td>'
    ).format(" ".join(kinds), day.day, _said(speech, day, minutes, free, today))


def _step(minutes: float) -> int:
    return 1 + sum(minutes >= step for step in _STEPS)


def _said(
    speech: Speech, day: date, minutes: Mapping[date, float], free: Mapping[date, str], today: date
) -> str:
    named = speech.day(day, "MMMEd")
    if minutes.get(day):
        return f"{named}: {speech.duration(minutes[day] * 60)}"
    if day in minutes:
        return f"{named}: {speech.say('parent.day_short')}"
    if day in free:
        return f"{named}: {free[day] or speech.say('parent.day_free')}"
    return f"{named}: {speech.say('parent.day_later' if day > today else 'parent.day_none')}"
