"""How roll-ups follow the events: expressions from compute, run by the warehouse inside its own
transactions. The two wings never meet; they share these shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import ibis.expr.types as ir

from models.tables import EVENTS, Table

_FOLLOWED = (
    "organisation_id",
    "event_id",
    "event_type",
    "occurred_at",
    "day",
    "learner_id",
    "session_id",
    "sequence",
    "course_id",
    "lesson_id",
    "video_id",
    "assessment_id",
    "item_id",
    "skill_id",
    "object_id",
    "choice",
    "device_type",
    "position_s",
    "duration_s",
    "score",
    "correct",
    "amount_cents",
    "payload",
)
# Events that are stored but not yet in the roll-ups' own tables, with the columns that roll-ups need.
RECENT = Table("recent_event", "state", (), tuple(c for c in EVENTS.columns if c.name in _FOLLOWED))

# Names that the expressions read besides the tables of models.tables. `batch` has the columns of
# RECENT; `pile` has a roll-up's own columns.
BATCH = "batch"
PILE = "pile"
BEFORE = "sessions_before"
AFTER = "sessions_after"


@dataclass(frozen=True, slots=True)
class Step:
    """Rows to add to the table `into`, kept for later steps under the name `kept` if that is set."""

    rows: ir.Table
    into: str | None = None
    kept: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Rollups:
    """`steps` run in order for a batch. Afterwards the rows of BEFORE leave `sessions` and those of
    AFTER take their place. `merges` says how a pile of a roll-up's rows becomes one row per key.
    `tails` gives RECENT as rows of each roll-up, so that a reader sees them before they are folded in."""

    steps: tuple[Step, ...]
    merges: Mapping[str, ir.Table]
    tails: Mapping[str, ir.Table]
