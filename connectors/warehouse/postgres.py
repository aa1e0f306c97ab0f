"""Postgres: several processes may write at once; ids have a table of their own, events are
partitioned by month of their local day."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Literal

import ibis
import ibis.expr.types as ir
import psycopg
import psycopg.sql
import pyarrow as pa
import pyarrow.compute as pc
from ibis.backends import BaseBackend

from connectors.warehouse import Also, Appended
from connectors.warehouse.changes import (
    compacting,
    emptying,
    filling,
    folding,
    folding_month,
    with_recent,
)
from connectors.warehouse.copying import copy_in, copy_out
from connectors.warehouse.failures import opened_for_reading, postgres_failures
from connectors.warehouse.migrations import READ_VERSION, VERSION_TABLE, missing, recorded
from connectors.warehouse.postgres_parts import (
    Connection,
    Cursor,
    is_hung_up,
    keep,
    key_columns,
    mark_of,
    mask_of,
    month_partition,
    months,
    number_of,
    places,
    rows_gone,
    run,
    run_all,
    store_offsets,
)
from connectors.warehouse.schema import columns, quoted
from connectors.warehouse.sql import (
    Compiler,
    RollupStatements,
    Statement,
    filled,
    last_of_key,
    rollup_statements,
    same_key,
)
from models.ask import Watermark
from models.holes import Query
from models.rollup import RECENT, Rollups
from models.tables import EVENTS, TABLE

_FOLDING, _MIGRATING = 71, 72  # keys of advisory locks
_MOST_RECENT = 500_000  # when so many of one process's events may wait to be folded, it does it
_WAITING = (
    f"EXISTS (SELECT 1 FROM {RECENT.name} AS r "
    "WHERE r.organisation_id = e.organisation_id AND r.event_id = e.event_id)"
)
_MOVE_WATERMARK = 'UPDATE watermark SET number = number + 1, "at" = now() RETURNING number, "at"'
_NEW_IDS = (
    "WITH first AS (SELECT organisation_id, event_id, min(place) AS place FROM incoming_event "
    "GROUP BY 1, 2), "
    "new AS (INSERT INTO event_id SELECT organisation_id, event_id FROM first ORDER BY event_id "
    "ON CONFLICT DO NOTHING RETURNING organisation_id, event_id) "
    "SELECT first.place FROM first JOIN new USING (organisation_id, event_id)"
)


class PostgresWarehouse:
    engine: Literal["duckdb", "postgres"] = "postgres"
    alone = False

    def __init__(self, address: str, rollups: Rollups | None = None) -> None:
        self._address = address
        self._rollups = rollups
        self._compiler = Compiler("postgres")
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._months: set[date] = set()
        self._unfolded = 0  # at most so many of our own events are recent

    def migrate(self) -> None:
        with self._transaction() as cursor:
            cursor.execute(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
            cursor.execute(VERSION_TABLE)
            for number, migration in missing(number_of(cursor.execute(READ_VERSION))):
                for statement in migration.statements("postgres"):
                    run(cursor, statement)
                if migration.fills:
                    self._fill(cursor, migration.fills)
                run(cursor, recorded(number, migration))

    def _fill(self, cursor: Cursor, fills: tuple[str, ...]) -> None:
        found = months(cursor)
        if found:
            run_all(cursor, filling(fills, found, _WAITING, self._rollup_statements()))

    def fetch(self, expr: ir.Expr | Query, *, limit_s: float | None = None) -> pa.Table:
        statement, values = self._compiler.statement(expr)
        if statement.reads_sessions and self._rollups:
            self.fold()
        with self._transaction(limit_s) as cursor:
            if limit_s:
                run(cursor, f"SET LOCAL statement_timeout = {max(1, int(limit_s * 1000))}")
            text = filled(
                self._with_recent(statement), values, lambda v: psycopg.sql.Literal(v).as_string(cursor)
            )
            return copy_out(cursor, text, statement.schema)

    def identity(self, expr: ir.Expr | Query) -> tuple[Hashable, ...]:
        return self._compiler.identity(expr)

    def changed(self, expr: ir.Expr | Query) -> int | None:
        return None

    @contextmanager
    def inside(self) -> Iterator[BaseBackend]:
        with postgres_failures():
            backend = ibis.connect(self._address)
            try:
                yield backend
            finally:
                backend.disconnect()

    def append(
        self,
        events: pa.Table,
        *,
        offsets: Mapping[str, str] | None = None,
        also: Mapping[str, Also] | None = None,
        ids_are_new: bool = False,
    ) -> Appended:
        """`ids_are_new` saves nothing here: other processes write too, so the key decides."""
        self._rollup_statements()
        self._make_months(events)
        with self._transaction() as cursor:
            new = self._store(cursor, events)
            for table, rows in (also or {}).items():
                copy_in(cursor, table, rows(new) if callable(rows) else rows)
            store_offsets(cursor, offsets or {})
            mark = mark_of(cursor.execute(_MOVE_WATERMARK))
        self._unfolded += len(events)
        if self._unfolded > _MOST_RECENT:
            self.fold()
        return Appended(mark, new)

    def event_ids(self, day: date) -> pa.Table:
        sql = f"SELECT organisation_id, event_id FROM events WHERE day = DATE '{day.isoformat()}'"
        schema = pa.schema({"organisation_id": pa.int32(), "event_id": pa.string()})
        with self._transaction() as cursor:
            return copy_out(cursor, sql, schema)

    def known(self, ids: pa.Table, days: Sequence[date] | None = None) -> pa.Array:
        """One index look-up an id, so `days` is not needed here."""
        with self._transaction() as cursor:
            run(
                cursor,
                "CREATE TEMP TABLE asked (place int, organisation_id int, event_id uuid) ON COMMIT DROP",
            )
            copy_in(cursor, "asked", ids.append_column("place", places(len(ids))))
            hits = cursor.execute("SELECT place FROM asked JOIN event_id USING (organisation_id, event_id)")
            return mask_of(len(ids), hits)

    def write(self, table: str, rows: pa.Table) -> None:
        declared = TABLE[table]
        names, key = quoted(declared.names()), quoted(declared.key)
        changed = ", ".join(f'"{n}" = excluded."{n}"' for n in declared.names() if n not in declared.key)
        with self._transaction() as cursor:
            run(cursor, f"CREATE TEMP TABLE incoming ({columns('postgres', declared)}) ON COMMIT DROP")
            copy_in(cursor, "incoming", last_of_key(rows.select(declared.names()), declared.key))
            run(
                cursor,
                f'INSERT INTO "{table}" ({names}) SELECT {names} FROM incoming ORDER BY {key} '
                f"ON CONFLICT ({key}) DO {f'UPDATE SET {changed}' if changed else 'NOTHING'}",
            )
            cursor.execute(_MOVE_WATERMARK)

    def delete(self, table: str, keys: pa.Table) -> int:
        declared = TABLE[table]
        matched = same_key("t", "incoming", declared.key)
        with self._transaction() as cursor:
            run(cursor, f"CREATE TEMP TABLE incoming ({key_columns(declared)}) ON COMMIT DROP")
            copy_in(cursor, "incoming", keys.select(declared.key))
            gone = run(cursor, f'DELETE FROM "{table}" AS t USING incoming WHERE {matched}').rowcount
            cursor.execute(_MOVE_WATERMARK)
            return gone

    def fold(self) -> int:
        statements = self._rollup_statements()
        if not self._any_recent():
            return 0
        with self._alone() as cursor:
            run_all(cursor, folding(f"SELECT {quoted(RECENT.names())} FROM {RECENT.name}", statements, keep))
            folded = run(cursor, f"DELETE FROM {RECENT.name}").rowcount
        self._unfolded = 0
        return folded

    def rebuild(self) -> None:
        statements = self._rollup_statements()
        with self._alone(writers_wait=True) as cursor:
            run_all(cursor, emptying())
            for month in months(cursor):
                run_all(cursor, folding_month(month, statements, keep))
            cursor.execute(_MOVE_WATERMARK)
        self.compact()

    def compact(self) -> int:
        statements = self._rollup_statements()
        self.fold()
        with self._alone() as cursor:
            return sum(rows_gone(cursor, sql) for sql in compacting(statements, keep))

    def checkpoint(self) -> None:
        """The server does this by itself."""

    def settle(self) -> None:
        """The server has its own processes."""

    def watermark(self) -> Watermark:
        with self._transaction() as cursor:
            return mark_of(cursor.execute('SELECT number, "at" FROM watermark'))

    def offsets(self) -> Mapping[str, str]:
        with self._transaction() as cursor:
            rows = cursor.execute("SELECT source, position FROM source_offset").fetchall()
            return {str(source): str(position) for source, position in rows}

    def close(self) -> None:
        with self._lock:
            for connection in self._idle:
                connection.close()
            self._idle = []

    def _rollup_statements(self) -> RollupStatements:
        if self._rollups is None:
            raise opened_for_reading()
        return rollup_statements(self._rollups, self.engine)

    def _with_recent(self, statement: Statement) -> str:
        if self._rollups is None:
            return statement.text
        tails = self._rollup_statements().tails
        return with_recent(statement.text, {n: tails[n] for n in tails if n in statement.tables}, "public")

    def _any_recent(self) -> bool:
        with self._transaction() as cursor:
            row = run(cursor, f"SELECT EXISTS (SELECT 1 FROM {RECENT.name})").fetchone()
            return bool(row and row[0])

    @contextmanager
    def _connection(self, limit_s: float | None = None) -> Iterator[Connection]:
        """A connection of its own for as long as it is used; one that failed is not used again."""
        with postgres_failures(limit_s):
            connection = self._live() or self._connect()
            try:
                yield connection
            except psycopg.OperationalError:
                connection.close()
                raise
            finally:
                if not connection.closed:
                    with self._lock:
                        self._idle.append(connection)

    def _live(self) -> Connection | None:
        """A connection that waits for work; those whose server has hung up meanwhile are let go."""
        with self._lock:
            while self._idle:
                connection = self._idle.pop()
                if not is_hung_up(connection):
                    return connection
                connection.close()
        return None

    def _connect(self) -> Connection:
        connection = psycopg.connect(self._address, autocommit=True, connect_timeout=5)
        connection.execute("SET TimeZone = 'UTC'")
        return connection

    @contextmanager
    def _transaction(self, limit_s: float | None = None) -> Iterator[Cursor]:
        with self._connection(limit_s) as connection, connection.transaction(), connection.cursor() as cursor:
            yield cursor

    @contextmanager
    def _alone(self, *, writers_wait: bool = False) -> Iterator[Cursor]:
        """One process folds, merges or rebuilds at a time, on one snapshot: what others store
        meanwhile is neither folded nor deleted."""
        with self._connection() as connection:
            run(connection.cursor(), f"SELECT pg_advisory_lock({_FOLDING})")
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            try:
                with connection.transaction(), connection.cursor() as cursor:
                    if writers_wait:
                        cursor.execute("LOCK TABLE events IN SHARE MODE")
                    yield cursor
            finally:
                if not connection.closed:
                    connection.isolation_level = None
                    run(connection.cursor(), f"SELECT pg_advisory_unlock({_FOLDING})")

    def _make_months(self, events: pa.Table) -> None:
        days = pc.unique(events.column("day")).to_pylist()
        wanted = {day.replace(day=1) for day in days} - self._months
        if not wanted:
            return
        with self._transaction() as cursor:
            cursor.execute(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
            for month in sorted(wanted):
                run(cursor, month_partition(month))
        self._months |= wanted

    def _store(self, cursor: Cursor, events: pa.Table) -> pa.Array:
        """Store what is new; says which rows those were."""
        run(
            cursor,
            f"CREATE TEMP TABLE IF NOT EXISTS incoming_event ({columns('postgres', EVENTS)}, place int) "
            "ON COMMIT DELETE ROWS",
        )
        rows = events.select(EVENTS.names()).append_column("place", places(len(events)))
        copy_in(cursor, "incoming_event", rows)
        new = mask_of(len(events), cursor.execute(_NEW_IDS))
        known = rows.filter(pc.invert(new))["place"].to_pylist()
        if known:
            cursor.execute("DELETE FROM incoming_event WHERE place = ANY(%s)", [known])
        for table in (EVENTS, RECENT):
            names = quoted(table.names())
            run(cursor, f"INSERT INTO {table.name} ({names}) SELECT {names} FROM incoming_event")
        return new
