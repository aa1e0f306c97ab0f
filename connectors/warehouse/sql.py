"""Ibis expressions as SQL, compiled once, and Arrow as the engines need it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa

from connectors.warehouse.schema import Engine
from models.rollup import Rollups
from models.tables import LEARNER_DAY, SESSIONS

_KEPT = 4096
# Whether an event joins two sessions is known when it is folded in, so these wait for that.
_OF_SESSIONS = ("sessions", "session_s")


@dataclass(frozen=True, slots=True)
class Statement:
    text: str
    schema: pa.Schema  # what the expression promises, with uuid as text
    tables: frozenset[str]
    reads_sessions: bool


class Compiler:
    """Compiling a join takes some 18 ms, running it less: equal expressions are compiled once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._known: OrderedDict[object, Statement] = OrderedDict()

    def statement(self, expr: ir.Expr) -> Statement:
        key = expr.op()
        with self._lock:
            found = self._known.get(key)
            if found is None:
                found = self._known[key] = self._compiled(expr.as_table())
            self._known.move_to_end(key)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
            return found

    def _compiled(self, table: ir.Table) -> Statement:
        plain = table.mutate(**{n: table[n].cast("string") for n, t in table.schema().items() if t.is_uuid()})
        text = sql_text(plain, self._engine)
        tables = frozenset(found.name for found in plain.op().find(ops.UnboundTable))
        named = any(f'"{n}"' in text or n in plain.columns for n in _OF_SESSIONS)
        reads_sessions = SESSIONS.name in tables or (LEARNER_DAY.name in tables and named)
        return Statement(text, plain.schema().to_pyarrow(), tables, reads_sessions)


@dataclass(frozen=True, slots=True)
class RollupStatements:
    """What compute says about roll-ups, as SQL."""

    steps: tuple[tuple[str, str | None, str | None], ...]  # SQL, into, kept
    merges: dict[str, str]
    tails: dict[str, str]


@cache
def rollup_statements(rollups: Rollups, engine: Engine) -> RollupStatements:
    return RollupStatements(
        tuple((sql_text(s.rows, engine), s.into, s.kept) for s in rollups.steps),
        {name: sql_text(rows, engine) for name, rows in rollups.merges.items()},
        {name: sql_text(rows, engine) for name, rows in rollups.tails.items()},
    )


def sql_text(expr: ir.Expr, engine: Engine) -> str:
    return str(ibis.to_sql(expr, dialect=engine))


def same_key(left: str, right: str, key: Sequence[str]) -> str:
    return " AND ".join(f'{left}."{k}" = {right}."{k}"' for k in key)


def last_of_key(rows: pa.Table, key: Sequence[str]) -> pa.Table:
    """Rows of one write that share a key: the last one counts."""
    numbered = rows.append_column("place", pa.array(range(len(rows)), pa.int64()))
    last = numbered.group_by(list(key)).aggregate([("place", "max")])
    return rows if len(last) == len(rows) else rows.take(last["place_max"].sort())


def fitted(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Engines widen sums; the expression's own types are the promise."""
    if rows.schema.equals(schema):
        return rows
    columns = [rows.column(i).cast(field.type) for i, field in enumerate(schema)]
    return pa.Table.from_arrays(columns, schema=pa.schema([(f.name, f.type) for f in schema]))
