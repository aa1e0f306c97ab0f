"""What was done for a learner: steps under a key of their own, so that erasing them leaves nothing.

An intervention belongs to a learner in a course: whoever teaches the learner that course may see it,
and nobody else. Its state is what its steps say; a step that was taken back counts no more and its
words are gone.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    delete,
    insert,
    select,
    update,
)

from connectors.metadata.keys import Keys, micros, moment, new_key, seal, unseal
from connectors.metadata.schema import MARKS, SCHEMA
from connectors.metadata.store import Store, chunks
from models.errors import BadQuestion, NotFound

Plan = Literal["talk", "practice", "message", "family", "other"]
Outcome = Literal["helped", "no_change", "worse"]
StepKind = Literal["made", "note", "assigned", "follow_up", "outcome"]
PLANS: tuple[Plan, ...] = ("talk", "practice", "message", "family", "other")
OUTCOMES: tuple[Outcome, ...] = ("helped", "no_change", "worse")
QUIET = timedelta(days=14)  # a rule speaks once in this time of the same learner and course
LONGEST_NOTE = 2000
_MARK = "interventions"

INTERVENTIONS = Table(
    "interventions",
    SCHEMA,
    Column("id", String, primary_key=True),
    Column("organisation_id", Integer, ForeignKey("organisations.id"), nullable=False),
    Column("learner_id", BigInteger, nullable=False),
    Column("learner_index", LargeBinary, nullable=False),  # so that erasing a person finds it
    Column("course_id", String, nullable=False),
    Column("origin", String, nullable=False),  # person or rule
    Column("made_at", BigInteger, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Index(None, "organisation_id", "course_id", "learner_id"),
    Index(None, "organisation_id", "learner_index"),
)
STEPS = Table(
    "intervention_steps",
    SCHEMA,
    Column("id", Integer, primary_key=True),
    Column("intervention_id", String, ForeignKey("interventions.id"), nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
    Column("person_id", String),  # empty: a rule's
    Column("kind", String, nullable=False),
    Column("sealed", LargeBinary),
    Column("undone_at", BigInteger),
)


@dataclass(frozen=True, slots=True)
class Step:
    id: int
    at: datetime
    person_id: str | None
    kind: StepKind
    said: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Intervention:
    id: str
    learner_id: int
    course_id: str
    origin: Literal["person", "rule"]
    made_at: datetime
    steps: tuple[Step, ...] = field(default=())

    def newest(self, kind: StepKind, name: str) -> Any:
        return next((s.said.get(name) for s in reversed(self.steps) if s.kind == kind), None)

    @property
    def outcome(self) -> Outcome | None:
        """What came of it; with it the intervention is closed."""
        found: Outcome | None = self.newest("outcome", "outcome")
        return found

    @property
    def is_open(self) -> bool:
        return self.outcome is None


class Interventions:
    def __init__(self, store: Store, keys: Keys, clock: Callable[[], datetime]) -> None:
        self._store, self._keys, self._clock = store, keys, clock

    def make(
        self,
        organisation_id: int,
        learner_id: int,
        course_id: str,
        person_id: str,
        plan: Plan,
        text: str = "",
    ) -> str:
        said = {"plan": _among(plan, PLANS), "text": _short(text)}
        with self._store.write() as connection:
            return self._make(connection, organisation_id, learner_id, course_id, person_id, said)

    def raise_struggle(
        self, organisation_id: int, learner_id: int, course_id: str, scores: Sequence[float], at: datetime
    ) -> str | None:
        """By a rule: `scores` of this course, the newest first. None where one is open or was raised
        lately."""
        said = {"plan": "talk", "reason": "struggle", "scores": [float(score) for score in scores]}
        mine = select(INTERVENTIONS).where(
            INTERVENTIONS.c.organisation_id == organisation_id,
            INTERVENTIONS.c.learner_id == learner_id,
            INTERVENTIONS.c.course_id == course_id,
            INTERVENTIONS.c.origin == "rule",
        )
        with self._store.write() as connection:
            self._line_up(connection)
            known = self._read(connection, connection.execute(mine).all())
            if any(one.is_open or at - one.made_at < QUIET for one in known):
                return None
            return self._make(connection, organisation_id, learner_id, course_id, None, said, at)

    def _line_up(self, connection: Connection) -> None:
        """Two processes that see the same struggle must not raise it twice."""
        self._store.add_missing(connection, MARKS, [{"name": _MARK, "number": 0, "value": None}])
        connection.execute(update(MARKS).where(MARKS.c.name == _MARK).values(number=MARKS.c.number + 1))

    def _make(
        self,
        connection: Connection,
        organisation_id: int,
        learner_id: int,
        course_id: str,
        person_id: str | None,
        said: Mapping[str, Any],
        at: datetime | None = None,
    ) -> str:
        key, made = new_key(), uuid.uuid4().hex
        at_us = micros(at or self._clock())
        row = {
            "id": made,
            "organisation_id": organisation_id,
            "learner_id": learner_id,
            "learner_index": self._keys.object_index(organisation_id, str(learner_id)),
            "course_id": course_id,
            "origin": "person" if person_id else "rule",
            "made_at": at_us,
            "wrapped": self._keys.wrap(key, made.encode()),
        }
        connection.execute(insert(INTERVENTIONS).values(**row))
        self._step(connection, made, key, person_id, "made", said, at_us)
        return made

    def _step(
        self,
        connection: Connection,
        intervention_id: str,
        key: bytes,
        person_id: str | None,
        kind: StepKind,
        said: Mapping[str, Any],
        at: int,
    ) -> int:
        sealed = seal(key, json.dumps(said).encode(), f"{intervention_id} {kind}".encode())
        row = {"intervention_id": intervention_id, "at": at, "person_id": person_id}
        added = connection.execute(insert(STEPS).values(**row, kind=kind, sealed=sealed))
        assert added.inserted_primary_key is not None
        return int(added.inserted_primary_key[0])

    def note(self, intervention_id: str, person_id: str, text: str) -> int:
        if not text.strip():
            raise BadQuestion("A note needs at least a word.")
        return self._add(intervention_id, person_id, "note", {"text": _short(text)})

    def assign(self, intervention_id: str, person_id: str, to: str) -> int:
        return self._add(intervention_id, person_id, "assigned", {"to": to})

    def follow_up(self, intervention_id: str, person_id: str, on: date) -> int:
        return self._add(intervention_id, person_id, "follow_up", {"on": on.isoformat()})

    def close(self, intervention_id: str, person_id: str, outcome: Outcome) -> int:
        return self._add(intervention_id, person_id, "outcome", {"outcome": _among(outcome, OUTCOMES)})

    def _add(self, intervention_id: str, person_id: str, kind: StepKind, said: Mapping[str, Any]) -> int:
        with self._store.write() as connection:
            query = select(INTERVENTIONS.c.wrapped).where(INTERVENTIONS.c.id == intervention_id)
            wrapped = connection.execute(query).scalar_one_or_none()
            if wrapped is None:
                raise NotFound
            key = self._keys.unwrap(bytes(wrapped), intervention_id.encode())
            return self._step(connection, intervention_id, key, person_id, kind, said, micros(self._clock()))

    def undo(self, intervention_id: str, person_id: str, step_id: int) -> None:
        """Takes back one's own step. Taking back the first one takes back the whole intervention."""
        own = (STEPS.c.id == step_id) & (STEPS.c.person_id == person_id) & STEPS.c.undone_at.is_(None)
        mine = own & (STEPS.c.intervention_id == intervention_id)
        with self._store.write() as connection:
            kind = connection.execute(select(STEPS.c.kind).where(mine)).scalar_one_or_none()
            if kind is None:
                raise NotFound
            if kind == "made":
                _drop(connection, [intervention_id])
                return
            undone = update(STEPS).where(STEPS.c.id == step_id)
            connection.execute(undone.values(undone_at=micros(self._clock()), sealed=None))

    def of(self, organisation_id: int, pairs: Collection[tuple[int, str]]) -> list[Intervention]:
        """Those of these learners in these courses, the newest first."""
        held = frozenset(pairs)
        courses = sorted({course for _, course in held})
        with self._store.read() as connection:
            rows = [
                row
                for some in chunks(courses)
                for row in connection.execute(
                    select(INTERVENTIONS)
                    .where(INTERVENTIONS.c.organisation_id == organisation_id)
                    .where(INTERVENTIONS.c.course_id.in_(some))
                )
                if (row.learner_id, row.course_id) in held
            ]
            found = self._read(connection, rows)
        return sorted(found, key=lambda one: (one.made_at, one.id), reverse=True)

    def _read(self, connection: Connection, rows: Sequence[Row[Any]]) -> list[Intervention]:
        steps: dict[str, list[Row[Any]]] = {row.id: [] for row in rows}
        for some in chunks(list(steps)):
            query = select(STEPS).where(STEPS.c.intervention_id.in_(some), STEPS.c.undone_at.is_(None))
            for step in connection.execute(query.order_by(STEPS.c.id)):
                steps[step.intervention_id].append(step)
        return [self._intervention(row, steps[row.id]) for row in rows]

    def _intervention(self, row: Row[Any], steps: Iterable[Row[Any]]) -> Intervention:
        key = self._keys.unwrap(bytes(row.wrapped), row.id.encode())
        told = tuple(
            Step(
                step.id,
                moment(step.at),
                step.person_id,
                step.kind,
                json.loads(unseal(key, bytes(step.sealed), f"{row.id} {step.kind}".encode())),
            )
            for step in steps
        )
        return Intervention(row.id, row.learner_id, row.course_id, row.origin, moment(row.made_at), told)

    def forget(self, organisation_id: int, learner_id: int) -> None:
        """All of a learner's, whether or not a person stands behind."""
        mine = INTERVENTIONS.c.learner_id == learner_id
        query = select(INTERVENTIONS.c.id).where(INTERVENTIONS.c.organisation_id == organisation_id, mine)
        with self._store.write() as connection:
            _drop(connection, connection.execute(query).scalars().all())
        self._store.scrub()


def drop_indexed(connection: Connection, organisation_id: int, learner_index: bytes) -> None:
    """For erasing a person, whose learner is known by the blind index only."""
    mine = INTERVENTIONS.c.learner_index == learner_index
    query = select(INTERVENTIONS.c.id).where(INTERVENTIONS.c.organisation_id == organisation_id, mine)
    _drop(connection, connection.execute(query).scalars().all())


def _drop(connection: Connection, ids: Sequence[str]) -> None:
    for some in chunks(ids):
        connection.execute(delete(STEPS).where(STEPS.c.intervention_id.in_(some)))
        connection.execute(delete(INTERVENTIONS).where(INTERVENTIONS.c.id.in_(some)))


def _among(value: Any, known: Sequence[str]) -> Any:
    if value not in known:
        raise BadQuestion(f"'{str(value)[:40]}' is not one of {', '.join(known)}.")
    return value


def _short(text: str) -> str:
    if len(text) > LONGEST_NOTE:
        raise BadQuestion(f"A note has at most {LONGEST_NOTE} letters; this one has {len(text)}.")
    return text.strip()
