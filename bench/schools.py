"""Demo schools for benches: made once for each size, in a process of their own, and kept."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.report import ROOT, peak_mib

KEPT = ROOT / ".headway" / "bench"
_MADE = "made.json"
# The same school whenever it is made: its last day is fixed.
NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
SECRET = b"a secret of a bench, of 32 bytes!"
_DAYS = 182


@dataclass(frozen=True, slots=True)
class Made:
    folder: Path
    events: int
    seconds: float
    peak_mib: float

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse.duckdb"


def school(events: int, kept: Path = KEPT) -> Made:
    """Of about so many events; from the shelf if it was made before."""
    folder = kept / f"school-{events}"
    return read(folder) if (folder / _MADE).exists() else make(events, folder)


def make(events: int, folder: Path) -> Made:
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in folder.iterdir():
        if left_over.is_file():
            left_over.unlink()
    subprocess.run([sys.executable, "-m", "bench.schools", str(events), str(folder)], cwd=ROOT, check=True)
    return read(folder)


def read(folder: Path) -> Made:
    told = json.loads((folder / _MADE).read_text())
    return Made(folder, told["events"], told["seconds"], told["peak_mib"])


def _make_here(events: int, folder: Path) -> None:
    from app.commands.school import MEMORY_MIB, learners_of
    from compute.rollups import DELTAS
    from connectors.demo import Size, fill
    from connectors.metadata import open_metadata
    from connectors.warehouse import open_warehouse

    began = time.perf_counter()
    warehouse = open_warehouse(str(folder / "warehouse.duckdb"), DELTAS, memory_mib=MEMORY_MIB)
    metadata = open_metadata(str(folder / "metadata.sqlite"), SECRET)
    warehouse.migrate()
    metadata.migrate()
    size = Size(until=NOW.date(), now=NOW, events=events, learners=learners_of(events, _DAYS), days=_DAYS)
    filled = fill(size, warehouse, metadata, folder, lambda *_: None)
    metadata.close()
    warehouse.close()
    seconds = time.perf_counter() - began
    told = {"events": filled.events, "seconds": seconds, "peak_mib": peak_mib()}
    (folder / _MADE).write_text(json.dumps(told))


if __name__ == "__main__":
    _make_here(int(sys.argv[1]), Path(sys.argv[2]))
