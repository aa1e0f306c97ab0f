"""Who is which learner, who guards, teaches and sponsors whom, and from when until when."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from sqlalchemy import or_, select, update

from connectors.metadata.keys import Keys, seal, unseal
from connectors.metadata.schema import PEOPLE, PERSON_KEYS, RELATIONS
from connectors.metadata.store import Store, chunks
from models.errors import NotFound, unknown

Kind = Literal["is", "guards", "teaches", "sponsors"]
KINDS: tuple[Kind, ...] = typing.get_args(Kind)
ALWAYS = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class NewRelation:
    """`object` is a learner_id (is, guards), class_id (teaches) or sponsor_id (sponsors)."""

    person_id: str
    kind: Kind
    object: str | int
    valid_from: date = ALWAYS
    valid_until: date | None = None  # the first day on which it no longer holds


@dataclass(frozen=True, slots=True)
class Relation:
    person_id: str
    kind: Kind
    object: str
    valid_from: date
    valid_until: date | None


class Relations:
    def __init__(self, store: Store, keys: Keys) -> None:
        self._store = store
        self._keys = keys

    def add_many(self, relations: Sequence[NewRelation]) -> None:
        """Those that are there already stay as they are."""
        for relation in relations:
            if relation.kind not in KINDS:
                raise unknown("relation", relation.kind, KINDS)
        with self._store.write() as connection:
            people = self._people(connection, {relation.person_id for relation in relations})
            rows = [self._row(relation, *people[relation.person_id]) for relation in relations]
            self._store.add_missing(connection, RELATIONS, rows)
            self._store.bump(connection)

    def _people(self, connection: Any, person_ids: Iterable[str]) -> dict[str, tuple[int, bytes]]:
        query = select(PEOPLE.c.id, PEOPLE.c.organisation_id, PERSON_KEYS.c.wrapped).join_from(
            PEOPLE, PERSON_KEYS, PERSON_KEYS.c.person_id == PEOPLE.c.id
        )
        wanted = list(person_ids)
        found = {
            row.id: (row.organisation_id, self._keys.unwrap(bytes(row.wrapped), row.id.encode()))
            for some in chunks(wanted)
            for row in connection.execute(query.where(PEOPLE.c.id.in_(some)))
        }
        if len(found) < len(wanted):
            raise NotFound("A relation names a person who is not here.")
        return found

    def _row(self, relation: NewRelation, organisation_id: int, key: bytes) -> dict[str, Any]:
        row = relation_row(
            self._keys, key, organisation_id, relation.person_id, relation.kind, str(relation.object)
        )
        return row | {"valid_from": relation.valid_from, "valid_until": relation.valid_until}

    def end(self, person_id: str, kind: Kind, object: str | int, on: date) -> None:
        """`on` is the first day on which it no longer holds."""
        with self._store.write() as connection:
            until = RELATIONS.c.valid_until
            ended = connection.execute(
                update(RELATIONS)
                .where(RELATIONS.c.person_id == person_id, RELATIONS.c.kind == kind)
                .where(or_(until.is_(None), until > on))
                .where(RELATIONS.c.object_index.in_(self._indexes(connection, person_id, str(object))))
                .values(valid_until=on)
            )
            if not ended.rowcount:
                raise NotFound("There is no such relation that could end.")
            self._store.bump(connection)

    def _indexes(self, connection: Any, person_id: str, object_id: str) -> list[bytes]:
        query = select(PEOPLE.c.organisation_id).where(PEOPLE.c.id == person_id)
        return [self._keys.object_index(int(o), object_id) for o in connection.execute(query).scalars()]

    def of(self, person_id: str, on: date | None = None) -> list[Relation]:
        """All of a person's, or those that hold `on` a day."""
        return self.of_all([person_id], on)

    def of_all(self, person_ids: Sequence[str], on: date | None = None) -> list[Relation]:
        query = select(RELATIONS, PERSON_KEYS.c.wrapped).join_from(
            RELATIONS, PERSON_KEYS, PERSON_KEYS.c.person_id == RELATIONS.c.person_id
        )
        if on is not None:
            until = RELATIONS.c.valid_until
            query = query.where(RELATIONS.c.valid_from <= on, or_(until.is_(None), until > on))
        with self._store.read() as connection:
            return [
                self._relation(row)
                for some in chunks(person_ids)
                for row in connection.execute(
                    query.where(RELATIONS.c.person_id.in_(some)).order_by(RELATIONS.c.id)
                )
            ]

    def teachers_of(self, organisation_id: int, classes: Sequence[str], on: date) -> list[str]:
        """Persons who teach any of these classes on that day."""
        indexes = [self._keys.object_index(organisation_id, class_id) for class_id in classes]
        until = RELATIONS.c.valid_until
        query = select(RELATIONS.c.person_id).where(
            RELATIONS.c.organisation_id == organisation_id,
            RELATIONS.c.kind == "teaches",
            RELATIONS.c.valid_from <= on,
            or_(until.is_(None), until > on),
        )
        with self._store.read() as connection:
            found = {
                str(person)
                for some in chunks(indexes)
                for person in connection.execute(query.where(RELATIONS.c.object_index.in_(some))).scalars()
            }
        return sorted(found)

    def _relation(self, row: Any) -> Relation:
        key = self._keys.unwrap(bytes(row.wrapped), row.person_id.encode())
        plain = unseal(key, bytes(row.sealed), _about(row.person_id, row.kind)).decode()
        return Relation(row.person_id, row.kind, plain, row.valid_from, row.valid_until)


def relation_row(
    keys: Keys, key: bytes, organisation_id: int, person_id: str, kind: Kind, object_id: str
) -> dict[str, Any]:
    return {
        "organisation_id": organisation_id,
        "person_id": person_id,
        "kind": kind,
        "object_index": keys.object_index(organisation_id, object_id),
        "sealed": seal(key, object_id.encode(), _about(person_id, kind)),
        "valid_from": ALWAYS,
        "valid_until": None,
    }


def _about(person_id: str, kind: str) -> bytes:
    return f"{person_id} {kind}".encode()
