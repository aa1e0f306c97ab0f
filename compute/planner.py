"""From an Ask to queries: the cheapest table that gives the exact answer, for each family of measures."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from compute import assembly, checks
from compute.dimensions import DIMENSION, HELP, Column, Dimension, dimension, in_class
from compute.forms import Blanks, Form, apart, in_span, shared, values_in
from compute.measures.measure import Measure
from compute.plan import Plan, behind
from compute.scoping import Tables
from compute.sources import LESSONS, RAW, SOURCES, Source
from models.ask import Ask, ColumnMeaning, Operator, Where
from models.errors import BadQuestion
from models.tables import LEARNER_EVENT

OPTIONS = ("labels", "fill")


@dataclass(frozen=True, slots=True)
class _Group:
    """Measures that one query answers."""

    source: Source
    measures: tuple[Measure, ...]


def plan(ask: Ask, tables: Tables, source: str | None = None) -> Plan:
    """`source` forces a table, for proofs that all of them agree."""
    checks.check_options(ask, OPTIONS)
    checks.check_span(ask)
    checks.check_limit(ask)
    checks.check_order(ask)
    measures = checks.measures_of(ask, tables)
    by = checks.dimensions_of(ask, tables)
    groups = _grouped(measures, by, ask, tables, source)
    labels = [d for d in by if d.label] if checks.option(ask, "labels") else []
    short = tables.sees_rows and len(groups) == 1 and bool(ask.limit) and not checks.option(ask, "fill")
    alone = tables.of_named_learners and tables.sees_rows and len(set(tables.scope.learners)) == 1
    if alone and not short and dimension("learner_id") not in by:
        parts = [shared(_part_of_each, ask, tables, group, by) for group in groups]
    else:
        parts = [shared(_part, ask, tables, group, by, short) for group in groups]
    return Plan(
        parts=(*parts, *(shared(_titles, Ask(), tables, d) for d in labels)),
        columns=tuple(_columns(by, labels, measures)),
        source=", ".join(dict.fromkeys(group.source.table for group in groups)),
        join=functools.partial(
            _join, ask=ask, measures=measures, parts=len(parts), labels=labels, tables=tables
        ),
        finish=functools.partial(_finish, ask=ask, by=by, measures=measures),
    )


def _join(
    found: tuple[pa.Table, ...],
    ask: Ask,
    measures: Sequence[Measure],
    parts: int,
    labels: Sequence[Dimension],
    tables: Tables,
) -> pa.Table:
    names = list(dict.fromkeys(ask.by))
    cells = [_of_one(part, names) for part in found[:parts]]
    table = assembly.nothing_is_zero(assembly.outer_join(cells, names), measures)
    of_help = [] if tables.sees_rows else [behind(m.name) for m in measures]
    table = table.select([*names, *(m.name for m in measures), *of_help])
    for label, titles in zip(labels, found[parts:], strict=True):
        table = assembly.labelled(table, label.name, titles)
    return table


def _finish(table: pa.Table, ask: Ask, by: Sequence[Dimension], measures: Sequence[Measure]) -> pa.Table:
    if checks.option(ask, "fill"):
        table = assembly.without_gaps(table, ask, by, measures)
    return assembly.ordered(assembly.all_labelled(table, ask.by), ask)


def _columns(
    by: Sequence[Dimension], labels: Sequence[Dimension], measures: Sequence[Measure]
) -> list[ColumnMeaning]:
    columns = []
    for d in by:
        columns.append(ColumnMeaning(d.name, "dimension", "", d.meaning))
        if d in labels:
            columns.append(ColumnMeaning(f"{d.name}_label", "detail", "", f"The title of {d.name}."))
    return columns + [ColumnMeaning(m.name, "measure", m.unit, m.meaning) for m in measures]


# ---- which table ----------------------------------------------------------------------------------------


def _grouped(
    measures: Sequence[Measure], by: Sequence[Dimension], ask: Ask, tables: Tables, forced: str | None
) -> list[_Group]:
    """As few queries as possible without reading raw events for what a roll-up knows."""
    used = [*by, *(dimension(w.dimension) for w in ask.where)]
    chosen: dict[tuple[object, ...], dict[str, list[Measure]]] = {}
    for m in measures:
        kind = (m.family, m.per, m.first)
        chosen.setdefault(kind, {}).setdefault(_source(m, used, tables, forced).table, []).append(m)
    groups = []
    for (family, *_), by_table in chosen.items():
        sources = {s.table: s for s in SOURCES[family]}  # type: ignore[index]
        groups += [_Group(sources[t], tuple(ms)) for t, ms in _fewer(sources, by_table, used, tables).items()]
    return groups


def _fewer(
    sources: dict[str, Source], by_table: dict[str, list[Measure]], used: Sequence[Dimension], tables: Tables
) -> dict[str, list[Measure]]:
    """A roll-up that is read anyway also answers what a smaller roll-up would have."""
    read = [t for t in sources if t in by_table and t not in (RAW, LESSONS, LEARNER_EVENT.name)]
    if len(read) < 2:
        return by_table
    largest = read[-1]
    fewer: dict[str, list[Measure]] = {largest: []}
    for table, measures in by_table.items():
        for m in measures:
            fits = table in read and _wanted(m, used, tables) <= sources[largest].columns
            fewer.setdefault(largest if fits else table, []).append(m)
    return fewer


def _source(m: Measure, used: Sequence[Dimension], tables: Tables, forced: str | None) -> Source:
    for source in SOURCES[m.family]:
        if forced not in (None, source.table) or not source.offered(tables):
            continue
        if _wanted(m, used, tables) <= source.columns:
            return source
    raise _impossible(m, used, forced)


def _impossible(m: Measure, used: Sequence[Dimension], forced: str | None) -> BadQuestion:
    if forced is not None:
        return BadQuestion(f"{forced} cannot answer {m.name} by this.")
    columns = SOURCES[m.family][-1].columns
    wrong = [d.name for d in used if not _needs(d, m) <= columns]
    right = [d.name for d in DIMENSION.values() if _needs(d, m) <= columns]
    return BadQuestion(f"{m.name} cannot be asked by {', '.join(wrong)}; it can by {', '.join(right)}.")


def _needs(d: Dimension, m: Measure) -> set[str]:
    """A visit belongs to no course, so its class is the learner's."""
    needs = set(d.needs)
    return needs - {"course_id"} if m.family == "sessions" and d.name == "class_id" else needs


def _wanted(m: Measure, used: Sequence[Dimension], tables: Tables) -> set[str]:
    """The columns of a source that a measure needs, broken down and cut by `used`."""
    wanted = {"day"}
    for name in m.needs:
        wanted.update(HELP[name].needs if name in HELP else (name,))
    for d in used:
        wanted |= _needs(d, m)
    return wanted if tables.sees_rows else wanted | {"learner_id", *m.behind}


# ---- one query ------------------------------------------------------------------------------------------


def _part(tables: Tables, form: Form, group: _Group, by: tuple[Dimension, ...], short: bool) -> ir.Table:
    cells = _cells(tables, form, group, by)
    if short:
        return _cut_short(cells, form)
    return cells.limit(checks.MOST_ROWS + 1) if by else cells  # one more than is told, and no more is fetched


def _cells(tables: Tables, form: Form, group: _Group, by: tuple[Dimension, ...]) -> ir.Table:
    used = [*by, *(dimension(w.dimension) for w in form.where)]
    wanted = sorted(set().union(*(_wanted(m, used, tables) for m in group.measures)))
    rows = group.source.rows(tables, lambda t: in_span(t, form), wanted)
    rows = _attached(rows, _helping(group.measures), tables)
    rows = _filtered(rows, by, form, tables)
    return _aggregated(rows, group.measures, [d.name for d in by], tables)


@apart
def _part_of_each(tables: Tables, form: Form, group: _Group, by: tuple[Dimension, ...]) -> ir.Table:
    """The same by learner, for a scope of one: many who ask alike are answered by one query."""
    return _cells(tables, form, group, (dimension("learner_id"), *by))


def _of_one(part: pa.Table, names: Sequence[str]) -> pa.Table:
    """What `_part` gives, from the rows of one learner in what `_part_of_each` gives."""
    if "learner_id" in names or "learner_id" not in part.column_names:
        return part
    part = part.drop_columns("learner_id")
    if names or part.num_rows:
        return part
    return pa.table([pa.nulls(1, field.type) for field in part.schema], part.schema)


def _helping(measures: Sequence[Measure]) -> list[Column]:
    return [HELP[name] for name in dict.fromkeys(n for m in measures for n in m.needs if n in HELP)]


def _attached(t: ir.Table, columns: Sequence[Column], tables: Tables) -> ir.Table:
    for column in columns:
        t = column.attach(t, tables)
    return t


def _filtered(t: ir.Table, by: Sequence[Dimension], ask: Form, tables: Tables) -> ir.Table:
    """Conditions on the table's own columns first, then what has to be looked up."""
    names = {d.name for d in by}
    wheres = [(w, dimension(w.dimension)) for w in ask.where]
    own = [(w, d) for w, d in wheres if d.attached is None or d.name == "course_id"]
    looked_up = [(w, d) for w, d in wheres if (w, d) not in own]
    for w, d in own:
        t = t.filter(_holds(t[d.name], w, d))
    attached = [d.attached for d in by if d.attached]
    attached += [d.attached for _, d in looked_up if d.attached and d.name not in {*names, "class_id"}]
    t = _attached(t, list(dict.fromkeys(attached)), tables)
    for w, d in looked_up:
        in_some_class = d.name == "class_id" and "class_id" not in names
        t = _of_classes(t, w, d, tables) if in_some_class else t.filter(_holds(t[d.name], w, d))
    return t


def of_learners(learners: ir.Table, ask: Ask | Form, tables: Tables) -> ir.Table:
    """Rows of the learner table that meet the conditions on who the learner is and what class the
    learner is in now. Other conditions are on what learners did."""
    t = learners.mutate(day=tables.today)
    for where in ask.where:
        d = dimension(where.dimension)
        if d.name in learners.columns:
            t = t.filter(_holds(t[d.name], where, d))
        elif d.name == "class_id":
            t = _of_classes(t, where, d, tables)
    return t


def _of_classes(t: ir.Table, where: Where | Blanks, d: Dimension, tables: Tables) -> ir.Table:
    """Rows of learners who were then in such a class; once each, also if they were in two of them."""
    members = tables.memberships
    avoided = where.op in ("!=", "not-in")
    op: Operator = "in" if avoided else where.op
    asked = members.filter(_holds(members.class_id, replace(where, op=op), d))
    rows = asked.select(
        _learner=asked.learner_id, _course=asked.course_id, _from=asked.valid_from, _until=asked.valid_until
    )
    met = in_class(t, rows)
    return t.anti_join(rows, met) if avoided else t.semi_join(rows, met)


def _holds(column: ir.Value, where: Where | Blanks, d: Dimension) -> ir.BooleanValue:
    values = values_in(where, d)
    match where.op:
        case "=" | "in":
            return column.isin(values)
        case "!=" | "not-in":
            # What has no value is not one of those.
            return column.isnull() | column.notin(values)
        case "<":
            return column < values[0]
        case "<=":
            return column <= values[0]
        case ">":
            return column > values[0]
        case ">=":
            return column >= values[0]


def _aggregated(t: ir.Table, measures: Sequence[Measure], by: Sequence[str], tables: Tables) -> ir.Table:
    per, first = measures[0].per, measures[0].first
    if per and first:
        t = t.group_by(*dict.fromkeys((*by, *per))).agg(**first(t))
    values = {m.name: m.value(t) for m in measures}
    if not tables.sees_rows:
        values |= {behind(m.name): _behind(t, m) for m in measures}
    if not by:
        return t.agg(**values)
    cells = t.group_by(*by).agg(**values)
    return cells.filter(functools.reduce(operator.or_, (_filled(cells, m) for m in measures)))


def _behind(t: ir.Table, m: Measure) -> ir.Value:
    some = functools.reduce(operator.or_, (t[name] != 0 for name in m.behind))
    return t.learner_id.nunique(where=some)


def _filled(cells: ir.Table, m: Measure) -> ir.BooleanValue:
    """Every table knows where something happened; only some know where it did not. So that all
    answer alike, a row in which nothing happened is no row."""
    value = cells[m.name]
    return (value != 0).fill_null(False) if m.counts else value.notnull()


def _cut_short(part: ir.Table, ask: Form) -> ir.Table:
    named = {name.removeprefix("-") for name in ask.order}
    keys = [*ask.order, *(name for name in dict.fromkeys(ask.by) if name not in named)]
    sorting = [ibis.desc(k[1:]) if k.startswith("-") else ibis.asc(k) for k in keys]
    return (part.order_by(sorting) if sorting else part).limit(ask.limit)


def _titles(tables: Tables, _: Form, d: Dimension) -> ir.Table:
    assert d.label
    rows = tables[d.label.table]
    return rows.select(id=rows[d.name], title=rows[d.label.column])
