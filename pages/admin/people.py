"""Who is behind the numbers: the list of learners, for those who may see their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from markupsafe import Markup

from models.ask import Answer, ColumnMeaning
from pages import tables
from pages.asking import Asking
from pages.cards import Card, button
from pages.learner.parts import ago
from pages.rows import rows_of

if TYPE_CHECKING:
    from pages.admin import AdminPage

PURPOSE = "administration"
MEASURES = ("active_days", "lessons_completed", "last_active")


async def listed(page: AdminPage, ask: Asking) -> Card:
    answer = await ask(*MEASURES, by="learner_id", order=("-active_days",), purpose=PURPOSE)
    rows = [dict(row) for row in rows_of(answer)]
    names = await ask.names([row["learner_id"] for row in rows])
    for row in rows:
        row["name"] = names.get(row["learner_id"], page.say("teacher.nameless"))
    turn = page.turns.get("people", tables.Turn())
    return Card(
        page.say("admin.who_found", n=len(rows)),
        page.looked_at(),
        body=tables.table(page.visit.speech, rows, columns(page), turn, page.say("admin.who")),
        after=button(page.say("admin.who_close"), "who", "close"),
        answers=(_named(answer, rows), answer),
    )


def _named(answer: Answer, rows: list[dict[str, Any]]) -> Answer:
    """The list as a file: what is on screen, by name."""
    table = pa.table(
        {
            "learner": pa.array([row["name"] for row in rows], pa.string()),
            **{name: answer.table[name] for name in MEASURES},
        }
    )
    told = ColumnMeaning("learner", "detail")
    return replace(answer, table=table, columns=(told, *answer.columns))


def columns(page: AdminPage) -> list[tables.Column]:
    say, speech = page.say, page.visit.speech
    return [
        tables.Column("name", say("teacher.name"), _to_learner, find=True),
        tables.Column("last_active", say("teacher.last_active"), lambda r: ago(page, r["last_active"])),
        tables.Column(
            "active_days", say("learner.days"), lambda r: speech.number(r["active_days"]), numeric=True
        ),
        tables.Column(
            "lessons_completed",
            say("teacher.lessons"),
            lambda r: speech.number(r["lessons_completed"]),
            numeric=True,
        ),
    ]


def _to_learner(row: Mapping[str, Any]) -> Markup:
    return Markup('<a href="/learner?child={}">{}</a>').format(str(row["learner_id"]), row["name"])
