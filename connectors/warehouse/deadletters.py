"""The dead letters of a warehouse: list, show, mark, let go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import ibis
import pyarrow as pa

from connectors.warehouse import Warehouse
from models.errors import NotFound
from models.tables import DEAD_LETTER

KEPT = timedelta(days=30)
SCHEMA = DEAD_LETTER.schema.to_pyarrow()
_NO_LETTERS = SCHEMA.empty_table()
Letter = dict[str, object]


@dataclass(frozen=True, slots=True)
class LetterFilter:
    organisation_id: int | None = None
    kind: str | None = None
    code: str | None = None
    event_type: str | None = None
    status: str | None = "waiting"
    limit: int = 100


class DeadLetters:
    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def newest(self, which: LetterFilter) -> list[Letter]:
        table = DEAD_LETTER.unbound
        for name in ("organisation_id", "kind", "code", "event_type", "status"):
            wanted = getattr(which, name)
            if wanted is not None:
                table = table.filter(table[name] == wanted)
        newest = table.order_by(ibis.desc(table.kept_at), table.letter_id).limit(which.limit)
        return _rows(self._warehouse.fetch(newest))

    def show(self, letter_id: str, organisation_id: int | None = None) -> Letter:
        table = DEAD_LETTER.unbound
        found = table.filter(table.letter_id == letter_id)
        if organisation_id is not None:
            found = found.filter(found.organisation_id == organisation_id)
        rows = _rows(self._warehouse.fetch(found.limit(1)))
        if not rows:
            raise NotFound("There is no dead letter with this id; `./headway deadletters list` shows them.")
        return rows[0]

    def counts(self) -> list[Letter]:
        table = DEAD_LETTER.unbound
        keys = ["organisation_id", "kind", "code", "status"]
        return _rows(self._warehouse.fetch(table.group_by(keys).agg(letters=table.count()).order_by(keys)))

    def write(self, letters: Sequence[Letter]) -> None:
        if letters:
            self._warehouse.write("dead_letter", as_table(letters))

    def expire(self, kept: timedelta = KEPT, now: datetime | None = None) -> int:
        """Delete what was kept for longer; returns how many went."""
        table = DEAD_LETTER.unbound
        oldest = (now or datetime.now(UTC)) - kept
        gone = self._warehouse.fetch(table.filter(table.kept_at < oldest).select(*DEAD_LETTER.key))
        return self._warehouse.delete("dead_letter", gone) if len(gone) else 0

    def forget(self, organisation_id: int, learner_id: int) -> int:
        """Of a learner who is erased; returns how many went."""
        table = DEAD_LETTER.unbound
        mine = table.filter(table.organisation_id == organisation_id, table.learner_id == learner_id)
        gone = self._warehouse.fetch(mine.select(*DEAD_LETTER.key))
        return self._warehouse.delete("dead_letter", gone) if len(gone) else 0


def as_table(letters: Sequence[Letter]) -> pa.Table:
    return pa.Table.from_pylist(list(letters), schema=SCHEMA) if letters else _NO_LETTERS


def _rows(table: pa.Table) -> list[Letter]:
    rows: list[Letter] = table.to_pylist()
    return rows
