"""How stored events reach the roll-ups, in SQL that both engines understand.

A reader of a roll-up sees its table and the recent events as rows of it, so an answer counts an event from
the commit that stored it. Folding moves recent events into the tables, many at once: a commit of 500 events
would otherwise pay 80 ms for a dozen wide statements. Compacting merges equal keys. Which events are recent
the engines know in their own ways: DuckDB by the end of `events` (tail.py), Postgres, where many write, by a
narrow copy of them in `recent_event`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from connectors.warehouse.schema import quoted
from connectors.warehouse.sql import RollupStatements, same_key
from models.rollup import AFTER, BATCH, BEFORE, PILE, RECENT
from models.tables import ROLLUPS, SESSIONS, TABLE, Table

_NONE: Mapping[str, str] = {}
Keep = Callable[[str, str], str]  # the statement that holds rows under a name for the transaction


def folding(recent: str, statements: RollupStatements, keep: Keep) -> Iterator[str]:
    """`recent` selects the events that are stored but not in the roll-ups yet."""
    yield f"CREATE OR REPLACE TEMP VIEW {BATCH} AS {recent}"
    yield from rollup_changes(statements, keep)


def emptying() -> Iterator[str]:
    for name in (RECENT.name, *(rollup.name for rollup in ROLLUPS)):
        yield f'DELETE FROM "{name}"'


def folding_month(month: object, statements: RollupStatements, keep: Keep) -> Iterator[str]:
    yield (
        f"CREATE OR REPLACE TEMP VIEW {BATCH} AS SELECT {quoted(RECENT.names())} FROM events "
        f"WHERE day >= DATE '{month}' AND day < DATE '{month}' + INTERVAL '1' MONTH"
    )
    yield from rollup_changes(statements, keep)


def filling(
    fills: Collection[str], months: Iterable[object], unless: str, statements: RollupStatements
) -> Iterator[str]:
    """Some roll-ups made anew from all events, month by month, without those that `unless` says wait to
    be folded in."""
    for name in fills:
        yield f'DELETE FROM "{name}"'
    for month in months:
        yield (
            f"CREATE OR REPLACE TEMP VIEW {BATCH} AS SELECT {quoted(RECENT.names())} FROM events AS e "
            f"WHERE day >= DATE '{month}' AND day < DATE '{month}' + INTERVAL '1' MONTH AND NOT ({unless})"
        )
        for sql, into, _ in statements.steps:
            if into and into in fills:
                names = quoted(TABLE[into].names())
                yield f'INSERT INTO "{into}" ({names}) {sql}'


def rollup_changes(statements: RollupStatements, keep: Keep) -> Iterator[str]:
    """What the events of `batch` change."""
    for sql, into, kept in statements.steps:
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


def compacting(statements: RollupStatements, keep: Keep) -> Iterator[str]:
    """Rows that share a key become one, in the days that were touched."""
    yield keep("days", "SELECT DISTINCT day FROM touched_day")
    for name, merge in statements.merges.items():
        yield from _merging(TABLE[name], merge, keep)
    yield "DELETE FROM touched_day"


def _merging(rollup: Table, merge: str, keep: Keep) -> Iterator[str]:
    key, names = quoted(rollup.key), quoted(rollup.names())
    inside = "WHERE day IN (SELECT day FROM days)" if "day" in rollup.key else ""
    matched = same_key("r", "shared", rollup.key)
    yield keep("shared", f'SELECT {key} FROM "{rollup.name}" {inside} GROUP BY {key} HAVING count(*) > 1')
    yield keep(PILE, f'SELECT r.* FROM "{rollup.name}" AS r JOIN shared ON {matched}')
    yield f'DELETE FROM "{rollup.name}" AS r USING shared WHERE {matched}'
    yield f'INSERT INTO "{rollup.name}" ({names}) {merge}'


def with_recent(query: str, tails: Mapping[str, str], schema: str, shown: Mapping[str, str] = _NONE) -> str:
    """`query` with each roll-up in `tails` standing for its table and the recent events together, and each
    table in `shown` for what is selected there."""
    both = {
        name: f'SELECT {quoted(TABLE[name].names())} FROM {schema}."{name}" UNION ALL {tail}'
        for name, tail in tails.items()
    }
    named = ", ".join(f'"{name}" AS NOT MATERIALIZED ({sql})' for name, sql in {**shown, **both}.items())
    if not named:
        return query
    return f"WITH {named}, {query[5:]}" if query.startswith("WITH ") else f"WITH {named} {query}"
