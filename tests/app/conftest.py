from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from app.core import Core
from app.door import Door
from app.doorway import Doorway
from app.local import LocalDoorway
from app.metrics import Metrics
from app.remote import Line
from app.socket import DeskSocket
from compute.rollups import DELTAS
from config.settings import Settings, read_settings
from connectors.metadata import Metadata
from connectors.warehouse import open_warehouse
from models.desk import Desk
from tests.builders import MONDAY, dimension, event, events
from tests.hill import SECRET, Clock, School, found, open_school

JANUARY = MONDAY - timedelta(days=45)


@dataclass
class Hill:
    """A core without servers: the door over a small school on DuckDB and SQLite."""

    door: Door
    school: School
    clock: Clock
    settings: Settings

    @property
    def metadata(self) -> Metadata:
        return self.door.metadata

    def session(self, login: str) -> str:
        return self.metadata.sessions.open(self.school.people[login])

    def happened(self, student: str, day: int = 0, **given: object) -> None:
        """A page view of the student, `day` days after JANUARY."""
        row = event(at=JANUARY + timedelta(days=day), learner_id=self.school.learners[student], **given)
        self.door.warehouse.append(events([row]))


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    with tempfile.TemporaryDirectory(prefix="hw") as short:  # a Unix socket's path must be short
        yield read_settings(
            {}, demo=True, data=tmp_path, secret=SECRET, socket=Path(short) / "core.sock", port=0, api_port=0
        )


@pytest.fixture
def hill(settings: Settings, tmp_path: Path, clock: Clock) -> Iterator[Hill]:
    metadata = open_school(settings.metadata, tmp_path, clock)
    metadata.migrate()
    warehouse = open_warehouse(settings.warehouse, DELTAS, threads=2)
    warehouse.migrate()
    school = found(metadata)
    warehouse.write("class", dimension("class", {"class_id": "K1"}, {"class_id": "K2", "course_id": "c2"}))
    warehouse.write("course", dimension("course", {"course_id": "c1"}, {"course_id": "c2", "title": "Art"}))
    in_class = [("K1", "S1"), ("K1", "S2"), ("K2", "S3")]
    rows = [
        {"class_id": k, "learner_id": school.learners[s], "valid_from": date(2026, 1, 7)} for k, s in in_class
    ]
    warehouse.write("class_member", dimension("class_member", *rows))
    learners = [{"learner_id": learner} for learner in school.learners.values()]
    warehouse.write("learner", dimension("learner", *learners))
    hill = Hill(Door(warehouse, metadata, settings, Metrics(), clock), school, clock, settings)
    for student, course in (("S1", "c1"), ("S2", "c1"), ("S3", "c2")):
        hill.happened(student, course_id=course)
    yield hill
    hill.door.close()
    warehouse.close()
    metadata.close()


@pytest.fixture(params=["local", "remote"])
async def doorway(request: pytest.FixtureRequest, hill: Hill) -> AsyncIterator[Doorway]:
    """The same school, at hand and over the socket."""
    here = LocalDoorway(hill.door)
    if request.param == "local":
        yield here
        return
    socket = DeskSocket(here, hill.settings.socket)
    await socket.start()
    line = Line(hill.settings.socket, patience_s=5)
    await line.start()
    yield line
    await line.close()
    await socket.close()


async def desk_of(doorway: Doorway, hill: Hill, login: str) -> Desk:
    desk = await doorway.desk(hill.session(login))
    assert desk is not None
    return desk


@pytest.fixture
async def core(hill: Hill) -> AsyncIterator[Core]:
    """The same school behind the API's routes."""
    core = Core(hill.settings)
    core.take(hill.door)
    yield core
    await core.close()
