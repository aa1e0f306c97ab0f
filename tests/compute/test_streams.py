"""Alarms on streams: what was planted is told once, what is usual is not, and the future changes nothing."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from bench.anomalies import BadData, main, measured, read_series, read_windows
from compute import streams
from compute.streams import Alarm, alarms

STEP_S = 300.0
DAY = 288
LABELLED = Path(__file__).parents[3] / "shared" / "data" / "anomalies"


def daily(days: int, seed: int = 1) -> streams.Values:
    """Busy by day, quiet at night, with noise."""
    at = np.arange(days * DAY)
    noise = np.random.default_rng(seed).normal(0, 2, len(at))
    return np.asarray(50 + 30 * np.sin(2 * np.pi * at / DAY) + noise, np.float64)


def told(values: streams.Values) -> list[Alarm]:
    return alarms([n * STEP_S for n in range(len(values))], list(values))


def test_a_usual_day_raises_nothing_and_a_spike_and_a_shift_one_alarm_each() -> None:
    usual = daily(14)
    assert told(usual) == []
    spike = usual.copy()
    spike[8 * DAY + 40] += 120
    assert [a.place for a in told(spike)] == [8 * DAY + 40]
    shift = usual.copy()
    shift[9 * DAY :] += 45
    found = told(shift)
    assert found and 9 * DAY <= found[0].place <= 9 * DAY + 12
    assert sum(a.place < 10 * DAY for a in found) == 1


def test_only_the_past_is_used() -> None:
    series = daily(10)
    series[6 * DAY] += 200
    whole = streams.sizes(np.arange(len(series), dtype=np.float64) * STEP_S, series)
    other = series.copy()
    other[7 * DAY :] = 0
    again = streams.sizes(np.arange(len(other), dtype=np.float64) * STEP_S, other)
    # Where learning ends depends on the length alone, which is the same here.
    assert np.array_equal(whole[: 7 * DAY], again[: 7 * DAY])


@pytest.mark.parametrize("values", [[], [1.0], [5.0] * 400, [math.nan] * 300, [1.0, math.inf] * 200])
def test_poor_streams_raise_nothing(values: list[float]) -> None:
    assert alarms([n * STEP_S for n in range(len(values))], values) == []


def files(folder: Path, series: dict[str, streams.Values], windows: dict[str, list[list[str]]]) -> Path:
    for name, values in series.items():
        times = (datetime(2026, 1, 1) + timedelta(minutes=5 * n) for n in range(len(values)))
        lines = [f"{at},{v}" for at, v in zip(times, values, strict=True)]
        (folder / name).write_text("\n".join(["timestamp,value", *lines]))
    (folder / "windows.json").write_text(json.dumps(windows))
    return folder / "windows.json"


def test_the_bench_counts_what_was_right_found_late_and_false(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet, loud, missed = daily(14), daily(14, 2), daily(14, 3)
    quiet[10 * DAY] += 150  # nobody labelled it
    loud[8 * DAY + 12] += 150  # an hour after the window begins
    windows = files(
        tmp_path,
        {"quiet.csv": quiet, "loud.csv": loud, "missed.csv": missed},
        {
            "quiet.csv": [],
            "loud.csv": [["2026-01-09 00:00:00", "2026-01-09 12:00:00"]],
            "missed.csv": [["2026-01-10 00:00:00", "2026-01-10 12:00:00"]],
        },
    )
    figures = measured(tmp_path, read_windows(windows))[0].figures
    wanted = {
        "series": 3,
        "windows": 2,
        "alarms": 2,
        "precision": 0.5,
        "recall": 0.5,
        "delay_median_s": 3600.0,
    }
    assert {name: figures[name] for name in wanted} == wanted
    assert figures["false_alarms_a_month"] == pytest.approx(30 / 42, rel=1e-2)
    assert main(["--data", str(tmp_path), "--windows", str(windows), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["figures"]["recall"] == 0.5


def test_bad_files_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.csv").write_text("timestamp,value\n2026-01-01T00:00:00,1\nyesterday,2\n")
    with pytest.raises(BadData, match=r"bad\.csv, line 3"):
        read_series(tmp_path, "bad.csv")
    (tmp_path / "windows.json").write_text('{"gone.csv": []}')
    assert main(["--data", str(tmp_path), "--windows", str(tmp_path / "windows.json")]) == 2
    (tmp_path / "windows.json").write_text("[1, 2]")
    assert main(["--data", str(tmp_path), "--windows", str(tmp_path / "windows.json")]) == 2
    assert "gone.csv" in capsys.readouterr().err


@pytest.mark.reference
@pytest.mark.skipif(not LABELLED.exists(), reason=f"{LABELLED} is not there")
def test_labelled_series_are_found_better_than_by_a_simple_rule() -> None:
    """Numenta Anomaly Benchmark, AWS and no-anomaly series. Seen: precision .76, recall .63."""
    folder = LABELLED
    told, _ = measured(folder, read_windows(folder / "windows.json"))
    assert told.figures["precision"] > 0.7 and told.figures["recall"] > 0.6
    assert told.figures["f1"] > 1.5 * told.floor["f1"]
