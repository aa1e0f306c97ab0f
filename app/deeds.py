"""What a desk can change: only the asker's own. Every deed is a row of the audit."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from app.looks import Caller
from models.errors import BadQuestion, TooLarge

MOST_SETTINGS = 200
LONGEST_SETTING = 64 << 10
_GOOD_NAME = re.compile(r"[a-z][a-z0-9_.:-]{0,79}")


@dataclass(frozen=True, slots=True)
class Deed:
    meaning: str
    run: Callable[..., Any]
    action: str


def save_setting(caller: Caller, name: str, value: Any = None) -> None:
    """None takes the setting away."""
    if not _GOOD_NAME.fullmatch(name):
        raise BadQuestion("A setting's name has lower-case letters, digits, '.', ':', '_' and '-'.")
    if len(msgspec.json.encode(value)) > LONGEST_SETTING:
        raise TooLarge(f"A setting takes at most {LONGEST_SETTING >> 10} KiB.")
    saved = caller.door.metadata.settings
    owner = caller.viewer.person_id
    if value is not None and name not in (known := saved.all(owner)) and len(known) >= MOST_SETTINGS:
        raise BadQuestion(f"You have {MOST_SETTINGS} settings already; take one away first.")
    saved.put(owner, name, value)


def sign_out(caller: Caller) -> None:
    if caller.secret is not None:
        caller.door.metadata.sessions.close(caller.secret)


DEEDS: dict[str, Deed] = {
    "save_setting": Deed("Save or take away a setting of one's own.", save_setting, "own-preferences"),
    "sign_out": Deed("End the own session, everywhere it is open.", sign_out, ""),
}
