"""Small Arrow tables put together: the results of a plan's parts become the answer's one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from compute.checks import MOST_ROWS
from compute.dimensions import Dimension, first_day, following
from compute.measures.measure import Measure
from models.ask import Ask
from models.errors import BadQuestion, TooLarge

_FILLED = 100_000


def outer_join(tables: Sequence[pa.Table], by: Sequence[str]) -> pa.Table:
    """One row per combination of `by` that any table has. Missing is a value to join by, like any."""
    if len(tables) == 1:
        return tables[0]
    pile = pa.concat_tables(tables, promote_options="default")
    rest = [name for name in pile.column_names if name not in by]
    if not by:
        return pa.table(
            {
                name: pc.drop_null(pile[name]).slice(0, 1) if _any(pile[name]) else pile[name][:1]
                for name in rest
            }
        )
    merged = pile.group_by(list(by), use_threads=False).aggregate([(name, "max") for name in rest])
    return merged.rename_columns(
        [name.removesuffix("_max") if name not in by else name for name in merged.column_names]
    )


def _any(column: pa.ChunkedArray) -> bool:
    return bool(column.null_count < len(column))


def nothing_is_zero(table: pa.Table, measures: Sequence[Measure]) -> pa.Table:
    for name in (m.name for m in measures if m.counts):
        column = table[name]
        table = table.set_column(table.column_names.index(name), name, pc.fill_null(column, 0))
    return table


def labelled(table: pa.Table, dimension: str, titles: pa.Table) -> pa.Table:
    """Put `<dimension>_label` beside the id: its title, or the id itself where it has none."""
    at = table.column_names.index(dimension)
    ids = table[dimension]
    found = pc.index_in(ids, value_set=titles["id"].combine_chunks())
    label = pc.coalesce(pc.take(titles["title"].combine_chunks(), found), ids)
    return table.add_column(at + 1, f"{dimension}_label", label)


def all_labelled(table: pa.Table, by: Sequence[str]) -> pa.Table:
    """Rows that were added after the titles were joined are labelled by their ids."""
    for name in by:
        at = table.schema.get_field_index(f"{name}_label")
        if at >= 0:
            table = table.set_column(at, f"{name}_label", pc.coalesce(table.column(at), table[name]))
    return table


def ordered(table: pa.Table, ask: Ask) -> pa.Table:
    """As asked, then by the dimensions, so that equal questions have equal answers. Nulls come last."""
    if table.num_rows > MOST_ROWS:
        raise TooLarge(f"The answer has over {MOST_ROWS} rows; narrow the period or ask with a limit.")
    named = {name.removeprefix("-") for name in ask.order}
    keys = [*ask.order, *(name for name in ask.by if name not in named)]
    if keys and table.num_rows > 1:
        sorting = [
            (k.removeprefix("-"), "descending" if k.startswith("-") else "ascending", "at_end") for k in keys
        ]
        table = table.take(pc.sort_indices(table, sort_keys=sorting))
    return table if ask.limit is None else table.slice(0, ask.limit)


def without_gaps(
    table: pa.Table, ask: Ask, dimensions: Sequence[Dimension], measures: Sequence[Measure]
) -> pa.Table:
    """Every step of the calendar, for each combination of the other dimensions there is."""
    calendar = next((d for d in dimensions if d.step), None)
    if calendar is None or calendar.step is None:
        raise BadQuestion("There is no calendar to fill: ask by day, week, month, quarter or year.")
    steps = list(_steps(calendar.step, *_span(table[calendar.name], ask)))
    at = [d.name for d in dimensions].index(calendar.name)
    keys = list(zip(*(table[d.name].to_pylist() for d in dimensions), strict=True))
    others = dict.fromkeys(_without(key, at) for key in keys) or ({(): None} if len(dimensions) == 1 else {})
    if len(steps) * len(others) > _FILLED:
        raise BadQuestion(f"Filling gaps would make over {_FILLED} rows; narrow the period or ask by less.")
    there = set(keys)
    wanted = [(*other[:at], step, *other[at:]) for other in others for step in steps]
    return _appended(table, dimensions, measures, [key for key in wanted if key not in there])


def _appended(
    table: pa.Table,
    dimensions: Sequence[Dimension],
    measures: Sequence[Measure],
    keys: list[tuple[object, ...]],
) -> pa.Table:
    nothing = {m.name: 0 if m.counts else None for m in measures}
    columns: dict[str, list[object]] = {d.name: [key[i] for key in keys] for i, d in enumerate(dimensions)}
    arrays = [
        pa.array(columns.get(field.name, [nothing.get(field.name)] * len(keys)), field.type)
        for field in table.schema
    ]
    return pa.concat_tables([table, pa.table(arrays, schema=table.schema)])


def _without(key: tuple[object, ...], at: int) -> tuple[object, ...]:
    return (*key[:at], *key[at + 1 :])


def _span(days: pa.ChunkedArray, ask: Ask) -> tuple[date | None, date | None]:
    first, last = pc.min_max(days).as_py().values()
    return ask.since or first, date.fromordinal(ask.until.toordinal() - 1) if ask.until else last


def _steps(step: str, first: date | None, last: date | None) -> Iterator[date]:
    if first is None or last is None:
        return
    day = first_day(step, first)
    while day <= last:
        yield day
        day = following(step, day)
