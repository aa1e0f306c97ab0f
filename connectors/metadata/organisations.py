"""Organisations, and the keyed pseudonyms under which their learners stand in the warehouse."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, insert, select, update

from connectors.metadata.keys import Keys, new_key
from connectors.metadata.schema import ORGANISATIONS
from connectors.metadata.store import Store
from models.errors import NotFound

HOT_IDS = 65_536
_BLOCK = 64
_COLUMNS = [c for c in ORGANISATIONS.c if c.name != "wrapped"]


@dataclass(frozen=True, slots=True)
class Organisation:
    id: int
    name: str
    zone: str
    locale: str
    country: str | None = None
    currency: str = "EUR"
    demo: bool = False


class Pseudonyms:
    """HMAC-SHA256 under the organisation's key, its first 64 bits as a signed integer."""

    def __init__(self, key: bytes) -> None:
        self.learner = _pseudonym(key, b"learner\0")
        self.session = _pseudonym(key, b"session\0")
        self.guardian = _pseudonym(key, b"guardian\0")


def _pseudonym(key: bytes, kind: bytes) -> Callable[[str], int]:
    # The two inner states of HMAC are made once and copied: half the time of hmac.digest per call.
    padded = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + kind)
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    @lru_cache(HOT_IDS)
    def pseudonym(plain: str) -> int:
        first, second = inner.copy(), outer.copy()
        first.update(plain.encode())
        second.update(first.digest())
        return int.from_bytes(second.digest()[:8], "big", signed=True)

    return pseudonym


class Organisations:
    def __init__(self, store: Store, keys: Keys) -> None:
        self._store = store
        self._keys = keys
        self._pseudonyms: dict[int, Pseudonyms] = {}

    def add(
        self,
        name: str,
        zone: str,
        locale: str,
        *,
        country: str | None = None,
        currency: str = "EUR",
        demo: bool = False,
        pseudonym_key: bytes | None = None,
    ) -> int:
        """`pseudonym_key` is for a demo school alone: the same seed then gives the same learners."""
        row = {"name": name, "zone": zone, "locale": locale, "country": country, "currency": currency}
        with self._store.write() as connection:
            added = connection.execute(insert(ORGANISATIONS).values(**row, demo=demo, wrapped=b""))
            key = added.inserted_primary_key
            assert key is not None
            organisation_id = int(key[0])
            wrapped = self._keys.wrap(pseudonym_key or new_key(), _about(organisation_id))
            connection.execute(
                update(ORGANISATIONS).where(ORGANISATIONS.c.id == organisation_id).values(wrapped=wrapped)
            )
        return organisation_id

    def get(self, organisation_id: int) -> Organisation:
        with self._store.read() as connection:
            row = connection.execute(select(*_COLUMNS).where(ORGANISATIONS.c.id == organisation_id)).first()
        if row is None:
            raise NotFound
        return _organisation(row)

    def all(self) -> list[Organisation]:
        with self._store.read() as connection:
            rows = connection.execute(select(*_COLUMNS).order_by(ORGANISATIONS.c.id))
            return [_organisation(row) for row in rows]

    def pseudonyms(self, organisation_id: int) -> Pseudonyms:
        known = self._pseudonyms.get(organisation_id)
        if known is None:
            key = self._keys.unwrap(self._wrapped(organisation_id), _about(organisation_id))
            known = self._pseudonyms.setdefault(organisation_id, Pseudonyms(key))
        return known

    def _wrapped(self, organisation_id: int) -> bytes:
        with self._store.read() as connection:
            found = connection.execute(
                select(ORGANISATIONS.c.wrapped).where(ORGANISATIONS.c.id == organisation_id)
            ).scalar_one_or_none()
        if found is None:
            raise NotFound
        return bytes(found)


def _organisation(row: Row[Any]) -> Organisation:
    return Organisation(**row._mapping)


def _about(organisation_id: int) -> bytes:
    return b"organisation %d" % organisation_id
