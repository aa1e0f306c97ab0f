"""The schools the gate knows, read from the metadata database and kept up to date with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from connectors.intake.consent import Lawfulness
from connectors.intake.personal import Finder
from connectors.intake.school import Memory, School, of_age, steps
from connectors.intake.times import LocalTime
from connectors.metadata import Consent, Metadata


class Schools(Protocol):
    def get(self, organisation_id: int) -> School: ...

    def refresh(self) -> None:
        """Take over what changed; called before each commit, so it must cost next to nothing."""
        ...

    def record(self, organisation_id: int, consents: list[Consent]) -> None:
        """Consent that came as events and is committed."""
        ...

    def forget(self, organisation_id: int) -> None:
        """Somebody of it was erased: names and ids in memory go. From any thread."""
        ...

    def reread(self) -> None:
        """Forget consents that were taken from events whose commit failed: with the next `refresh`."""
        ...


@dataclass(frozen=True, slots=True)
class _Known:
    """Of a person: what the gate has to know."""

    name: str
    learner_id: int | None
    born: date | None


class RecordedSchools:
    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        self._schools: dict[int, School] = {}
        self._last_ids: dict[int, int] = {}
        self._known: dict[int, dict[str, _Known]] = {}  # of each organisation, by person
        self._number = self._version = self._people_number = -1
        self._is_stale = False

    def get(self, organisation_id: int) -> School:
        school = self._schools.get(organisation_id)
        if school is None:
            school = self._open(organisation_id)
            self._schools[organisation_id] = school
        return school

    def _open(self, organisation_id: int) -> School:
        organisation = self._metadata.organisations.get(organisation_id)
        pseudonyms = self._metadata.organisations.pseudonyms(organisation_id)
        school = School(
            organisation_id,
            LocalTime(organisation.zone),
            Memory(pseudonyms.learner),
            Memory(pseudonyms.session),
        )
        self._read_people(school)
        self._read_consents(school)
        return school

    def refresh(self) -> None:
        """Noted as read once it is: what fails here fails the commit, and is read again before the next."""
        if self._is_stale:
            for school in self._schools.values():
                self._begin_anew(school)
            self._is_stale = False
        number = self._metadata.consents.number()
        if number != self._number:
            for school in self._schools.values():
                self._read_consents(school)
            self._number = number
        version = self._metadata.version()
        if version != self._version:
            self._refresh_people()
            self._version = version

    def _refresh_people(self) -> None:
        """The version moves with each sign-out; that somebody came or went is rarer."""
        number = self._metadata.people.number()
        if number != self._people_number:
            for school in self._schools.values():
                self._read_people(school)
            self._people_number = number

    def _read_people(self, school: School) -> None:
        known = self._known.get(school.organisation_id, {})
        come, gone = self._metadata.people.news(school.organisation_id, known)
        if not come and not gone:
            return
        fresh = {person_id: one for person_id, one in known.items() if person_id not in gone}
        for person in come:
            learner_id = None if person.student_id is None else school.learners[person.student_id]
            fresh[person.id] = _Known(person.name, learner_id, person.birth_date)
        school.finder = Finder(one.name for one in fresh.values())
        school.lawful.grow_up(_of_age(fresh))
        self._known[school.organisation_id] = fresh

    def _read_consents(self, school: School) -> None:
        after = self._last_ids.get(school.organisation_id, 0)
        changes = list(self._metadata.consents.changes(school.organisation_id, after_id=after))
        if changes:
            self._last_ids[school.organisation_id] = changes[-1].id
            school.lawful.change(steps(changes))

    def record(self, organisation_id: int, consents: list[Consent]) -> None:
        self._metadata.consents.grant_many(organisation_id, consents)

    def forget(self, organisation_id: int) -> None:
        school = self._schools.get(organisation_id)
        if school is not None:
            self._known.pop(organisation_id, None)
            school.finder = Finder(person.name for person in self._metadata.people.all(organisation_id))
            school.learners.clear()
            school.sessions.clear()

    def reread(self) -> None:
        self._is_stale = True

    def _begin_anew(self, school: School) -> None:
        self._last_ids.pop(school.organisation_id, None)
        school.lawful = Lawfulness(_of_age(self._known.get(school.organisation_id, {})))
        self._read_people(school)
        self._read_consents(school)


def _of_age(known: Mapping[str, _Known]) -> dict[int, int]:
    return of_age(
        {one.learner_id: one.born for one in known.values() if one.learner_id is not None and one.born}
    )
