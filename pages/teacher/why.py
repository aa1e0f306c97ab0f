"""The reasons of `compute.attention` in a teacher's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compute.attention import Reason
from pages.cards import Tone

if TYPE_CHECKING:
    from pages.sheet import Sheet

URGENT_DAYS = 10  # school days


def why(sheet: Sheet, reason: Reason) -> str:
    if reason.kind in ("never", "unseen"):
        return sheet.say(f"teacher.why_{reason.kind}", n=int(reason.amount))
    if reason.kind == "falling":
        return sheet.say("teacher.why_falling", n=round(reason.amount))
    if reason.kind == "low":
        return sheet.say("teacher.why_low", score=sheet.visit.speech.percent(reason.amount))
    return sheet.say("teacher.why_behind", share=sheet.visit.speech.share(reason.amount))


def flag(sheet: Sheet, reason: Reason) -> str:
    """The short form, for a table."""
    return sheet.say(f"teacher.flag_{reason.kind}")


def reason_tone(reason: Reason) -> Tone:
    return "urgent" if reason.kind in ("never", "unseen") and reason.amount >= URGENT_DAYS else "watch"
