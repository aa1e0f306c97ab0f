"""The warehouse: the only room that speaks SQL. Two engines, one behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import ibis.expr.types as ir
import pyarrow as pa

from models.ask import Watermark


@dataclass(frozen=True, slots=True)
class Appended:
    """What one commit did. `inserted` is a mask over the batch: False is a known event id."""

    watermark: Watermark
    inserted: pa.ChunkedArray | pa.Array


class Warehouse(Protocol):
    engine: Literal["duckdb", "postgres"]

    def migrate(self) -> None:
        """Bring the schema forward; raise NewerSchema when it is ahead of this program."""

    def fetch(self, expr: ir.Expr, *, limit_s: float | None = None) -> pa.Table:
        """Run an unbound Ibis expression (over models.tables). Blocking, safe from many threads."""
        ...

    def append(self, events: pa.Table, *, offsets: Mapping[str, str] | None = None) -> Appended:
        """One transaction: drop known ids, insert, change roll-ups, store offsets, move the watermark.

        `events` has the columns of models.tables.EVENTS (event_id as string).
        """
        ...

    def write(self, table: str, rows: pa.Table) -> None:
        """Insert or replace dimension rows by key, and move the watermark."""

    def delete(self, table: str, keys: pa.Table) -> int:
        """Delete dimension rows by key, and move the watermark."""
        ...

    def rebuild(self) -> None:
        """Make every roll-up anew from raw events."""

    def compact(self) -> int:
        """Merge roll-up rows that share a key; returns how many rows went. For idle moments."""
        ...

    def watermark(self) -> Watermark: ...

    def offsets(self) -> Mapping[str, str]: ...

    def close(self) -> None: ...


def open_warehouse(address: str, *, memory_mib: int | None = None, threads: int | None = None) -> Warehouse:
    """A path opens DuckDB, a postgres:// URL opens Postgres. Does not migrate."""
    if address.startswith(("postgres://", "postgresql://")):
        from connectors.warehouse.postgres import PostgresWarehouse

        return PostgresWarehouse(address)
    from connectors.warehouse.duckdb import DuckDBWarehouse

    return DuckDBWarehouse(address, memory_mib=memory_mib, threads=threads)
