"""Every measure by its usual dimensions: through planner and warehouse, and the same SQL on bare DuckDB."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import duckdb
import pyarrow as pa

from bench.report import Report, peak_mib, percentile, report, show
from bench.schools import school
from compute import planner
from compute.measures import MEASURES
from compute.plan import Plan
from compute.rollups import DELTAS
from compute.scoping import Tables
from connectors.warehouse import Warehouse, open_warehouse
from connectors.warehouse.duckdb_parts import configuration
from connectors.warehouse.sql import Compiler
from models.ask import Ask
from models.holes import Value
from models.scope import Scope

_SPAN = timedelta(days=90)
MEMORY_MIB = 3072  # for the engine, so that all fits 4 GiB


@dataclass(frozen=True, slots=True)
class Timing:
    ask: Ask
    source: str
    plan_ms: float
    again_ms: float  # for the next one whose scope has the same form
    ours_ms: tuple[float, ...]
    bare_ms: tuple[float, ...]


def asks(until: date) -> Iterator[Ask]:
    """Each over all time, and over the last 90 days."""
    for measure in MEASURES:
        for by in dict.fromkeys(measure.usual):
            yield Ask(measures=(measure.name,), by=by)
            yield Ask(measures=(measure.name,), by=by, since=until - _SPAN, until=until)


def timed(
    warehouse: Warehouse,
    bare: duckdb.DuckDBPyConnection,
    compiler: Compiler,
    ask: Ask,
    scope: Scope,
    times: int,
) -> Timing:
    began = time.perf_counter()
    plan, statements = _planned(ask, scope, compiler)
    plan_ms = (time.perf_counter() - began) * 1000
    another = replace(scope, organisation_id=scope.organisation_id + 1, on=scope.on + timedelta(days=1))
    again_ms = _ms(lambda: _planned(ask, another, compiler))
    _ours(warehouse, plan)  # compiled and in memory, as it is from the second time on
    ours, other = [], []
    for _ in range(times):
        ours.append(_ms(lambda: _ours(warehouse, plan)))
        other.append(_ms(lambda: [bare.execute(*each).to_arrow_table() for each in statements]))
    return Timing(ask, plan.source, plan_ms, again_ms, tuple(ours), tuple(other))


def _planned(
    ask: Ask, scope: Scope, compiler: Compiler
) -> tuple[Plan, list[tuple[str, Mapping[str, Value]]]]:
    plan = planner.plan(ask, Tables(scope))
    found = [compiler.statement(part) for part in plan.parts]
    return plan, [(statement.text, values) for statement, values in found]


def _ours(warehouse: Warehouse, plan: Plan) -> pa.Table:
    return plan.finish(plan.join(tuple(warehouse.fetch(part) for part in plan.parts)))


def _ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def measured(events: int, times: int) -> tuple[Report, list[Timing]]:
    made = school(events)
    warehouse = open_warehouse(str(made.warehouse), DELTAS, memory_mib=MEMORY_MIB)
    warehouse.migrate()  # a school that is kept may be older than the schema
    bare = duckdb.connect(str(made.warehouse), config=configuration(str(made.warehouse), MEMORY_MIB, None))
    bare.execute("SET TimeZone = 'UTC'")
    (until,) = bare.execute("SELECT max(day) + 1 FROM events").fetchone() or (date.max,)
    scope = Scope(1, "organisation", until, sees_rows=True)
    compiler = Compiler("duckdb")
    timings = [timed(warehouse, bare, compiler, ask, scope, times) for ask in asks(until)]
    bare.close()
    warehouse.close()
    return _reported(timings, made.events, times), timings


def _reported(timings: Sequence[Timing], events: int, times: int) -> Report:
    ours = [ms for each in timings for ms in each.ours_ms]
    bare = [ms for each in timings for ms in each.bare_ms]
    over = [min(each.ours_ms) - min(each.bare_ms) for each in timings]
    figures = {
        "events": events,
        "questions": len(timings),
        "p50_ms": percentile(ours, 0.5),
        "p95_ms": percentile(ours, 0.95),
        "max_ms": max(ours),
        "engine_p95_ms": percentile(bare, 0.95),
        "overhead_p50_ms": percentile(over, 0.5),
        "overhead_p95_ms": percentile(over, 0.95),
        "first_plan_p95_ms": percentile([each.plan_ms for each in timings], 0.95),
        "second_scope_plan_p95_ms": percentile([each.again_ms for each in timings], 0.95),
        "peak_mib": peak_mib(),
    }
    floor = {"engine_p50_ms": percentile(bare, 0.5), "engine_p95_ms": percentile(bare, 0.95)}
    notes = [f"each question {times} times in turn with the bare engine; overhead is best against best"]
    return report("query", figures, floor, notes)


def _slowest(timings: Sequence[Timing], count: int = 40) -> str:
    ranked = sorted(timings, key=lambda each: -min(each.ours_ms))[:count]
    lines = [
        f"  {min(t.ours_ms):8.1f} ms  (engine {min(t.bare_ms):8.1f})  {t.ask.measures[0]} by "
        f"{', '.join(t.ask.by) or 'nothing'}{' in 90 days' if t.ask.since else ''}, from {t.source}"
        for t in ranked
    ]
    return "\n".join(["", "  slowest", *lines])


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./headway bench query", description=__doc__)
    parser.add_argument("--events", type=int, default=2_000_000, help="size of the school (2000000)")
    parser.add_argument("--times", type=int, default=3, help="how often each question is asked (3)")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args(argv)
    told, timings = measured(given.events, given.times)
    print(show(told, given.json) + ("" if given.json else "\n" + _slowest(timings)))
    return 0
