"""A question put to the desk, and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

import pyarrow as pa

Operator = Literal["=", "!=", "in", "not-in", "<", "<=", ">", ">="]
Scalar = str | int | float | bool
Audience = Literal["mine", "peers"]
Freshness = Literal["live", "near", "batch"]


@dataclass(frozen=True, slots=True)
class Where:
    dimension: str
    op: Operator
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """Frozen and hashable: equal asks are one query. `since` included, `until` excluded.

    Days are days of the school's own zone. `question` names an entry of QUESTIONS; the catalogue
    ("measures") is the one that answers measures by dimensions.
    """

    question: str = "measures"
    measures: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    where: tuple[Where, ...] = ()
    since: date | None = None
    until: date | None = None
    order: tuple[str, ...] = ()  # "-mean_score" is descending
    limit: int | None = None
    audience: Audience = "mine"  # "peers": averages of the asker's own classes, never rows
    options: tuple[tuple[str, Scalar], ...] = ()  # what a named question needs beyond this
    purpose: str = ""  # why, for the audit of named reads; "" is what the asker's role is for


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far the warehouse has come. Two of them compare as integers."""

    number: int
    at: datetime


@dataclass(frozen=True, slots=True)
class ColumnMeaning:
    name: str
    kind: Literal["dimension", "measure", "detail"]
    unit: str = ""
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """`key` names question, scope and data version: whatever is derived from the answer (a
    drawing, a file) may be kept under it and can never reach another scope."""

    ask: Ask
    table: pa.Table
    columns: tuple[ColumnMeaning, ...]
    as_of: datetime
    watermark: int
    key: str
    source: str = ""  # the table that answered
    suppressed: int = 0  # cells hidden by the small-number rule; hidden values are null
    notes: tuple[str, ...] = field(default=())

    def rows(self) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = self.table.to_pylist()
        return rows
