"""What the gate knows of a school is what the metadata database holds, from one commit to the next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from compute.rollups import DELTAS
from config.taxonomy import taxonomy
from connectors.intake.decode import decode
from connectors.intake.schools import RecordedSchools
from connectors.intake.submission import Outcome, Submission
from connectors.intake.times import clock
from connectors.intake.writer import Writer
from connectors.metadata import Consent, Metadata, NewPerson
from connectors.warehouse import open_warehouse
from models.errors import HeadwayError, Unavailable
from models.tables import EVENTS
from tests.connectors.intake_school import NOON, Waiting, body, sent

LONG_AGO = NOON - timedelta(days=900)


class Way:
    """The way in with a real metadata database and a warehouse in memory."""

    def __init__(self, metadata: Metadata) -> None:
        self.metadata = metadata
        self.school = metadata.organisations.add("Hill School", "Europe/Berlin", "en")
        self.warehouse = open_warehouse(":memory:", DELTAS)
        self.warehouse.migrate()
        self.writer = Writer(self.warehouse, RecordedSchools(metadata), taxonomy())
        self.writer.start()

    def allow(self, *students: str) -> None:
        learner = self.metadata.organisations.pseudonyms(self.school).learner
        grants = [Consent(learner(s), "legitimate-interest", LONG_AGO) for s in students]
        self.metadata.consents.grant_many(self.school, grants)

    def add(self, student: str, name: str, born: date | None) -> str:
        person = NewPerson(student, name, None, "student", None, born, student)
        return self.metadata.people.add_many(self.school, [person])[0]

    def told(self, **given: object) -> Outcome | HeadwayError:
        decoded = decode(body(sent(**given)))  # type: ignore[arg-type]
        waiting = Waiting()
        self.writer.put(Submission(self.school, "http", decoded.events, decoded.size, clock(), waiting.told))
        return waiting.get()

    def send(self, **given: object) -> Outcome:
        outcome = self.told(**given)
        assert isinstance(outcome, Outcome), outcome
        return outcome

    def paths(self) -> list[str]:
        rows = self.warehouse.fetch(EVENTS.unbound.order_by("occurred_at")).to_pylist()
        return [row["object_id"] for row in rows if row["object_id"]]


@pytest.fixture
def way(metadata: Metadata) -> Iterator[Way]:
    opened = Way(metadata)
    yield opened
    opened.writer.close()
    opened.warehouse.close()


def look(way: Way, student: str, minute: int) -> Outcome:
    payload = {"path": "/letters to Zebedee"}
    return way.send(
        event_type="page_view", at=NOON + timedelta(minutes=minute), student_id=student, payload=payload
    )


def test_a_child_added_meanwhile_is_known_with_the_next_event(way: Way) -> None:
    way.allow("s1", "s2")
    assert look(way, "s1", 0).accepted == 1, "the school is open in the writer's memory from now on"
    person_id = way.add("s2", "Zebedee Canarybird", NOON.date() - timedelta(days=8 * 365))
    assert [r.code for r in look(way, "s2", 1).rejected] == ["no-guardian-consent"]
    assert look(way, "s1", 2).accepted == 1
    way.metadata.people.forget(person_id)
    assert look(way, "s1", 3).accepted == 1
    assert way.paths() == ["/letters to Zebedee", "/letters to [name]", "/letters to Zebedee"]


def test_who_is_known_is_not_read_again_because_somebody_signs_out(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    way.allow("s1")
    person_id = way.add("s1", "Zebedee Canarybird", None)
    look(way, "s1", 0)
    look(way, "s1", 1)

    def read(*_: object) -> None:
        raise AssertionError("the people are read though none came or went")

    monkeypatch.setattr(way.metadata.people, "news", read)
    before = way.metadata.version()
    way.metadata.sessions.close_all(person_id)
    assert way.metadata.version() != before
    assert look(way, "s1", 2).accepted == 1


def test_what_could_not_be_read_is_read_before_the_next_commit(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit fails, and the metadata database is away while what it changed is undone."""

    def away(*_: object, **__: object) -> None:
        raise Unavailable("The metadata database cannot be reached.")

    way.allow("s1", "s2")
    look(way, "s1", 0)
    for broken_part in ("changes", "number"):
        with monkeypatch.context() as broken:
            broken.setattr(way.warehouse, "append", away)
            broken.setattr(way.metadata.consents, broken_part, away)
            way.allow(f"later-{broken_part}")
            assert isinstance(way.told(), Unavailable)
            assert isinstance(way.told(), Unavailable)
        assert look(way, "s2", 1).accepted == 1
        assert look(way, f"later-{broken_part}", 2).accepted == 1


def test_news_tells_who_came_and_who_went(metadata: Metadata) -> None:
    mine = metadata.organisations.add("Hill School", "UTC", "en")
    other = metadata.organisations.add("Dale School", "UTC", "en")
    people = [NewPerson(f"p{n}", f"Person {n}", None, "student", None, None, f"S{n}") for n in range(4)]
    first = metadata.people.add_many(mine, people[:2])
    metadata.people.add_many(other, people[2:3])
    come, gone = metadata.people.news(mine, ())
    assert {one.id for one in come} == set(first) and gone == set()
    assert {(one.name, one.student_id, one.roles) for one in come} == {
        ("Person 0", "S0", ("student",)),
        ("Person 1", "S1", ("student",)),
    }
    number = metadata.people.number()
    assert metadata.people.news(mine, first) == ([], set())
    later = metadata.people.add_many(mine, people[3:])
    assert metadata.people.number() > number
    metadata.people.forget(first[0])
    come, gone = metadata.people.news(mine, first)
    assert ([one.id for one in come], gone) == (later, {first[0]})
