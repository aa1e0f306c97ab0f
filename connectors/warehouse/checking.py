"""Contracts of what was written since a moment, checked by the engine that holds it.

For a command that has closed the warehouse: the check brings a large library along, which has no place in
a process that streams.
"""

from __future__ import annotations

from datetime import datetime

import ibis

from models.contracts import broken
from models.tables import EVENTS


def broken_since(address: str, since: datetime) -> list[str]:
    """Rules that events received since then break; names columns and rules, never values."""
    inside = ibis.connect(address) if "://" in address else ibis.duckdb.connect(address, read_only=True)
    try:
        events = inside.table(EVENTS.name).select(EVENTS.names())
        return broken(EVENTS.name, events.filter(events.received_at >= since))
    finally:
        inside.disconnect()
