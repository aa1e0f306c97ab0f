"""What a question about content looks at: the asked events, within the asker's scope."""

from __future__ import annotations

from dataclasses import replace

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from compute import checks, kept, planner
from compute.dimensions import dimension
from compute.forms import Blanks, Form, in_span, values_in
from compute.scoping import Tables
from models.ask import Ask, ColumnMeaning, Where
from models.errors import BadQuestion

# A column's name: how it is stored, its unit, what it means.
Meanings = dict[str, tuple[pa.DataType, str, str]]
WIDE = ("course_id", "class_id", "learner_id")
TEXT, WHOLE, NUMBER, YES, DAY = pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.date32()


def check(ask: Ask, own: tuple[str, ...] = (), *, spans: bool = True) -> None:
    """`own` are the dimensions the question can be narrowed by besides course, class and learner."""
    checks.check_options(ask, ())
    checks.check_span(ask)
    checks.check_limit(ask)
    allowed = (*WIDE, *own)
    wrong = [w.dimension for w in ask.where if w.dimension not in allowed or w.op not in ("=", "in")]
    if wrong or ask.by or ask.measures or ask.order:
        named = ", ".join(dict.fromkeys(wrong)) or "measures, dimensions or order"
        raise BadQuestion(f"'{ask.question}' takes no {named}; narrow it by {', '.join(allowed)}.")
    if ask.since and not spans:
        raise BadQuestion(f"'{ask.question}' looks at everything up to 'until'; leave 'since' out.")


def one_of(ask: Ask, name: str) -> str:
    """The one thing a question is about."""
    values = values_of(ask, name)
    if values is None or len(values) != 1:
        raise BadQuestion(f"'{ask.question}' is about one thing: narrow it by {name}.")
    return values[0]


def values_of(ask: Ask, name: str) -> tuple[str, ...] | None:
    """What `name` is narrowed to; None where it is not."""
    asked = [tuple(str(v) for v in w.values) for w in ask.where if w.dimension == name]
    if not asked:
        return None
    return tuple(v for v in dict.fromkeys(asked[0]) if all(v in other for other in asked))


def asked_of(ask: Ask) -> Ask:
    """What queries depend on: the limit only cuts what was made of their rows."""
    return replace(ask, limit=None, purpose="")


def known(tables: Tables, form: Form, name: str, columns: tuple[str, ...]) -> ir.Table:
    """Rows of a dimension table, as the question narrows them."""
    return of_courses(tables[name], form, tables).select(*columns)


def all_of(tables: Tables, _: Form, name: str, columns: tuple[str, ...]) -> ir.Table:
    return tables[name].select(*columns)


def events_of(ask: Ask | Form, tables: Tables, *kinds: str) -> ir.Table:
    return rows_of(kept.events(tables, kinds), ask, tables)


def rows_of(rows: ir.Table, ask: Ask | Form, tables: Tables) -> ir.Table:
    """The rows of a table with learners, days and courses that the question asks for. A class is its
    members of today, in the class's course."""
    rows = in_span(rows, ask)
    for where in ask.where:
        if where.dimension not in ("class_id", "learner_id") and where.dimension in rows.columns:
            rows = rows.filter(_among(rows[where.dimension], where))
    if any(where.dimension in ("class_id", "learner_id") for where in ask.where):
        rows = rows.semi_join(planner.of_learners(tables["learner"], ask, tables), "learner_id")
    return _of_class_courses(rows, ask, tables)


def of_courses(rows: ir.Table, ask: Ask | Form, tables: Tables) -> ir.Table:
    """Rows of a dimension table that has courses, as the question narrows them."""
    for where in ask.where:
        if where.dimension in rows.columns:
            rows = rows.filter(_among(rows[where.dimension], where))
    if tables.form.rows == "taught":  # other courses' content is not this teacher's to judge
        rows = rows.semi_join(tables["class"], "course_id")
    return _of_class_courses(rows, ask, tables)


def named_in(rows: ir.Table, form: Form, column: str) -> ir.Table:
    """Rows of what the question is about."""
    for where in form.where:
        if where.dimension == column:
            rows = rows.filter(_among(rows[column], where))
    return rows


def _of_class_courses(rows: ir.Table, ask: Ask | Form, tables: Tables) -> ir.Table:
    for where in ask.where:
        if where.dimension == "class_id":
            classes = tables["class"]
            taught = classes.filter(_among(classes.class_id, where)).select("course_id")
            rows = rows.semi_join(taught, "course_id")
    return rows


def _among(column: ir.Value, where: Where | Blanks) -> ir.BooleanValue:
    return column.isin(values_in(where, dimension(where.dimension)))


def first_of_each(rows: ir.Table, *keys: str) -> ir.Table:
    """The first row of each key, by time."""
    return _edge(rows, keys, ibis.asc)


def newest_of_each(rows: ir.Table, *keys: str) -> ir.Table:
    return _edge(rows, keys, ibis.desc)


def _edge(rows: ir.Table, keys: tuple[str, ...], way: object) -> ir.Table:
    assert callable(way)
    order = [way(rows.occurred_at), way(rows.sequence.fill_null(-1)), way(rows.event_id)]
    placed = rows.mutate(_place=ibis.row_number().over(group_by=list(keys), order_by=order))
    return placed.filter(placed["_place"] == 0).drop("_place")


def schema_of(columns: Meanings) -> pa.Schema:
    return pa.schema([(name, kind) for name, (kind, _, _) in columns.items()])


def meanings_of(columns: Meanings) -> tuple[ColumnMeaning, ...]:
    return tuple(ColumnMeaning(name, "detail", unit, meaning) for name, (_, unit, meaning) in columns.items())
