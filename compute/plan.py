"""What a question becomes: queries to run, and how their results become one table.

The desk fetches every part, calls `join`, hides small numbers where the scope must not see rows, and
then calls `finish`. Ordering and cutting come after hiding, so that neither tells what was hidden.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import ibis.expr.types as ir
import pyarrow as pa

from models.ask import ColumnMeaning
from models.holes import Query

Part: TypeAlias = ir.Table | Query

# How many distinct learners stand behind a cell: `_learners_mean_score` behind that row's mean_score.
# Present only where rows may not be seen.
_LEARNERS = "_learners_"


def behind(measure: str) -> str:
    return _LEARNERS + measure


def is_help(column: str) -> bool:
    """Is the column for the small-number rule only, to be dropped before anybody sees it?"""
    return column.startswith(_LEARNERS)


def only(tables: tuple[pa.Table, ...]) -> pa.Table:
    return tables[0]


def as_it_is(table: pa.Table) -> pa.Table:
    return table


@dataclass(frozen=True)
class Plan:
    parts: tuple[Part, ...]
    columns: tuple[ColumnMeaning, ...]
    source: str
    join: Callable[[tuple[pa.Table, ...]], pa.Table] = only
    finish: Callable[[pa.Table], pa.Table] = as_it_is
