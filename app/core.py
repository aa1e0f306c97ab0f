"""What a core process holds, opened step by step: databases, door, pulse, socket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import pyarrow as pa

from app import mastery, quality
from app.door import Door
from app.ingest import open_writer
from app.live.hub import Hub
from app.live.struggle import Struggles
from app.local import LocalDoorway
from app.metrics import Metrics
from app.pulse import Pulse
from app.socket import DeskSocket
from app.sources import Consumers, open_consumers
from app.watch import Watch, rest_while
from compute.rollups import DELTAS
from config.quality import quality_rules
from config.settings import Settings
from connectors.intake.storing import Published
from connectors.intake.writer import Writer
from connectors.metadata import Metadata, metadata_of
from connectors.warehouse import Appended, Warehouse, open_warehouse
from models.errors import Unavailable

log = logging.getLogger("headway.core")
T = TypeVar("T")
_LONGEST_WAIT_S = 5.0


class Core:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.why_not: str | None = "Headway is starting."
        self.broken = asyncio.Event()  # the warehouse closed itself: only a new process helps
        self._door: Door | None = None
        self._doorway: LocalDoorway | None = None
        self._writer: Writer | None = None
        self._live: Hub | None = None
        self._pulse: Pulse | None = None
        self._watches: list[Watch] = []
        self._socket: DeskSocket | None = None
        self._consumers: Consumers | None = None

    @property
    def door(self) -> Door:
        if self._door is None:
            raise Unavailable(self.why_not or "Headway is starting.")
        return self._door

    @property
    def doorway(self) -> LocalDoorway:
        if self._doorway is None:
            raise Unavailable(self.why_not or "Headway is starting.")
        return self._doorway

    @property
    def writer(self) -> Writer:
        """The one way in."""
        if self._writer is None:
            raise Unavailable(self.why_not or "Headway is starting.")
        return self._writer

    @property
    def live(self) -> Hub:
        if self._live is None:
            raise Unavailable(self.why_not or "Headway is starting.")
        return self._live

    def not_ready(self) -> str | None:
        """One sentence while questions cannot be answered."""
        return self.why_not or (self._pulse.failure if self._pulse else None)

    async def open(self) -> None:
        """Waits for a Postgres that is away; a file that cannot be opened ends the process."""
        metadata = await self._patiently(self._open_metadata, self.settings.metadata)
        warehouse = await self._patiently(self._open_warehouse, self.settings.warehouse)
        door = await asyncio.to_thread(Door, warehouse, metadata, self.settings, self.metrics)
        await asyncio.to_thread(self.take, door)
        self._pulse = Pulse(
            self.door,
            on_closed=self.broken.set,
            listen=self.live.on_batch,
            stalled=self.writer.counters.checkpoint.observe,
        )
        self._pulse.start()
        self._watches = self._watched(warehouse)
        for watch in self._watches:
            watch.start()
        self._socket = DeskSocket(self.doorway, self.settings.socket)
        await self._socket.start()
        self._consumers = await asyncio.to_thread(
            open_consumers, self.settings, metadata, self.writer, self.metrics
        )
        log.info("core is ready")

    def _watched(self, warehouse: Warehouse) -> list[Watch]:
        rest = partial(rest_while, self.writer.streams)
        judge = partial(quality.look, warehouse, quality_rules(), self.metrics, rest)
        fit = partial(mastery.look, warehouse, self.metrics)
        streams = self.writer.streams
        return [
            Watch(judge, quality.FIRST_S, quality.EVERY_S, streams),
            Watch(fit, mastery.FIRST_S, mastery.EVERY_S, streams),
        ]

    def take(self, door: Door, live: Hub | None = None) -> None:
        """From here on questions are answered."""
        self._live = door.standings = live or self._open_live(door)
        self._writer = open_writer(
            door.warehouse, door.metadata, self.settings, self.metrics, _told(door, self._live)
        )
        door.way_in, door.losses = self._writer.put, self._writer.counters.losses
        door.settle = self._writer.settle
        door.forgetting = [self._forget]
        self._door = door
        self._doorway = LocalDoorway(door)
        self.why_not = None

    def _forget(self, organisation_id: int, learner_id: int | None) -> None:
        self.writer.forget(organisation_id)
        if learner_id is not None:
            self.live.forget(organisation_id, learner_id)

    def _open_live(self, door: Door) -> Hub:
        struggles = Struggles(door.metadata.interventions)
        hub = Hub(door.warehouse, door.clock, registry=self.metrics.registry, struggles=struggles)
        hub.open()
        return hub

    def _open_metadata(self) -> Metadata:
        metadata = metadata_of(self.settings)
        metadata.migrate()
        return metadata

    def _open_warehouse(self) -> Warehouse:
        limits = {"memory_mib": self.settings.memory_mib, "threads": self.settings.threads}
        warehouse = open_warehouse(self.settings.warehouse, DELTAS, **limits)
        warehouse.migrate()
        return warehouse

    async def _patiently(self, open_it: Callable[[], T], address: str) -> T:
        wait_s = 0.25
        while True:
            try:
                return await asyncio.to_thread(open_it)
            except Unavailable as away:
                if "://" not in address:
                    raise
                self.why_not = away.detail
                log.warning("waiting: %s", away.detail)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

    async def close(self) -> None:
        self.why_not = "Headway is stopping."
        if self._socket is not None:
            await self._socket.close()
        if self._consumers is not None:
            await asyncio.to_thread(self._consumers.close)
        if self._writer is not None:
            await asyncio.to_thread(self._writer.close)
        if self._live is not None:
            await asyncio.to_thread(self._live.close)
        for watch in self._watches:
            await watch.stop()
        if self._pulse is not None:
            await self._pulse.stop()
        if self._door is not None:
            self._door.close()
            await asyncio.to_thread(self._door.warehouse.close)
            self._door.metadata.close()


def _told(door: Door, live: Hub) -> Published:
    """Who hears of each commit, on the thread that made it."""

    def told(events: pa.Table, appended: Appended) -> None:
        door.touched.add(events, appended.watermark)
        live.publish(events, appended)

    return told
