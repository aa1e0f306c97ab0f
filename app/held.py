"""What was fetched from the warehouse, kept for as long as it is true."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import NamedTuple, cast

import pyarrow as pa

from app.rides import Rides
from app.shelf import Shelf
from compute.plan import Part, Plan
from connectors.warehouse import Warehouse
from models.ask import Answer, Ask, Watermark

MOST_OF_A_PART = 64 << 10  # bytes; what is larger is hardly ever asked for twice


class PartName(NamedTuple):
    """A part with the newest commit that may have changed it."""

    said: tuple[Hashable, ...]  # SQL and values
    number: int
    at: datetime


class Held:
    """The parts of plans. Those on the loop ride together; a thread that needs one fetches it itself."""

    def __init__(self, warehouse: Warehouse, shelf: Shelf, limit_s: float, threads: int) -> None:
        self._warehouse = warehouse
        self._shelf = shelf
        self._limit_s = limit_s
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="fetch")
        self._rides = Rides(self.fetch, warehouse.identity, self._threads, threads)

    def close(self) -> None:
        self._rides.close()
        self._threads.shutdown(cancel_futures=True)

    def look(self, parts: Sequence[Part], mark: Watermark) -> tuple[list[PartName], list[pa.Table | None]]:
        """What the parts are called at that mark, and those of them that are here."""
        names = [self._name(part, mark) for part in parts]
        return names, [self._kept(name) for name in names]

    def _name(self, part: Part, mark: Watermark) -> PartName:
        """The same SQL with the same values says the same at one watermark, whoever asks, and after it
        until a table is changed that it reads: questions share their parts, and all pupils of a school its
        lessons. The scope is among the values."""
        changed = self._warehouse.changed(part)
        said = ("part", *self._warehouse.identity(part))
        return PartName(said, mark.number if changed is None else changed, mark.at)

    async def all_of(
        self, parts: Sequence[Part], names: Sequence[PartName], found: Sequence[pa.Table | None]
    ) -> list[pa.Table]:
        """What was found, and the rest from the warehouse."""
        missing = [n for n, table in enumerate(found) if table is None]
        rides = [self._rides.take(parts[n], names[n][:2]) for n in missing]
        tables = list(found)
        for n, table in zip(missing, await asyncio.gather(*rides), strict=True):
            tables[n] = self._keep(names[n], table)
        return cast(list[pa.Table], tables)

    def joined(self, plan: Plan, mark: Watermark) -> pa.Table:
        return plan.join(tuple(self.part(part, mark) for part in plan.parts))

    def part(self, part: Part, mark: Watermark) -> pa.Table:
        name = self._name(part, mark)
        table = self._kept(name)
        return self._keep(name, self.fetch(part)) if table is None else table

    def fetch(self, part: Part) -> pa.Table:
        return self._warehouse.fetch(part, limit_s=self._limit_s)

    def _kept(self, name: PartName) -> pa.Table | None:
        kept = self._shelf.get(name.said, name.number, "live")
        return None if kept is None else kept.table

    def _keep(self, name: PartName, table: pa.Table) -> pa.Table:
        if table.nbytes <= MOST_OF_A_PART:
            self._shelf.put(name.said, Answer(Ask(), table, (), name.at, name.number, ""))
        return table
