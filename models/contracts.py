"""Each declared table as a pandera contract: types, nulls, ranges and words, checked by the engine
that holds the rows. Importing pandera takes seconds, so it waits for the first contract."""

from __future__ import annotations

import warnings
from functools import cache
from typing import TYPE_CHECKING

import ibis

from models.tables import TABLE, Column

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandera.ibis as pandera
    from pandera.errors import SchemaError

# Pandera knows no uuid, and a time only with the very precision its engine reports.
_ABOUT_COLUMNS = ("column_in_schema", "column_in_dataframe")
_UNTYPED = ("uuid", "timestamp('UTC')")


@cache
def contract(table: str) -> pandera.DataFrameSchema:
    import pandera.ibis as pandera

    return pandera.DataFrameSchema(
        {column.name: _column(column) for column in TABLE[table].columns}, strict=True, name=table
    )


def broken(table: str, rows: ir.Table) -> list[str]:
    """What `rows` (bound to an engine, or a memtable) break of the contract; [] if nothing. Names
    columns and rules, never values."""
    from pandera.errors import SchemaErrors

    if not rows.count().to_pyarrow().as_py():
        # Pandera takes the nulls of no rows for nulls; no rows can only have the wrong columns.
        return [f"{name}: column" for name in sorted(set(rows.columns) ^ set(TABLE[table].names()))]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of pandas, by pandera
            contract(table).validate(rows, lazy=True)
    except SchemaErrors as errors:
        return sorted({_rule(error) for error in errors.schema_errors})
    return []


def _rule(error: SchemaError) -> str:
    check = error.check
    rule = (
        check if isinstance(check, str) else getattr(check, "error", None) or getattr(check, "name", "rule")
    )
    column = error.failure_cases if rule in _ABOUT_COLUMNS else getattr(error.schema, "name", "table")
    return f"{column}: {rule}"


def _column(column: Column) -> pandera.Column:
    import pandera.ibis as pandera

    kind = None if column.type in _UNTYPED else ibis.dtype(column.type)
    checks = [
        *([pandera.Check.ge(column.low)] if column.low is not None else []),
        *([pandera.Check.le(column.high)] if column.high is not None else []),
        *([pandera.Check.isin(column.among)] if column.among else []),
    ]
    return pandera.Column(kind, checks, nullable=column.nullable)
