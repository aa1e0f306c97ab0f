"""A person is erased: no readable copy stays, in databases, in dead letters or in a running core."""

from __future__ import annotations

import asyncio
import json
import queue
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.__main__ import main
from app.core import Core
from app.desk import LocalDesk
from app.erasing import erase
from app.socket import DeskSocket
from compute.rollups import DELTAS
from connectors.intake.decode import decode
from connectors.intake.submission import Outcome, Submission
from connectors.intake.times import clock as now
from connectors.metadata import Consent, Metadata, NewPerson, NewRelation
from connectors.warehouse import Warehouse, open_warehouse
from connectors.warehouse.deadletters import DeadLetters, LetterFilter
from models.ask import Ask
from models.errors import BadQuestion, HeadwayError, NotFound
from models.tables import EVENTS
from tests.app.conftest import Hill
from tests.builders import event, events
from tests.connectors.test_metadata_people import PERSONAL, add_canary, stored_bytes
from tests.hill import Clock, open_school

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def letter(organisation: int, learner: int) -> dict[str, object]:
    about = {
        "organisation_id": organisation,
        "letter_id": str(uuid.uuid4()),
        "kept_at": AT,
        "kind": "refused",
    }
    why = {"status": "waiting", "source": "http", "code": "bad-timestamp", "detail": "x", "event_type": None}
    return {**about, **why, "event_id": None, "learner_id": learner, "body": "{}"}


@pytest.fixture(params=["duckdb", "postgres"])
def stores(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock
) -> Iterator[tuple[Metadata, Warehouse]]:
    """People in SQLite and events in DuckDB; then both in Postgres."""
    people, address = str(tmp_path / "metadata.sqlite"), ":memory:"
    if request.param == "postgres":
        new_database = request.getfixturevalue("new_database")
        people, address = new_database(), new_database()
    warehouse = open_warehouse(address, DELTAS)
    warehouse.migrate()
    with open_school(people, tmp_path, clock) as metadata:
        metadata.migrate()
        yield metadata, warehouse
    warehouse.close()


def test_no_readable_copy_stays_on_either_engine(stores: tuple[Metadata, Warehouse], tmp_path: Path) -> None:
    metadata, engine = stores
    organisation, person_id = add_canary(metadata)
    learner = metadata.organisations.pseudonyms(organisation).learner("STUDENT-4711")
    metadata.consents.grant_many(
        organisation, [Consent(learner, "contract", datetime(2026, 1, 1, tzinfo=UTC))]
    )
    [guardian] = metadata.people.add_many(organisation, [NewPerson("g", "G Ardian", None, "guardian")])
    metadata.relations.add_many([NewRelation(guardian, "guards", learner)])
    rows = [event(organisation_id=organisation, learner_id=who) for who in (learner, learner, 7)]
    engine.append(events(rows))
    DeadLetters(engine).write([letter(organisation, learner), letter(organisation, 7)])
    person = metadata.people.get(person_id)
    assert person is not None

    told = erase(metadata, engine, person, "somebody", AT, lambda: None)

    assert (told.person_id, told.learner_id, told.letters, told.events) == (person_id, learner, 1, 2)
    raw = stored_bytes(metadata, tmp_path)
    for said in PERSONAL:
        assert said.encode() not in raw, said
    assert metadata.people.by_login("zeb.login") is None
    assert metadata.people.names(organisation, [learner]) == {}
    assert metadata.relations.of(guardian) == []
    left = DeadLetters(engine).newest(LetterFilter(organisation))
    assert [row["learner_id"] for row in left] == [7]
    stored = engine.fetch(EVENTS.unbound)
    assert stored.num_rows == 3
    for said in PERSONAL:
        assert said not in json.dumps(stored.to_pylist(), default=str)
    written = [row.entry for row in metadata.audit.read()][-1]
    assert (written.who, written.what, written.whose) == ("somebody", "person-erased", person_id)
    for said in PERSONAL:
        assert said not in repr(written)
    assert metadata.audit.verify().whole


def sent(student: str) -> bytes:
    stamp = datetime.now(UTC).isoformat()
    one = {"event_id": str(uuid.uuid4()), "event_type": "session_start", "timestamp": stamp}
    return json.dumps([one | {"student_id": student, "session_id": "x"}]).encode()


def taken(core: Core, hill: Hill, student: str) -> Outcome:
    """Through the one way in of a running core, to the end."""
    answers: queue.Queue[Outcome | HeadwayError] = queue.Queue()
    read = decode(sent(student))
    core.writer.put(Submission(hill.school.id, "http", read.events, read.size, now(), answers.put))
    outcome = answers.get(timeout=30)
    assert isinstance(outcome, Outcome)
    return outcome


def desk(hill: Hill, login: str) -> LocalDesk:
    viewer = hill.metadata.sessions.viewer(hill.session(login))
    assert viewer is not None
    return LocalDesk(hill.door, viewer)


def granted(hill: Hill, *students: str) -> None:
    since = datetime(2020, 1, 1, tzinfo=UTC)
    some = [Consent(hill.school.learners[s], "contract", since) for s in students]
    hill.metadata.consents.grant_many(hill.school.id, some)


async def test_a_running_core_forgets_and_takes_nothing_more_in(core: Core, hill: Hill) -> None:
    granted(hill, "S2", "S3")
    for student in ("S2", "S3"):
        assert taken(core, hill, student).accepted == 1
    learner, other = hill.school.learners["S2"], hill.school.learners["S3"]
    school = core.writer._schools.get(hill.school.id)
    assert "S2" in school.learners
    assert school.finder.clean("Bo Example was here") == "[name] was here"
    hill.door.shelf.put("what was told", await desk(hill, "administrator").ask(_count()))

    told = await desk(hill, "privacy_officer").do("erase_person", login="bo")

    assert told["learner_id"] == str(learner)
    assert told["events"] == 2  # the school had one of each learner
    assert len(hill.door.shelf) == 0
    assert "S2" not in school.learners
    assert school.finder.clean("Bo was here") == "Bo was here"
    facts = core.live._states.facts(hill.school.id, learner, None)
    assert facts is None or not facts.days
    assert [r.code for r in taken(core, hill, "S2").rejected] == ["no-lawful-basis"]
    assert taken(core, hill, "S3").accepted == 1
    assert await desk(hill, "administrator").names([learner, other]) == {other: "Cy Other"}
    said = [(row.entry.who, row.entry.what) for row in hill.metadata.audit.read()]
    officer = hill.school.people["privacy_officer"]
    assert {(officer, "person-erased"), (officer, "do erase_person")} <= set(said)


async def test_only_those_who_handle_cases_erase_and_only_of_their_own(core: Core, hill: Hill) -> None:
    lake = hill.metadata.organisations.add("Lake School", "UTC", "en")
    hill.metadata.people.add_many(lake, [NewPerson("far", "Far Away", None, "student")])
    for login in ("administrator", "teacher", "guardian", "operator"):
        with pytest.raises(NotFound):
            await desk(hill, login).do("erase_person", login="bo")
    officer = desk(hill, "privacy_officer")
    for login in ("far", "nobody-of-this-name"):
        with pytest.raises(NotFound):
            await officer.do("erase_person", login=login)
    with pytest.raises(BadQuestion):
        await officer.do("erase_person", login="privacy_officer")
    assert hill.metadata.people.by_login("bo") is not None


def command(hill: Hill, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    for name in ("HEADWAY_SECRET_FILE", "HEADWAY_DEMO", "CALLED_FROM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HEADWAY_SECRET", hill.settings.secret.decode())
    monkeypatch.setenv("HEADWAY_SOCKET", str(hill.settings.socket))
    return main(["user", "erase", *words, "--data", str(hill.settings.data)])


async def test_the_command_has_it_done_by_the_core_that_runs(
    core: Core, hill: Hill, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """DuckDB's file is open in core: were it not done there, the command would fail."""
    socket = DeskSocket(core.doorway, hill.settings.socket)
    await socket.start()
    hill.door.shelf.put("what was told", await desk(hill, "administrator").ask(_count()))
    code = await asyncio.to_thread(command, hill, monkeypatch, "bo", "--yes", "--json")
    await socket.close()
    told = json.loads(capsys.readouterr().out)
    assert (code, told["learner_id"]) == (0, str(hill.school.learners["S2"]))
    assert len(hill.door.shelf) == 0
    assert hill.metadata.people.by_login("bo") is None
    said = [row.entry for row in hill.metadata.audit.read()]
    assert ("terminal", "erasure-asked-for") in [(one.who, one.what) for one in said]


def test_the_command_does_it_where_no_core_runs(
    hill: Hill, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hill.happened("S2")
    hill.door.warehouse.close()
    assert command(hill, monkeypatch, "bo", "--yes") == 0
    said = capsys.readouterr().out
    assert "2 events under a pseudonym" in said  # one of each learner was there
    assert hill.metadata.people.by_login("bo") is None
    assert command(hill, monkeypatch, "bo", "--yes") != 0


def _count() -> Ask:
    return Ask(question="measures", measures=("events",))
