"""An answer as an Ibis table, to go on asking of it: joins, windows, whatever a data scientist needs."""

from __future__ import annotations

import ibis
import pyarrow as pa
from ibis.expr.types import Table

__all__ = ["Table", "as_table"]


def as_table(answer: pa.Table) -> Table:
    """Held in memory and run by Ibis' own DuckDB: never by the warehouse."""
    return ibis.memtable(answer)
