"""Events that are stored but not yet folded into the roll-ups: on DuckDB simply the end of `events`.

Every commit writes its number beside its events, in a column that nobody else sees; `folded` holds the number
up to which the roll-ups know them. Both are read in the transaction of the question, so an answer counts each
event once, however commits and folding fall. Row groups before the end are skipped by their statistics.
"""

from __future__ import annotations

from connectors.warehouse.changes import with_recent
from connectors.warehouse.duckdb_parts import Connection, numbers_of
from connectors.warehouse.schema import quoted
from connectors.warehouse.sql import RollupStatements, Statement
from models.rollup import RECENT
from models.tables import EVENTS

_COLUMNS = quoted(RECENT.names())
_EVENTS = f'SELECT {quoted(EVENTS.names())} FROM main."events"'
ALL_FOLDED = "UPDATE folded SET number = (SELECT number FROM watermark)"


def folded_and_newest(connection: Connection) -> tuple[int, int]:
    """Commits up to the first number are folded, the second is the newest; both of one snapshot."""
    folded, newest = numbers_of(
        connection.execute("SELECT f.number, w.number FROM folded AS f, watermark AS w")
    )
    return folded, newest


def after(folded: int) -> str:
    return f"SELECT {_COLUMNS} FROM main.events WHERE watermark > {folded}"


def reading(cursor: Connection, statement: Statement, rollups: RollupStatements | None) -> str:
    """The statement's text for this moment; opens the transaction in which it has to run."""
    shown = {"events": _EVENTS} if "events" in statement.tables else {}
    tails = (
        {name: tail for name, tail in rollups.tails.items() if name in statement.tables} if rollups else {}
    )
    if tails:
        cursor.execute("BEGIN")
        folded, newest = folded_and_newest(cursor)
        if newest > folded:
            shown[RECENT.name] = after(folded)
            return with_recent(statement.text, tails, "main", shown)
    return with_recent(statement.text, {}, "main", shown)
