"""The connection to SQLite or Postgres: read and write transactions, and what to say when it is away."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError

from connectors.metadata.schema import MARKS, SCHEMA
from models.errors import BadSettings, Unavailable

AWAY = "The metadata database cannot be reached. Run ./headway doctor to see why."
T = TypeVar("T")
CHUNK = 500  # values in one IN list
_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",  # an audit row that was written is on disk
    "secure_delete = ON",  # what is deleted is overwritten
    "foreign_keys = ON",
    "busy_timeout = 20000",
)


class Store:
    def __init__(self, url: str) -> None:
        self.path = None if "://" in url and not url.startswith("sqlite:///") else _file(url)
        self.engine = self._open(url)
        self._alone = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._quick: sqlite3.Connection | None = None
        self._quick_lock = threading.Lock()

    def _open(self, url: str) -> Engine:
        if self.path is not None:
            engine = create_engine(
                f"sqlite:///{self.path}", hide_parameters=True, pool_size=16, max_overflow=48
            )
            event.listen(engine, "connect", _on_connect)
            event.listen(engine, "begin", _on_begin)
            return engine
        try:
            address = make_url(url.replace("postgres://", "postgresql://", 1)).set(
                drivername="postgresql+psycopg"
            )
        except ArgumentError:
            raise BadSettings(
                "HEADWAY_METADATA is neither a path nor a URL like postgresql://name@host/database."
            ) from None
        return create_engine(address, hide_parameters=True, pool_size=16, max_overflow=48, pool_pre_ping=True)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with _saying_when_away(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with _saying_when_away(), self.engine.connect() as connection:
            connection = connection.execution_options(headway_writes=True)
            with connection.begin():
                yield connection

    def version(self) -> int:
        """Read with every question and every request, so by the shortest way."""
        with _saying_when_away():
            if self.path is None:
                with self._alone.connect() as connection:
                    return int(connection.execute(_VERSION).scalar_one())
            with self._quick_lock:
                if self._quick is None:
                    self._quick = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
                return int(self._quick.execute(_QUICK_VERSION).fetchone()[0])

    def bump(self, connection: Connection) -> None:
        """Whatever was remembered of who may see what is stale from this commit on."""
        connection.execute(_BUMP)

    def move(self, connection: Connection, mark: str) -> None:
        """Whoever remembers what this mark stands for reads it anew from this commit on."""
        self.add_missing(connection, MARKS, [{"name": mark, "number": 0, "value": None}])
        connection.execute(update(MARKS).where(MARKS.c.name == mark).values(number=MARKS.c.number + 1))

    def number(self, mark: str) -> int:
        with self.read() as connection:
            found = connection.execute(select(MARKS.c.number).where(MARKS.c.name == mark))
            return int(found.scalar_one_or_none() or 0)

    def add_missing(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert; rows that are there already stay as they are."""
        if rows:
            dialect = sqlite if self.path else postgresql
            connection.execute(dialect.insert(table).on_conflict_do_nothing(), list(rows))

    def add(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            connection.execute(insert(table), list(rows))

    def scrub(self) -> None:
        """Leave no bytes of deleted keys behind: in SQLite's log, in Postgres' dead rows."""
        with _saying_when_away(), self._alone.connect() as connection:
            if self.path:
                busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
                if busy:
                    raise Unavailable(
                        "Deleted, but still in the database's log: a long read holds it. Try again."
                    )
            else:
                for table in SCHEMA.tables.values():
                    if "wrapped" in table.c:  # a table of keys
                        connection.exec_driver_sql(f"VACUUM FULL {table.name}")

    def close(self) -> None:
        if self._quick is not None:
            self._quick.close()
            self._quick = None
        self.engine.dispose()


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


_VERSION = select(MARKS.c.number).where(MARKS.c.name == "version")
_QUICK_VERSION = f"SELECT number FROM {MARKS.name} WHERE name = 'version'"  # noqa: S608 - nothing of others
_BUMP = update(MARKS).where(MARKS.c.name == "version").values(number=MARKS.c.number + 1)


def _file(url: str) -> Path:
    path = Path(url.removeprefix("sqlite:///")).expanduser().absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise Unavailable(f"The metadata database {path} cannot be opened: {error.strerror}.") from None
    return path


@contextmanager
def _saying_when_away() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, sqlite3.OperationalError) as error:
        full = "full" in str(getattr(error, "orig", error))
        raise Unavailable("The disk of the metadata database is full." if full else AWAY) from None
    except DBAPIError as error:
        if error.connection_invalidated:
            raise Unavailable(AWAY) from None
        raise


def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say, see _on_begin
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()


def _on_begin(connection: Connection) -> None:
    if connection.get_isolation_level() == "AUTOCOMMIT":
        return
    # A writer takes the lock at once: upgrading a read lock can fail where waiting would not.
    writes = connection.get_execution_options().get("headway_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
