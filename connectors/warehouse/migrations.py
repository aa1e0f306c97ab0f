"""The way forward from any older schema. Add a step at the end; never change one that was released,
never drop anything. Every statement may run on a schema that already has what it adds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from connectors.warehouse.layout import all_laid_out
from connectors.warehouse.schema import FOLDED, LAID_OUT, Engine, create, first_tables
from models.errors import NewerSchema
from models.rollup import RECENT
from models.tables import (
    DEAD_LETTER,
    LEARNER_EVENT,
    LEARNER_LESSON_DAY,
    LEARNER_VIDEO_DAY,
    MASTERY_MODEL,
    QUALITY_BATCH,
    QUALITY_CHECK,
    QUALITY_DAY,
    RESULT,
    SALE_DAY,
    SKILL_MODEL,
)

VERSION_TABLE = "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL, why VARCHAR NOT NULL)"
READ_VERSION = "SELECT coalesce(max(version), 0) FROM schema_version"


@dataclass(frozen=True, slots=True)
class Migration:
    why: str
    statements: Callable[[Engine], tuple[str, ...]]
    fills: tuple[str, ...] = ()  # new roll-ups: made once of the events that are folded already


def _quality(engine: Engine) -> tuple[str, ...]:
    tables = (QUALITY_DAY, QUALITY_CHECK, QUALITY_BATCH)
    return tuple(statement for table in tables for statement in create(engine, table))


def _mastery(engine: Engine) -> tuple[str, ...]:
    return tuple(statement for table in (SKILL_MODEL, MASTERY_MODEL) for statement in create(engine, table))


def _tail(engine: Engine) -> tuple[str, ...]:
    """What an older program had copied into recent_event, not folded yet, is told by its number."""
    if engine != "duckdb":
        return ()
    waiting = "SELECT organisation_id, event_id FROM recent_event"
    return (
        *create(engine, FOLDED),
        "INSERT INTO folded SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM folded)",
        "ALTER TABLE events ADD COLUMN IF NOT EXISTS watermark BIGINT DEFAULT 0",
        f"UPDATE events SET watermark = 1 WHERE (organisation_id, event_id) IN ({waiting})",
        "DELETE FROM recent_event",
    )


_FINE = (LEARNER_LESSON_DAY, LEARNER_VIDEO_DAY, SALE_DAY, RESULT)


def _fine(engine: Engine) -> tuple[str, ...]:
    made = tuple(statement for table in _FINE for statement in create(engine, table))
    if engine == "duckdb":
        return made
    return (*made, *_followed("assessment_id", "skill_id", "object_id"))


def _followed(*names: str) -> tuple[str, ...]:
    """Postgres: texts that the copy of recent events has to hold from now on."""
    added = (f"ALTER TABLE recent_event ADD COLUMN IF NOT EXISTS {name} text" for name in names)
    known = ", ".join(f"{name} = e.{name}" for name in names)
    return (
        *added,
        f"UPDATE recent_event AS r SET {known} FROM events AS e "
        "WHERE e.organisation_id = r.organisation_id AND e.event_id = r.event_id AND e.day = r.day",
    )


def _kept(engine: Engine) -> tuple[str, ...]:
    made = create(engine, LEARNER_EVENT)
    return made if engine == "duckdb" else (*made, *_followed("item_id", "choice", "payload"))


def _laid_out(engine: Engine) -> tuple[str, ...]:
    """They do, where the migration before this one has just filled them."""
    return (*create(engine, LAID_OUT), *all_laid_out()) if engine == "duckdb" else ()


# The version of a schema is how many of these it has seen. A new table is
# `Migration("why", lambda engine: create(engine, TABLE))`.
MIGRATIONS: tuple[Migration, ...] = (
    Migration("the first tables", first_tables),
    Migration("dead letters", lambda engine: create(engine, DEAD_LETTER)),
    Migration("events that wait to be folded in", lambda engine: create(engine, RECENT)),
    Migration("data quality, day by day", _quality),
    Migration("what is usual in a skill", _mastery),
    Migration("the end of events is what waits to be folded in", _tail),
    Migration("lessons, videos, sales and results by learner", _fine, tuple(t.name for t in _FINE)),
    Migration("events kept by learner", _kept, (LEARNER_EVENT.name,)),
    Migration("months that lie by learner", _laid_out),
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
