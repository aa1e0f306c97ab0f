"""A card of key figures: its file and its table are those figures, not the answers they were taken from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pyarrow as pa
from markupsafe import Markup

from models.ask import Answer, ColumnMeaning
from pages.cards import EMPTY, Card, Figure, Number, figures


def figured(shown: Sequence[Figure], *, title: str = "", sub: str = "", lead: Markup = EMPTY) -> Card:
    """`lead` stands before the figures. Each of them bears its `number`."""
    told = [figure for figure in shown if figure.number is not None]
    return Card(
        title,
        sub,
        body=lead + figures(shown),
        answers=(_file(told),) if told else (),
        pictured=bool(told),
        figures=tuple(told),
    )


def unit_of(number: Number) -> str:
    said = next((c.unit for c in number.answer.columns if c.name == number.measure), "")
    return number.unit or said


def days_of(number: Number) -> tuple[date, date] | None:
    """The first day and the day after the last."""
    return number.days or asked_days(number.answer)


def asked_days(answer: Answer) -> tuple[date, date] | None:
    asked = answer.ask
    return (asked.since, asked.until) if asked.since and asked.until else None


def _file(shown: Sequence[Figure]) -> Answer:
    numbers = [figure.number for figure in shown if figure.number is not None]
    spans = [days_of(number) for number in numbers]
    table = pa.table(
        {
            "figure": pa.array([figure.label for figure in shown], pa.string()),
            "shown": pa.array([figure.value for figure in shown], pa.string()),
            "value": pa.array([number.value for number in numbers], pa.float64()),
            "of": pa.array([number.of for number in numbers], pa.float64()),
            "unit": pa.array([unit_of(number) for number in numbers], pa.string()),
            "before": pa.array([number.before for number in numbers], pa.float64()),
            "first_day": pa.array([span[0] if span else None for span in spans], pa.date32()),
            "last_day": pa.array(
                [span[1] - timedelta(days=1) if span else None for span in spans], pa.date32()
            ),
        }
    )
    columns = tuple(ColumnMeaning(name, "detail") for name in table.column_names)
    return replace(numbers[0].answer, table=table, columns=columns)
