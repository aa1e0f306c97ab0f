"""The way forward from any older schema. Add a step at the end; never change one that was released,
never drop anything. Every statement may run on a schema that already has what it adds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from connectors.warehouse.schema import Engine, create, first_tables
from models.errors import NewerSchema
from models.rollup import RECENT
from models.tables import DEAD_LETTER, QUALITY_BATCH, QUALITY_CHECK, QUALITY_DAY

VERSION_TABLE = "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL, why VARCHAR NOT NULL)"
READ_VERSION = "SELECT coalesce(max(version), 0) FROM schema_version"


@dataclass(frozen=True, slots=True)
class Migration:
    why: str
    statements: Callable[[Engine], tuple[str, ...]]


def _quality(engine: Engine) -> tuple[str, ...]:
    tables = (QUALITY_DAY, QUALITY_CHECK, QUALITY_BATCH)
    return tuple(statement for table in tables for statement in create(engine, table))


# The version of a schema is how many of these it has seen. A new table is
# `Migration("why", lambda engine: create(engine, TABLE))`.
MIGRATIONS: tuple[Migration, ...] = (
    Migration("the first tables", first_tables),
    Migration("dead letters", lambda engine: create(engine, DEAD_LETTER)),
    Migration("events that wait to be folded in", lambda engine: create(engine, RECENT)),
    Migration("data quality, day by day", _quality),
)


def missing(version: int) -> tuple[tuple[int, Migration], ...]:
    """Migrations that a schema of this version lacks, numbered."""
    if version > len(MIGRATIONS):
        raise NewerSchema(
            f"The warehouse has schema version {version}, this program knows {len(MIGRATIONS)}: "
            "start the newer Headway that wrote it, or restore a backup made before the upgrade."
        )
    return tuple(enumerate(MIGRATIONS, start=1))[version:]


def recorded(number: int, migration: Migration) -> str:
    return f"INSERT INTO schema_version VALUES ({number}, '{migration.why}')"
