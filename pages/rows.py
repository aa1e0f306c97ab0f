"""An answer's rows as a page reads them: what stands in a column is known by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.ask import Answer

Row = Mapping[str, Any]


def rows_of(answer: Answer) -> list[Row]:
    return [*answer.rows()]


def row_of(answer: Answer) -> Row:
    """The only row of a question without dimensions."""
    return answer.rows()[0]
