"""`./headway import` holds a few parts of a file and never the file."""

from __future__ import annotations

import csv
import json
import random
import tracemalloc
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.commands import importing
from app.commands.import_report import FileReport

ROWS = 200  # a part
BODY = 2_000  # bytes of each row, so that what is held of the file outweighs all else


class Counted:
    """A way in that stores nothing: what the command holds is looked at, not the warehouse."""

    def __init__(self) -> None:
        self.rows = 0

    def position(self, file: str) -> str | None:
        return None

    def send(self, ndjson: bytes, *, file: str = "", position: str = "") -> dict[str, Any]:
        rows = ndjson.count(b"\n") + 1
        self.rows += rows
        return {"accepted": rows, "duplicates": 0, "quarantined": 0, "rejected": []}


def written(path: Path, count: int) -> None:
    dice = random.Random(7)
    rows = [
        {
            "event_id": str(uuid.UUID(int=dice.getrandbits(128))),
            "event_type": "page_view",
            "timestamp": "2026-03-04T11:00:00Z",
            "student_id": "s1",
            "session_id": "x1",
            "path": dice.randbytes(BODY // 2).hex(),
        }
        for _ in range(count)
    ]
    match path.suffix:
        case ".ndjson":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        case ".csv":
            with open(path, "w", newline="") as file:
                writer = csv.DictWriter(file, rows[0])
                writer.writeheader()
                writer.writerows(rows)
        case _:
            pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=ROWS)


def peak(path: Path) -> int:
    """Bytes of Python's own; Arrow's are counted by Arrow."""
    way: Any = Counted()
    reading = importing._reading(path, None, None)
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    importing._import(way, reading, FileReport.of(reading), again=False)
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert pa.total_allocated_bytes() - before < ROWS * BODY * 4
    assert way.rows > 0
    return held


@pytest.mark.parametrize("suffix", ["ndjson", "csv", "parquet"])
def test_a_file_eight_times_as_long_takes_no_more_memory(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sources.files.parts.MOST_ROWS", ROWS)
    monkeypatch.setattr("connectors.sources.files.rows._BATCH_ROWS", ROWS)
    short, long = tmp_path / f"short.{suffix}", tmp_path / f"long.{suffix}"
    written(short, 5 * ROWS)
    written(long, 40 * ROWS)
    assert long.stat().st_size > 7 * short.stat().st_size
    peak(short)  # what is imported and kept once
    first, second = peak(short), peak(long)
    assert second < first * 1.5
    assert second < long.stat().st_size / 4
