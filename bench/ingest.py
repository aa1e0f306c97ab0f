"""Events over HTTP at a steady rate, everything on, while people ask; and the floor of the same events."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from app.tour import free_ports
from bench.load import Load
from bench.report import ROOT, Report, percentile, report, show
from bench.schools import Made, school

_SECRET = "a secret of a bench, of 32 bytes!"
_WHO = ("amara", "ruth")  # administrators of the demo's two organisations
_ASKED = (
    "measures=active_learners&by=day",
    "measures=completions,mean_score&by=course",
    "measures=lessons_completed&by=week",
)


@dataclass(slots=True)
class Seen:
    """What was read from outside while the load ran."""

    cpu_s: float = 0.0
    peak_mib: float = 0.0
    queue_peak_mib: float = 0.0
    commits: float = 0.0
    checkpoints: float = 0.0
    query_ms: list[float] = field(default_factory=list)


def measured(given: argparse.Namespace) -> Report:
    rate, seconds, batch, pages = given.rate, given.seconds, given.batch, given.pages
    made = school(given.stored)
    with TemporaryDirectory(prefix="headway-bench-") as place:
        folder = Path(place) / "school"
        tokens = _prepared(made, folder)
        with _core(folder) as (process, port):
            time.sleep(given.after)
            load = Load(str(folder), port, tokens, rate, seconds, batch)
            told, seen = _under_load(process.pid, load, pages)
        floors = json.loads(_elsewhere("bench.floor", load, told["accepted"] / max(seen.commits, 1)))
    stood = f"core had stood for {given.after:g} s before the load"
    return _reported(load, told, seen, floors, made.events, pages, stood)


def _prepared(made: Made, folder: Path) -> tuple[str, ...]:
    from connectors.metadata import open_metadata

    shutil.copytree(made.folder, folder)
    metadata = open_metadata(str(folder / "metadata.sqlite"), _SECRET.encode())
    metadata.migrate()
    actions = ["send-events", "ask-measures", "see-system"]
    tokens = tuple(metadata.tokens.create(who, actions, days=1) for who in _WHO)
    metadata.close()
    return tokens


@contextmanager
def _core(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    port = free_ports()
    given = {
        "DATA": folder,
        "SECRET": _SECRET,
        "PORT": port + 1,
        "API_PORT": port,
        "LOG_LEVEL": "warning",
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HEADWAY_")}
    environment = kept | {f"HEADWAY_{name}": str(value) for name, value in given.items()}
    process = subprocess.Popen([sys.executable, "-m", "app", "core"], cwd=ROOT, env=environment)
    try:
        _wait_for(process, port)
        yield process, port
    finally:
        process.terminate()
        process.wait(60)


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        try:
            if _get(port, "/health", "")[0] == http.client.OK:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("core did not start; run it by hand to see why: ./headway core")


def _get(port: int, path: str, token: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
    answer = connection.getresponse()
    told = answer.status, answer.read()
    connection.close()
    return told


def _under_load(pid: int, load: Load, pages: int) -> tuple[dict[str, Any], Seen]:
    command = [sys.executable, "-m", "bench.load", json.dumps(asdict(load))]
    seen, stop = Seen(), threading.Event()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as sender:
        assert sender.stdout
        sender.stdout.readline()  # the warm-up is over
        before, commits = _cpu_s(pid), _commits(load)
        askers = [threading.Thread(target=_ask, args=(load, seen, stop, n)) for n in range(pages)]
        for asker in askers:
            asker.start()
        told = json.loads(sender.stdout.readline() or "null")
        seen.cpu_s = _cpu_s(pid) - before
        stop.set()
        for asker in askers:
            asker.join()
    if told is None:
        raise SystemExit("the load generator failed")
    seen.commits = _commits(load) - commits
    seen.queue_peak_mib = _metric(load, "analytics_ingest_queue_peak_bytes") / 2**20
    seen.checkpoints = _metric(load, "analytics_ingest_checkpoint_seconds_count")
    seen.peak_mib = _peak_mib(pid)
    return told, seen


def _ask(load: Load, seen: Seen, stop: threading.Event, number: int) -> None:
    """A page asks again whenever data moved, at most once a second."""
    while not stop.wait(1):
        began = time.perf_counter()
        status, _ = _get(load.port, f"/api/v1/query?{_ASKED[number % len(_ASKED)]}", load.tokens[0])
        if status == http.client.OK:
            seen.query_ms.append((time.perf_counter() - began) * 1000)


def _cpu_s(pid: int) -> float:
    numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def _peak_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def _commits(load: Load) -> float:
    return _metric(load, "analytics_ingest_commit_seconds_count")


def _metric(load: Load, name: str) -> float:
    text = _get(load.port, "/metrics", load.tokens[0])[1].decode()
    return next((float(line.split()[1]) for line in text.splitlines() if line.startswith(name + " ")), 0.0)


def _elsewhere(module: str, load: Load, commit: float) -> str:
    command = [sys.executable, "-m", module, json.dumps(asdict(load)), str(commit)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def _reported(
    load: Load,
    told: dict[str, Any],
    seen: Seen,
    floors: dict[str, float],
    stored: int,
    pages: int,
    stood: str,
) -> Report:
    late = told["latencies_ms"]
    per_event = seen.cpu_s * 1e6 / max(told["accepted"], 1)
    figures = {
        "rate": load.rate,
        "batch": load.batch,
        "stored": stored,
        "pages": pages,
        "acked_per_s": told["accepted"] / told["seconds"],
        **{f"ack_p{share}_ms": percentile(late, share / 100) for share in (50, 95, 99) if late},
        "ack_max_ms": max(late, default=0.0),
        "refused": told["refused"],
        "put_off_requests": told["put_off"],
        "failed_requests": told["failed"],
        "cpu_us_per_event": per_event,
        "events_per_commit": told["accepted"] / max(seen.commits, 1),
        "checkpoints": seen.checkpoints,
        "queue_peak_mib": seen.queue_peak_mib,
        "peak_mib": seen.peak_mib,
        "ratio": per_event / floors["floor_us_per_event"],
        "ratio_same_batch": per_event / floors["floor_us_same_batch"],
    }
    if seen.query_ms:
        figures["query_p95_ms"] = percentile(seen.query_ms, 0.95)
    notes = [
        stood,
        f"events of {told['bytes']} bytes; an answer counts from the time its request was due",
        "cpu is all of core's: HTTP, gate, consent, personal data, dedup, roll-ups, quality, questions",
        "the floor commits 10,000 at once; same_batch commits as many as core did, on average",
    ]
    return report("ingest", figures, floors, notes)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./headway bench ingest", description=__doc__)
    parser.add_argument("--rate", type=int, default=10_000, help="events a second (10000)")
    parser.add_argument("--seconds", type=float, default=20, help="how long (20)")
    parser.add_argument("--batch", type=int, default=500, help="events a request (500)")
    parser.add_argument("--stored", type=int, default=2_000_000, help="events stored before (2000000)")
    parser.add_argument("--pages", type=int, default=0, help="pages that ask beside it, once a second (0)")
    parser.add_argument(
        "--after",
        type=float,
        default=30,
        help="seconds that core stands before: its first looks are over (30)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args(argv)
    print(show(measured(given), given.json))
    return 0
