"""The person in front of the page, as the desk describes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Choice:
    """An entry of a switcher or filter: what is asked for, and what is read."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Me:
    name: str
    role: str
    locale: str = "en-GB"
    zone: str = "UTC"
    organisation: str = ""
    currency: str = "EUR"
    children: tuple[Choice, ...] = ()

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Me:
        """From `desk.look("me")`. What is missing has a plain default."""
        school = told.get("organisation") or {}
        return cls(
            name=str(told.get("name") or ""),
            role=str(told.get("role") or ""),
            locale=str(told.get("locale") or school.get("locale") or "en-GB"),
            zone=str(school.get("zone") or told.get("zone") or "UTC"),
            organisation=str(school.get("name") or ""),
            currency=str(school.get("currency") or "EUR"),
            children=choices(told.get("children"), "learner_id", "name"),
        )

    @property
    def first_name(self) -> str:
        return self.name.split(" ")[0]


@dataclass(frozen=True, slots=True)
class Offered:
    """What the filter bar of this viewer holds."""

    courses: tuple[Choice, ...] = ()
    classes: tuple[Choice, ...] = ()
    children: tuple[Choice, ...] = ()


def choices(rows: object, value: str, label: str) -> tuple[Choice, ...]:
    if not isinstance(rows, list | tuple):
        return ()
    return tuple(Choice(str(row[value]), str(row.get(label) or row[value])) for row in rows)
