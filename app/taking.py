"""Answers taken out as files: who may, and that it was done. What is in the file is nobody's affair here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from models.errors import BadQuestion, NotFound

if TYPE_CHECKING:
    from app.looks import Caller

PURPOSE = "export"
_GOOD_NAME = re.compile(r"[a-z][a-z_-]{0,39}")


def take_out(caller: Caller, page: str, card: str) -> None:
    """Written down before anything is told."""
    if not (_GOOD_NAME.fullmatch(page) and _GOOD_NAME.fullmatch(card)):
        raise BadQuestion("A page and a card are called by lower-case letters, '_' and '-'.")
    if not may_take_out(caller):
        raise NotFound
    viewer = caller.viewer
    caller.door.metadata.audit.write(
        viewer.person_id, f"export {page}/{card}", why=PURPOSE, organisation_id=viewer.organisation_id
    )


def may_take_out(caller: Caller) -> bool:
    """What is seen of oneself or of one's children may be taken along; a copy of the own data is a right."""
    may, rows = caller.viewer.may, caller.scope.rows
    if may("export-data"):
        return True
    return (may("take-along") and rows in ("own", "linked")) or (may("own-data") and rows == "own")
