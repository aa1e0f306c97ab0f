"""Postgres: several processes may write at once; ids have a table of their own, events are
partitioned by month of their local day."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Literal

import ibis.expr.types as ir
import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from connectors.warehouse import Appended
from connectors.warehouse.changes import compaction, rollup_changes
from connectors.warehouse.copying import copy_in, copy_out
from connectors.warehouse.failures import postgres_failures
from connectors.warehouse.migrations import READ_VERSION, VERSION_TABLE, missing, recorded
from connectors.warehouse.schema import columns, quoted
from connectors.warehouse.sql import Compiler, RollupStatements, last_of_key, rollup_statements, same_key
from models.ask import Watermark
from models.errors import BadSettings
from models.rollup import BATCH, Rollups
from models.tables import EVENTS, ROLLUPS, TABLE

Cursor = psycopg.Cursor[tuple[object, ...]]
Connection = psycopg.Connection[tuple[object, ...]]

_COMPACTING, _MIGRATING, _LEARNERS = 71, 72, 73  # keys of advisory locks
_MOVE_WATERMARK = 'UPDATE watermark SET number = number + 1, "at" = now() RETURNING number, "at"'
# Two writers that hold events of one session must not both read it before either has changed it.
# Writers between whom learners are divided by `learner_id % 64` never wait here.
_LOCK_LEARNERS = (
    f"SELECT pg_advisory_xact_lock({_LEARNERS}, part) FROM "
    f"(SELECT DISTINCT CAST(abs(learner_id % 64) AS integer) AS part FROM {BATCH} ORDER BY 1) AS parts"
)
_KEEP_NEW = (
    "WITH first AS (SELECT organisation_id, event_id, min(place) AS place FROM batch GROUP BY 1, 2), "
    "new AS (INSERT INTO event_id SELECT organisation_id, event_id FROM first ORDER BY event_id "
    "ON CONFLICT DO NOTHING RETURNING organisation_id, event_id) "
    "SELECT first.place FROM first JOIN new USING (organisation_id, event_id)"
)


class PostgresWarehouse:
    engine: Literal["duckdb", "postgres"] = "postgres"

    def __init__(self, address: str, rollups: Rollups | None = None) -> None:
        self._address = address
        self._rollups = rollups
        self._compiler = Compiler("postgres")
        self._lock = threading.Lock()
        self._readers: list[Connection] = []
        self._writers: list[Connection] = []
        self._months: set[date] = set()

    def migrate(self) -> None:
        with self._connection(self._readers) as connection, connection.transaction():
            cursor = connection.cursor()
            cursor.execute(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
            cursor.execute(VERSION_TABLE)
            for number, migration in missing(_number(cursor.execute(READ_VERSION))):
                for statement in migration.statements("postgres"):
                    _run(cursor, statement)
                _run(cursor, recorded(number, migration))

    def fetch(self, expr: ir.Expr, *, limit_s: float | None = None) -> pa.Table:
        statement = self._compiler.statement(expr)
        with self._connection(self._readers, limit_s) as connection, connection.transaction():
            cursor = connection.cursor()
            if limit_s:
                _run(cursor, f"SET LOCAL statement_timeout = {max(1, int(limit_s * 1000))}")
            return copy_out(cursor, statement.text, statement.schema)

    def append(
        self,
        events: pa.Table,
        *,
        offsets: Mapping[str, str] | None = None,
        also: Mapping[str, pa.Table] | None = None,
        ids_are_new: bool = False,
    ) -> Appended:
        """`ids_are_new` saves nothing here: other processes write too, so the key decides."""
        statements = self._rollup_statements()
        self._make_months(events)
        with self._connection(self._writers) as connection, connection.transaction():
            cursor = connection.cursor()
            new = self._store(cursor, events, statements)
            for sql in rollup_changes(statements, _fill, alone=_LOCK_LEARNERS):
                _run(cursor, sql)
            for table, rows in (also or {}).items():
                copy_in(cursor, table, rows)
            _store_offsets(cursor, offsets or {})
            return Appended(_mark(cursor.execute(_MOVE_WATERMARK)), new)

    def event_ids(self, day: date) -> pa.Table:
        sql = f"SELECT organisation_id, event_id FROM events WHERE day = DATE '{day.isoformat()}'"
        schema = pa.schema({"organisation_id": pa.int32(), "event_id": pa.string()})
        with self._connection(self._readers) as connection:
            return copy_out(connection.cursor(), sql, schema)

    def known(self, ids: pa.Table, days: Sequence[date] | None = None) -> pa.Array:
        """One index look-up an id, so `days` is not needed here."""
        with self._connection(self._readers) as connection, connection.transaction():
            cursor = connection.cursor()
            _run(
                cursor,
                "CREATE TEMP TABLE asked (place bigint, organisation_id int, event_id uuid) ON COMMIT DROP",
            )
            copy_in(cursor, "asked", ids.append_column("place", _places(len(ids))))
            hits = cursor.execute("SELECT place FROM asked JOIN event_id USING (organisation_id, event_id)")
            return _mask(len(ids), hits)

    def write(self, table: str, rows: pa.Table) -> None:
        declared = TABLE[table]
        names, key = quoted(declared.names()), quoted(declared.key)
        changed = ", ".join(f'"{n}" = excluded."{n}"' for n in declared.names() if n not in declared.key)
        with self._connection(self._readers) as connection, connection.transaction():
            cursor = connection.cursor()
            _run(cursor, f"CREATE TEMP TABLE incoming ({columns('postgres', declared)}) ON COMMIT DROP")
            copy_in(cursor, "incoming", last_of_key(rows.select(declared.names()), declared.key))
            _run(
                cursor,
                f'INSERT INTO "{table}" ({names}) SELECT {names} FROM incoming ORDER BY {key} '
                f"ON CONFLICT ({key}) DO {f'UPDATE SET {changed}' if changed else 'NOTHING'}",
            )
            cursor.execute(_MOVE_WATERMARK)

    def delete(self, table: str, keys: pa.Table) -> int:
        declared = TABLE[table]
        typed = ", ".join(
            f'"{c.name}" {_KEY_TYPES[c.type]}' for c in declared.columns if c.name in declared.key
        )
        with self._connection(self._readers) as connection, connection.transaction():
            cursor = connection.cursor()
            _run(cursor, f"CREATE TEMP TABLE incoming ({typed}) ON COMMIT DROP")
            copy_in(cursor, "incoming", keys.select(declared.key))
            matched = same_key("t", "incoming", declared.key)
            gone = _run(cursor, f'DELETE FROM "{table}" AS t USING incoming WHERE {matched}').rowcount
            cursor.execute(_MOVE_WATERMARK)
            return gone

    def rebuild(self) -> None:
        statements = self._rollup_statements()
        with self._alone(), self._connection([]) as connection:
            with connection.transaction():
                cursor = connection.cursor()
                cursor.execute("LOCK TABLE events IN SHARE MODE")  # readers go on, writers wait
                for rollup in ROLLUPS:
                    _run(cursor, f'DELETE FROM "{rollup.name}"')
                for month in _months_stored(cursor):
                    _run(cursor, _BATCH_OF_MONTH.format(month=month))
                    for sql in rollup_changes(statements, _keep):
                        _run(cursor, sql)
                cursor.execute(_MOVE_WATERMARK)
            connection.close()
        self.compact()

    def compact(self) -> int:
        statements = self._rollup_statements()
        with self._alone(), self._connection(self._readers) as connection:
            # One snapshot: what arrives meanwhile is neither merged nor deleted.
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            try:
                with connection.transaction():
                    return _compacted(connection.cursor(), statements)
            finally:
                connection.isolation_level = None

    def checkpoint(self) -> None:
        """The server does this by itself."""

    def watermark(self) -> Watermark:
        with self._connection(self._readers) as connection:
            return _mark(connection.execute('SELECT number, "at" FROM watermark'))

    def offsets(self) -> Mapping[str, str]:
        with self._connection(self._readers) as connection:
            rows = connection.execute("SELECT source, position FROM source_offset").fetchall()
            return {str(source): str(position) for source, position in rows}

    def close(self) -> None:
        with self._lock:
            for connection in (*self._readers, *self._writers):
                connection.close()
            self._readers, self._writers = [], []

    def _rollup_statements(self) -> RollupStatements:
        if self._rollups is None:
            raise BadSettings(
                "This warehouse was opened for reading: open it with its roll-ups to change events."
            )
        return rollup_statements(self._rollups, self.engine)

    @contextmanager
    def _connection(self, idle: list[Connection], limit_s: float | None = None) -> Iterator[Connection]:
        """A connection of its own for as long as it is used; one that failed is not used again."""
        with postgres_failures(limit_s):
            with self._lock:
                connection = idle.pop() if idle else None
            connection = connection or self._connect(idle is self._writers)
            try:
                yield connection
            except psycopg.OperationalError:
                connection.close()
                raise
            finally:
                if not connection.closed:
                    with self._lock:
                        idle.append(connection)

    def _connect(self, writes: bool) -> Connection:
        connection = psycopg.connect(self._address, autocommit=True, connect_timeout=5)
        connection.execute("SET TimeZone = 'UTC'")
        if writes:
            _make_scratch(connection.cursor(), self._rollup_statements())
        return connection

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process merges or rebuilds at a time."""
        with self._connection(self._readers) as connection:
            connection.execute(f"SELECT pg_advisory_lock({_COMPACTING})")
            try:
                yield
            finally:
                connection.execute(f"SELECT pg_advisory_unlock({_COMPACTING})")

    def _make_months(self, events: pa.Table) -> None:
        days = pc.unique(events.column("day")).to_pylist()
        wanted = {day.replace(day=1) for day in days} - self._months
        if not wanted:
            return
        with self._connection(self._readers) as connection, connection.transaction():
            cursor = connection.cursor()
            cursor.execute(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
            for month in sorted(wanted):
                _run(cursor, _partition(month))
        self._months |= wanted

    def _store(self, cursor: Cursor, events: pa.Table, statements: RollupStatements) -> pa.Array:
        """Put what is new into `batch` and `events`; says which rows those were."""
        rows = events.select(EVENTS.names()).append_column("place", _places(len(events)))
        copy_in(cursor, BATCH, rows)
        new = _mask(len(events), cursor.execute(_KEEP_NEW))
        known = rows.filter(pc.invert(new))["place"].to_pylist()
        if known:
            cursor.execute(f"DELETE FROM {BATCH} WHERE place = ANY(%s)", [known])
        names = quoted(EVENTS.names())
        _run(cursor, f"INSERT INTO events ({names}) SELECT {names} FROM {BATCH}")
        return new


_KEY_TYPES = {"int32": "integer", "int64": "bigint", "string": "text", "date": "date"}
_BATCH_OF_MONTH = (
    f"CREATE OR REPLACE TEMP VIEW {BATCH} AS SELECT * FROM events "
    "WHERE day >= DATE '{month}' AND day < DATE '{month}' + INTERVAL '1 month'"
)


def _run(cursor: Cursor, sql: str) -> Cursor:
    return cursor.execute(sql.encode())


def _keep(name: str, sql: str) -> str:
    return f'DROP TABLE IF EXISTS pg_temp."{name}"; CREATE TEMP TABLE "{name}" AS {sql}'


def _fill(name: str, sql: str) -> str:
    return f'INSERT INTO "{name}" {sql}'


def _make_scratch(cursor: Cursor, statements: RollupStatements) -> None:
    """Tables of this connection that are emptied by each commit: making them anew every time would
    bloat the catalogue."""
    _run(
        cursor,
        f"CREATE TEMP TABLE {BATCH} ({columns('postgres', EVENTS)}, place bigint) ON COMMIT DELETE ROWS",
    )
    for sql, _, kept in statements.steps:
        if kept:
            _run(cursor, f'CREATE TEMP TABLE "{kept}" ON COMMIT DELETE ROWS AS {sql} WITH NO DATA')


def _partition(month: date) -> str:
    until = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return (
        f"CREATE TABLE IF NOT EXISTS events_{month:%Y_%m} PARTITION OF events "
        f"FOR VALUES FROM ('{month}') TO ('{until}')"
    )


def _compacted(cursor: Cursor, statements: RollupStatements) -> int:
    gone = 0
    _run(cursor, _keep("days", "SELECT DISTINCT day FROM touched_day"))
    for name, merge in statements.merges.items():
        for sql in compaction(TABLE[name], merge, _keep):
            rows = _run(cursor, sql).rowcount
            gone += rows if sql.startswith("DELETE") else -rows if sql.startswith("INSERT") else 0
    cursor.execute("DELETE FROM touched_day")
    return gone


def _months_stored(cursor: Cursor) -> list[date]:
    rows = cursor.execute("SELECT DISTINCT CAST(date_trunc('month', day) AS date) FROM events ORDER BY 1")
    return [month for (month,) in rows.fetchall() if isinstance(month, date)]


def _store_offsets(cursor: Cursor, offsets: Mapping[str, str]) -> None:
    for source, position in sorted(offsets.items()):
        cursor.execute(
            "INSERT INTO source_offset VALUES (%s, %s) "
            "ON CONFLICT (source) DO UPDATE SET position = excluded.position",
            [source, position],
        )


def _places(count: int) -> pa.Array:
    return pa.array(np.arange(count))


def _mask(count: int, hits: Cursor) -> pa.Array:
    mask = np.zeros(count, dtype=bool)
    mask[np.array(hits.fetchall(), dtype=np.int64).reshape(-1)] = True
    return pa.array(mask)


def _number(result: Cursor) -> int:
    row = result.fetchone()
    return int(str(row[0])) if row else 0


def _mark(result: Cursor | psycopg.Cursor[tuple[object, ...]]) -> Watermark:
    number, at = result.fetchone() or (None, None)
    if not isinstance(number, int) or not isinstance(at, datetime):
        raise BadSettings("The warehouse has no watermark: run `./headway migrate`, or restore a backup.")
    return Watermark(number, at.astimezone(UTC))
