"""DuckDB in this process: one file, one writer, a cursor for every query."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from time import sleep
from typing import Literal

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends import BaseBackend

from connectors.warehouse import Also, Appended
from connectors.warehouse.changes import (
    compacting,
    emptying,
    filling,
    folding,
    folding_month,
)
from connectors.warehouse.duckdb_parts import (
    Connection,
    all_new,
    configuration,
    few_rows,
    first_of_id,
    mark_of,
    months,
    number_of,
    roll_back,
    stored,
)
from connectors.warehouse.failures import duckdb_failures, opened_for_reading, too_slow
from connectors.warehouse.layout import all_laid_out, laying_out, waiting
from connectors.warehouse.migrations import READ_VERSION, VERSION_TABLE, missing, recorded
from connectors.warehouse.pace import Pace
from connectors.warehouse.schema import quoted
from connectors.warehouse.sql import (
    Compiler,
    RollupStatements,
    fitted,
    last_of_key,
    rollup_statements,
    same_key,
)
from connectors.warehouse.tail import ALL_FOLDED, after, folded_and_newest, reading
from models.ask import Watermark
from models.errors import Unavailable
from models.holes import Query
from models.rollup import Rollups
from models.tables import EVENTS, ROLLUPS, TABLE

_ROLLUPS = frozenset(rollup.name for rollup in ROLLUPS)
_WAITING = "watermark > (SELECT number FROM folded)"
_MOVE_WATERMARK = 'UPDATE watermark SET number = number + 1, "at" = now() RETURNING number, "at"'
_FEW = 16  # rows that are cheaper as values of a statement than as a table
_BULK = 50_000  # batches from here on are folded at once, in their own transaction
_TRIES, _BETWEEN_S = 20, 0.1  # of a checkpoint
_MOST_RECENT = 1_500_000  # when so many wait to be folded, the next append does it


class DuckDBWarehouse:
    engine: Literal["duckdb", "postgres"] = "duckdb"
    alone = True

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
        self._folding = threading.Lock()  # always taken before _writing
        self._writing = threading.Lock()
        self._waiting = 0  # about how many events are not folded yet; only to see when they are too many
        self._mark: Watermark | None = None
        self._changed: dict[str, int] = {}  # table -> newest commit that changed it, since this was opened
        self._opened_at: int | None = None
        self._noting = threading.Lock()
        with duckdb_failures(address):
            self._root = duckdb.connect(address, config=configuration(address, memory_mib, threads))
            self._root.execute("SET TimeZone = 'UTC'")
            self._writer = self._root.cursor()
            self._folder = self._root.cursor()
            self._pace = Pace(self._root)

    def migrate(self) -> None:
        with self._writing, self._transaction(self._writer) as writer:
            writer.execute(VERSION_TABLE)
            for number, migration in missing(number_of(writer.execute(READ_VERSION))):
                for statement in migration.statements("duckdb"):
                    writer.execute(statement)
                if migration.fills:
                    self._fill(writer, migration.fills)
                writer.execute(recorded(number, migration))

    def _fill(self, writer: Connection, fills: tuple[str, ...]) -> None:
        found = months(writer)
        if found:
            _run_all(writer, filling(fills, found, _WAITING, self._rollup_statements()))

    def fetch(self, expr: ir.Expr | Query, *, limit_s: float | None = None) -> pa.Table:
        statement, values = self._compiler.statement(expr)
        if statement.reads_sessions and self._rollups:
            self._fold_if_any()
        rollups = self._rollup_statements() if self._rollups else None
        with self._reader(limit_s) as cursor:
            text = reading(cursor, statement, rollups)
            return fitted(cursor.execute(text, values).to_arrow_table(), statement.schema)

    def identity(self, expr: ir.Expr | Query) -> tuple[Hashable, ...]:
        return self._compiler.identity(expr)

    def changed(self, expr: ir.Expr | Query) -> int | None:
        if self._opened_at is None:
            self.watermark()
        before = self._opened_at or 0
        tables = {EVENTS.name if name in _ROLLUPS else name for name in self._compiler.tables(expr)}
        return max((self._changed.get(name, before) for name in tables), default=before)

    def _moved(self, mark: Watermark, *tables: str) -> int:
        """Whoever sees the new watermark must see what it changed. Returns the commit of events before."""
        with self._noting:
            if self._opened_at is None:
                self._opened_at = mark.number
            before = self._changed.get(EVENTS.name, self._opened_at)
            for table in tables:
                self._changed[table] = max(mark.number, self._changed.get(table, 0))
            if self._mark is None or mark.number > self._mark.number:
                self._mark = mark
            return before

    @contextmanager
    def inside(self) -> Iterator[BaseBackend]:
        with self._reader() as cursor:
            yield ibis.duckdb.from_connection(cursor)

    def append(
        self,
        events: pa.Table,
        *,
        offsets: Mapping[str, str] | None = None,
        also: Mapping[str, Also] | None = None,
        ids_are_new: bool = False,
    ) -> Appended:
        self._rollup_statements()
        if len(events) >= _BULK:
            with self._folding:
                return self._append(events, offsets or {}, also or {}, ids_are_new, and_fold=True)
        appended = self._append(events, offsets or {}, also or {}, ids_are_new, and_fold=False)
        if self._waiting > _MOST_RECENT:
            self.fold()
        return appended

    def _append(
        self,
        events: pa.Table,
        offsets: Mapping[str, str],
        also: Mapping[str, Also],
        ids_are_new: bool,
        and_fold: bool,
    ) -> Appended:
        with self._writing, self._transaction(self._writer) as writer:
            mark = mark_of(writer.execute(_MOVE_WATERMARK))
            new = all_new(len(events)) if ids_are_new else self._new(writer, events)
            fresh = events if ids_are_new else events.filter(new)
            self._insert(writer, "events", fresh.select(EVENTS.names()), watermark=mark.number)
            for table, rows in also.items():
                made = rows(new) if callable(rows) else rows
                if len(made):
                    self._insert(writer, table, made)
            _store_offsets(writer, offsets)
            if and_fold:
                self._fold(writer)
        before = self._moved(mark, *([EVENTS.name] if len(events) else []), *also)
        self._waiting = 0 if and_fold else self._waiting + len(fresh)
        self._pace.note(len(fresh))
        return Appended(mark, new, before)

    def event_ids(self, day: date) -> pa.Table:
        sql = "SELECT organisation_id, CAST(event_id AS VARCHAR) AS event_id FROM events WHERE day = ?"
        with self._reader() as cursor:
            return cursor.execute(sql, [day]).to_arrow_table()

    def known(self, ids: pa.Table, days: Sequence[date] | None = None) -> pa.Array:
        with self._reader() as cursor:
            return pa.array(stored(cursor, ids, days))

    def write(self, table: str, rows: pa.Table) -> None:
        unique = last_of_key(rows, TABLE[table].key)
        with self._writing, self._transaction(self._writer) as writer:
            self._drop_by_key(writer, table, unique)
            self._insert(writer, table, unique)
            mark = mark_of(writer.execute(_MOVE_WATERMARK))
        self._moved(mark, table)

    def delete(self, table: str, keys: pa.Table) -> int:
        with self._writing, self._transaction(self._writer) as writer:
            gone = self._drop_by_key(writer, table, keys)
            mark = mark_of(writer.execute(_MOVE_WATERMARK))
        self._moved(mark, table)
        return gone

    def fold(self) -> int:
        self._rollup_statements()
        with self._folding:
            with self._transaction(self._folder) as folder:
                folded = self._fold(folder)
            self._waiting = max(0, self._waiting - folded)
            return folded

    def _fold(self, connection: Connection) -> int:
        """All that this transaction sees. Whoever folds holds `_folding`."""
        folded, newest = folded_and_newest(connection)
        if newest == folded:
            return 0
        recent = after(folded)
        waiting = number_of(connection.execute(f"SELECT count(*) FROM ({recent})"))
        if waiting:
            _run_all(connection, folding(recent, self._rollup_statements(), _keep))
        connection.execute(ALL_FOLDED)
        return waiting

    def _fold_if_any(self) -> None:
        with self._reader() as cursor:
            folded, newest = folded_and_newest(cursor)
        if newest != folded:
            self.fold()

    def settle(self) -> None:
        with duckdb_failures(self._place):
            self._pace.settle()

    def rebuild(self) -> None:
        statements = self._rollup_statements()
        with self._folding, self._writing:
            with self._transaction(self._writer) as writer:
                _run_all(writer, emptying())
                for month in months(writer):
                    _run_all(writer, folding_month(month, statements, _keep))
                mark = mark_of(writer.execute(_MOVE_WATERMARK))
                writer.execute(ALL_FOLDED)
                _run_all(writer, all_laid_out())
            self._moved(mark, *TABLE)
            self._waiting = 0
        self.compact()

    def compact(self) -> int:
        statements = self._rollup_statements()
        self.fold()
        with self._folding, self._transaction(self._folder) as folder:
            gone = sum(_rows_gone(folder, sql) for sql in compacting(statements, _keep))
            months_waiting = waiting(folder)
        for month in months_waiting:  # one by one: folding need not wait for all of them
            with self._folding, self._transaction(self._folder) as folder:
                _run_all(folder, laying_out(month))
        return gone

    def checkpoint(self) -> None:
        """A reader that looks up ids counts as writing for the engine, for a moment: it is waited for."""
        with duckdb_failures(self._place):
            for _ in range(_TRIES):
                with suppress(duckdb.TransactionException), self._folding, self._writing:
                    self._writer.execute("CHECKPOINT")
                    return
                sleep(_BETWEEN_S)
        raise Unavailable("The warehouse is too busy for a checkpoint: it is made in a quieter moment.")

    def watermark(self) -> Watermark:
        if self._mark is None:
            with self._reader() as cursor:
                read = mark_of(cursor.execute('SELECT number, "at" FROM watermark'))
            if self._mark is None:  # else a commit came meanwhile, and knows better
                self._moved(read)
        return self._mark or read

    def offsets(self) -> Mapping[str, str]:
        with self._reader() as cursor:
            return dict(cursor.execute("SELECT source, position FROM source_offset").fetchall())

    def close(self) -> None:
        with self._folding, self._writing, duckdb_failures(self._place):
            self._pace.close()
            for connection in (self._writer, self._folder, self._root):
                connection.close()

    def _rollup_statements(self) -> RollupStatements:
        if self._rollups is None:
            raise opened_for_reading()
        return rollup_statements(self._rollups, self.engine)

    @contextmanager
    def _reader(self, limit_s: float | None = None) -> Iterator[Connection]:
        with duckdb_failures(self._place):
            cursor = self._root.cursor()
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
    def _transaction(self, connection: Connection) -> Iterator[Connection]:
        with duckdb_failures(self._place):
            connection.execute("BEGIN")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                roll_back(connection)
                raise

    def _new(self, writer: Connection, events: pa.Table) -> pa.Array:
        """The first of each id that is not stored yet, as a mask."""
        ids = events.select(["organisation_id", "event_id"])
        return pa.array(~stored(writer, ids, None) & first_of_id(writer, ids))

    def _insert(self, writer: Connection, table: str, incoming: pa.Table, **same: int) -> None:
        """`same` are columns that have one value in all rows. DuckDB reads `incoming` by its name in this
        frame: to register it would cost a small commit a tenth of its time."""
        names = quoted(incoming.column_names)
        into = ", ".join([names, *(f'"{name}"' for name in same)])
        if len(incoming) <= _FEW and not same:
            writer.execute(*few_rows(table, incoming))
            return
        values = ", ".join([names, *map(str, same.values())])
        writer.execute(f'INSERT INTO "{table}" ({into}) SELECT {values} FROM incoming')

    def _drop_by_key(self, writer: Connection, table: str, incoming: pa.Table) -> int:
        matched = same_key("t", "incoming", TABLE[table].key)
        return number_of(writer.execute(f'DELETE FROM "{table}" AS t USING incoming WHERE {matched}'))


def _keep(name: str, sql: str) -> str:
    return f'CREATE OR REPLACE TEMP TABLE "{name}" AS {sql}'


def _run_all(connection: Connection, statements: Iterator[str]) -> int:
    """Returns how many rows the last one changed."""
    changed = 0
    for sql in statements:
        row = connection.execute(sql).fetchone()
        changed = int(row[0]) if row else 0
    return changed


def _rows_gone(connection: Connection, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    sign = {"DELETE": 1, "INSERT": -1}.get(sql.split(" ", 1)[0], 0) * ("touched_day" not in sql)
    return sign * int(row[0]) if row and sign else 0


def _store_offsets(writer: Connection, offsets: Mapping[str, str]) -> None:
    for source, position in offsets.items():
        writer.execute("DELETE FROM source_offset WHERE source = ?", [source])
        writer.execute("INSERT INTO source_offset VALUES (?, ?)", [source, position])
