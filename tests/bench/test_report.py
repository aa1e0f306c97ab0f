from __future__ import annotations

import importlib
import json

from bench import BENCHES
from bench.report import percentile, report, show


def test_every_bench_tells_in_one_shape():
    told = json.loads(show(report("query", {"p95_ms": 12.3456789}, {"engine_p95_ms": 9.0}, ["so"]), True))
    assert list(told) == ["name", "commit", "machine", "figures", "floor", "notes"]
    assert told["figures"] == {"p95_ms": 12.35}
    assert told["notes"] == ["so"]


def test_a_table_shows_each_figure_and_the_floor():
    text = show(report("query", {"p95_ms": 12.0}, {"engine_p95_ms": 9.0}), False)
    assert "p95_ms" in text and "12" in text and "engine_p95_ms" in text and "9" in text


def test_a_percentile_is_a_value_that_was_measured():
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values, share) for share in (0.0, 0.5, 0.95, 1.0)] == [1.0, 50.0, 95.0, 100.0]
    assert percentile([3.0], 0.95) == 3.0


def test_every_bench_has_a_way_to_run_it():
    for module, told in BENCHES.values():
        assert callable(importlib.import_module(module).main)
        assert told.endswith(".")
