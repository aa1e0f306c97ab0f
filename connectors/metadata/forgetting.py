"""Destroying what is personal about one person, so that no readable copy stays."""

from __future__ import annotations

from contextlib import suppress
from time import sleep

from sqlalchemy import Connection, delete, select, update

from connectors.metadata.interventions import drop_indexed
from connectors.metadata.keys import micros, now
from connectors.metadata.schema import (
    MEMBERSHIPS,
    PEOPLE,
    PEOPLE_MARK,
    PERSON_KEYS,
    RELATIONS,
    SESSIONS,
    SETTINGS,
    TOKENS,
)
from connectors.metadata.store import Store
from models.errors import Unavailable

_TRIES, _BETWEEN_S = 20, 0.25
_EMPTY = {"login_index": None, "student_index": None, "sealed": None, "password": None, "locale": None}


def forget(store: Store, person_id: str) -> None:
    with store.write() as connection:
        _forget_links(connection, person_id)
        for table in (PERSON_KEYS, SESSIONS, TOKENS, MEMBERSHIPS, RELATIONS):
            connection.execute(delete(table).where(table.c.person_id == person_id))
        connection.execute(delete(SETTINGS).where(SETTINGS.c.owner == person_id))
        row = update(PEOPLE).where(PEOPLE.c.id == person_id)
        connection.execute(row.values(**_EMPTY, forgotten_at=micros(now())))
        store.move(connection, PEOPLE_MARK)
        store.bump(connection)
    _scrub(store)


def _scrub(store: Store) -> None:
    """A long read can hold the log for a moment: what was deleted would still be in it."""
    for _ in range(_TRIES):
        with suppress(Unavailable):
            store.scrub()
            return
        sleep(_BETWEEN_S)
    store.scrub()


def _forget_links(connection: Connection, person_id: str) -> None:
    """Guardians' links to the learner whom this person was, and what was done for the learner."""
    mine = select(RELATIONS.c.organisation_id, RELATIONS.c.object_index).where(
        RELATIONS.c.person_id == person_id, RELATIONS.c.kind == "is"
    )
    for organisation_id, index in connection.execute(mine).all():
        drop_indexed(connection, organisation_id, bytes(index))
        connection.execute(
            delete(RELATIONS).where(
                RELATIONS.c.organisation_id == organisation_id,
                RELATIONS.c.kind == "guards",
                RELATIONS.c.object_index == index,
            )
        )
