"""API tokens: shown once, stored as a hash, expiring, and never worth more than their person."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from config.roles import Roles
from connectors.metadata.keys import micros, moment
from connectors.metadata.people import People, role_holds
from connectors.metadata.remembered import Remembered
from connectors.metadata.schema import MEMBERSHIPS, PEOPLE, TOKENS
from connectors.metadata.sessions import hashed
from connectors.metadata.store import Store
from models.errors import BadQuestion, NotFound, unknown
from models.scope import Viewer

PREFIX = "hw_"
LONGEST_DAYS = 3650


@dataclass(frozen=True, slots=True)
class Token:
    id: str
    person_id: str
    role: str
    actions: tuple[str, ...]
    created_at: datetime
    ends_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Found:
    viewer: Viewer
    ends_at: int


class Tokens:
    def __init__(self, store: Store, people: People, roles: Roles, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._people = people
        self._roles = roles
        self._clock = clock
        self._found: Remembered[tuple[bytes, date], _Found] = Remembered()

    def create(self, login: str, actions: Iterable[str], days: float = 90) -> str:
        """The token itself, which nobody can read again. Its actions can only narrow the person's."""
        person = self._people.by_login(login)
        if person is None or not person.roles:
            raise NotFound("There is nobody with this login. See ./headway user list.")
        if not 0 < days <= LONGEST_DAYS:
            raise BadQuestion(f"A token lasts between 0 and {LONGEST_DAYS} days.")
        role, wanted = person.roles[0], sorted(set(actions))
        self._refuse_more(role, wanted)
        token, at = PREFIX + secrets.token_urlsafe(32), self._clock()
        row = {
            "id": secrets.token_hex(8),
            "hash": hashed(token),
            "person_id": person.id,
            "role": role,
            "actions": ",".join(wanted),
            "created_at": micros(at),
            "ends_at": micros(at + timedelta(days=days)),
        }
        with self._store.write() as connection:
            connection.execute(insert(TOKENS).values(**row))
        return token

    def _refuse_more(self, role: str, wanted: list[str]) -> None:
        if not wanted:
            raise BadQuestion("A token needs at least one action.")
        held = self._roles[role].actions
        for action in wanted:
            if action not in held and action not in self._roles.actions:
                raise unknown("action", action, held)
            if action not in held:
                raise BadQuestion(f"The role '{role}' may not '{action}', so its tokens may not either.")

    def remembered(self, token: str) -> Viewer | None:
        """The same as `viewer` where that is a matter of microseconds, else None: a stream of requests need
        not change threads for it."""
        if self._store.path is None or not token.startswith(PREFIX):
            return None
        at = self._clock()
        found = self._found.get(self._store.version(), (hashed(token), at.date()))
        return None if found is None or micros(at) >= found.ends_at else found.viewer

    def viewer(self, token: str) -> Viewer | None:
        if not token.startswith(PREFIX):
            return None
        key, at = hashed(token), self._clock()
        kept = (key, at.date())  # a role that ends with a day ends for those remembered, too
        version = self._store.version()
        found = self._found.get(version, kept)
        if found is None:
            with self._store.read() as connection:
                found = self._look(connection, key, at)
        if found is None or micros(at) >= found.ends_at:
            return None
        self._found.put(version, kept, found)
        return found.viewer

    def _look(self, connection: Connection, key: bytes, at: datetime) -> _Found | None:
        query = _TOKEN.where(TOKENS.c.hash == key, TOKENS.c.revoked_at.is_(None), role_holds(at.date()))
        row = connection.execute(query).first()
        if row is None or row.role not in self._roles:
            return None
        viewer = Viewer(
            person_id=row.person_id,
            organisation_id=row.organisation_id,
            role=row.role,
            actions=self._roles[row.role].actions & frozenset(row.actions.split(",")),
            via="token",
            session_id=row.id,
        )
        return _Found(viewer, row.ends_at)

    def all(self, person_id: str | None = None) -> list[Token]:
        query = select(TOKENS).order_by(TOKENS.c.created_at, TOKENS.c.id)
        if person_id is not None:
            query = query.where(TOKENS.c.person_id == person_id)
        with self._store.read() as connection:
            return [
                Token(
                    row.id,
                    row.person_id,
                    row.role,
                    tuple(row.actions.split(",")),
                    moment(row.created_at),
                    moment(row.ends_at),
                    None if row.revoked_at is None else moment(row.revoked_at),
                )
                for row in connection.execute(query)
            ]

    def revoke(self, token_id: str) -> None:
        row = update(TOKENS).where(TOKENS.c.id == token_id, TOKENS.c.revoked_at.is_(None))
        with self._store.write() as connection:
            if not connection.execute(row.values(revoked_at=micros(self._clock()))).rowcount:
                raise NotFound("There is no such token that could be revoked. See ./headway token list.")
            self._store.bump(connection)


_TOKEN = (
    select(TOKENS, PEOPLE.c.organisation_id)
    .join_from(TOKENS, PEOPLE, PEOPLE.c.id == TOKENS.c.person_id)
    .join(
        MEMBERSHIPS, (MEMBERSHIPS.c.person_id == TOKENS.c.person_id) & (MEMBERSHIPS.c.role == TOKENS.c.role)
    )
)
