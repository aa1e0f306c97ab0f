"""Arrow to and from Postgres by COPY, the fastest road in both directions."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from connectors.warehouse.postgres_parts import Cursor
from connectors.warehouse.schema import quoted

_WRITE = csv.WriteOptions(include_header=False, quoting_style="all_valid")


def copy_in(cursor: Cursor, table: str, rows: pa.Table) -> None:
    if not len(rows):
        return
    text = io.BytesIO()
    # In one chunk: of a table that begins with an empty one, pyarrow writes NULs over the first rows.
    csv.write_csv(_without_nul(rows.combine_chunks()), text, _WRITE)
    with cursor.copy(f'COPY "{table}" ({quoted(rows.column_names)}) FROM STDIN (FORMAT csv)') as copy:
        copy.write(text.getbuffer())


def copy_out(cursor: Cursor, query: str, schema: pa.Schema) -> pa.Table:
    """The rows of `query`, whose columns have the names and types of `schema`."""
    if any(pa.types.is_nested(field.type) for field in schema):
        return _fetched(cursor, query, schema)
    text = bytearray()
    with cursor.copy(f"COPY ({_cast(query, schema)}) TO STDOUT (FORMAT csv)") as copy:
        for chunk in copy:
            text += chunk
    return _parsed(bytes(text), schema) if text else schema.empty_table()


def _parsed(text: bytes, schema: pa.Schema) -> pa.Table:
    convert = csv.ConvertOptions(
        column_types=schema,
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,  # Postgres writes null as nothing and '' as ""
        true_values=["t"],
        false_values=["f"],
    )
    read = csv.ReadOptions(column_names=schema.names, block_size=max(1 << 20, len(text) // 8))
    parse = csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
    return csv.read_csv(io.BytesIO(text), read, parse, convert)


def _fetched(cursor: Cursor, query: str, schema: pa.Schema) -> pa.Table:
    rows = cursor.execute(query.encode()).fetchall()
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    arrays = [pa.array(list(values), field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _cast(query: str, schema: pa.Schema) -> str:
    """Postgres widens sums to numeric; the server is the cheapest place to narrow them again."""
    columns = (f'CAST("{f.name}" AS {_type(f.type)}) AS "{f.name}"' for f in schema)
    return f"SELECT {', '.join(columns)} FROM ({query}) AS answer"


def _type(kind: pa.DataType) -> str:
    known = {
        pa.types.is_boolean: "boolean",
        pa.types.is_integer: "bigint",
        pa.types.is_floating: "double precision",
        pa.types.is_date: "date",
        pa.types.is_timestamp: "timestamptz" if getattr(kind, "tz", None) else "timestamp",
        pa.types.is_decimal: "numeric",
    }
    return next((name for holds, name in known.items() if holds(kind)), "text")


def _without_nul(rows: pa.Table) -> pa.Table:
    """Postgres text cannot hold the character NUL."""
    for place, field in enumerate(rows.schema):
        if pa.types.is_string(field.type):
            values = rows.column(place)
            if pc.any(pc.match_substring(values, "\0")).as_py():
                rows = rows.set_column(place, field.name, pc.replace_substring(values, "\0", ""))
    return rows
