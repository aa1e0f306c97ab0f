"""Signed-in sessions. The secret is the browser's alone; here lies its hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from config.roles import Roles
from connectors.metadata.keys import Keys, micros
from connectors.metadata.people import role_holds
from connectors.metadata.remembered import Remembered
from connectors.metadata.schema import MEMBERSHIPS, PEOPLE, SESSIONS
from connectors.metadata.store import Store
from models.errors import NotSignedIn
from models.scope import Viewer

SEEN_EVERY = timedelta(seconds=60)  # a session's use is noted this often, not with every question


@dataclass(frozen=True, slots=True)
class SessionRules:
    idle: timedelta = timedelta(hours=2)
    longest: timedelta = timedelta(hours=12)
    per_person: int = 5


@dataclass(frozen=True, slots=True)
class _Found:
    viewer: Viewer
    seen_at: int
    ends_at: int


def hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


class Sessions:
    def __init__(
        self, store: Store, keys: Keys, roles: Roles, rules: SessionRules, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._roles = roles
        self._rules = rules
        self._clock = clock
        self._csrf_key = keys.derive("csrf")
        self._found: Remembered[tuple[bytes, date], _Found] = Remembered()

    def open(self, person_id: str, role: str | None = None) -> str:
        """A new session's secret, in the person's first role unless another one is named."""
        secret, at = secrets.token_urlsafe(32), self._clock()
        with self._store.write() as connection:
            held = _roles_held(connection, person_id, at)
            if not held or (role is not None and role not in held):
                raise NotSignedIn("This person cannot sign in here.")
            row = {
                "id": secrets.token_hex(8),
                "hash": hashed(secret),
                "person_id": person_id,
                "role": role or held[0],
                "opened_at": micros(at),
                "seen_at": micros(at),
                "ends_at": micros(at + self._rules.longest),
            }
            connection.execute(insert(SESSIONS).values(**row))
            self._close_oldest(connection, row)
        return secret

    def _close_oldest(self, connection: Connection, opened: Mapping[str, Any]) -> None:
        """Never the one just opened, though others may have been opened in the same instant."""
        others = SESSIONS.c.person_id == opened["person_id"], SESSIONS.c.id != opened["id"]
        newest_first = (
            select(SESSIONS.c.id).where(*others).order_by(SESSIONS.c.opened_at.desc(), SESSIONS.c.id)
        )
        over = connection.execute(newest_first).scalars().all()[self._rules.per_person - 1 :]
        if over:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.id.in_(over)))
            self._store.bump(connection)

    def viewer(self, secret: str) -> Viewer | None:
        """Who is behind the secret now; notes that the session is in use."""
        clock = self._clock()
        key, at = hashed(secret), micros(clock)
        kept = (key, clock.date())  # a role that ends with a day ends for those remembered, too
        version = self._store.version()
        found = self._found.get(version, kept)
        if found is None or not self._lives(found, at) or self._unseen(found, at):
            with self._store.read() as connection:
                found = self._look(connection, key)
        if found is None or not self._lives(found, at):
            return None
        if self._unseen(found, at):
            self._note_use(key, at)
        self._found.put(version, kept, found)
        return found.viewer

    def _lives(self, found: _Found, at: int) -> bool:
        return at < found.ends_at and at < found.seen_at + _micros(self._rules.idle)

    def _unseen(self, found: _Found, at: int) -> bool:
        return at >= found.seen_at + min(_micros(SEEN_EVERY), _micros(self._rules.idle) // 4)

    def _note_use(self, key: bytes, at: int) -> None:
        with self._store.write() as connection:
            # Only forward: another process may have noted a later use meanwhile.
            mine = update(SESSIONS).where(SESSIONS.c.hash == key, SESSIONS.c.seen_at < at)
            connection.execute(mine.values(seen_at=at))

    def _look(self, connection: Connection, key: bytes) -> _Found | None:
        row = connection.execute(_SESSION.where(SESSIONS.c.hash == key)).first()
        if row is None or row.role not in self._roles:
            return None
        if row.role not in _roles_held(connection, row.person_id, self._clock()):
            return None
        viewer = Viewer(
            person_id=row.person_id,
            organisation_id=row.organisation_id,
            role=row.role,
            actions=self._roles[row.role].actions,
            via="session",
            session_id=row.id,
        )
        return _Found(viewer, row.seen_at, row.ends_at)

    def close(self, secret: str) -> None:
        with self._store.write() as connection:
            if connection.execute(delete(SESSIONS).where(SESSIONS.c.hash == hashed(secret))).rowcount:
                self._store.bump(connection)

    def close_all(self, person_id: str) -> None:
        with self._store.write() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.person_id == person_id))
            self._store.bump(connection)

    def sweep(self) -> int:
        """Delete the sessions that are over; returns how many. For idle moments."""
        at = micros(self._clock())
        idle = SESSIONS.c.seen_at <= at - _micros(self._rules.idle)
        with self._store.write() as connection:
            return connection.execute(delete(SESSIONS).where(idle | (SESSIONS.c.ends_at <= at))).rowcount

    def csrf(self, secret: str) -> str:
        """What a page must send along with a change: follows from the session, known to no other site."""
        return hmac.digest(self._csrf_key, secret.encode(), "sha256").hex()


def _roles_held(connection: Connection, person_id: str, at: datetime) -> list[str]:
    query = select(MEMBERSHIPS.c.role).where(MEMBERSHIPS.c.person_id == person_id, role_holds(at.date()))
    return list(connection.execute(query.order_by(MEMBERSHIPS.c.valid_from, MEMBERSHIPS.c.role)).scalars())


def _micros(span: timedelta) -> int:
    return round(span.total_seconds() * 1_000_000)


_SESSION = select(SESSIONS, PEOPLE.c.organisation_id).join_from(
    SESSIONS, PEOPLE, PEOPLE.c.id == SESSIONS.c.person_id
)
