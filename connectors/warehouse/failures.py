"""What an engine's failure means for the one who reads it. Messages of engines are not passed on:
they may quote values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import psycopg

from models.errors import BadSettings, Closed, HeadwayError, Unavailable


def too_slow(limit_s: float) -> Unavailable:
    return Unavailable(
        f"This question took longer than its {limit_s:g} s: ask for a shorter span or fewer dimensions."
    )


def no_schema() -> BadSettings:
    return BadSettings("The warehouse's schema is missing or old: run `./headway migrate`.")


def opened_for_reading() -> BadSettings:
    return BadSettings("This warehouse was opened for reading: open it with its roll-ups to change events.")


@contextmanager
def duckdb_failures(place: str) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise _duckdb_meaning(error, place) from error


def _duckdb_meaning(error: duckdb.Error, place: str) -> HeadwayError:
    said = str(error)
    file = Path(place).name  # what a running core says is read by clients too: they learn of no folder
    if "Could not set lock" in said:
        return Unavailable(
            f"The warehouse {place} is open in another process: stop that one, or choose another data folder."
        )
    if "not a valid DuckDB database" in said or isinstance(error, duckdb.SerializationException):
        return BadSettings(f"{place} is not a readable warehouse: move it away, or restore it from a backup.")
    if "No space left" in said or "File too large" in said or "max_temp_directory_size" in said:
        return Unavailable(f"The disk that holds {file} is full: free some space; nothing stored was lost.")
    if isinstance(error, duckdb.FatalException) or "database has been invalidated" in said:
        return Closed(
            f"Writing to {file} failed, so the warehouse closed: check the disk, then restart Headway."
        )
    if isinstance(error, duckdb.ConnectionException):
        return Unavailable("The warehouse is closing: ask again when Headway has started.")
    if isinstance(error, duckdb.CatalogException):
        return no_schema()
    if isinstance(error, duckdb.OutOfMemoryException):
        return Unavailable(
            "This needs more memory than the warehouse may use: narrow the question, or raise its limit."
        )
    if isinstance(error, duckdb.IOException):
        return Unavailable(
            f"The warehouse {place} cannot be reached: does its folder exist, may we write there?"
        )
    return HeadwayError(f"The warehouse refused a statement ({type(error).__name__}).")


@contextmanager
def postgres_failures(limit_s: float | None = None) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise _postgres_meaning(error, limit_s) from error


def _postgres_meaning(error: psycopg.Error, limit_s: float | None) -> HeadwayError:
    if isinstance(error, psycopg.errors.QueryCanceled):
        return too_slow(limit_s or 0)
    if isinstance(error, psycopg.errors.DiskFull):
        return Unavailable(
            "The disk of the Postgres server is full: free some space; nothing stored was lost."
        )
    if isinstance(error, psycopg.errors.UndefinedTable):
        return no_schema()
    if isinstance(error, psycopg.errors.InvalidPassword | psycopg.errors.InvalidCatalogName):
        return BadSettings("Postgres refuses the warehouse's address: check its user, password and database.")
    if isinstance(error, psycopg.OperationalError):
        return Unavailable(
            "The Postgres server of the warehouse does not answer: is it running? Then try again."
        )
    return HeadwayError(f"The warehouse refused a statement ({type(error).__name__}).")
