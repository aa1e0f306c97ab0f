"""One listener on `/api/v1/live`: who it is now, what it may see now, and what it has not been told yet.

A listener is a place in the ring of recent batches, not a queue: one that is slow costs nothing, and
when the ring has moved on it is told of the gap. What waits for the network is one message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from typing import Protocol

import pyarrow as pa

from app.disclosures import disclosure
from app.door import Door
from app.live import messages
from app.live.hub import Hub
from app.live.messages import MOST_STATES, Message
from app.live.reach import Reach, Subscription, reach_of, read_subscription
from app.live.recent import Span
from app.purposes import purpose_of
from compute.disclosure import canonical
from compute.now import Standing
from compute.questions import question
from models.ask import Answer, Ask, Where
from models.errors import NotFound, NotSignedIn
from models.scope import Viewer

TICK_S = 1.0
COALESCE_S = 0.05
HEARTBEAT_S = 15.0
FIRST_WORD_S = 10.0
RELATIONS_S = 5.0  # memberships are looked up again so often while data moves
EVENTS_AT_ONCE = 5_000
_STANDING_FIELDS = tuple(Standing.__dataclass_fields__)


class Wire(Protocol):
    async def receive_text(self) -> str: ...

    async def send_text(self, data: str) -> None: ...


class Listener:
    def __init__(self, door: Door, hub: Hub, wire: Wire, viewer_now: Callable[[], Viewer | None]) -> None:
        self._door, self._hub, self._wire, self._viewer_now = door, hub, wire, viewer_now
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()  # a batch came, or another subscription
        self._asked: Subscription | None = None
        self._answered: Subscription | None = None  # the one that this listener is being told by
        self._reach: Reach | None = None
        self._viewer: Viewer | None = None
        self._place = self._minute = 0
        self._checked_at = self._related_at = self._sent_at = -TICK_S * 60
        self._related_to = -1
        self._noted: set[int] = set()
        self._held = ExitStack()

    async def listen(self) -> None:
        """Until the other side leaves. Raises a HeadwayError when there is a reason to stop."""
        self._asked = read_subscription(await asyncio.wait_for(self._wire.receive_text(), FIRST_WORD_S))
        self._held.callback(self._hub.on_batch(self._loop, self._changed))
        tasks = [asyncio.create_task(self._hear()), asyncio.create_task(self._tell_all())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._held.close()

    async def _hear(self) -> None:
        while True:
            self._asked = read_subscription(await self._wire.receive_text())
            self._changed.set()

    async def _tell_all(self) -> None:
        while True:
            self._changed.clear()
            asked = self._asked
            assert asked is not None
            is_new = asked is not self._answered
            if is_new or self._loop.time() - self._checked_at >= TICK_S:
                await self._check(asked, is_new)
            if is_new:
                self._answered = asked
                await self._begin(asked)
            await self._tell(asked)
            if self._loop.time() - self._sent_at >= HEARTBEAT_S:
                await self._send(messages.heartbeat(self._place))
            await self._pause(asked)

    async def _pause(self, asked: Subscription) -> None:
        if asked is not self._asked:
            return
        if asked.form == "events":
            try:
                await asyncio.wait_for(self._changed.wait(), TICK_S)
            except TimeoutError:
                return
            await asyncio.sleep(COALESCE_S)
        else:
            await asyncio.sleep(TICK_S - self._loop.time() % TICK_S)

    # ---- who, and what of it

    async def _check(self, asked: Subscription, is_new: bool) -> None:
        """A session that ended, a role, a relation: whatever changed holds from the next message on."""
        viewer = await self._door.light(self._viewer_now)
        if viewer is None:
            raise NotSignedIn("Your session has ended. Sign in again.")
        if not viewer.may("ask-measures"):
            raise NotFound
        scope = await self._door.light(self._door.scope, viewer)
        self._viewer, self._checked_at = viewer, self._loop.time()
        moved = self._hub.head, self._door.watermark().number
        is_stale = sum(moved) != self._related_to and self._checked_at - self._related_at >= RELATIONS_S
        if is_new or self._reach is None or self._reach.scope != scope or is_stale:
            work = reach_of, self._door.warehouse, viewer, scope, asked
            self._reach = await self._hub.run(*work)
            self._related_at, self._related_to = self._checked_at, sum(moved)

    @property
    def _now(self) -> tuple[Viewer, Reach]:
        assert self._viewer is not None and self._reach is not None
        return self._viewer, self._reach

    # ---- what is told

    async def _begin(self, asked: Subscription) -> None:
        _, reach = self._now
        self._place = self._hub.head if asked.since is None else asked.since
        if reach.is_restricted and not self._minute:
            self._minute = self._held.enter_context(self._hub.without_rows())
        if asked.since is None:
            await self._tell_snapshot(asked)

    async def _tell(self, asked: Subscription) -> None:
        _, reach = self._now
        if reach.is_restricted:
            await self._tell_minutes()
        elif asked.form == "events":
            await self._tell_events(asked)
        else:
            await self._tell_change(asked)

    async def _tell_gap(self, span: Span, asked: Subscription) -> None:
        self._hub.gaps.inc()
        self._place = span.head
        await self._send(messages.gap(span.gap))
        await self._tell_snapshot(asked)

    async def _tell_snapshot(self, asked: Subscription) -> None:
        _, reach = self._now
        place = self._place
        minutes = states = None
        if reach.is_whole and not reach.is_restricted:
            minutes = self._hub.minutes(reach.scope.organisation_id, reach.types, reach.courses)
        known = reach.known_learners()
        if asked.tells_learners and known is not None:
            states = await self._states(known)
        told = states, await self._measures(asked)
        await self._note([] if states is None else known or [])
        await self._send(messages.snapshot(place, minutes, *told))

    async def _tell_change(self, asked: Subscription) -> None:
        _, reach = self._now
        span = self._hub.since(self._place)
        if span.gap:
            await self._tell_gap(span, asked)
            return
        self._place = span.head
        if not span.batches:
            return
        rows = await self._hub.run(_reached, reach, span)
        if not len(rows):
            return
        touched = rows["learner_id"].unique().to_pylist()
        states = await self._states(touched) if asked.tells_learners else None
        await self._note(touched if asked.tells_learners else [])
        measures = await self._measures(asked)
        await self._send(messages.change(span.head, rows, states, measures))

    async def _tell_events(self, asked: Subscription) -> None:
        _, reach = self._now
        while True:
            span = self._hub.since(self._place, EVENTS_AT_ONCE)
            if span.gap:
                await self._tell_gap(span, asked)
                return
            if not span.batches:
                return
            self._place = span.head
            rows = await self._hub.run(_reached, reach, span)
            if len(rows):
                await self._note(rows["learner_id"].unique().to_pylist())
                for message in messages.events(span.head, rows):
                    await self._send(message)

    async def _tell_minutes(self) -> None:
        """The same for everybody who sees no rows, so that two listeners together learn nothing more."""
        _, reach = self._now
        self._place = self._hub.head
        told = self._hub.whole_minutes(reach.scope.organisation_id, self._minute)
        if told:
            self._minute = told[-1].minute
            await self._send(messages.minutes(self._place, told))

    async def _send(self, message: Message) -> None:
        await self._wire.send_text(messages.text_of(message))
        self._sent_at = self._loop.time()

    # ---- learners and measures

    async def _states(self, learners: Sequence[int]) -> list[Message]:
        _, reach = self._now
        found, missing = await self._hub.run(self._remembered, reach, learners[:MOST_STATES])
        if missing:
            where = (Where("learner_id", "in", tuple(missing)),)
            answer = await self._answer(Ask("learner_now", where=where))
            for row in answer.rows():
                learner = int(str(row.pop("learner_id")))
                row["recent_scores"] = tuple(row["recent_scores"])  # type: ignore[arg-type]
                found[learner] = Standing(**{n: row[n] for n in _STANDING_FIELDS})  # type: ignore[arg-type]
        at = self._door.clock()
        return [messages.state(learner, found[learner], at) for learner in learners if learner in found]

    def _remembered(self, reach: Reach, learners: Iterable[int]) -> tuple[dict[int, Standing], list[int]]:
        scope = reach.scope
        found: dict[int, Standing] = {}
        missing: list[int] = []
        for learner in learners:
            courses = reach.courses_of(learner)
            told = self._hub.standing(scope.organisation_id, learner, courses, scope.on)
            if told is None:
                missing.append(learner)
            else:
                found[learner] = told
        return found, missing

    async def _measures(self, asked: Subscription) -> Message | None:
        """The catalogue's measures of today, by the desk's own rules."""
        if not asked.measures:
            return None
        _, reach = self._now
        filters = (("course_id", asked.courses), ("class_id", asked.classes), ("learner_id", asked.learners))
        where = tuple(Where(name, "in", values) for name, values in filters if values)
        on = reach.scope.on
        ask = Ask(measures=asked.measures, where=where, since=on, until=on + timedelta(days=1))
        answer = await self._answer(ask)
        await self._note(disclosure(question("measures"), ask, reach.scope, answer))
        return answer.rows()[0] if answer.table.num_rows else None

    async def _answer(self, ask: Ask) -> Answer:
        viewer, reach = self._now
        asked = question(ask.question)
        if not viewer.may(asked.action):
            raise NotFound
        return await self._door.answer(asked, canonical(ask, reach.scope), reach.scope)

    async def _note(self, learners: Iterable[int]) -> None:
        """Whose rows were told to somebody else: written down before, once for a connection."""
        viewer, reach = self._now
        fresh = sorted({*learners} - self._noted)
        if fresh and reach.scope.rows != "own":
            why = purpose_of(reach.scope, self._asked.purpose if self._asked else "")
            await self._door.noted(viewer, "read live", tuple(fresh), why)
        self._noted.update(fresh)


def _reached(reach: Reach, span: Span) -> pa.Table:
    return reach.rows(pa.concat_tables([batch.table for batch in span.batches]))
