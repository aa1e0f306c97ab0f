"""What all desks of one core share: the databases, the threads, the answers kept."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa

from app.held import Held, PartName
from app.metrics import Metrics
from app.notes import Notes
from app.shelf import Flights, Shelf
from app.telling import Telling
from app.touched import Touched
from compute import remembered, standings
from compute.disclosure import cells, protect
from compute.leaderboard import classmates
from compute.plan import Part, Plan, is_help
from compute.questions import Question
from compute.remembered import Standings
from compute.scoping import Tables
from config.quality import quality_rules
from config.settings import Settings
from connectors.intake.losses import Losses
from connectors.intake.submission import Submission
from connectors.metadata import AuditEntry, Metadata
from connectors.warehouse import Warehouse
from models.ask import Answer, Ask, Watermark
from models.errors import TooMany
from models.holes import Query
from models.scope import Scope, Viewer

T = TypeVar("T")
CLASSMATES = Question("classmates", "For the desk alone.", "", "near", "learners", classmates)
MOST_WAITING = 500  # questions in the queue before more are refused
MOST_PLANS = 2000
THREADS = 4


class Door:
    def __init__(
        self,
        warehouse: Warehouse,
        metadata: Metadata,
        settings: Settings,
        metrics: Metrics,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.warehouse = warehouse
        self.metadata = metadata
        self.settings = settings
        self.clock = clock
        self.metrics = metrics
        self.shelf = Shelf(settings.cache_mib << 20)
        self.telling: Telling[Watermark] = Telling()
        self.way_in: Callable[[Submission], None] | None = None  # what is done here is an event like any
        self.settle: Callable[[], None] = lambda: None  # waits until what came that way is in the warehouse
        self.losses: Losses | None = None  # what did not become an event here
        self.standings: Standings | None = None  # learners' states in memory, where there is a live stream
        self._register: dict[int, tuple[int, frozenset[int]]] = {}  # organisation -> its learners
        self.forgetting: list[Callable[[int, int | None], None]] = []  # what else holds people in memory
        self._flights = Flights()
        self._plans: OrderedDict[tuple[Ask, Scope], Plan] = OrderedDict()
        self._zones: dict[int, ZoneInfo] = {}
        # A look-up of a session must never wait behind a heavy question.
        self._heavy = ThreadPoolExecutor(THREADS, thread_name_prefix="ask")
        self._light = ThreadPoolExecutor(THREADS, thread_name_prefix="look")
        self._held = Held(warehouse, self.shelf, settings.query_limit_s, THREADS)
        self.notes = Notes(metadata.audit)
        self.touched = Touched()
        self._waiting = 0
        self._newest = warehouse.watermark()

    def close(self) -> None:
        self._held.close()
        self._heavy.shutdown(cancel_futures=True)
        self._light.shutdown(cancel_futures=True)
        self.notes.close()

    def forget(self, organisation_id: int, learner_id: int | None) -> None:
        """Somebody was erased: nothing that was derived before may be told again."""
        self.shelf.clear()
        for tell in self.forgetting:
            tell(organisation_id, learner_id)

    async def light(self, work: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._light, work, *args)

    async def heavy(self, work: Callable[..., T], *args: Any) -> T:
        with self._room():
            return await self._run(work, *args)

    @contextmanager
    def _room(self) -> Iterator[None]:
        if self._waiting >= MOST_WAITING:
            raise TooMany("Too many questions are waiting. Try again in a few seconds.", retry_after_s=3)
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    async def _run(self, work: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._heavy, work, *args)

    # Who asks

    def today(self, organisation_id: int) -> date:
        """The school's own day."""
        zone = self._zones.get(organisation_id)
        if zone is None:
            zone = ZoneInfo(self.metadata.organisations.get(organisation_id).zone)
            self._zones[organisation_id] = zone
        return self.clock().astimezone(zone).date()

    def scope(self, viewer: Viewer) -> Scope:
        return self.metadata.scope_of(viewer, self.today(viewer.organisation_id))

    # Answers

    async def mark(self) -> Watermark:
        """How far the data has come at this moment: whatever is told from here on knows at least that."""
        if self.warehouse.alone:
            return self.warehouse.watermark()
        return await self.light(self.warehouse.watermark)

    async def answer(self, question: Question, ask: Ask, scope: Scope) -> Answer:
        """From the shelf, from whoever is computing it already, or from the warehouse."""
        mark = await self.mark()
        freshness, still = question.freshness, _never
        if scope.rows in ("own", "linked") and ask.audience == "mine" and not scope.joined:
            still = partial(self._unmoved, scope, mark)
            if freshness == "near" and self.warehouse.alone:
                freshness = "live"  # an open page asks for it only when its learners learned
        kept = self.shelf.get((ask, scope), mark.number, freshness, still)
        if kept is not None:
            if kept.watermark != mark.number and still(kept.watermark):
                # Its key stays, and with it whatever was drawn of it.
                kept = replace(kept, watermark=mark.number)
                self.shelf.put((ask, scope), kept)
            return kept
        exact = mark.number if freshness == "live" else 0
        key = (ask, scope, exact)
        return await self._flights.share(key, lambda: self._compute(question, ask, scope, mark))

    def _unmoved(self, scope: Scope, mark: Watermark, since: int) -> bool:
        """Did none of the scope's named learners learn since then, and nothing else change? Then whatever
        was told of them alone is as true as before."""
        return not self.touched.since(since, mark.number, scope)

    async def _compute(self, question: Question, ask: Ask, scope: Scope, mark: Watermark) -> Answer:
        with self._room():
            if question.remembered and self.standings is not None:
                answer = await self._run(self._remembered, ask, scope, mark)
                if answer is not None:
                    self.shelf.put((ask, scope), answer)
                    return answer
            plan, names, found = await self._run(self._planned, question, ask, scope, mark)
            tables = await self._held.all_of(plan.parts, names, found)
            answer = await self._run(self._told, question, plan, tables, ask, scope, mark)
        self.shelf.put((ask, scope), answer)
        self.metrics.kept_answers.set(self.shelf.bytes)
        return answer

    def _remembered(self, ask: Ask, scope: Scope, mark: Watermark) -> Answer | None:
        """From memory; None where it is not known there for sure."""
        if self.standings is None or not remembered.is_for(ask, scope):
            return None
        register = remembered.Register.of(scope)
        everybody = self._everybody(register.everybody, scope.organisation_id)
        if everybody is None:
            return None
        members = self._held.part(register.members, mark) if register.members else None
        table = remembered.recalled(ask, scope, everybody, members, self.standings)
        if table is None:
            return None
        key, columns = _key(ask, scope, mark), standings.COLUMNS
        return Answer(ask, table, columns, mark.at, mark.number, key, remembered.SOURCE)

    def _everybody(self, query: Query, organisation_id: int) -> frozenset[int] | None:
        """The school's learners, read again when their table changed."""
        changed = self.warehouse.changed(query)
        if changed is None:
            return None
        number, known = self._register.get(organisation_id, (-1, frozenset[int]()))
        if number != changed:
            known = frozenset(self._held.fetch(query)["learner_id"].to_pylist())
            self._register[organisation_id] = changed, known
        return known

    def _planned(
        self, question: Question, ask: Ask, scope: Scope, mark: Watermark
    ) -> tuple[Plan, list[PartName], list[pa.Table | None]]:
        """How it is answered, and what of it is known already."""
        plan = self._plan(question, ask, scope)
        return plan, *self._held.look(plan.parts, mark)

    def _told(
        self,
        question: Question,
        plan: Plan,
        tables: Sequence[pa.Table],
        ask: Ask,
        scope: Scope,
        mark: Watermark,
    ) -> Answer:
        canon = [self._cells(question, cell.ask, scope, mark) for cell in cells(ask, scope)]
        protected = protect(plan.join(tuple(tables)), ask, scope, canon)
        table = plan.finish(protected.table)
        table = table.drop_columns([name for name in table.column_names if is_help(name)])
        return Answer(
            ask=ask,
            table=table,
            columns=plan.columns,
            as_of=mark.at,
            watermark=mark.number,
            key=_key(ask, scope, mark),
            source=plan.source,
            suppressed=protected.suppressed,
            notes=protected.notes,
        )

    def _cells(self, question: Question, ask: Ask, scope: Scope, mark: Watermark) -> pa.Table:
        """What decides which small numbers are hidden; it is told to nobody, so it has a key of its own.
        Complete months hardly change, and many questions are decided on the same ones."""
        key = ("cells", ask, scope)
        kept = self.shelf.get(key, mark.number, "batch")
        if kept is None:
            table = self._held.joined(self._plan(question, ask, scope), mark)
            kept = Answer(ask, table, (), mark.at, mark.number, "")
            self.shelf.put(key, kept)
        return kept.table

    async def parts(self, parts: Sequence[Part]) -> list[pa.Table]:
        """What is asked beside the questions of the catalogue."""
        with self._room():
            mark = await self.mark()
            names, found = await self._run(self._held.look, parts, mark)
            return await self._held.all_of(parts, names, found)

    def _plan(self, question: Question, ask: Ask, scope: Scope) -> Plan:
        """Planning and compiling cost more than most answers, so they are done once."""
        key = (ask, scope)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = question.plan(ask, Tables(scope, ask.audience, quality_rules()))
            while len(self._plans) > MOST_PLANS:
                self._plans.popitem(last=False)
        return plan

    # Leaderboards

    def with_joined(self, scope: Scope) -> Scope:
        """With the classmates who take part, as it is now: whoever leaves is gone from the next answer."""
        board = self.metadata.board
        if scope.rows != "own" or not board.is_on(scope.organisation_id):
            return scope
        plan = self._plan(CLASSMATES, Ask(question=CLASSMATES.name), scope)
        mates = self._held.joined(plan, self.warehouse.watermark())
        learners = mates["learner_id"].to_pylist()
        return replace(scope, joined=board.among(scope.organisation_id, learners))

    # Names

    def inside(self, scope: Scope, learners: Iterable[int]) -> list[int]:
        """Those of the learners whom the scope holds."""
        asked = sorted(set(learners))
        if not scope.sees_names or not asked:
            return []
        if scope.rows in ("own", "linked"):
            return [learner for learner in asked if learner in scope.learners]
        held = Tables(scope)["learner"]
        found = self.warehouse.fetch(held.filter(held.learner_id.isin(asked)).select("learner_id"))
        return sorted(found.column("learner_id").to_pylist())

    def names_of(self, viewer: Viewer, scope: Scope, inside: Sequence[int], why: str) -> dict[int, str]:
        """Names of learners known to be inside the scope; written down before they are told."""
        if not scope.sees_names:
            return {}
        found = self.metadata.people.names(viewer.organisation_id, inside)
        self.note(viewer, "read names", tuple(found) if scope.rows != "own" else (), why)
        return found

    def note(self, viewer: Viewer, what: str, whose: Sequence[int], why: str) -> None:
        """One audit row a learner; on disk when it returns."""
        self.metadata.audit.write_many(_entries(viewer, what, whose, why))

    async def noted(self, viewer: Viewer, what: str, whose: Sequence[int], why: str) -> None:
        """The same from the loop, together with whoever waits for it too."""
        await self.notes.write(_entries(viewer, what, whose, why))

    # Change

    def watermark(self) -> Watermark:
        return self._newest

    def moved(self, to: Watermark) -> None:
        if to.number != self._newest.number:
            self._newest = to
            self.telling.tell(to)


def _never(since: int) -> bool:
    return False


def _key(ask: Ask, scope: Scope, mark: Watermark) -> str:
    said = msgspec.json.encode((ask, scope, mark.number))
    return hashlib.blake2b(said, digest_size=16).hexdigest()


def _entries(viewer: Viewer, what: str, whose: Sequence[int], why: str) -> list[AuditEntry]:
    return [
        AuditEntry(viewer.person_id, what, str(learner), why, viewer.organisation_id) for learner in whose
    ]
