"""Courses, best and worst: by the share of those who joined and have finished."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
from markupsafe import Markup

from models.ask import Answer, Ask
from pages import charts
from pages.asking import Asking
from pages.cards import Card
from pages.findings import nothing
from pages.rows import rows_of

if TYPE_CHECKING:
    from pages.admin import AdminPage

MOST_COURSES = 5
PURPOSE = "administration"


async def ranked(page: AdminPage, ask: Asking, which: str) -> Card | None:
    """By the share of those who joined up to the period's end and have finished by then."""
    say, speech = page.say, page.visit.speech
    order = "-completion_share" if which == "best" else "completion_share"
    now = await _completion(page, ask, page.filters.until, order)
    then = await _completion(page, ask, page.filters.since, order)
    ask.answers.remove(then)
    rows = [r for r in rows_of(now) if r["completion_share"] is not None]
    if not rows:
        return Card(say(f"admin.{which}"), empty=await nothing(ask, speech))
    if not any(r["completion_share"] for r in rows):
        return (
            Card(say("admin.none_finished"), empty=say("admin.none_finished_yet"))
            if which == "best"
            else None
        )
    past = {r["course_id"]: r["completion_share"] for r in rows_of(then)}
    titles = {r["course_id"]: r["course_id_label"] for r in rows}

    def shown(row: Mapping[str, Any]) -> str:
        share = say(
            "admin.finished_share",
            title=titles[row["course_id"]],
            share=speech.share(row["completion_share"]),
        )
        return f"{share} {_shift(page, row['completion_share'], past.get(row['course_id']))}"

    drawing = charts.bars(
        now,
        speech,
        x="course_id",
        y="completion_share",
        unit="share",
        label=lambda course: str(titles.get(course, course)),
        said=shown,
        most=MOST_COURSES,
        full=min(1.0, 1.25 * max(r["completion_share"] for r in rows)),
        picked=page.filters.course or "",
    )
    first = rows[0]
    heading = say(
        f"admin.{which}_found",
        title=first["course_id_label"],
        share=speech.share(first["completion_share"]),
    )
    lines = Markup("").join(
        Markup("<li>{}: {}</li>").format(
            titles[r["course_id"]],
            _shift(page, r["completion_share"], past.get(r["course_id"])),
        )
        for r in rows[:MOST_COURSES]
    )
    return Card(
        heading,
        say(f"admin.{which}_sub", n=MOST_COURSES),
        drawing=drawing,
        after=Markup('<details><summary>{}</summary><ul class="bullets">{}</ul></details>').format(
            say("admin.changes"), lines
        ),
    )


async def _completion(page: AdminPage, ask: Asking, until: Any, order: str) -> Answer:
    where = tuple(w for w in page.whole.where if w.dimension != "course_id")
    wish = Ask(
        measures=("completion_share",),
        by=("course_id",),
        where=where,
        until=until,
        order=(order,),
        options=(("labels", True),),
        purpose=PURPOSE,
    )
    answer = await ask.put(wish, within=False)
    named = answer.table.filter(pc.is_valid(answer.table["course_id"]))
    ask.answers[-1] = replace(answer, table=named)
    return ask.answers[-1]


def _shift(page: AdminPage, now: float, then: float | None) -> str:
    if then is None:
        return page.say("admin.moved_new")
    points = round((now - then) * 100)
    if not points:
        return page.say("admin.moved_same", before=_since(page))
    return page.say(f"admin.moved_{'up' if points > 0 else 'down'}", n=abs(points), before=_since(page))


def _since(page: AdminPage) -> str:
    return page.visit.speech.day(page.filters.since, "MMMd")
