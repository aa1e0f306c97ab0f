"""The columns of an answer: their types, units and meanings, declared once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa

from compute.dimensions import DIMENSION
from models.ask import ColumnMeaning

Declared = Mapping[str, tuple[pa.DataType, str, str]]  # name -> type, unit, meaning

INT, NUMBER, TEXT, YES, DAY = pa.int64(), pa.float64(), pa.string(), pa.bool_(), pa.date32()
NUMBERS, TEXTS = pa.list_(NUMBER), pa.list_(TEXT)
EVIDENCE = pa.list_(pa.struct([("on", DAY), ("what", TEXT), ("value", NUMBER)]))
ENOUGH: Declared = {
    "have": (INT, "", "How much is known, in what the row is judged by."),
    "need": (INT, "", "How much must be known before anything is said."),
    "enough": (YES, "", "Is enough known to say anything?"),
}


class Shape:
    def __init__(self, keys: tuple[str, ...], declared: Declared) -> None:
        self._keys, self._declared = keys, declared
        kinds = {"learner_id": INT, "skill_id": TEXT}
        fields = [(key, kinds[key]) for key in keys if key in kinds]
        self.schema = pa.schema([*fields, *((name, kind) for name, (kind, _, _) in declared.items())])

    @property
    def columns(self) -> tuple[ColumnMeaning, ...]:
        keys = (ColumnMeaning(k, "dimension", "", DIMENSION[k].meaning) for k in self._keys)
        told = (ColumnMeaning(n, "detail", unit, what) for n, (_, unit, what) in self._declared.items())
        return (*keys, *told)

    def table(self, rows: Iterable[Mapping[str, object]]) -> pa.Table:
        return pa.Table.from_pylist([dict(row) for row in rows], self.schema)
