"""The bell rings: so many pupils open their page within one second."""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from app.mount import COOKIE
from bench.report import Report, percentile, report, show
from bench.running import Guest, School, school
from bench.visitors import Tab

GOALS_S = {30: 3.0, 300: 15.0}
WITHIN_S = 1.0
REST_S = 2.0  # between two bells, until the pages of the last are gone


@dataclass(frozen=True, slots=True)
class Rung:
    """`waits_s` of the pages that became complete, from the moment each was due."""

    waits_s: list[float]
    frames_s: list[float]
    errors: list[str]
    cpu_s: dict[str, float]

    @property
    def figures(self) -> dict[str, float]:
        n = len(self.waits_s) + len(self.errors)
        if not self.waits_s:
            return {f"n{n}_errors": len(self.errors)}
        return {
            f"n{n}_p50_ms": statistics.median(self.waits_s) * 1000,
            f"n{n}_p95_ms": percentile(self.waits_s, 0.95) * 1000,
            f"n{n}_max_ms": max(self.waits_s) * 1000,
            f"n{n}_frame_p50_ms": statistics.median(self.frames_s) * 1000,
            f"n{n}_frame_max_ms": max(self.frames_s) * 1000,
            f"n{n}_errors": len(self.errors),
            **{f"n{n}_{name}_cpu_ms_each": spent * 1000 / n for name, spent in self.cpu_s.items()},
        }


async def ring(where: School, guests: Sequence[Guest], path: str, cold: bool) -> Rung:
    """Open loop: each starts when it is due, whatever became of the others."""
    began, before = time.perf_counter() + 0.2, where.cpu_s()
    visits = [
        _visit(where, guest, path, cold, began + n * WITHIN_S / len(guests)) for n, guest in enumerate(guests)
    ]
    seen = await asyncio.gather(*visits)
    spent = {name: now - before[name] for name, now in where.cpu_s().items()}
    for _, tab, _ in seen:
        await tab.close()
    return Rung(
        [tab.completed_at - due for due, tab, error in seen if not error],
        [tab.framed_at - due for due, tab, error in seen if not error],
        [error for _, _, error in seen if error],
        spent,
    )


async def _visit(where: School, guest: Guest, path: str, cold: bool, due: float) -> tuple[float, Tab, str]:
    tab = Tab(where.running.address, path, f"{COOKIE}={guest.secret}", cold)
    await asyncio.sleep(max(0.0, due - time.perf_counter()))
    try:
        await tab.open()
    except Exception as error:
        return due, tab, f"{type(error).__name__}: {str(error)[:80]}"
    return due, tab, f"{tab.problems} cards of a page told of a problem" * bool(tab.problems)


def measured(sizes: Sequence[int], path: str, role: str, cold: bool) -> Report:
    figures: dict[str, float] = {}
    notes = [
        f"{role}s open {path} evenly within {WITHIN_S:.0f} s, each a person of their own as far as there are "
        "enough; a wait counts from the moment at which it was due",
        "without a browser: page, files" * cold
        + "without a browser, files in its cache: page" * (not cold)
        + ", socket, document, until the server says that every card is filled",
        "nobody of the pupils was there before: their first questions are part of it; one other was",
    ]
    taken = 1
    with school() as where:
        asyncio.run(ring(where, where.take(role, 1), path, cold))
        for size in sizes:
            some = (where.take(role, taken + size))[taken:]
            taken += size
            time.sleep(REST_S)
            rung = asyncio.run(ring(where, some, path, cold))
            figures |= rung.figures
            notes += sorted({f"n{size}: {error}" for error in rung.errors})[:3]
    return report("bell", figures, notes=notes)


def main(options: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./headway bench bell", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[30, 100, 300], help="viewers (30 100 300)")
    parser.add_argument("--path", default="/student")
    parser.add_argument("--role", default="student")
    parser.add_argument("--warm", action="store_true", help="with the page's files in the cache already")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args(options)
    print(show(measured(given.sizes, given.path, given.role, not given.warm), given.json))
    return 0
