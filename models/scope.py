"""Who asks, and which rows the answer may come from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

RowScope = Literal["own", "linked", "taught", "sponsored", "organisation", "nothing"]

# P4.5: an aggregate shown to someone who may not see the rows needs this many learners behind it.
SMALLEST_GROUP = 10


@dataclass(frozen=True, slots=True)
class Scope:
    """The rows a question may touch. Part of the question, so part of every cache key.

    `on` is the day relations were looked up for: membership and guardianship end when they end.
    """

    organisation_id: int
    rows: RowScope
    on: date
    learners: tuple[int, ...] = ()  # own, linked: these learners and no others
    classes: tuple[str, ...] = ()  # taught: current members of these classes, in the class's course
    sponsor_id: str | None = None  # sponsored: learners this company pays for
    sees_rows: bool = False  # may the asker see the rows behind an aggregate?
    sees_names: bool = False  # may the asker see who a learner is?
    # own, for the leaderboard alone: classmates who take part, with the nickname each chose
    joined: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Viewer:
    """A signed-in person or a token acting for one, in one role of one organisation."""

    person_id: str
    organisation_id: int
    role: str
    actions: frozenset[str]
    via: Literal["session", "token"] = "session"
    session_id: str = ""  # the record's id, never the secret

    def may(self, action: str) -> bool:
        return action in self.actions
