"""What a Postgres connection is asked besides queries."""

from __future__ import annotations

import select
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime

import numpy as np
import psycopg
import pyarrow as pa

from connectors.warehouse.schema import column
from models.ask import Watermark
from models.errors import BadSettings
from models.tables import Table

Cursor = psycopg.Cursor[tuple[object, ...]]
Connection = psycopg.Connection[tuple[object, ...]]


def is_hung_up(connection: Connection) -> bool:
    """An idle connection has nothing to say, unless it is over."""
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))


def run(cursor: Cursor, sql: str) -> Cursor:
    return cursor.execute(sql.encode())


def run_all(cursor: Cursor, statements: Iterator[str]) -> int:
    """Returns how many rows the last one changed."""
    changed = 0
    for sql in statements:
        changed = run(cursor, sql).rowcount
    return changed


def rows_gone(cursor: Cursor, sql: str) -> int:
    rows = run(cursor, sql).rowcount
    return {"DELETE": rows, "INSERT": -rows}.get(sql.split(" ", 1)[0], 0) * ("touched_day" not in sql)


def keep(name: str, sql: str) -> str:
    return f'DROP TABLE IF EXISTS pg_temp."{name}"; CREATE TEMP TABLE "{name}" ON COMMIT DROP AS {sql}'


def key_columns(table: Table) -> str:
    return ", ".join(column("postgres", c) for c in table.columns if c.name in table.key)


def month_partition(month: date) -> str:
    until = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return (
        f"CREATE TABLE IF NOT EXISTS events_{month:%Y_%m} PARTITION OF events "
        f"FOR VALUES FROM ('{month}') TO ('{until}')"
    )


def months(cursor: Cursor) -> list[date]:
    rows = cursor.execute("SELECT DISTINCT CAST(date_trunc('month', day) AS date) FROM events ORDER BY 1")
    return [month for (month,) in rows.fetchall() if isinstance(month, date)]


def store_offsets(cursor: Cursor, offsets: Mapping[str, str]) -> None:
    for source, position in sorted(offsets.items()):
        cursor.execute(
            "INSERT INTO source_offset VALUES (%s, %s) "
            "ON CONFLICT (source) DO UPDATE SET position = excluded.position",
            [source, position],
        )


def places(count: int) -> pa.Array:
    return pa.array(np.arange(count))


def mask_of(count: int, hits: Cursor) -> pa.Array:
    """True where a row of `hits` says so by its number."""
    mask = np.zeros(count, dtype=bool)
    mask[np.array(hits.fetchall(), dtype=np.int64).reshape(-1)] = True
    return pa.array(mask)


def number_of(result: Cursor) -> int:
    row = result.fetchone()
    return int(str(row[0])) if row else 0


def mark_of(result: Cursor) -> Watermark:
    number, at = result.fetchone() or (None, None)
    if not isinstance(number, int) or not isinstance(at, datetime):
        raise BadSettings("The warehouse has no watermark: run `./headway migrate`, or restore a backup.")
    return Watermark(number, at.astimezone(UTC))
