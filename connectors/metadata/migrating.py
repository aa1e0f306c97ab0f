"""Brings the metadata database forward, and refuses one that is ahead of this program."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, select

from connectors.metadata.keys import Keys
from connectors.metadata.schema import MARKS
from connectors.metadata.store import Store
from models.errors import BadSettings, NewerSchema

FOLDER = Path(__file__).with_name("migrations")
_LOCK = 0x48454144  # one process migrates at a time; the others wait for it


AUDIT_BEGINS = "0004"


def migrate(store: Store, keys: Keys, begin_audit: Callable[[Connection], None]) -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    with store.write() as connection:
        if not store.path:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        before = MigrationContext.configure(connection).get_current_heads()
        for revision in before:
            if revision not in known:
                raise NewerSchema("The metadata database was made by a newer Headway. Update this program.")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        _mark(store, connection, keys)
        if all(revision < AUDIT_BEGINS for revision in before):  # never again: it would hide what was taken
            begin_audit(connection)


def _mark(store: Store, connection: Connection, keys: Keys) -> None:
    mark = keys.derive("mark")
    rows = [{"name": "version", "number": 1, "value": None}, {"name": "secret", "number": 0, "value": mark}]
    store.add_missing(connection, MARKS, rows)
    there = connection.execute(select(MARKS.c.value).where(MARKS.c.name == "secret")).scalar_one()
    if not hmac.compare_digest(bytes(there), mark):
        raise BadSettings("HEADWAY_SECRET is not the secret with which this metadata database was made.")
