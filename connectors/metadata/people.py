"""People and what is personal about them: sealed under a key each, found again by blind indexes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from connectors.metadata.forgetting import forget
from connectors.metadata.keys import Keys, micros, new_key, now, seal, unseal
from connectors.metadata.organisations import Organisations
from connectors.metadata.relations import ALWAYS, relation_row
from connectors.metadata.schema import MEMBERSHIPS, PEOPLE, PEOPLE_MARK, PERSON_KEYS, RELATIONS, SESSIONS
from connectors.metadata.store import Store, chunks
from models.errors import BadQuestion, NotFound


@dataclass(frozen=True, slots=True)
class NewPerson:
    login: str
    name: str
    email: str | None
    role: str
    password: str | None = None
    birth_date: date | None = None
    student_id: str | None = None  # gives the relation `is` to the learner of this id
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    organisation_id: int
    login: str
    name: str
    email: str | None
    birth_date: date | None
    student_id: str | None
    locale: str | None
    roles: tuple[str, ...]  # those that hold today, the longest held first


class People:
    def __init__(
        self, store: Store, keys: Keys, organisations: Organisations, hash_password: Callable[[str], str]
    ) -> None:
        self._store = store
        self._keys = keys
        self._organisations = organisations
        self._hash = hash_password

    def add_many(self, organisation_id: int, people: Sequence[NewPerson]) -> list[str]:
        rows = [self._rows(organisation_id, person) for person in people]
        tables = (PEOPLE, PERSON_KEYS, MEMBERSHIPS, RELATIONS)
        try:
            with self._store.write() as connection:
                for place, table in enumerate(tables):
                    self._store.add(connection, table, [row[place] for row in rows if row[place]])
                self._store.move(connection, PEOPLE_MARK)
                self._store.bump(connection)
        except IntegrityError:
            raise BadQuestion(
                "A login or student id among these people is taken, or their organisation does not exist."
            ) from None
        return [row[0]["id"] for row in rows]

    def _rows(self, organisation_id: int, person: NewPerson) -> tuple[dict[str, Any], ...]:
        key, person_id = new_key(), uuid.uuid4().hex
        about = person_id.encode()
        row = {
            "id": person_id,
            "organisation_id": organisation_id,
            "login_index": self.login_index(person.login),
            "student_index": self._student_index(organisation_id, person.student_id),
            "sealed": seal(key, _packed(person), about),
            "password": self._hash(person.password) if person.password else None,
            "locale": person.locale,
            "created_at": micros(now()),
        }
        membership = {"person_id": person_id, "role": person.role, "valid_from": ALWAYS}
        relation: dict[str, Any] = {}
        if person.student_id is not None:
            learner = str(self._organisations.pseudonyms(organisation_id).learner(person.student_id))
            relation = relation_row(self._keys, key, organisation_id, person_id, "is", learner)
        return row, {"person_id": person_id, "wrapped": self._keys.wrap(key, about)}, membership, relation

    def login_index(self, login: str) -> bytes:
        return self._keys.index("login", login.strip().casefold())

    def _student_index(self, organisation_id: int, student_id: str | None) -> bytes | None:
        return None if student_id is None else self._keys.index("student", str(organisation_id), student_id)

    def by_login(self, login: str) -> Person | None:
        return self._one(PEOPLE.c.login_index == self.login_index(login))

    def by_student_id(self, organisation_id: int, student_id: str) -> Person | None:
        return self._one(PEOPLE.c.student_index == self._student_index(organisation_id, student_id))

    def get(self, person_id: str) -> Person | None:
        return self._one(PEOPLE.c.id == person_id)

    def all(self, organisation_id: int | None = None) -> list[Person]:
        query = _WITH_KEY.order_by(PEOPLE.c.created_at, PEOPLE.c.id)
        if organisation_id is not None:
            query = query.where(PEOPLE.c.organisation_id == organisation_id)
        with self._store.read() as connection:
            rows = connection.execute(query).all()
            roles = _roles(connection)
        return [self._person(row, roles) for row in rows]

    def number(self) -> int:
        """Moves whenever somebody comes or goes; costs one small look-up."""
        return self._store.number(PEOPLE_MARK)

    def news(self, organisation_id: int, known: Collection[str]) -> tuple[list[Person], set[str]]:
        """Those who came since these were known, and the ids of those who went."""
        mine = PEOPLE.c.organisation_id == organisation_id, PEOPLE.c.forgotten_at.is_(None)
        with self._store.read() as connection:
            there = set(connection.execute(select(PEOPLE.c.id).where(*mine)).scalars())
            come = sorted(there.difference(known))
            rows = [
                row
                for some in chunks(come)
                for row in connection.execute(_WITH_KEY.where(PEOPLE.c.id.in_(some)))
            ]
            roles = _roles(connection) if rows else {}
        return [self._person(row, roles) for row in rows], set(known) - there

    def some_of_each_role(self, organisation_id: int, most: int) -> list[Person]:
        """Those who were added first."""
        place = func.row_number().over(
            partition_by=MEMBERSHIPS.c.role, order_by=(PEOPLE.c.created_at, PEOPLE.c.id)
        )
        ranked = (
            select(MEMBERSHIPS.c.person_id, MEMBERSHIPS.c.role, place.label("place"))
            .join_from(MEMBERSHIPS, PEOPLE, PEOPLE.c.id == MEMBERSHIPS.c.person_id)
            .where(PEOPLE.c.organisation_id == organisation_id, role_holds(now().date()))
            .subquery()
        )
        query = _WITH_KEY.join(ranked, ranked.c.person_id == PEOPLE.c.id).where(ranked.c.place <= most)
        with self._store.read() as connection:
            rows = connection.execute(query.order_by(PEOPLE.c.created_at, PEOPLE.c.id)).all()
            roles = {row.id: _roles(connection, row.id).get(row.id, ()) for row in rows}
        return [self._person(row, roles) for row in rows]

    def _one(self, condition: ColumnElement[bool]) -> Person | None:
        with self._store.read() as connection:
            row = connection.execute(_WITH_KEY.where(condition)).first()
            return self._person(row, _roles(connection, row.id)) if row else None

    def _person(self, row: Row[Any], roles: Mapping[str, tuple[str, ...]]) -> Person:
        said = self._personal(row)
        born = said.pop("birth_date")
        return Person(
            id=row.id,
            organisation_id=row.organisation_id,
            locale=row.locale,
            birth_date=born and date.fromisoformat(born),
            roles=roles.get(row.id, ()),
            **said,
        )

    def _personal(self, row: Row[Any]) -> dict[str, Any]:
        about = row.id.encode()
        key = self._keys.unwrap(bytes(row.wrapped), about)
        said: dict[str, Any] = json.loads(unseal(key, bytes(row.sealed), about))
        return said

    def names(self, organisation_id: int, learner_ids: Sequence[int]) -> dict[int, str]:
        """Names of those learners who have a person here; the others are absent."""
        return {i: said["name"] for i, said in self._of_learners(organisation_id, learner_ids)}

    def birth_dates(self, organisation_id: int, learner_ids: Sequence[int]) -> dict[int, date]:
        said = self._of_learners(organisation_id, learner_ids)
        return {i: date.fromisoformat(s["birth_date"]) for i, s in said if s["birth_date"]}

    def _of_learners(
        self, organisation_id: int, learner_ids: Sequence[int]
    ) -> list[tuple[int, dict[str, Any]]]:
        index = {self._keys.object_index(organisation_id, str(i)): i for i in learner_ids}
        query = _WITH_KEY.add_columns(RELATIONS.c.object_index).where(
            RELATIONS.c.person_id == PEOPLE.c.id,
            RELATIONS.c.kind == "is",
            RELATIONS.c.organisation_id == organisation_id,
        )
        with self._store.read() as connection:
            rows = [
                row
                for some in chunks(list(index))
                for row in connection.execute(query.where(RELATIONS.c.object_index.in_(some)))
            ]
        return [(index[bytes(row.object_index)], self._personal(row)) for row in rows]

    def set_password(self, person_id: str, password: str) -> None:
        """Ends the person's sessions: whoever knew the old password is out."""
        with self._store.write() as connection:
            row = update(PEOPLE).where(PEOPLE.c.id == person_id, PEOPLE.c.sealed.is_not(None))
            if not connection.execute(row.values(password=self._hash(password))).rowcount:
                raise NotFound
            connection.execute(delete(SESSIONS).where(SESSIONS.c.person_id == person_id))
            self._store.bump(connection)

    def set_locale(self, person_id: str, locale: str) -> None:
        with self._store.write() as connection:
            row = update(PEOPLE).where(PEOPLE.c.id == person_id, PEOPLE.c.sealed.is_not(None))
            if not connection.execute(row.values(locale=locale)).rowcount:
                raise NotFound
            self._store.bump(connection)

    def set_role(self, person_id: str, role: str) -> None:
        """The one role the person has from now on; sessions and tokens in another role end."""
        with self._store.write() as connection:
            connection.execute(delete(MEMBERSHIPS).where(MEMBERSHIPS.c.person_id == person_id))
            row = {"person_id": person_id, "role": role, "valid_from": ALWAYS}
            self._store.add(connection, MEMBERSHIPS, [row])
            self._store.bump(connection)

    def forget(self, person_id: str) -> None:
        """Destroy the person's key and all that was under it; only an empty row stays, for the audit."""
        forget(self._store, person_id)


def _packed(person: NewPerson) -> bytes:
    born = person.birth_date and person.birth_date.isoformat()
    said = {"login": person.login.strip(), "name": person.name, "email": person.email}
    return json.dumps(said | {"birth_date": born, "student_id": person.student_id}).encode()


def _roles(connection: Connection, person_id: str | None = None) -> dict[str, tuple[str, ...]]:
    query = select(MEMBERSHIPS.c.person_id, MEMBERSHIPS.c.role).where(role_holds(now().date()))
    query = query.order_by(MEMBERSHIPS.c.valid_from, MEMBERSHIPS.c.role)
    if person_id is not None:
        query = query.where(MEMBERSHIPS.c.person_id == person_id)
    roles: dict[str, tuple[str, ...]] = {}
    for who, role in connection.execute(query):
        roles[who] = (*roles.get(who, ()), role)
    return roles


def role_holds(on: date) -> ColumnElement[bool]:
    until = MEMBERSHIPS.c.valid_until
    return (MEMBERSHIPS.c.valid_from <= on) & or_(until.is_(None), until > on)


_WITH_KEY: Select[Any] = (
    select(PEOPLE.c.id, PEOPLE.c.organisation_id, PEOPLE.c.locale, PEOPLE.c.sealed, PERSON_KEYS.c.wrapped)
    .select_from(PEOPLE)
    .join(PERSON_KEYS, PERSON_KEYS.c.person_id == PEOPLE.c.id)
)
