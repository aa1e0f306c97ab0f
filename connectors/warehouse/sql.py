"""Ibis expressions as SQL, compiled once, and Arrow as the engines need it."""

from __future__ import annotations

import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
import sqlglot.expressions as sge
from ibis.backends.sql.compilers.duckdb import DuckDBCompiler
from ibis.backends.sql.compilers.postgres import PostgresCompiler

from connectors.warehouse.schema import Engine
from models.holes import Hole, Query, Value, held
from models.rollup import Rollups
from models.tables import LEARNER_DAY, SESSIONS

_KEPT = 4096
# Whether an event joins two sessions is known when it is folded in, so these wait for that.
_OF_SESSIONS = ("sessions", "session_s")


@dataclass(frozen=True, slots=True)
class Statement:
    text: str
    holes: frozenset[str]  # names of the values that it needs
    schema: pa.Schema  # what the expression promises, with uuid as text
    tables: frozenset[str]
    reads_sessions: bool


class Compiler:
    """Compiling a join takes some 18 ms, running it less: equal expressions are compiled once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._compiling = threading.Lock()
        self._known: OrderedDict[object, Statement] = OrderedDict()

    def statement(self, what: ir.Expr | Query) -> tuple[Statement, dict[str, Value]]:
        """The SQL, which all who ask alike share, and this asker's own values."""
        key, build = (what.form, what.build) if isinstance(what, Query) else (what.op(), what.as_table)
        found = self._kept(key)
        if found is None:
            with self._compiling:  # who asks the same meanwhile waits for this one
                found = self._kept(key) or self._keep(key, self._compiled(build()))
        if not found.holes:
            return found, {}
        values = what.values if isinstance(what, Query) else held(what)
        return found, {name: values[name] for name in found.holes}

    def identity(self, what: ir.Expr | Query) -> tuple[Hashable, ...]:
        statement, values = self.statement(what)
        return statement.text, frozenset(values.items())

    def tables(self, what: ir.Expr | Query) -> frozenset[str]:
        return self.statement(what)[0].tables

    def _kept(self, key: object) -> Statement | None:
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
            return self._known.get(key)

    def _keep(self, key: object, made: Statement) -> Statement:
        with self._lock:
            self._known[key] = made
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return made

    def _compiled(self, table: ir.Table) -> Statement:
        plain = table.mutate(**{n: table[n].cast("string") for n, t in table.schema().items() if t.is_uuid()})
        text = sql_text(plain, self._engine)
        tables = frozenset(found.name for found in plain.op().find(ops.UnboundTable))
        named = any(f'"{n}"' in text or n in plain.columns for n in _OF_SESSIONS)
        reads_sessions = SESSIONS.name in tables or (LEARNER_DAY.name in tables and named)
        # A column that nobody reads is left out of the SQL, and its holes with it.
        holes = frozenset(_MARKED.findall(text))
        return Statement(
            bound(text) if self._engine == "duckdb" else text,
            holes,
            plain.schema().to_pyarrow(),
            tables,
            reads_sessions,
        )


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


class _Holes:
    """No text of anybody's can look like a hole: nobody knows how holes are marked in this process."""

    def visit_Hole(self, op: Hole, *, called: str, dtype: object, **_: object) -> Any:  # noqa: N802
        return self.cast(sge.Var(this=f"${_MARK}_{called}$"), dtype)  # type: ignore[attr-defined]


class _DuckDB(_Holes, DuckDBCompiler):  # type: ignore[misc]  # Ibis has no types
    def visit_ExtractEpochSeconds(self, op: ops.ExtractEpochSeconds, *, arg: Any) -> Any:  # noqa: N802
        """Ibis takes the zone off first, which costs DuckDB forty times as much as the rest."""
        if op.arg.dtype.is_timestamp():
            return self.f.epoch_us(arg) / sge.convert(1_000_000)
        return super().visit_ExtractEpochSeconds(op, arg=arg)


class _Postgres(_Holes, PostgresCompiler):  # type: ignore[misc]
    pass


_MARK = secrets.token_hex(12)
_MARKED = re.compile(rf"\${_MARK}_(\w+)\$")
_COMPILERS: dict[Engine, Any] = {"duckdb": _DuckDB(), "postgres": _Postgres()}


def sql_text(expr: ir.Expr, engine: Engine) -> str:
    compiler = _COMPILERS[engine]
    return str(compiler.to_sqlglot(expr.unbind()).sql(dialect=compiler.dialect, pretty=True))


def bound(text: str) -> str:
    """For DuckDB: every hole is a parameter."""
    return _MARKED.sub(r"$\1", text)


def filled(text: str, values: Mapping[str, Value], quoted: Callable[[Value], str]) -> str:
    """For Postgres, whose COPY takes no parameters: the driver's own quoting puts the values in."""
    return _MARKED.sub(lambda mark: quoted(values[mark[1]]), text)


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
