"""What a DuckDB connection is asked besides queries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from connectors.warehouse.schema import quoted
from models.ask import Watermark
from models.errors import BadSettings

Connection = duckdb.DuckDBPyConnection
Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]
# A checkpoint stalls the writer for a second for each few hundred MB: idle moments are for that, and only
# who never rests (two minutes at 50,000 events/s) meets this bound.
_LARGEST_LOG = "1GB"
Setting = str | bool | int | float | list[str]


def configuration(address: str, memory_mib: int | None, threads: int | None) -> dict[str, Setting]:
    config: dict[str, Setting] = {"checkpoint_threshold": _LARGEST_LOG}
    if address != ":memory:":
        config["temp_directory"] = str(Path(address).parent / "warehouse-temp")
    if memory_mib:
        config["memory_limit"] = f"{memory_mib}MiB"
    if threads:
        config["threads"] = threads
    return config


def stored(cursor: Connection, ids: pa.Table, days: Sequence[date] | None) -> Mask:
    """Which rows of `ids` are in `events`, exactly."""
    numbered = ids.append_column("place", pa.array(np.arange(len(ids))))
    cursor.register("asked", numbered)
    inside = "WHERE day IN (SELECT unnest(?))" if days is not None else ""
    hits = cursor.execute(
        f"SELECT DISTINCT a.place FROM (SELECT organisation_id, event_id FROM events {inside}) AS e "
        "JOIN asked AS a ON e.organisation_id = a.organisation_id AND e.event_id = CAST(a.event_id AS UUID)",
        [list(days)] if days is not None else [],
    )
    return _mask(len(ids), hits)


def first_of_id(cursor: Connection, ids: pa.Table) -> Mask:
    numbered = ids.append_column("place", pa.array(np.arange(len(ids))))
    cursor.register("asked", numbered)
    firsts = "SELECT min(place) AS place FROM asked GROUP BY organisation_id, CAST(event_id AS UUID)"
    return _mask(len(ids), cursor.execute(firsts))


def few_rows(table: str, rows: pa.Table) -> tuple[str, list[object]]:
    """The statement that inserts them, and its values."""
    one = f"({', '.join('?' * rows.num_columns)})"
    text = f'INSERT INTO "{table}" ({quoted(rows.column_names)}) VALUES {", ".join([one] * len(rows))}'
    return text, [value for row in zip(*(c.to_pylist() for c in rows.columns), strict=True) for value in row]


def all_new(count: int) -> pa.Array:
    return pa.array(np.ones(count, dtype=bool))


def months(cursor: Connection) -> list[date]:
    rows = cursor.execute("SELECT DISTINCT CAST(date_trunc('month', day) AS DATE) FROM events ORDER BY 1")
    return [month for (month,) in rows.fetchall()]


def roll_back(connection: Connection) -> None:
    try:
        connection.execute("ROLLBACK")
    except duckdb.Error:
        # A failed commit has ended the transaction already; what failed is what is told.
        return


def number_of(result: Connection) -> int:
    return int(str(_only_row(result)[0]))


def numbers_of(result: Connection) -> tuple[int, ...]:
    return tuple(int(str(number)) for number in _only_row(result))


def mark_of(result: Connection) -> Watermark:
    number, at = _only_row(result)
    if not isinstance(number, int) or not isinstance(at, datetime):
        raise BadSettings("The warehouse's watermark is unreadable: restore it from a backup.")
    return Watermark(number, at.astimezone(UTC))


def _mask(count: int, places: Connection) -> Mask:
    mask = np.zeros(count, dtype=bool)
    mask[np.asarray(places.fetchnumpy()["place"], dtype=np.int64)] = True
    return mask


def _only_row(result: Connection) -> tuple[object, ...]:
    rows = result.fetchall()  # to its end: what is left unread keeps a transaction open
    if not rows:
        raise BadSettings("The warehouse has no schema yet: run `./headway migrate`.")
    return tuple(rows[0])
