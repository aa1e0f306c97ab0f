"""The audit: append only, each row chained to the one before it, the head kept apart.

A row's mac covers the row and the mac before it, so a change, deletion or swap breaks the chain. The
head, sealed under another key, says where the chain ends, so a cut end shows; its copy in a file
outside the database shows a database that was put back to an earlier state.
"""

from __future__ import annotations

import hmac
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from connectors.metadata.keys import Keys, micros, moment
from connectors.metadata.schema import AUDIT, AUDIT_HEAD
from connectors.metadata.store import Store

log = logging.getLogger("headway.audit")
START = b"\0" * 32
TAKEN_AWAY = b"\1" * 32  # what a chain starts from whose beginning is gone: never whole again
_NO_HEAD = "the head of the chain is missing or was changed"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    who: str  # a person's id; "" is nobody known
    what: str
    whose: str = ""  # a learner_id or a person's id
    why: str = ""
    organisation_id: int | None = None
    whence: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AuditRow:
    seq: int
    at: datetime
    entry: AuditEntry


@dataclass(frozen=True, slots=True)
class AuditReport:
    rows: int
    problems: tuple[str, ...]

    @property
    def whole(self) -> bool:
        return not self.problems


@dataclass(slots=True)
class _Batch:
    entries: Sequence[AuditEntry]
    at: int
    written: bool = False
    error: BaseException | None = None


@dataclass(slots=True)
class _Waiting:
    batches: list[_Batch] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    turn: threading.Lock = field(default_factory=threading.Lock)


class Audit:
    def __init__(
        self, store: Store, keys: Keys, head_file: Path | None, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._chain_key = keys.derive("audit chain")
        self._head_key = keys.derive("audit head")
        self._head_file = head_file
        self._clock = clock
        self._waiting = _Waiting()

    def begin(self, connection: Connection) -> None:
        """Once, when the database is made: an audit without a head is from then on one that lost it."""
        first = {"id": 1, "seq": 0, "mac": START, "seal": self._seal(0, START)}
        self._store.add_missing(connection, AUDIT_HEAD, [first])
        head = connection.execute(select(AUDIT_HEAD)).one()
        if self._head_file is not None and not self._head_file.exists():
            self._write_head_file(head.seq, bytes(head.mac))

    def write(
        self,
        who: str,
        what: str,
        whose: str = "",
        why: str = "",
        *,
        organisation_id: int | None = None,
        whence: str = "",
        detail: str = "",
    ) -> None:
        """On disk when it returns."""
        self.write_many([AuditEntry(who, what, whose, why, organisation_id, whence, detail)])

    def write_many(self, entries: Sequence[AuditEntry]) -> None:
        """One commit for all who wait: the first in line writes for those who came meanwhile."""
        if not entries:
            return
        mine = _Batch(entries, micros(self._clock()))
        with self._waiting.lock:
            self._waiting.batches.append(mine)
        with self._waiting.turn:
            if not mine.written:
                self._write_waiting()
        if mine.error is not None:
            raise mine.error

    def _write_waiting(self) -> None:
        with self._waiting.lock:
            batches, self._waiting.batches = self._waiting.batches, []
        error: BaseException | None = None
        try:
            self._commit([(batch.at, entry) for batch in batches for entry in batch.entries])
        except Exception as failed:
            error = failed
        for batch in batches:
            batch.written, batch.error = True, error

    def _commit(self, entries: Sequence[tuple[int, AuditEntry]]) -> None:
        with self._store.write() as connection:
            seq, mac = self._lock_head(connection)
            rows = []
            for at, entry in entries:
                seq += 1
                row = _row(seq, at, entry)
                mac = self._mac(mac, row)
                rows.append(row | {"mac": mac})
            connection.execute(insert(AUDIT), rows)
            head = {"seq": seq, "mac": mac, "seal": self._seal(seq, mac)}
            connection.execute(update(AUDIT_HEAD).values(**head))
        self._write_head_file(seq, mac)

    def _lock_head(self, connection: Connection) -> tuple[int, bytes]:
        anew = {"id": 1, "seq": 0, "mac": TAKEN_AWAY, "seal": self._seal(0, TAKEN_AWAY)}
        self._store.add_missing(connection, AUDIT_HEAD, [anew])  # what happens now is still written down
        head = connection.execute(select(AUDIT_HEAD).with_for_update()).one()
        return head.seq, bytes(head.mac)

    def _mac(self, before: bytes, row: dict[str, Any]) -> bytes:
        return hmac.digest(self._chain_key, before + json.dumps(list(row.values())).encode(), "sha256")

    def _seal(self, seq: int, mac: bytes) -> bytes:
        return hmac.digest(self._head_key, b"%d " % seq + mac, "sha256")

    def _write_head_file(self, seq: int, mac: bytes) -> None:
        if self._head_file is None:
            return
        fresh = self._head_file.with_name(f"{self._head_file.name}.{os.getpid()}.{id(self)}")
        try:
            self._head_file.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(f"{seq} {mac.hex()} {self._seal(seq, mac).hex()}\n")
            fresh.replace(self._head_file)
        except OSError as error:
            # The rows are on disk and sealed there; only their copy outside the database lags behind.
            log.error("the audit's head file cannot be written: %s", error.strerror)

    def read(
        self,
        organisation_id: int | None = None,
        *,
        whose: str | None = None,
        who: str | None = None,
        before: int | None = None,
        limit: int = 1000,
    ) -> list[AuditRow]:
        """The newest first; `before` a row's seq reads on."""
        query = select(AUDIT).order_by(AUDIT.c.seq.desc()).limit(limit)
        conditions = {AUDIT.c.organisation_id: organisation_id, AUDIT.c.whose: whose, AUDIT.c.who: who}
        for column, value in conditions.items():
            if value is not None:
                query = query.where(column == value)
        if before is not None:
            query = query.where(AUDIT.c.seq < before)
        with self._store.read() as connection:
            return [_read(row) for row in connection.execute(query)]

    def verify(self) -> AuditReport:
        """Finds any change, deletion, swap and truncation."""
        with self._store.read() as connection:
            head = connection.execute(select(AUDIT_HEAD)).first()
            filed, problems = self._filed_head()
            query = select(AUDIT).order_by(AUDIT.c.seq).execution_options(yield_per=5000)
            seq, mac, at_filed = 0, START, START
            for row in connection.execute(query):
                problems += self._row_problems(seq, mac, row)
                seq, mac = row.seq, bytes(row.mac)
                at_filed = mac if filed and filed[0] == seq else at_filed
        problems += self._head_problems(head, seq, mac)
        if filed and filed[0] > seq:
            problems.append(f"rows after {seq} are gone: the head file knows of {filed[0]}")
        elif filed and filed[1] != at_filed:
            problems.append(f"row {filed[0]} is not the one that the head file knows")
        return AuditReport(seq, tuple(problems))

    def _row_problems(self, seq: int, mac: bytes, row: Row[Any]) -> Iterator[str]:
        if row.seq != seq + 1:
            yield f"rows between {seq} and {row.seq} are gone"
        elif not hmac.compare_digest(bytes(row.mac), self._mac(mac, _row(row.seq, row.at, _entry(row)))):
            yield f"row {row.seq} was changed or moved"

    def _head_problems(self, head: Row[Any] | None, seq: int, mac: bytes) -> list[str]:
        if head is None or not hmac.compare_digest(bytes(head.seal), self._seal(head.seq, bytes(head.mac))):
            return [_NO_HEAD]
        if head.seq > seq:
            return [f"rows after {seq} are gone: the head knows of {head.seq}"]
        return [] if (head.seq, bytes(head.mac)) == (seq, mac) else [f"row {seq} is not the last one written"]

    def _filed_head(self) -> tuple[tuple[int, bytes] | None, list[str]]:
        """The file may lag behind after a crash; it must never be ahead or differ."""
        if self._head_file is None:
            return None, []
        try:
            seq, mac, seal = self._head_file.read_text().split()
            filed = int(seq), bytes.fromhex(mac)
            if hmac.compare_digest(bytes.fromhex(seal), self._seal(*filed)):
                return filed, []
        except FileNotFoundError:
            return None, ["the head file is missing"]
        except ValueError:
            pass
        return None, ["the head file was changed"]


def _row(seq: int, at: int, entry: AuditEntry) -> dict[str, Any]:
    return {
        "seq": seq,
        "organisation_id": entry.organisation_id,
        "at": at,
        "who": entry.who,
        "what": entry.what,
        "whose": entry.whose,
        "why": entry.why,
        "whence": entry.whence,
        "detail": entry.detail,
    }


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(row.who, row.what, row.whose, row.why, row.organisation_id, row.whence, row.detail)


def _read(row: Row[Any]) -> AuditRow:
    return AuditRow(row.seq, moment(row.at), _entry(row))
