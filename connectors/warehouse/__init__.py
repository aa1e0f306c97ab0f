"""The warehouse: the only room that speaks SQL. Two engines, one behaviour."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol, TypeAlias

import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends import BaseBackend

from models.ask import Watermark
from models.holes import Query
from models.rollup import Rollups


@dataclass(frozen=True, slots=True)
class Appended:
    """What one commit did. `inserted` is a mask over the batch: False is a known event id."""

    watermark: Watermark
    inserted: pa.ChunkedArray | pa.Array
    after: int | None = None  # the commit of events before this one; None where others may write, too


# Rows for another table; or, once it is known which events were new (as a mask), what makes them.
Also: TypeAlias = pa.Table | Callable[[pa.Array], pa.Table]


class Warehouse(Protocol):
    engine: Literal["duckdb", "postgres"]
    alone: bool  # no other process can write: what is committed and how far is known without asking

    def migrate(self) -> None:
        """Bring the schema forward; raise NewerSchema when it is ahead of this program."""

    def fetch(self, expr: ir.Expr | Query, *, limit_s: float | None = None) -> pa.Table:
        """Run an unbound Ibis expression (over models.tables), or a query whose SQL others share.
        Blocking, safe from many threads."""
        ...

    def identity(self, expr: ir.Expr | Query) -> tuple[Hashable, ...]:
        """What decides the result at one watermark: the SQL and the values that it is given."""
        ...

    def changed(self, expr: ir.Expr | Query) -> int | None:
        """The newest commit that may have changed what this gives; None where others may write, too."""
        ...

    def inside(self) -> AbstractContextManager[BaseBackend]:
        """The engine as Ibis itself sees it, for contracts, which are checked where the rows are."""
        ...

    def append(
        self,
        events: pa.Table,
        *,
        offsets: Mapping[str, str] | None = None,
        also: Mapping[str, Also] | None = None,
        ids_are_new: bool = False,
    ) -> Appended:
        """One transaction: drop known ids, insert, change roll-ups, store offsets, move the watermark.

        `events` has the columns of models.tables.EVENTS (event_id as lower-case text). `also` holds
        rows for other tables (or what makes them of the mask `inserted`), stored in the same
        transaction. `ids_are_new` says that the caller has made sure of it (see `event_ids` and
        `known`): then nothing is looked up.
        """
        ...

    def event_ids(self, day: date) -> pa.Table:
        """organisation_id and event_id (text) of one local day: what a set of fingerprints is filled from."""
        ...

    def known(self, ids: pa.Table, days: Sequence[date] | None = None) -> pa.Array:
        """Which rows of `ids` (organisation_id, event_id as text) are stored: exact. `days` narrows
        the search to events of these local days; without it every event ever stored counts."""
        ...

    def write(self, table: str, rows: pa.Table) -> None:
        """Insert or replace dimension rows by key, and move the watermark."""

    def delete(self, table: str, keys: pa.Table) -> int:
        """Delete dimension rows by key, and move the watermark."""
        ...

    def rebuild(self) -> None:
        """Make every roll-up anew from raw events."""

    def fold(self) -> int:
        """Move recent events into the roll-ups' tables; returns how many. Answers do not change: they
        see recent events already, at a price that grows with their number (keep it under 100,000).
        Costs some 70 ms and 3 us an event, beside the writer: for once in a few seconds."""
        ...

    def compact(self) -> int:
        """Fold, then merge roll-up rows that share a key; returns how many rows went. Answers do not
        change. For idle moments."""
        ...

    def checkpoint(self) -> None:
        """Move what the log holds into the file. For idle moments: it stalls writers."""

    def settle(self) -> None:
        """Once a second, beside the writer: fit the engine's threads to a stream of events, or to rest."""
        ...

    def watermark(self) -> Watermark: ...

    def offsets(self) -> Mapping[str, str]: ...

    def close(self) -> None: ...


def open_warehouse(
    address: str,
    rollups: Rollups | None = None,
    *,
    memory_mib: int | None = None,
    threads: int | None = None,
) -> Warehouse:
    """A path opens DuckDB, a postgres:// URL opens Postgres. Does not migrate.

    `rollups` is compute.rollups.DELTAS, handed in by whoever may know both wings. Without it the
    warehouse can be read but refuses to append events.
    """
    if address.startswith(("postgres://", "postgresql://")):
        from connectors.warehouse.postgres import PostgresWarehouse

        return PostgresWarehouse(address, rollups)
    from connectors.warehouse.duckdb import DuckDBWarehouse

    return DuckDBWarehouse(address, rollups, memory_mib=memory_mib, threads=threads)
