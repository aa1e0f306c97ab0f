"""How fast the demo school is made: people, dimensions, events and roll-ups, straight into the warehouse."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.report import report, show
from bench.schools import make


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./headway bench generate", description=__doc__)
    parser.add_argument("--events", type=int, default=2_000_000, help="size of the school (2000000)")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="headway-bench-") as folder:
        made = make(given.events, Path(folder))
        stored = made.warehouse.stat().st_size
    figures = {
        "events": made.events,
        "seconds": made.seconds,
        "events_per_s": made.events / made.seconds,
        "peak_mib": made.peak_mib,
        "bytes_per_event": stored / made.events,
    }
    print(show(report("generate", figures), given.json))
    return 0
