"""A small demo school for everybody's tests: as Arrow tables, and as filled databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from compute.rollups import DELTAS
from connectors.demo import Size, fill
from connectors.demo.groups import class_tables
from connectors.demo.places import PLACES
from connectors.demo.school import School, build_school
from connectors.demo.standing import dimensions
from connectors.demo.truth import truth
from connectors.metadata import Metadata, Pseudonyms, open_metadata
from connectors.warehouse import Warehouse, open_warehouse

# A Friday. Clocks changed on the 8th in Toronto and will on the 29th in Berlin.
UNTIL = date(2026, 3, 27)
NOW = datetime(2026, 3, 27, 15, 30, tzinfo=UTC)
SMALL = Size(until=UNTIL, now=NOW, learners=150, courses=8, days=56, seed=7)
# Big enough for every planted truth to stand out from chance.
KNOWN = Size(until=UNTIL, now=NOW, learners=900, courses=16, days=182, seed=11)
SECRET = b"a secret of the tests, long enough"


@dataclass(frozen=True)
class Lived:
    """A school whose days have been lived, without a database."""

    schools: tuple[School, ...]
    events: pa.Table
    tables: dict[str, pa.Table]
    truth: dict[str, Any]


@dataclass(frozen=True)
class FilledSchool:
    data: Path
    warehouse: Warehouse
    metadata: Metadata
    truth_file: Path
    events: int


def pseudonyms(place: str) -> Pseudonyms:
    return Pseudonyms(place.encode())


def build(size: Size) -> tuple[School, ...]:
    return tuple(
        build_school(place, size, number, pseudonyms(place.key).learner)
        for number, place in enumerate(PLACES, 1)
    )


def live(size: Size) -> Lived:
    schools = build(size)
    events = pa.concat_tables([chunk for school in schools for chunk in school.events()])
    parts: dict[str, list[pa.Table]] = {}
    for school in schools:
        for name, rows in (*dimensions(school), *class_tables(school)):
            parts.setdefault(name, []).append(rows)
    tables = {name: pa.concat_tables(some) for name, some in parts.items()}
    return Lived(schools, events, tables, truth(schools))


@cache
def _lived(size: Size) -> Lived:
    return live(size)


@pytest.fixture(scope="session")
def small_school() -> Lived:
    """150 learners in two organisations, eight weeks up to 27 March 2026. Read only."""
    return _lived(SMALL)


@pytest.fixture(scope="session")
def known_school() -> Lived:
    """900 learners, 26 weeks, a million events: takes some seconds, for what needs that many."""
    return _lived(KNOWN)


@pytest.fixture(scope="session")
def filled_school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FilledSchool]:
    """The small school in DuckDB and SQLite, with its people. Read only: all tests share it."""
    data = tmp_path_factory.mktemp("school")
    with open_metadata(str(data / "metadata.sqlite"), SECRET) as metadata:
        metadata.migrate()
        warehouse = open_warehouse(str(data / "warehouse.duckdb"), DELTAS)
        warehouse.migrate()
        filled = fill(SMALL, warehouse, metadata, data, lambda *_: None)
        yield FilledSchool(data, warehouse, metadata, filled.truth, filled.events)
        warehouse.close()
