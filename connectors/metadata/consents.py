"""On what lawful basis a learner's data is used, for which purpose, from when: a record that only grows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    UniqueConstraint,
    delete,
    select,
    update,
)

from connectors.metadata.keys import micros, moment, now
from connectors.metadata.schema import MARKS, SCHEMA
from connectors.metadata.store import Store, chunks

Basis = Literal["consent", "contract", "legitimate-interest", "guardian-consent", "withdrawn"]
Purpose = Literal["analytics", "personalisation", "research", "marketing"]
PURPOSES: tuple[Purpose, ...] = ("analytics", "personalisation", "research", "marketing")
_MARK = "consents"

CONSENTS = Table(
    "consents",
    SCHEMA,
    Column("id", Integer, primary_key=True),
    Column("organisation_id", Integer, ForeignKey("organisations.id"), nullable=False),
    Column("learner_id", BigInteger, nullable=False),
    Column("purpose", String, nullable=False),
    Column("basis", String, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger),
    Column("event_id", String),  # of consent_granted or consent_withdrawn: the same event is recorded once
    Column("recorded_at", BigInteger, nullable=False),
    UniqueConstraint("organisation_id", "event_id"),
    Index(None, "organisation_id", "learner_id"),
)


@dataclass(frozen=True, slots=True)
class Consent:
    """From `since` on (and before `until`) this basis holds; "withdrawn" ends all that came before it."""

    learner_id: int
    basis: Basis
    since: datetime
    until: datetime | None = None
    purpose: Purpose = "analytics"
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A row as the gate reads it: times in microseconds."""

    id: int
    learner_id: int
    basis: Basis
    since: int
    until: int | None


class Consents:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._refused: dict[tuple[int, Purpose], tuple[int, frozenset[int]]] = {}

    def grant_many(self, organisation_id: int, consents: Iterable[Consent]) -> None:
        """Record what holds from now on, for many at once. The gate knows it with the next event."""
        for some in chunks([_row(organisation_id, one) for one in consents]):
            with self._store.write() as connection:
                # First the mark: it lines writers up, so that ids appear in their order.
                mark = {"name": _MARK, "number": 0, "value": None}
                self._store.add_missing(connection, MARKS, [mark])
                connection.execute(_BUMP)
                self._store.add_missing(connection, CONSENTS, some)

    def withdraw(self, organisation_id: int, learner_id: int, since: datetime | None = None) -> None:
        self.grant_many(organisation_id, [Consent(learner_id, "withdrawn", since or now())])

    def number(self) -> int:
        """Moves with every change; costs one small look-up."""
        with self._store.read() as connection:
            return int(connection.execute(_NUMBER).scalar_one_or_none() or 0)

    def changes(
        self, organisation_id: int, purpose: Purpose = "analytics", after_id: int = 0
    ) -> Iterator[Change]:
        query = select(
            CONSENTS.c.id, CONSENTS.c.learner_id, CONSENTS.c.basis, CONSENTS.c.since, CONSENTS.c.until
        ).where(
            CONSENTS.c.organisation_id == organisation_id,
            CONSENTS.c.purpose == purpose,
            CONSENTS.c.id > after_id,
        )
        with self._store.read() as connection:
            for row in connection.execute(query.order_by(CONSENTS.c.id)):
                yield Change(*row)

    def of(self, organisation_id: int, learner_id: int) -> list[Consent]:
        """Everything that was recorded for a learner, for all purposes, in the order in which it began."""
        query = select(CONSENTS).where(
            CONSENTS.c.organisation_id == organisation_id, CONSENTS.c.learner_id == learner_id
        )
        with self._store.read() as connection:
            rows = connection.execute(query.order_by(CONSENTS.c.since, CONSENTS.c.id)).all()
        return [_consent(row) for row in rows]

    def refused(self, organisation_id: int, purpose: Purpose) -> frozenset[int]:
        """Learners who took this consent back, where nothing else allows it. Read anew when any changed."""
        number, key = self.number(), (organisation_id, purpose)
        kept = self._refused.get(key)
        if kept is None or kept[0] != number:
            kept = self._refused[key] = (number, self._read_refused(organisation_id, purpose))
        return kept[1]

    def _read_refused(self, organisation_id: int, purpose: Purpose) -> frozenset[int]:
        about = (CONSENTS.c.organisation_id == organisation_id, CONSENTS.c.purpose == purpose)
        some = select(CONSENTS.c.learner_id).where(*about, CONSENTS.c.basis == "withdrawn")
        query = select(CONSENTS).where(*about, CONSENTS.c.learner_id.in_(some))
        stories: dict[int, list[Consent]] = {}
        with self._store.read() as connection:
            for row in connection.execute(query.order_by(CONSENTS.c.since, CONSENTS.c.id)):
                stories.setdefault(row.learner_id, []).append(_consent(row))
        at = now()
        return frozenset(learner for learner, story in stories.items() if standing(story, at) is None)

    def forget(self, organisation_id: int, learner_id: int) -> None:
        about = (CONSENTS.c.organisation_id == organisation_id, CONSENTS.c.learner_id == learner_id)
        with self._store.write() as connection:
            connection.execute(delete(CONSENTS).where(*about))


def standing(story: Iterable[Consent], at: datetime) -> Consent | None:
    """What holds for one purpose at a time, the newest of what does; None where nothing does.

    `story` in the order in which it began. A guardian's consent comes before the learner's own word, so that
    who may take it back is told rightly."""
    holding: list[Consent] = []
    for one in story:
        if one.since > at:
            break
        if one.basis == "withdrawn":
            holding = []
        elif one.until is None or at < one.until:
            holding.append(one)
    return max(holding, key=lambda one: (_WEIGHT[one.basis], one.since), default=None)


# What the school may do anyway, consent or not, is told first.
_WEIGHT: dict[str, int] = {"consent": 0, "guardian-consent": 1, "contract": 2, "legitimate-interest": 3}
_NUMBER = select(MARKS.c.number).where(MARKS.c.name == _MARK)
_BUMP = update(MARKS).where(MARKS.c.name == _MARK).values(number=MARKS.c.number + 1)


def _row(organisation_id: int, one: Consent) -> dict[str, object]:
    return {
        "organisation_id": organisation_id,
        "learner_id": one.learner_id,
        "purpose": one.purpose,
        "basis": one.basis,
        "since": micros(one.since),
        "until": None if one.until is None else micros(one.until),
        "event_id": one.event_id,
        "recorded_at": micros(now()),
    }


def _consent(row: Row[Any]) -> Consent:
    until = None if row.until is None else moment(row.until)
    return Consent(row.learner_id, row.basis, moment(row.since), until, row.purpose, row.event_id)
