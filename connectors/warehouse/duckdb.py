"""DuckDB in this process: one file, one writer, a cursor for every query."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import duckdb
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from connectors.warehouse import Appended
from connectors.warehouse.changes import compaction, rollup_changes
from connectors.warehouse.failures import duckdb_failures, too_slow
from connectors.warehouse.migrations import READ_VERSION, VERSION_TABLE, missing, recorded
from connectors.warehouse.schema import quoted
from connectors.warehouse.sql import (
    Compiler,
    RollupStatements,
    fitted,
    last_of_key,
    rollup_statements,
    same_key,
)
from models.ask import Watermark
from models.errors import BadSettings
from models.rollup import BATCH, Rollups
from models.tables import EVENTS, ROLLUPS, TABLE

_MOVE_WATERMARK = 'UPDATE watermark SET number = number + 1, "at" = now() RETURNING number, "at"'


class DuckDBWarehouse:
    engine: Literal["duckdb", "postgres"] = "duckdb"

    def __init__(
        self,
        address: str,
        rollups: Rollups | None = None,
        *,
        memory_mib: int | None = None,
        threads: int | None = None,
    ) -> None:
        self._place = address
        self._rollups = rollups
        self._compiler = Compiler("duckdb")
        self._writing = threading.Lock()
        self._compacting = threading.Lock()
        self._mark: Watermark | None = None
        with duckdb_failures(address):
            self._root = duckdb.connect(address, config=_config(address, memory_mib, threads))
            self._root.execute("SET TimeZone = 'UTC'")
            self._writer = self._cursor()

    def migrate(self) -> None:
        with self._writing, self._transaction() as writer:
            writer.execute(VERSION_TABLE)
            version = _number(writer.execute(READ_VERSION))
            for number, migration in missing(version):
                for statement in migration.statements("duckdb"):
                    writer.execute(statement)
                writer.execute(recorded(number, migration))

    def fetch(self, expr: ir.Expr, *, limit_s: float | None = None) -> pa.Table:
        statement = self._compiler.statement(expr)
        with duckdb_failures(self._place), self._reader(limit_s) as cursor:
            return fitted(cursor.execute(statement.text).to_arrow_table(), statement.schema)

    def append(
        self,
        events: pa.Table,
        *,
        offsets: Mapping[str, str] | None = None,
        also: Mapping[str, pa.Table] | None = None,
        ids_are_new: bool = False,
    ) -> Appended:
        statements = self._rollup_statements()
        with self._writing, self._transaction() as writer:
            new = _all(len(events)) if ids_are_new else self._new(writer, events)
            fresh = events if ids_are_new else events.filter(new)
            self._insert(writer, "events", fresh)
            self._batch(writer, fresh)
            for sql in rollup_changes(statements, _keep):
                writer.execute(sql)
            for table, rows in (also or {}).items():
                self._insert(writer, table, rows)
            self._store_offsets(writer, offsets or {})
            mark = self._move(writer)
        self._mark = mark
        return Appended(mark, new)

    def event_ids(self, day: date) -> pa.Table:
        sql = "SELECT organisation_id, CAST(event_id AS VARCHAR) AS event_id FROM events WHERE day = ?"
        with duckdb_failures(self._place), self._reader(None) as cursor:
            return cursor.execute(sql, [day]).to_arrow_table()

    def known(self, ids: pa.Table, days: Sequence[date] | None = None) -> pa.Array:
        with duckdb_failures(self._place), self._reader(None) as cursor:
            return _stored(cursor, ids, days)

    def write(self, table: str, rows: pa.Table) -> None:
        with self._writing, self._transaction() as writer:
            unique = last_of_key(rows, TABLE[table].key)
            writer.register("incoming", unique)
            self._drop_by_key(writer, table)
            self._insert(writer, table, unique)
            mark = self._move(writer)
        self._mark = mark

    def delete(self, table: str, keys: pa.Table) -> int:
        with self._writing, self._transaction() as writer:
            writer.register("incoming", keys)
            gone = self._drop_by_key(writer, table)
            mark = self._move(writer)
        self._mark = mark
        return gone

    def rebuild(self) -> None:
        statements = self._rollup_statements()
        with self._compacting, self._writing, self._transaction() as writer:
            for rollup in ROLLUPS:
                writer.execute(f'DELETE FROM "{rollup.name}"')
            for month in _months(writer):
                writer.execute(_BATCH_OF_MONTH.format(month=month))
                for sql in rollup_changes(statements, _keep):
                    writer.execute(sql)
            mark = self._move(writer)
        self._mark = mark
        self.compact()

    def compact(self) -> int:
        statements = self._rollup_statements()
        with self._compacting, duckdb_failures(self._place):
            cursor = self._cursor()
            before = _rollup_rows(cursor)
            with _transaction(cursor):
                cursor.execute(_keep("days", "SELECT DISTINCT day FROM touched_day"))
                for name, merge in statements.merges.items():
                    for sql in compaction(TABLE[name], merge, _keep):
                        cursor.execute(sql)
                cursor.execute("DELETE FROM touched_day")
            return before - _rollup_rows(cursor)

    def checkpoint(self) -> None:
        with self._writing, duckdb_failures(self._place):
            self._cursor().execute("CHECKPOINT")

    def watermark(self) -> Watermark:
        if self._mark is None:
            with duckdb_failures(self._place), self._reader(None) as cursor:
                self._mark = _mark(_only_row(cursor.execute('SELECT number, "at" FROM watermark')))
        return self._mark

    def offsets(self) -> Mapping[str, str]:
        with duckdb_failures(self._place), self._reader(None) as cursor:
            return dict(cursor.execute("SELECT source, position FROM source_offset").fetchall())

    def close(self) -> None:
        with self._writing, duckdb_failures(self._place):
            self._writer.close()
            self._root.close()

    def _rollup_statements(self) -> RollupStatements:
        if self._rollups is None:
            raise BadSettings(
                "This warehouse was opened for reading: open it with its roll-ups to change events."
            )
        return rollup_statements(self._rollups, self.engine)

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        return self._root.cursor()

    @contextmanager
    def _reader(self, limit_s: float | None) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = self._cursor()
        timer = threading.Timer(limit_s, cursor.interrupt) if limit_s else None
        try:
            if timer:
                timer.start()
            yield cursor
        except duckdb.InterruptException as error:
            raise too_slow(limit_s or 0) from error
        finally:
            if timer:
                timer.cancel()
            cursor.close()

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with duckdb_failures(self._place), _transaction(self._writer):
            yield self._writer

    def _new(self, writer: duckdb.DuckDBPyConnection, events: pa.Table) -> pa.Array:
        """The first of each id that is not stored yet, as a mask."""
        ids = events.select(["organisation_id", "event_id"])
        known = _stored(writer, ids, None).to_numpy(zero_copy_only=False)
        return pa.array(~known & _first_of_id(writer, ids))

    def _insert(self, writer: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
        names = quoted(rows.column_names)
        writer.register("incoming", rows)
        writer.execute(f'INSERT INTO "{table}" ({names}) SELECT {names} FROM incoming')

    def _batch(self, writer: duckdb.DuckDBPyConnection, events: pa.Table) -> None:
        writer.register("incoming", events.select(EVENTS.names()))
        writer.execute(
            f"CREATE OR REPLACE TEMP VIEW {BATCH} AS "
            "SELECT * REPLACE (CAST(event_id AS UUID) AS event_id) FROM incoming"
        )

    def _drop_by_key(self, writer: duckdb.DuckDBPyConnection, table: str) -> int:
        matched = same_key("t", "incoming", TABLE[table].key)
        gone = writer.execute(f'DELETE FROM "{table}" AS t USING incoming WHERE {matched}')
        return _number(gone)

    def _store_offsets(self, writer: duckdb.DuckDBPyConnection, offsets: Mapping[str, str]) -> None:
        for source, position in offsets.items():
            writer.execute("DELETE FROM source_offset WHERE source = ?", [source])
            writer.execute("INSERT INTO source_offset VALUES (?, ?)", [source, position])

    def _move(self, writer: duckdb.DuckDBPyConnection) -> Watermark:
        return _mark(_only_row(writer.execute(_MOVE_WATERMARK)))


_BATCH_OF_MONTH = (
    f"CREATE OR REPLACE TEMP VIEW {BATCH} AS SELECT * FROM events "
    "WHERE day >= DATE '{month}' AND day < DATE '{month}' + INTERVAL 1 MONTH"
)


def _config(
    address: str, memory_mib: int | None, threads: int | None
) -> dict[str, str | bool | int | float | list[str]]:
    config: dict[str, str | bool | int | float | list[str]] = {"checkpoint_threshold": "256MB"}
    if address != ":memory:":
        config["temp_directory"] = str(Path(address).parent / "warehouse-temp")
    if memory_mib:
        config["memory_limit"] = f"{memory_mib}MiB"
    if threads:
        config["threads"] = threads
    return config


@contextmanager
def _transaction(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    cursor.execute("BEGIN")
    try:
        yield
        cursor.execute("COMMIT")
    except BaseException:
        _roll_back(cursor)
        raise


def _roll_back(cursor: duckdb.DuckDBPyConnection) -> None:
    try:
        cursor.execute("ROLLBACK")
    except duckdb.Error:
        # A failed commit has ended the transaction already; what failed is what is told.
        return


def _keep(name: str, sql: str) -> str:
    return f'CREATE OR REPLACE TEMP TABLE "{name}" AS {sql}'


def _stored(cursor: duckdb.DuckDBPyConnection, ids: pa.Table, days: Sequence[date] | None) -> pa.Array:
    numbered = ids.append_column("place", pa.array(np.arange(len(ids))))
    cursor.register("asked", numbered)
    inside = "AND day IN (SELECT unnest(?))" if days is not None else ""
    hits = cursor.execute(
        "SELECT DISTINCT a.place FROM (SELECT organisation_id, event_id FROM events "
        f"WHERE true {inside}) AS e JOIN asked AS a "
        "ON e.organisation_id = a.organisation_id AND e.event_id = CAST(a.event_id AS UUID)",
        [list(days)] if days is not None else [],
    ).fetchnumpy()["place"]
    mask = np.zeros(len(ids), dtype=bool)
    mask[np.asarray(hits, dtype=np.int64)] = True
    return pa.array(mask)


def _first_of_id(
    cursor: duckdb.DuckDBPyConnection, ids: pa.Table
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    firsts = cursor.execute(
        "SELECT min(place) AS place FROM asked GROUP BY organisation_id, CAST(event_id AS UUID)"
    ).fetchnumpy()["place"]
    mask = np.zeros(len(ids), dtype=bool)
    mask[np.asarray(firsts, dtype=np.int64)] = True
    return mask


def _all(count: int) -> pa.Array:
    return pa.array(np.ones(count, dtype=bool))


def _months(cursor: duckdb.DuckDBPyConnection) -> list[date]:
    rows = cursor.execute("SELECT DISTINCT CAST(date_trunc('month', day) AS DATE) FROM events ORDER BY 1")
    return [month for (month,) in rows.fetchall()]


def _rollup_rows(cursor: duckdb.DuckDBPyConnection) -> int:
    counts = " + ".join(f'(SELECT count(*) FROM "{rollup.name}")' for rollup in ROLLUPS)
    return _number(cursor.execute(f"SELECT {counts}"))


def _only_row(result: duckdb.DuckDBPyConnection) -> tuple[object, ...]:
    row = result.fetchone()
    if row is None:
        raise BadSettings("The warehouse has no schema yet: run `./headway migrate`.")
    return tuple(row)


def _number(result: duckdb.DuckDBPyConnection) -> int:
    return int(str(_only_row(result)[0]))


def _mark(row: tuple[object, ...]) -> Watermark:
    number, at = row
    if not isinstance(number, int) or not isinstance(at, datetime):
        raise BadSettings("The warehouse's watermark is unreadable: restore it from a backup.")
    return Watermark(number, at.astimezone(UTC))
