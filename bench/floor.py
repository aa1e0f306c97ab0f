"""The least that storing events can cost: bare msgspec, pyarrow and DuckDB on one thread."""

from __future__ import annotations

import json
import sys
import time
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

_COMMIT = 10_000  # the size at which DuckDB is at its best
_CHUNK = 1000
_EVENTS = 100_000  # are stored


class Event(msgspec.Struct, gc=False):
    event_id: str
    event_type: str
    timestamp: str
    student_id: str
    session_id: str
    sequence: int | None = None
    context: dict[str, str] = {}
    device: dict[str, str] = {}
    payload: msgspec.Raw = msgspec.Raw(b"")


_DECODER = msgspec.json.Decoder(list[Event])
_TEXT = pa.string()
_SCHEMA = pa.schema(
    [(n, _TEXT) for n in ("event_id", "event_type", "timestamp", "student_id", "session_id")]
    + [("sequence", pa.int32())]
    + [(n, _TEXT) for n in ("course_id", "lesson_id", "video_id", "device_type", "os", "browser", "payload")]
)


def arrow(events: list[Event]) -> pa.RecordBatch:
    columns: list[list[Any]] = [
        [e.event_id for e in events],
        [e.event_type for e in events],
        [e.timestamp for e in events],
        [e.student_id for e in events],
        [e.session_id for e in events],
        [e.sequence for e in events],
        *([e.context.get(n) for e in events] for n in ("course_id", "lesson_id", "video_id")),
        *([e.device.get(n) for e in events] for n in ("type", "os", "browser")),
        [bytes(e.payload).decode() for e in events],
    ]
    return pa.RecordBatch.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, _SCHEMA, strict=True)],
        schema=_SCHEMA,
    )


def floor_us(bodies: list[bytes], events: int, commit: int = _COMMIT) -> float:
    """CPU microseconds an event: decoded, in Arrow, and on disk with a commit for each so many."""
    with TemporaryDirectory() as folder:
        connection = duckdb.connect(str(Path(folder) / "floor.duckdb"), config={"threads": 1})
        kept = (
            "CAST(event_id AS UUID), event_type, CAST(timestamp AS TIMESTAMPTZ), hash(student_id), "
            "hash(session_id), * EXCLUDE (event_id, event_type, timestamp, student_id, session_id)"
        )
        incoming = pa.Table.from_batches([arrow(_DECODER.decode(bodies[0]))])
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("incoming", incoming)
        connection.execute(f"CREATE TABLE events AS SELECT {kept} FROM incoming")
        began, stored = time.process_time(), 0
        waiting: list[pa.RecordBatch] = []
        for body in cycle(bodies):
            decoded = _DECODER.decode(body)
            waiting += [arrow(decoded[i : i + _CHUNK]) for i in range(0, len(decoded), _CHUNK)]
            if sum(map(len, waiting)) >= commit:
                stored += _store(connection, kept, waiting)
            if stored >= events:
                break
        stored += _store(connection, kept, waiting) if waiting else 0
        spent = time.process_time() - began
        connection.close()
    return spent * 1e6 / stored


def _store(connection: duckdb.DuckDBPyConnection, kept: str, waiting: list[pa.RecordBatch]) -> int:
    rows = pa.Table.from_batches(waiting)
    waiting.clear()
    connection.register("incoming", rows)
    connection.execute(f"INSERT INTO events SELECT {kept} FROM incoming")
    return len(rows)


if __name__ == "__main__":
    from bench.load import Load, bodies

    load = Load(**json.loads(sys.argv[1]))
    real = max(load.batch, int(float(sys.argv[2])))  # events that commits really had
    plain = [body.fresh().partition(b"\r\n\r\n")[2] for body in bodies(load)]
    best = floor_us(plain, _EVENTS)
    print(json.dumps({"floor_us_per_event": best, "floor_us_same_batch": floor_us(plain, _EVENTS, real)}))
