"""Several at once: writers, readers, folding and compacting."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from compute.rollups import DELTAS, contributions
from connectors.warehouse import Warehouse, open_warehouse
from models.tables import COURSE_DAY, EVENTS, ROLLUPS, SESSIONS
from tests.builders import MONDAY, Row, event, event_id, events

BATCHES, SIZE = 24, 40


def batch(writer: int, number: int) -> list[Row]:
    """Sessions run through all batches and both writers; every tenth event was sent by the other one too."""
    return [
        event(
            ("page_view", "lesson_complete", "video_progress")[n % 3],
            MONDAY + timedelta(minutes=7 * number + n % 5, days=n % 2 * 30),
            event_id=event_id(1_000_000 * (writer if n % 10 else 9) + 1000 * number + n),
            learner_id=n % 7,
            session_id=n % 3,
            duration_s=float(n),
            course_id=f"c{n % 4}",
        )
        for n in range(SIZE)
    ]


def total(warehouse: Warehouse) -> tuple[int, int]:
    """Events by roll-up and by raw events, in one statement, so on one snapshot."""
    rolled = COURSE_DAY.unbound.agg(rolled=COURSE_DAY.unbound.events.sum().fill_null(0))
    raw = contributions(EVENTS.unbound)
    both = rolled.cross_join(raw.agg(raw=raw.events.sum().fill_null(0)))
    (row,) = warehouse.fetch(both).to_pylist()
    return row["rolled"], row["raw"]


def contents(warehouse: Warehouse) -> dict[str, list[dict[str, object]]]:
    return {t.name: warehouse.fetch(t.unbound.order_by(list(t.key))).to_pylist() for t in ROLLUPS}


def test_readers_see_whole_commits_while_writers_and_folding_go_on(
    engine: Warehouse, warehouse_address: str
) -> None:
    # Postgres: two processes' worth of warehouses. DuckDB: two threads of the one that owns the file.
    other = open_warehouse(warehouse_address, DELTAS) if engine.engine == "postgres" else engine
    stored: list[int] = []

    def write(writer: int, warehouse: Warehouse) -> None:
        for number in range(BATCHES):
            done = warehouse.append(events(batch(writer, number)))
            stored.append(sum(done.inserted.to_pylist()))

    def repeat(deed: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            while len(stored) < 2 * BATCHES:
                deed()

        return run

    def look() -> None:
        rolled, raw = total(engine)
        assert rolled == raw

    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(write, 1, engine), pool.submit(write, 2, other)]
        jobs += [pool.submit(repeat(d)) for d in (look, other.fold, engine.compact)]
        jobs.append(pool.submit(repeat(lambda: other.fetch(SESSIONS.unbound.count().name("n").as_table()))))
        for job in jobs:
            job.result()
    distinct = {row["event_id"] for w in (1, 2) for n in range(BATCHES) for row in batch(w, n)}
    assert sum(stored) == len(distinct)
    assert total(engine) == (len(distinct), len(distinct))
    engine.compact()
    incremental = contents(engine)
    engine.rebuild()
    assert contents(engine) == incremental
    if other is not engine:
        other.close()
