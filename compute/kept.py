"""Events of some types from the smallest table that has them whole."""

from __future__ import annotations

from collections.abc import Sequence

import ibis.expr.types as ir

from compute.rollups import KEPT
from compute.scoping import Tables
from models.tables import EVENTS, LEARNER_EVENT


def table_of(kinds: Sequence[str]) -> str:
    """`learner_event` is small, lies by learner, and stays when raw events are archived."""
    return LEARNER_EVENT.name if all(kind in KEPT for kind in kinds) else EVENTS.name


def events(tables: Tables, kinds: Sequence[str]) -> ir.Table:
    rows = tables[table_of(kinds)]
    return rows.filter(rows.event_type.isin(kinds))
