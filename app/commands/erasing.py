"""`./headway user erase`: in core where one runs, for that holds people in memory; else here."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from app.commands.way_in import is_running
from models.errors import BadQuestion, NotSignedIn

if TYPE_CHECKING:
    from config.settings import Settings
    from connectors.metadata import Metadata, Person

ACTION = "handle-cases"


def erased(settings: Settings, metadata: Metadata, person: Person, login: str) -> dict[str, Any]:
    if is_running(settings):
        secret = metadata.sessions.open(_officer(metadata, person))
        try:
            return asyncio.run(_in_core(settings, secret, login))
        finally:
            metadata.sessions.close(secret)
    return _here(settings, metadata, person)


def _officer(metadata: Metadata, person: Person) -> str:
    """Core does it for somebody who may, and the audit says who."""
    for one in metadata.people.all(person.organisation_id):
        if one.id != person.id and any(ACTION in metadata.roles[role].actions for role in one.roles):
            return one.id
    raise BadQuestion(
        "Nobody else of this organisation may erase people. Stop Headway, or add a privacy officer: "
        "./headway user add LOGIN --name NAME --role privacy_officer."
    )


async def _in_core(settings: Settings, secret: str, login: str) -> dict[str, Any]:
    from app.remote import Line

    line = Line(settings.socket)
    await line.start()
    try:
        desk = await line.desk(secret)
        if desk is None:
            raise NotSignedIn("Headway did not take the session of the privacy officer.")
        told: dict[str, Any] = await desk.do("erase_person", login=login)
        return told
    finally:
        await line.close()


def _here(settings: Settings, metadata: Metadata, person: Person) -> dict[str, Any]:
    from dataclasses import asdict
    from datetime import UTC, datetime

    from app.commands.people import TERMINAL
    from app.erasing import erase
    from app.ingest import open_writer
    from app.metrics import Metrics
    from compute.rollups import DELTAS
    from connectors.warehouse import open_warehouse

    limits = {"memory_mib": settings.memory_mib, "threads": settings.threads}
    warehouse = open_warehouse(settings.warehouse, DELTAS, **limits)
    try:
        warehouse.migrate()
        writer = open_writer(warehouse, metadata, settings, Metrics())
        try:
            return asdict(erase(metadata, warehouse, person, TERMINAL, datetime.now(UTC), writer.settle))
        finally:
            writer.close()
    finally:
        warehouse.close()
