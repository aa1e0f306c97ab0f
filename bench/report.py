"""The one shape in which every bench tells what it measured."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Report:
    """`floor` holds what the best that could be hoped for took in the same run."""

    name: str
    commit: str
    machine: str
    figures: Mapping[str, float]
    floor: Mapping[str, float]
    notes: tuple[str, ...] = ()
    pages: Mapping[str, Mapping[str, float]] | None = None  # of a bench of pages: the figures of each


def report(
    name: str,
    figures: Mapping[str, float],
    floor: Mapping[str, float] | None = None,
    notes: Sequence[str] = (),
    pages: Mapping[str, Mapping[str, float]] | None = None,
) -> Report:
    each = {page: _rounded(found) for page, found in pages.items()} if pages else None
    return Report(name, commit(), machine(), _rounded(figures), _rounded(floor or {}), tuple(notes), each)


def show(what: Report, as_json: bool) -> str:
    if as_json:
        told = asdict(what)
        return json.dumps(told if what.pages else {k: v for k, v in told.items() if k != "pages"})
    lines = [f"{what.name}  at {what.commit}  on {what.machine}", ""]
    width = max(len(name) for name in (*what.figures, *what.floor, ""))
    lines += [f"  {name:<{width}}  {value:>14,.10g}" for name, value in what.figures.items()]
    if what.floor:
        lines += ["", "  floor, in the same run"]
        lines += [f"  {name:<{width}}  {value:>14,.10g}" for name, value in what.floor.items()]
    lines += _table(what.pages or {})
    return "\n".join([*lines, *(f"\n  {note}" for note in what.notes)])


def _table(pages: Mapping[str, Mapping[str, float]]) -> list[str]:
    if not pages:
        return []
    names, room = list(next(iter(pages.values()))), max(len(page) for page in pages)
    head = "  ".join([" " * room, *names])
    rows = [
        "  ".join([f"{page:<{room}}", *(f"{found[name]:>{len(name)},.4g}" for name in names)])
        for page, found in pages.items()
    ]
    return ["", *(f"  {line}" for line in (head, *rows))]


def commit() -> str:
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()


def machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"{cores} cores, {_memory_gib():.0f} GiB, {_processor()}, Python {platform.python_version()}"


def _memory_gib() -> float:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    except (ValueError, OSError):
        return math.nan


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def peak_mib() -> float:
    """The most memory this process has had, in MiB."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all values do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


def _rounded(figures: Mapping[str, float]) -> dict[str, float]:
    return {
        name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in figures.items()
    }
