"""Each declared table as a pandera contract: types, nulls, ranges and words, checked by the engine
that holds the rows. Importing pandera takes seconds, so it waits for the first contract."""

from __future__ import annotations

import os
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import ibis

from models.tables import TABLE, Column

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandera.ibis as pandera
    from pandera.errors import SchemaError

# Pandera knows no uuid, and a time only with the very precision its engine reports.
_ABOUT_COLUMNS = ("column_in_schema", "column_in_dataframe")
_UNTYPED = ("uuid", "timestamp('UTC')")
_FOR_SPARK = ("PYARROW_IGNORE_TIMEZONE", "SPARK_LOCAL_IP")


@cache
def _library() -> Any:
    """Pandera sets two variables for Spark when it is imported, and with one of them pyarrow takes the
    zone off every time it is given: all later times of this process would be wrong by their offset."""
    before = {name: os.environ.get(name) for name in _FOR_SPARK}
    import pandera.errors
    import pandera.ibis

    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
    return pandera


@cache
def contract(table: str) -> pandera.DataFrameSchema:
    library = _library().ibis
    made: pandera.DataFrameSchema = library.DataFrameSchema(
        {column.name: _column(column) for column in TABLE[table].columns}, strict=True, name=table
    )
    return made


def broken(table: str, rows: ir.Table) -> list[str]:
    """What `rows` (bound to an engine, or a memtable) break of the contract; [] if nothing. Names
    columns and rules, never values."""
    if not rows.count().to_pyarrow().as_py():
        # Pandera takes the nulls of no rows for nulls; no rows can only have the wrong columns.
        return [f"{name}: column" for name in sorted(set(rows.columns) ^ set(TABLE[table].names()))]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of pandas, by pandera
            contract(table).validate(rows, lazy=True)
    except _library().errors.SchemaErrors as errors:
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
    library = _library().ibis
    kind = None if column.type in _UNTYPED else ibis.dtype(column.type)
    checks = [
        *([library.Check.ge(column.low)] if column.low is not None else []),
        *([library.Check.le(column.high)] if column.high is not None else []),
        *([library.Check.isin(column.among)] if column.among else []),
    ]
    made: pandera.Column = library.Column(kind, checks, nullable=column.nullable)
    return made
