"""What somebody's data may be used for: each purpose with its basis, since when, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from pages.cards import button, join, paragraph, tone

if TYPE_CHECKING:
    from pages.sheet import Sheet

Use = Mapping[str, Any]


def uses(sheet: Sheet, told: Sequence[Use], voice: str) -> Markup:
    """`voice` is "you" for one's own, "they" for a child's."""
    return Markup('<ul class="plans">{}</ul>').format(join(_use(sheet, use, voice) for use in told))


def allowed(told: Sequence[Use]) -> int:
    return sum(use["basis"] is not None for use in told)


def _use(sheet: Sheet, use: Use, voice: str) -> Markup:
    say, purpose = sheet.say, use["purpose"]
    state = (
        tone(say("consent.yes"), "good")
        if use["basis"]
        else Markup("<strong>{}</strong>").format(
            say("consent.no" if use["withdrawn_on"] else "consent.open")
        )
    )
    return Markup('<li><h3>{}</h3><p class="sub">{}</p><p>{} <span class="sub">{}</span></p>{}</li>').format(
        say(f"consent.{purpose}"),
        say(f"consent.{purpose}_means"),
        state,
        _since(sheet, use, voice),
        _deed(sheet, use),
    )


def _since(sheet: Sheet, use: Use, voice: str) -> str:
    if use["basis"]:
        day = sheet.visit.speech.day(date.fromisoformat(use["since"]), "yMMMMd")
        key = str(use["basis"]).replace("-", "_")
        return sheet.say(f"consent.{key}_{voice}" if key == "consent" else f"consent.{key}", day=day)
    if use["withdrawn_on"]:
        return sheet.say(
            "consent.withdrawn", day=sheet.visit.speech.day(date.fromisoformat(use["withdrawn_on"]), "yMMMMd")
        )
    return sheet.say("consent.never")


def _deed(sheet: Sheet, use: Use) -> Markup:
    if use["may_withdraw"]:
        return Markup('<p class="buttons">{}</p>').format(
            button(sheet.say("consent.withdraw"), "withdraw", use["purpose"])
        )
    if use["may_give"]:
        return Markup('<p class="buttons">{}</p>').format(
            button(sheet.say("consent.give"), "give", use["purpose"])
        )
    return Markup("")


def ways(sheet: Sheet, voice: str) -> Markup:
    """How each of them ends."""
    return paragraph(sheet.say(f"consent.how_{voice}"), "sub after")
