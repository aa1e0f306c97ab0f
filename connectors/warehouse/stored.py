"""Small questions about what is stored, for whoever fills it."""

from __future__ import annotations

from datetime import date
from typing import Any

from connectors.warehouse import Warehouse
from models.tables import DEAD_LETTER, EVENTS


def stored_days(warehouse: Warehouse) -> list[date]:
    """Every local day that has events, in order."""
    events = EVENTS.unbound
    days = warehouse.fetch(events.select(events.day).distinct().order_by("day"))
    return list(days["day"].to_pylist())


def stored_consents(warehouse: Warehouse) -> list[dict[str, Any]]:
    """Every consent that came as an event."""
    events = EVENTS.unbound
    given = events.filter(events.event_type.isin(("consent_granted", "consent_withdrawn")))
    wanted = ("organisation_id", "learner_id", "event_id", "event_type", "occurred_at", "choice", "payload")
    rows: list[dict[str, Any]] = warehouse.fetch(given.select(*wanted)).to_pylist()
    return rows


def events_of(warehouse: Warehouse, organisation_id: int, learner_id: int) -> int:
    """How many there are of one learner."""
    events = EVENTS.unbound
    mine = events.filter(events.organisation_id == organisation_id, events.learner_id == learner_id)
    return int(warehouse.fetch(mine.agg(events=mine.count()))["events"][0].as_py())


def quarantined_ids(warehouse: Warehouse) -> list[tuple[int, str]]:
    """Organisation and event id of what waits in quarantine."""
    letters = DEAD_LETTER.unbound
    waiting = letters.filter(letters.kind == "quarantined", letters.status == "waiting")
    table = warehouse.fetch(waiting.select("organisation_id", "event_id"))
    return list(zip(table["organisation_id"].to_pylist(), table["event_id"].to_pylist(), strict=True))
