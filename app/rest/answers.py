"""An answer in the form that was asked for: JSON, CSV or Arrow. The same values in all of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import orjson
import pyarrow as pa
from starlette.responses import Response

from compute.grammar import text_of
from models.ask import Answer, ColumnMeaning
from models.errors import NotAcceptable

JSON, CSV, ARROW = "application/json", "text/csv", "application/vnd.apache.arrow.stream"
FORMS = (JSON, CSV, ARROW)
# A JavaScript number cannot hold 64 bits, so ids of that size travel as text.
_IDS = frozenset({"learner_id", "guardian_id", "session_id"})


def form_of(accept: str | None) -> str:
    """The first of ours that the header names; JSON where it names none or anything."""
    named = [part.split(";")[0].strip().lower() for part in (accept or "*/*").split(",")]
    for name in named:
        if name in FORMS:
            return name
        if name in ("*/*", "application/*", ""):
            return JSON
        if name == "text/*":
            return CSV
    raise NotAcceptable(f"Headway answers in {', '.join(FORMS)}.")


def response_of(answer: Answer, form: str) -> Response:
    match form:
        case "application/json":
            return Response(orjson.dumps(body_of(answer), default=str), media_type=JSON)
        case "text/csv":
            named = {"content-disposition": 'attachment; filename="answer.csv"'}
            return Response(csv_of(answer), headers=named, media_type=CSV)
        case _:
            return Response(arrow_of(answer), media_type=ARROW)


def body_of(answer: Answer) -> dict[str, Any]:
    return success(answer.columns, rows_of(answer.table), answer.as_of, text_of(answer.ask)) | {
        "suppressed": answer.suppressed,
        "notes": list(answer.notes),
    }


def success(
    columns: Iterable[ColumnMeaning], rows: list[dict[str, Any]], as_of: datetime, question: str
) -> dict[str, Any]:
    """The one shape of every answer that succeeded. `question` is what was really answered, as text."""
    return {
        "columns": [asdict(column) for column in columns],
        "rows": rows,
        "as_of": as_of,
        "question": question,
        "suppressed": 0,
        "notes": [],
    }


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = _ids_as_text(table).to_pylist()
    return rows


def _ids_as_text(table: pa.Table) -> pa.Table:
    for name in _IDS.intersection(table.column_names):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, table.column(name).cast(pa.string()))
    return table


def csv_of(answer: Answer) -> str:
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\r\n").writerow
    write(answer.table.column_names)
    for row in rows_of(answer.table):
        write([_cell(value) for value in row.values()])
    return out.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value if not _is_number(value) else value  # a spreadsheet would run it
    return value


def _is_number(text: str) -> bool:
    return text.lstrip("+-").isdigit()


def arrow_of(answer: Answer) -> bytes:
    told: Mapping[str, object] = {
        "as_of": answer.as_of.isoformat(),
        "suppressed": answer.suppressed,
        "question": text_of(answer.ask),
        "notes": list(answer.notes),
        "columns": [asdict(column) for column in answer.columns],
        "watermark": answer.watermark,
        "key": answer.key,
        "source": answer.source,
    }
    table = answer.table.replace_schema_metadata({"headway": json.dumps(told, default=str)})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()
