"""Queries on their way to the warehouse. Who wants what is being fetched waits for that; who waits to ask the
same about other learners goes along, so that a class which comes at once costs a few queries, not hundreds.

A query that goes along is about the learners of several scopes. It is run here and nowhere else, and each
asker is handed the rows of the own learners alone: nobody's table ever leaves with another's rows in it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from compute.plan import Part
from models.holes import Crowd, Query

MOST_TOGETHER = 32  # learners of one query; those that go along are always asked for so many, as one text
REST_S = 1.0  # when nobody asked for so long, the texts for many are compiled, before a class comes
Key: TypeAlias = Hashable


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Everybody who wants the same part at the same watermark."""

    key: Key
    part: Part
    done: asyncio.Future[pa.Table]

    @property
    def crowd(self) -> Crowd | None:
        return self.part.crowd if isinstance(self.part, Query) else None


class Rides:
    """On the loop. `fetch` and `compiled` block, so they are run by `threads`, `at_once` at a time."""

    def __init__(
        self,
        fetch: Callable[[Part], pa.Table],
        compiled: Callable[[Part], object],
        threads: Executor,
        at_once: int,
    ) -> None:
        self._fetch = fetch
        self._compiled = compiled
        self._threads = threads
        self._at_once = self._free = at_once
        self._on_the_way: dict[Key, asyncio.Future[pa.Table]] = {}
        self._stops: OrderedDict[Key, list[_Waiting]] = OrderedDict()
        self._riding: set[asyncio.Task[None]] = set()
        self._forms: dict[Key, Crowd | None] = {}  # None: its text for many is compiled
        self._rest: asyncio.TimerHandle | None = None
        self._closed = False

    def close(self) -> None:
        self._closed = True
        self._stand()

    def _stand(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
        self._rest = None

    async def take(self, part: Part, key: Key) -> pa.Table:
        """`key` says what part at which watermark; what began for an older one may have missed a commit."""
        done = self._on_the_way.get(key)
        if done is None:
            done = self._on_the_way[key] = asyncio.get_running_loop().create_future()
            self._wait(_Waiting(key, part, done))
        # One asker who gives up must not take the rows from the others.
        return await asyncio.shield(done)

    def _wait(self, one: _Waiting) -> None:
        if one.crowd:
            self._forms.setdefault(one.crowd.form, one.crowd)
        stop = (one.crowd.form, one.crowd.others) if one.crowd else one.key
        self._stops.setdefault(stop, []).append(one)
        self._go()

    def _go(self) -> None:
        while self._free and self._stops:
            stop, waiting = self._stops.popitem(last=False)
            taken, rest = _fitting(waiting)
            if rest:
                self._stops[stop] = rest
            self._free -= 1
            ride = asyncio.ensure_future(self._ride(taken))
            self._riding.add(ride)
            ride.add_done_callback(self._riding.discard)
        self._stand()
        if not self._closed and self._free == self._at_once and any(self._forms.values()):
            self._rest = asyncio.get_running_loop().call_later(REST_S, self._prepare)

    def _prepare(self) -> None:
        """One text; then whoever came meanwhile goes first."""
        form, crowd = next((form, crowd) for form, crowd in self._forms.items() if crowd)
        self._forms[form] = None
        self._threads.submit(self._compiled, crowd.of(crowd.learners[:1] * MOST_TOGETHER))
        self._rest = None
        self._go()

    async def _ride(self, taken: Sequence[_Waiting]) -> None:
        try:
            run = asyncio.get_running_loop().run_in_executor
            tables = await run(self._threads, self._fetched, [one.part for one in taken])
            for one, table in zip(taken, tables, strict=True):
                _settle(one.done, table)
        except Exception as error:
            for one in taken:
                _settle(one.done, error)
        finally:
            for one in taken:
                del self._on_the_way[one.key]
            self._free += 1
            self._go()

    def _fetched(self, parts: Sequence[Any]) -> list[pa.Table]:
        if len(parts) == 1:
            return [self._fetch(parts[0])]
        crowds = [part.crowd for part in parts]
        learners = sorted({learner for crowd in crowds for learner in crowd.learners})
        padded = [*learners, *learners[-1:] * (MOST_TOGETHER - len(learners))]
        return apart_by_learner(self._fetch(crowds[0].of(padded)), crowds)


def _fitting(waiting: list[_Waiting]) -> tuple[list[_Waiting], list[_Waiting]]:
    """Those who go now, the first always, and those for whom there is no room."""
    learners: set[int] = set()
    for place, one in enumerate(waiting):
        if place and (one.crowd is None or len(learners | set(one.crowd.learners)) > MOST_TOGETHER):
            return waiting[:place], waiting[place:]
        learners.update(one.crowd.learners if one.crowd else ())
    return waiting, []


def apart_by_learner(table: pa.Table, crowds: Sequence[Crowd]) -> list[pa.Table]:
    whose = table["learner_id"]
    return [
        table.filter(pc.is_in(whose, pa.array(crowd.learners, whose.type))).combine_chunks()
        for crowd in crowds
    ]


def _settle(done: asyncio.Future[pa.Table], outcome: pa.Table | Exception) -> None:
    if done.done():
        return
    if isinstance(outcome, Exception):
        done.set_exception(outcome)
        done.exception()  # looked at, so that a failure nobody waits for is not reported as lost
    else:
        done.set_result(outcome)
