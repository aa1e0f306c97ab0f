"""Saved settings of a person or an organisation, as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select

from connectors.metadata.keys import micros
from connectors.metadata.schema import SETTINGS
from connectors.metadata.store import Store

Json = Any


class SavedSettings:
    """`owner` is a person's id or `SavedSettings.organisation(id)`."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    @staticmethod
    def organisation(organisation_id: int) -> str:
        return f"organisation:{organisation_id}"

    def get(self, owner: str, name: str, default: Json = None) -> Json:
        return self.all(owner).get(name, default)

    def all(self, owner: str) -> dict[str, Json]:
        query = select(SETTINGS.c.name, SETTINGS.c.value).where(SETTINGS.c.owner == owner)
        with self._store.read() as connection:
            return {row.name: json.loads(row.value) for row in connection.execute(query)}

    def put(self, owner: str, name: str, value: Json) -> None:
        """None takes the setting away."""
        at = micros(self._clock())
        with self._store.write() as connection:
            connection.execute(delete(SETTINGS).where(SETTINGS.c.owner == owner, SETTINGS.c.name == name))
            if value is not None:
                row = {"owner": owner, "name": name, "value": json.dumps(value), "changed_at": at}
                connection.execute(insert(SETTINGS).values(**row))
