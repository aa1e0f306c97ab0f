"""Every key of the metadata database, derived from the one secret; what lies under them is unreadable
without it, and what lies under a person's key is unreadable once that key is gone."""

from __future__ import annotations

import hmac
import os
from datetime import UTC, datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from models.errors import BadSettings

KEY_BYTES = 32
NONCE_BYTES = 12
INDEX_BYTES = 16


def new_key() -> bytes:
    return os.urandom(KEY_BYTES)


def seal(key: bytes, plain: bytes, about: bytes) -> bytes:
    """`about` names the row: sealed bytes moved to another row do not open."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, about)


def unseal(key: bytes, sealed: bytes, about: bytes) -> bytes:
    return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about)


class Keys:
    def __init__(self, secret: bytes) -> None:
        if len(secret) < KEY_BYTES:
            raise BadSettings(f"The metadata database needs a secret of at least {KEY_BYTES} bytes.")
        self._secret = secret
        self._wrapping = AESGCM(self.derive("wrap"))
        self._index = self.derive("index")

    def derive(self, purpose: str) -> bytes:
        return HKDF(SHA256(), KEY_BYTES, None, b"headway metadata " + purpose.encode()).derive(self._secret)

    def wrap(self, key: bytes, about: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._wrapping.encrypt(nonce, key, about)

    def unwrap(self, wrapped: bytes, about: bytes) -> bytes:
        try:
            return self._wrapping.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], about)
        except InvalidTag:
            raise BadSettings("HEADWAY_SECRET does not open this database's keys.") from None

    def index(self, kind: str, *parts: str) -> bytes:
        """A blind index: equal values are found again, and nobody reads the value from it."""
        return hmac.digest(self._index, "\0".join((kind, *parts)).encode(), "sha256")[:INDEX_BYTES]

    def object_index(self, organisation_id: int, object_id: str) -> bytes:
        return self.index("object", str(organisation_id), object_id)


def now() -> datetime:
    return datetime.now(UTC)


def micros(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1_000_000, UTC)
