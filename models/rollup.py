"""How roll-ups follow the events: expressions from compute, run by the warehouse inside its own
transaction. The two wings never meet; they share these shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import ibis.expr.types as ir

# Names that the expressions read besides the tables of models.tables. `batch` has the columns of
# EVENTS and holds the events just stored; `pile` has a roll-up's own columns.
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
    AFTER take their place. `merges` says how a pile of a roll-up's rows becomes one row per key."""

    steps: tuple[Step, ...]
    merges: Mapping[str, ir.Table]
