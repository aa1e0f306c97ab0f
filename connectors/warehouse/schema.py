"""DDL of both engines, derived from models.tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from models.tables import EVENTS, ROLLUPS, TABLES, Column, Table

Engine = Literal["duckdb", "postgres"]

# The warehouse's own tables, in the same words as the others.
WATERMARK = Table(
    "watermark", "state", (), (Column("number", "int64", low=0), Column("at", "timestamp('UTC')"))
)
SOURCE_OFFSET = Table(
    "source_offset", "state", ("source",), (Column("source", "string"), Column("position", "string"))
)
# Days whose roll-up rows may share keys. A log without a key: writers never wait for each other here.
TOUCHED_DAY = Table("touched_day", "state", (), (Column("day", "date"),))
# DuckDB: commits up to this number are in the roll-ups.
FOLDED = Table("folded", "state", (), (Column("number", "int64"),))
# DuckDB: months of learner_event that lie by learner, and how many rows they had then (layout.py).
LAID_OUT = Table("laid_out", "state", (), (Column("month", "date"), Column("rows", "int64", low=0)))
OWN_TABLES = (WATERMARK, SOURCE_OFFSET, TOUCHED_DAY)

EVENT_ID_PARTS = 16  # hash partitions of the ids on Postgres

_TYPES = {
    "int16": ("SMALLINT", "smallint"),
    "int32": ("INTEGER", "integer"),
    "int64": ("BIGINT", "bigint"),
    "float64": ("DOUBLE", "double precision"),
    "boolean": ("BOOLEAN", "boolean"),
    "string": ("VARCHAR", "text"),
    "uuid": ("UUID", "uuid"),
    "date": ("DATE", "date"),
    "timestamp('UTC')": ("TIMESTAMPTZ", "timestamptz"),
}


def quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def column(engine: Engine, declared: Column) -> str:
    kind = _TYPES[declared.type][0 if engine == "duckdb" else 1]
    return f'"{declared.name}" {kind}{"" if declared.nullable else " NOT NULL"}'


def columns(engine: Engine, table: Table) -> str:
    return ", ".join(column(engine, declared) for declared in table.columns)


def create(engine: Engine, table: Table) -> tuple[str, ...]:
    """Statements that make `table` unless it is there."""
    made = f'CREATE TABLE IF NOT EXISTS "{table.name}" ({columns(engine, table)}'
    if engine == "duckdb":
        # No keys: at 20 million rows a unique index costs 165 ms for 10,000 events, and grows.
        return (f"{made})",)
    if table is EVENTS:
        return (f'{made}) PARTITION BY RANGE ("day")', *_event_indexes(), *_event_ids())
    if table.kind in ("dimension", "state") and table.key:
        return (f"{made}, PRIMARY KEY ({quoted(table.key)}))",)
    return (f"{made})", *_rollup_indexes(table))


def first_tables(engine: Engine) -> tuple[str, ...]:
    made = [statement for table in (*TABLES, *OWN_TABLES) for statement in create(engine, table)]
    start = (
        "INSERT INTO watermark SELECT 0, TIMESTAMPTZ '1970-01-01 00:00:00+00' "
        "WHERE NOT EXISTS (SELECT 1 FROM watermark)"
    )
    return (*made, start)


def _event_indexes() -> tuple[str, ...]:
    return (
        'CREATE INDEX IF NOT EXISTS events_occurred_at ON events USING brin ("occurred_at")',
        'CREATE INDEX IF NOT EXISTS events_session ON events ("organisation_id", "learner_id", "day")',
    )


def _event_ids() -> tuple[str, ...]:
    """Ids live apart, because a key of a partitioned table must hold the partition's column, and
    then the same id with another day would be a new event."""
    parent = (
        "CREATE TABLE IF NOT EXISTS event_id (organisation_id integer NOT NULL, event_id uuid NOT NULL, "
        "PRIMARY KEY (event_id, organisation_id)) PARTITION BY HASH (event_id)"
    )
    parts = (
        f"CREATE TABLE IF NOT EXISTS event_id_{n} PARTITION OF event_id "
        f"FOR VALUES WITH (MODULUS {EVENT_ID_PARTS}, REMAINDER {n})"
        for n in range(EVENT_ID_PARTS)
    )
    return (parent, *parts)


def _rollup_indexes(table: Table) -> tuple[str, ...]:
    if table not in ROLLUPS:
        return ()
    key = quoted(table.key)
    return (f'CREATE INDEX IF NOT EXISTS "{table.name}_key" ON "{table.name}" ({key})',)
