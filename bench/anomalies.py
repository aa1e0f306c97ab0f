"""Alarms on streams of numbers with known unusual stretches: how many are right, found, late and false."""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import fmean, median, pstdev

from bench.report import Report, report, show
from compute import streams

Window = tuple[float, float]
Detect = Callable[[Sequence[float], Sequence[float]], list[float]]


@dataclass(frozen=True, slots=True)
class Judged:
    alarms: int
    right: int  # alarms inside a window
    windows: int
    found: int  # windows with an alarm inside
    delays_s: tuple[float, ...]
    days: float


class BadData(Exception):
    """Said in one line, with what to do."""


def read_windows(file: Path) -> dict[str, list[Window]]:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        return {name: [(_time(a), _time(b)) for a, b in spans] for name, spans in told.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise BadData(f'{file}: expected {{"file.csv": [["from", "to"], ...]}} ({error}).') from error


def read_series(data: Path, name: str) -> tuple[list[float], list[float]]:
    """Two columns with a header: time and value."""
    file = next((f for f in (data / name, data / "data" / name) if f.is_file()), None)
    if file is None:
        raise BadData(f"{data / name} is not there; the windows name it.")
    points = []
    with file.open(encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.reader(lines)):
            if number and row:
                try:
                    points.append((_time(row[0]), float(row[1])))
                except (ValueError, IndexError):
                    raise BadData(f"{file}, line {number + 1}: expected a time and a number.") from None
    points.sort()
    return [at for at, _ in points], [value for _, value in points]


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def judged(at: Sequence[float], values: Sequence[float], windows: Sequence[Window], detect: Detect) -> Judged:
    told = detect(at, values)
    inside = [[t for t in told if a <= t <= b] for a, b in windows]
    return Judged(
        len(told),
        sum(any(a <= t <= b for a, b in windows) for t in told),
        len(windows),
        sum(bool(each) for each in inside),
        tuple(each[0] - a for each, (a, _) in zip(inside, windows, strict=True) if each),
        (at[-1] - at[0]) / streams.DAY_S if at else 0.0,
    )


def ours(at: Sequence[float], values: Sequence[float]) -> list[float]:
    return [alarm.at_s for alarm in streams.alarms(at, values)]


def simple(at: Sequence[float], values: Sequence[float]) -> list[float]:
    """Five deviations from the mean of the last 500 values: what a dashboard's rule would be."""
    found: list[float] = []
    last = -math.inf
    for i in range(500, len(values)):
        before = values[i - 500 : i]
        if abs(values[i] - fmean(before)) > 5 * max(pstdev(before), 1e-9):
            if at[i] - last >= streams.QUIET_S:
                found.append(at[i])
            last = at[i]
    return found


def summed(each: Sequence[Judged]) -> dict[str, float]:
    alarms, right = sum(j.alarms for j in each), sum(j.right for j in each)
    windows, found = sum(j.windows for j in each), sum(j.found for j in each)
    precision, recall = (right / alarms if alarms else 0.0), (found / windows if windows else 0.0)
    delays = [d for j in each for d in j.delays_s]
    return {
        "series": len(each),
        "windows": windows,
        "alarms": alarms,
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        "delay_median_s": median(delays) if delays else 0.0,
        "false_alarms_a_month": 30 * (alarms - right) / max(sum(j.days for j in each), 1e-9),
    }


def measured(data: Path, windows: Mapping[str, Sequence[Window]]) -> tuple[Report, dict[str, Judged]]:
    series = {name: read_series(data, name) for name in sorted(windows)}
    told = {name: judged(*points, windows[name], ours) for name, points in series.items()}
    floor = [judged(*points, windows[name], simple) for name, points in series.items()]
    notes = (
        "an alarm is right inside a labelled window; a window is found by one alarm; false alarms are of a "
        "series; the floor is five deviations from the mean of the last 500 values",
        "the two limits were chosen on every other series by name and tried on the rest, both ways",
    )
    return report("anomalies", summed(list(told.values())), summed(floor), notes), told


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./headway bench anomalies", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of CSV files: time, value")
    parser.add_argument("--windows", type=Path, required=True, help='{"file.csv": [["from", "to"], ...]}')
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args(argv)
    try:
        told, each = measured(given.data, read_windows(given.windows))
    except BadData as error:
        print(error, file=sys.stderr)
        return 2
    print(show(told, given.json) + ("" if given.json else "\n\n" + _each(each)))
    return 0


def _each(told: Mapping[str, Judged]) -> str:
    lines = (f"  {j.found} of {j.windows} found, {j.alarms - j.right} false  {n}" for n, j in told.items())
    return "\n".join(lines)
