"""What a desk can change: only the asker's own. Every deed is a row of the audit."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from app.erasing import erase_person
from app.goals import GOAL, set_goal
from app.interventions import intervene, intervention_step, undo_intervention_step
from app.looks import Caller
from app.own_data import give_consent, withdraw_consent
from app.recommending import judge_insight, recommendation
from app.school_settings import SCHOOL_SETTINGS
from app.taking import take_out
from connectors.metadata.board import NICKNAME
from models.errors import BadQuestion, NotFound, TooLarge, unknown

MOST_SETTINGS = 200
LONGEST_SETTING = 64 << 10
_GOOD_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")
_GOOD_NAME = re.compile(r"[a-z][a-z0-9_.:-]{0,79}")


@dataclass(frozen=True, slots=True)
class Deed:
    meaning: str
    run: Callable[..., Any]
    action: str
    writes_itself: bool = False  # its own row of the audit says more than its name


def save_setting(caller: Caller, name: str, value: Any = None) -> None:
    """None takes the setting away."""
    if not _GOOD_NAME.fullmatch(name):
        raise BadQuestion("A setting's name has lower-case letters, digits, '.', ':', '_' and '-'.")
    if len(msgspec.json.encode(value)) > LONGEST_SETTING:
        raise TooLarge(f"A setting takes at most {LONGEST_SETTING >> 10} KiB.")
    if name == NICKNAME:
        raise BadQuestion("A nickname is chosen with 'join_board'.")
    if name == GOAL:
        raise BadQuestion("A goal is set with 'set_goal'.")
    saved = caller.door.metadata.settings
    owner = caller.viewer.person_id
    if value is not None and name not in (known := saved.all(owner)) and len(known) >= MOST_SETTINGS:
        raise BadQuestion(f"You have {MOST_SETTINGS} settings already; take one away first.")
    saved.put(owner, name, value)


def join_board(caller: Caller, nickname: str) -> None:
    """From the next answer on."""
    if caller.scope.rows != "own":
        raise NotFound
    caller.door.metadata.board.join(caller.viewer.organisation_id, caller.viewer.person_id, nickname)


def leave_board(caller: Caller) -> str | None:
    """Tells the nickname that was left, so that it can be undone."""
    return caller.door.metadata.board.leave(caller.viewer.person_id)


def set_school_setting(caller: Caller, name: str, value: bool) -> None:
    if name not in SCHOOL_SETTINGS:
        raise unknown("school setting", name, SCHOOL_SETTINGS)
    if not isinstance(value, bool):
        raise BadQuestion(f"'{name}' is true or false.")
    saved = caller.door.metadata.settings
    saved.put(saved.organisation(caller.viewer.organisation_id), name, value)


def set_locale(caller: Caller, locale: str) -> None:
    """In which language, and with which spelling of numbers and dates, one reads."""
    if not _GOOD_LOCALE.fullmatch(locale):
        raise BadQuestion("A locale is a language and perhaps a country, such as de or en-GB.")
    caller.door.metadata.people.set_locale(caller.viewer.person_id, locale)


def sign_out(caller: Caller) -> None:
    if caller.secret is not None:
        caller.door.metadata.sessions.close(caller.secret)


DEEDS: dict[str, Deed] = {
    "save_setting": Deed("Save or take away a setting of one's own.", save_setting, "own-preferences"),
    "set_locale": Deed("Choose the language one reads in.", set_locale, "own-preferences"),
    "join_board": Deed("Take part in the leaderboard, under a nickname.", join_board, "own-preferences"),
    "leave_board": Deed("Take part in the leaderboard no more.", leave_board, "own-preferences"),
    "set_school_setting": Deed(
        "Turn something on or off for the school.", set_school_setting, "manage-settings"
    ),
    "intervene": Deed("Begin something for a learner of one's classes.", intervene, "intervene"),
    "intervention_step": Deed(
        "Add a note, whose task it is, when to look again, or what came of it.",
        intervention_step,
        "intervene",
    ),
    "undo_intervention_step": Deed("Take back one's own step.", undo_intervention_step, "intervene"),
    "set_goal": Deed("Set a goal for one's own weeks, or take it away.", set_goal, "own-preferences"),
    "withdraw_consent": Deed(
        "Take back a consent to the use of one's own data.", withdraw_consent, "own-data"
    ),
    "give_consent": Deed("Give it again.", give_consent, "own-data"),
    "recommendation": Deed("Say what became of a recommendation.", recommendation, "own-data"),
    "judge_insight": Deed("Say whether a finding was useful.", judge_insight, "own-preferences"),
    "erase_person": Deed("Destroy what is personal about somebody.", erase_person, "handle-cases"),
    "take_out": Deed(
        "Take what a card shows out as a file: who may, and that it was done.",
        take_out,
        "",
        writes_itself=True,
    ),
    "sign_out": Deed("End the own session, everywhere it is open.", sign_out, ""),
}
