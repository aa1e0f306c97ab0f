"""What follows a batch of events inside its transaction, in SQL that both engines understand."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from connectors.warehouse.schema import quoted
from connectors.warehouse.sql import RollupStatements, same_key
from models.rollup import AFTER, BATCH, BEFORE, PILE
from models.tables import SESSIONS, TABLE, Table


def rollup_changes(
    statements: RollupStatements, keep: Callable[[str, str], str], *, alone: str | None = None
) -> Iterator[str]:
    """`keep` gives the statement that holds rows under a name for the rest of the transaction;
    `alone` runs before stored sessions are read, which two writers must not do for the same ones."""
    for sql, into, kept in statements.steps:
        if kept == BEFORE and alone:
            yield alone
        if kept:
            yield keep(kept, sql)
        if into:
            names = quoted(TABLE[into].names())
            rows = f'SELECT {names} FROM "{kept}"' if kept else sql
            yield f'INSERT INTO "{into}" ({names}) {rows}'
    yield from _replace_sessions()
    yield (
        f"INSERT INTO touched_day SELECT day FROM {BATCH} UNION SELECT day FROM {BEFORE} "
        f"UNION SELECT day FROM {AFTER}"
    )


def _replace_sessions() -> Iterator[str]:
    names = quoted(SESSIONS.names())
    matched = same_key("sessions", "b", SESSIONS.key)
    yield f"DELETE FROM sessions USING {BEFORE} AS b WHERE {matched}"
    yield f"INSERT INTO sessions ({names}) SELECT {names} FROM {AFTER}"


def compaction(rollup: Table, merge: str, keep: Callable[[str, str], str]) -> Iterator[str]:
    """Rows of `rollup` that share a key become one, in the days of the temporary table `days`."""
    key = quoted(rollup.key)
    inside = "WHERE day IN (SELECT day FROM days)" if "day" in rollup.key else ""
    shared = f'SELECT {key} FROM "{rollup.name}" {inside} GROUP BY {key} HAVING count(*) > 1'
    names = quoted(rollup.names())
    yield keep("shared", shared)
    matched = same_key("r", "shared", rollup.key)
    yield keep(PILE, f'SELECT r.* FROM "{rollup.name}" AS r JOIN shared ON {matched}')
    yield f'DELETE FROM "{rollup.name}" AS r USING shared WHERE {matched}'
    yield f'INSERT INTO "{rollup.name}" ({names}) {merge}'
