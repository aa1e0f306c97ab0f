"""The tables of the page about assessments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from pages.assessments.words import item_tone, short
from pages.cards import place_link, progress, tone
from pages.tables import Column

if TYPE_CHECKING:
    from pages.sheet import Sheet

Row = Mapping[str, Any]


def results(sheet: Sheet) -> list[Column]:
    say, speech = sheet.say, sheet.visit.speech

    def named(row: Row) -> Markup:
        return place_link(row["title"], sheet.filters.link(assessment_id=row["assessment_id"], item_id=None))

    return [
        Column("title", say("assessments.assessment"), named, lambda r: r["title"], find=True),
        Column("learners", say("assessments.learners"), lambda r: speech.number(r["learners"]), numeric=True),
        Column("median", say("assessments.median"), lambda r: speech.percent(r["median"]), numeric=True),
        Column(
            "pass_share",
            say("assessments.passed"),
            lambda r: speech.share(r["pass_share"]),
            lambda r: r["pass_share"],
            numeric=True,
        ),
    ]


def items(sheet: Sheet, link: Callable[[Row], Markup]) -> list[Column]:
    say, speech = sheet.say, sheet.visit.speech

    def judged(row: Row) -> Markup:
        return tone(short(sheet, row), item_tone(row))

    return [
        Column("title", say("assessments.question"), link, lambda r: r["title"], find=True),
        Column("answers", say("assessments.answers"), lambda r: speech.number(r["answers"]), numeric=True),
        Column("difficulty", say("assessments.right"), lambda r: speech.share(r["difficulty"]), numeric=True),
        Column(
            "discrimination",
            say("assessments.tells"),
            lambda r: speech.number(r["discrimination"], 2),
            numeric=True,
        ),
        Column("verdict", say("assessments.verdict"), judged, lambda r: r["verdict"]),
    ]


def choices(sheet: Sheet) -> list[Column]:
    say, speech = sheet.say, sheet.visit.speech

    def named(row: Row) -> str | Markup:
        return (
            tone(f"{row['choice']} ({say('assessments.is_right')})", "good")
            if row["right"]
            else row["choice"]
        )

    return [
        Column("choice", say("assessments.choice"), named, lambda r: r["choice"]),
        Column(
            "share",
            say("assessments.chosen"),
            lambda r: speech.share(r["share"]),
            lambda r: r["share"],
            numeric=True,
        ),
        Column("rest", say("assessments.rest"), lambda r: speech.share(r["rest"]), numeric=True),
    ]


def skills(sheet: Sheet) -> list[Column]:
    say, speech = sheet.say, sheet.visit.speech

    def named(row: Row) -> Markup:
        return place_link(row["title"], sheet.filters.link(skill_id=row["skill_id"]))

    def lacking(row: Row) -> str | Markup:
        text = say("assessments.of", n=row["gaps"], all=row["learners"])
        return tone(text, "watch") if row["learners"] and row["gaps"] / row["learners"] >= 0.25 else text

    return [
        Column("title", say("assessments.skill"), named, lambda r: r["title"], find=True),
        Column(
            "share_mastered",
            say("assessments.mastered"),
            lambda r: progress(r["share_mastered"], speech.share(r["share_mastered"])),
            lambda r: r["share_mastered"],
        ),
        Column("gaps", say("assessments.gaps"), lacking, lambda r: -r["gaps"]),
        Column(
            "root",
            say("assessments.beneath"),
            lambda r: r["root_title"] or say("assessments.nothing_beneath"),
            lambda r: r["root_title"],
        ),
    ]
