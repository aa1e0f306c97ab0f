"""Contracts of what was stored since a moment, checked by the engine that holds it.

The first check of a process takes seconds, most of them to import a large library; so it belongs at the
end of an import, never into the stream.
"""

from __future__ import annotations

from datetime import datetime

from connectors.warehouse import Warehouse
from models.contracts import broken
from models.tables import EVENTS


def broken_since(warehouse: Warehouse, organisation_id: int, since: datetime) -> list[str]:
    """Rules that events received since then break; names columns and rules, never values."""
    with warehouse.inside() as engine:
        events = engine.table(EVENTS.name).select(EVENTS.names())
        stored = events.filter(events.organisation_id == organisation_id, events.received_at >= since)
        return broken(EVENTS.name, stored)
