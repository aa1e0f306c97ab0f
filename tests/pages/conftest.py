from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.door import Door
from app.metrics import Metrics
from compute.rollups import DELTAS
from config.settings import read_settings
from connectors.warehouse import Warehouse, open_warehouse
from pages.sheet import Sheet
from tests.hill import SECRET, Clock, open_school
from tests.pages import content_school, elm
from tests.pages.elm import Elm, Row


@pytest.fixture
def school(standing_school: Elm, monkeypatch: pytest.MonkeyPatch) -> Elm:
    """Elm School on DuckDB and SQLite, on a Wednesday in March. Pages only read, so it is built once."""
    monkeypatch.setattr(Sheet, "today", property(lambda sheet: elm.TODAY))
    return standing_school


@pytest.fixture
def taught(taught_school: Elm, monkeypatch: pytest.MonkeyPatch) -> Elm:
    """With films, questions and a forum: a house of its own, so nobody else's numbers change."""
    monkeypatch.setattr(Sheet, "today", property(lambda sheet: elm.TODAY))
    return taught_school


@pytest.fixture(scope="session")
def standing_school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elm]:
    with built(tmp_path_factory.mktemp("elm")) as standing:
        yield standing


@pytest.fixture(scope="session")
def taught_school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elm]:
    with built(tmp_path_factory.mktemp("taught"), content_school.furnish) as standing:
        yield standing


More = Callable[[Warehouse, int, Mapping[str, int]], list[Row]]


@contextmanager
def built(tmp_path: Path, more: More | None = None) -> Iterator[Elm]:
    settings = read_settings({}, demo=True, data=tmp_path, secret=SECRET, port=0, api_port=0)
    clock = Clock(elm.NOW)
    metadata = open_school(settings.metadata, tmp_path, clock)
    metadata.migrate()
    warehouse = open_warehouse(settings.warehouse, DELTAS, threads=2)
    warehouse.migrate()
    people, learners = elm.found(metadata, warehouse)
    organisation = metadata.organisations.all()[0].id
    rows = elm.happened(organisation, learners)
    if more:
        rows += more(warehouse, organisation, learners)
    elm.settle(warehouse, rows)
    door = Door(warehouse, metadata, settings, Metrics(), clock)
    yield Elm(door, people, learners, rows)
    door.close()
    warehouse.close()
    metadata.close()
