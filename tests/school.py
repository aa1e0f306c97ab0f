"""A small school in the metadata database, for tests of who may see what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from argon2 import PasswordHasher

from connectors.metadata import Metadata, NewPerson, NewRelation, open_metadata
from connectors.metadata.passwords import Hasher

SECRET = b"for tests alone: 32 bytes or more"
PASSWORD = "correct horse battery"
TODAY = date(2026, 3, 2)
# The real cost is the library's own default; tests of behaviour need not pay it.
CHEAP = Hasher(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@dataclass
class Clock:
    now: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


def open_school(address: str, folder: Path, clock: Clock, secret: bytes = SECRET) -> Metadata:
    return open_metadata(address, secret, audit_head=folder / "audit-head", hasher=CHEAP, clock=clock)


@dataclass(frozen=True)
class School:
    id: int
    people: dict[str, str]  # login -> person id
    learners: dict[str, int]  # student id -> learner id


def found(metadata: Metadata, prefix: str = "", name: str = "Hill School") -> School:
    """Three pupils, a guardian of the first two, a teacher of one class, an administrator and so on."""
    organisation = metadata.organisations.add(name, "Europe/Berlin", "en", demo=True)
    pupils = [
        NewPerson(
            f"{prefix}ada", "Ada Example", "ada@hill.test", "student", PASSWORD, date(2012, 5, 6), "S1"
        ),
        NewPerson(f"{prefix}bo", "Bo Example", None, "student", None, date(2008, 3, 4), "S2"),
        NewPerson(f"{prefix}cy", "Cy Other", None, "student", None, date(2012, 5, 6), "S3"),
    ]
    roles = ("guardian", "teacher", "administrator", "executive", "corporate_manager", "data_scientist")
    roles += ("operator", "privacy_officer", "machine")
    others = [NewPerson(prefix + role, f"{role} Person", None, role, PASSWORD) for role in roles]
    everybody = [*pupils, *others]
    ids = metadata.people.add_many(organisation, everybody)
    people = {person.login.removeprefix(prefix): i for person, i in zip(everybody, ids, strict=True)}
    pseudonyms = metadata.organisations.pseudonyms(organisation)
    learners = {student: pseudonyms.learner(student) for student in ("S1", "S2", "S3")}
    metadata.relations.add_many(
        [
            NewRelation(people["guardian"], "guards", learners["S1"]),
            NewRelation(people["guardian"], "guards", learners["S2"]),
            NewRelation(people["teacher"], "teaches", "K1"),
            NewRelation(people["corporate_manager"], "sponsors", "C1"),
        ]
    )
    return School(organisation, people, learners)
