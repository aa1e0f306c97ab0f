"""A question's figures in a teacher's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pages.cards import Tone

if TYPE_CHECKING:
    from pages.sheet import Sheet

Row = Mapping[str, Any]
_TONES: dict[str, Tone] = {
    "good": "good",
    "misleading": "urgent",
    "weak": "watch",
    "too easy": "watch",
    "too hard": "watch",
}


def item_tone(row: Row) -> Tone:
    return _TONES.get(row["verdict"], "plain")


def faulty(row: Row) -> bool:
    return bool(row["verdict"] == "misleading")


def _key(row: Row) -> str:
    return str(row["verdict"]).replace(" ", "_")


def verdict(sheet: Sheet, row: Row) -> str:
    return sheet.say(f"assessments.is_{_key(row)}")


def short(sheet: Sheet, row: Row) -> str:
    """For a table."""
    return sheet.say(f"assessments.short_{_key(row)}")


def item_told(sheet: Sheet, row: Row) -> str:
    """What is wrong with it, with its numbers, and what to do."""
    speech = sheet.visit.speech
    told = sheet.say(
        f"assessments.told_{_key(row)}",
        n=row["answers"],
        share=speech.share(row["difficulty"]),
        fit=speech.number(row["discrimination"], 2),
    )
    if row["worst_choice"] and item_tone(row) in ("urgent", "watch"):
        drawn = sheet.say(
            "assessments.drawn_to", choice=row["worst_choice"], share=speech.share(row["worst_share"])
        )
        return f"{told} {drawn}"
    return told


def item_said(sheet: Sheet, row: Row) -> str:
    speech = sheet.visit.speech
    return sheet.say(
        "assessments.item_said",
        n=row["answers"],
        title=row["title"],
        share=speech.share(row["difficulty"]),
        fit=speech.number(row["discrimination"], 2),
        verdict=short(sheet, row),
    )
