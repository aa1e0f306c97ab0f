"""Where learners are, and every learner as a point: what is asked for the school as a whole."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from markupsafe import Markup

from pages import charts
from pages.asking import Asking
from pages.cards import Card, button, paragraph
from pages.findings import nothing
from pages.regions import region_name, tile_map
from pages.rows import rows_of

if TYPE_CHECKING:
    from pages.admin import AdminPage

PURPOSE = "administration"
ACROSS, UPWARD = "learning_minutes", "mean_score"


async def where_card(page: AdminPage, ask: Asking) -> Card:
    say, speech = page.say, page.visit.speech
    answer = await ask("active_learners", by="region", order=("-active_learners",))
    rows = [row for row in rows_of(answer) if row["active_learners"]]
    if not rows:
        return Card(say("admin.where"), empty=await nothing(ask, speech))
    known = {str(row["region"]): row["active_learners"] for row in rows if row["region"]}
    if not known:
        return Card(say("admin.where"), empty=say("admin.where_unknown"))
    total = sum(row["active_learners"] for row in rows)
    first = max(known, key=lambda code: known[code])
    title = say("admin.where_found", place=region_name(first), share=speech.share(known[first] / total))
    missing = total - sum(known.values())
    after = paragraph(say("admin.where_missing", n=missing), "sub after") if missing else Markup("")
    body = tile_map(speech, known, say("admin.where_told"))
    return Card(title, say("admin.where_sub"), body=body, after=after, pictured=True)


async def points_card(page: AdminPage, ask: Asking) -> Card | None:
    """Behind a button: each learner's row is read, and each reading is a row of the audit."""
    if not page.may_see_who:
        return None
    say = page.say
    if not (page.asked_points or page.for_file):
        opener = button(say("admin.points_open"), "points", "open", "primary")
        return Card(say("admin.points"), page.looked_at(), body=paragraph(say("admin.points_means")) + opener)
    answer = await ask(ACROSS, UPWARD, by="learner_id", purpose=PURPOSE)
    # A point is nobody: the pseudonym is of no use here, so neither picture, table nor file has it.
    answer = ask.answers[-1] = replace(
        answer,
        table=answer.table.drop_columns(["learner_id"]),
        columns=tuple(column for column in answer.columns if column.name != "learner_id"),
    )
    speech = page.visit.speech
    names = (say("admin.points_across"), say("admin.points_upward"))
    drawing = await asyncio.to_thread(
        charts.points, answer, speech, x=ACROSS, y=UPWARD, names=names,
        said=lambda row: say(
            "admin.point", time=speech.duration(row[ACROSS] * 60), score=speech.percent(row[UPWARD])
        ),
    )  # fmt: skip
    scored = sum(row[UPWARD] is not None and row[ACROSS] is not None for row in rows_of(answer))
    close = button(say("admin.points_close"), "points", "close")
    return Card(say("admin.points_found", n=scored), page.looked_at(), drawing=drawing, after=close)
