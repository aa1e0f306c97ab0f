"""Passwords: argon2id, and a lock that grows with every further failure.

A failure is counted before the password is looked at, so that a hundred guesses sent at once do not
all see an open door. Unknown logins are counted, slowed and answered like known ones.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, case, delete, select, update

from connectors.metadata.keys import Keys, micros
from connectors.metadata.people import People
from connectors.metadata.schema import FAILURES, PEOPLE
from connectors.metadata.store import Store
from models.errors import BadQuestion, NotSignedIn, TooMany

SHORTEST = 10
LONGEST = 1024
_WRONG = "Login or password is wrong."


@dataclass(frozen=True, slots=True)
class LockRules:
    free_per_login: int = 5
    free_per_address: int = 50  # a school's pupils share one address
    first: timedelta = timedelta(seconds=30)
    longest: timedelta = timedelta(hours=1)
    forgotten: timedelta = timedelta(days=1)


class Hasher:
    """Argon2id in the form of RFC 9106's second recommendation; two at a time bound the memory."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._room = threading.Semaphore(2)

    @cached_property
    def _nobody(self) -> str:
        return self._hasher.hash("nobody has this password")

    def hash(self, password: str) -> str:
        if not SHORTEST <= len(password) <= LONGEST:
            raise BadQuestion(f"A password has between {SHORTEST} and {LONGEST} characters.")
        with self._room:
            return self._hasher.hash(password)

    def matches(self, stored: str | None, password: str) -> bool:
        """Takes as long for somebody who does not exist."""
        with self._room:
            try:
                self._hasher.verify(stored or self._nobody, password[: LONGEST + 1])
            except (VerificationError, InvalidHashError):
                return False
        return stored is not None

    def is_dated(self, stored: str) -> bool:
        return self._hasher.check_needs_rehash(stored)


class Passwords:
    def __init__(
        self,
        store: Store,
        keys: Keys,
        people: People,
        hasher: Hasher,
        rules: LockRules,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._keys = keys
        self._people = people
        self._hasher = hasher
        self._rules = rules
        self._clock = clock

    def check(self, login: str, password: str, address: str = "") -> str:
        """The person's id. Raises NotSignedIn when wrong and TooMany while locked."""
        login_key = self._keys.index("failures by login", login.strip().casefold())
        counted = [(login_key, self._rules.free_per_login)]
        if address:
            counted.append((self._keys.index("failures by address", address), self._rules.free_per_address))
        self._count(counted)
        person_id, stored = self._stored(login)
        if person_id is None or not self._hasher.matches(stored, password):
            if person_id is None:
                self._hasher.matches(None, password)
            raise NotSignedIn(_WRONG)
        self._forgive([key for key, _ in counted])
        self._renew(person_id, stored, password)
        return person_id

    def _stored(self, login: str) -> tuple[str | None, str | None]:
        query = select(PEOPLE.c.id, PEOPLE.c.password)
        with self._store.read() as connection:
            row = connection.execute(
                query.where(PEOPLE.c.login_index == self._people.login_index(login))
            ).first()
        return (row.id, row.password) if row else (None, None)

    def _renew(self, person_id: str, stored: str | None, password: str) -> None:
        """Hash again when the stored hash is of weaker make than today's."""
        if stored is not None and self._hasher.is_dated(stored):
            fresh = self._hasher.hash(password)
            with self._store.write() as connection:
                connection.execute(update(PEOPLE).where(PEOPLE.c.id == person_id).values(password=fresh))

    def _count(self, counted: list[tuple[bytes, int]]) -> None:
        at = micros(self._clock())
        with self._store.write() as connection:
            old = FAILURES.c.last_at < at - _micros(self._rules.forgotten)
            connection.execute(delete(FAILURES).where(old))
            for key, _ in counted:
                self._refuse_locked(connection, key, at)
            for key, free in counted:
                self._add_failure(connection, key, free, at)

    def _refuse_locked(self, connection: Connection, key: bytes, at: int) -> None:
        # The row is there and locked from here on: on Postgres, too, guesses come one after the other.
        none = {"index": key, "count": 0, "last_at": at, "locked_until": 0}
        self._store.add_missing(connection, FAILURES, [none])
        query = select(FAILURES.c.locked_until).where(FAILURES.c.index == key).with_for_update()
        locked_until = connection.execute(query).scalar_one()
        if locked_until > at:
            wait_s = -(-(locked_until - at) // 1_000_000)
            raise TooMany(f"Too many failed sign-ins. Try again in {_spoken(wait_s)}.", wait_s)

    def _add_failure(self, connection: Connection, key: bytes, free: int, at: int) -> None:
        mine = FAILURES.c.index == key
        count = connection.execute(select(FAILURES.c.count).where(mine)).scalar_one() + 1
        locked_until = 0 if count < free else at + _micros(self.delay(count - free))
        row = update(FAILURES).where(mine)
        connection.execute(row.values(count=count, last_at=at, locked_until=locked_until))

    def delay(self, over: int) -> timedelta:
        grown: timedelta = self._rules.first * (1 << min(over, 16))
        return min(grown, self._rules.longest)

    def _forgive(self, keys: list[bytes]) -> None:
        login_key, *address_keys = keys
        count = FAILURES.c.count
        with self._store.write() as connection:
            connection.execute(delete(FAILURES).where(FAILURES.c.index == login_key))
            # The address keeps others' failures: one good sign-in must not wipe out a guesser's trail.
            row = update(FAILURES).where(FAILURES.c.index.in_(address_keys))
            less = case((count > 0, count - 1), else_=0)
            connection.execute(row.values(count=less, locked_until=0))


def _micros(span: timedelta) -> int:
    return round(span.total_seconds() * 1_000_000)


def _spoken(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 120 else f"{-(-seconds // 60)} minutes"
