"""The schools the gate knows, read from the metadata database and kept up to date with it."""

from __future__ import annotations

from datetime import date
from time import monotonic
from typing import Protocol

from connectors.intake.consent import Lawfulness
from connectors.intake.personal import Finder
from connectors.intake.school import Memory, School, of_age, steps
from connectors.intake.times import LocalTime
from connectors.metadata import Consent, Metadata

_PEOPLE_EVERY_S = 30.0


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
        """Forget consents that were taken from events whose commit failed."""
        ...


class RecordedSchools:
    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        self._schools: dict[int, School] = {}
        self._last_ids: dict[int, int] = {}
        self._number = -1
        self._people_version, self._people_read = -1, -_PEOPLE_EVERY_S

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
        number = self._metadata.consents.number()
        if number != self._number:
            self._number = number
            for school in self._schools.values():
                self._read_consents(school)
        if monotonic() - self._people_read > _PEOPLE_EVERY_S:
            self._refresh_people()

    def _refresh_people(self) -> None:
        self._people_read = monotonic()
        version = self._metadata.version()
        if version != self._people_version:
            self._people_version = version
            for school in self._schools.values():
                self._read_people(school)

    def _read_people(self, school: School) -> None:
        names: list[str] = []
        born: dict[int, date] = {}
        for person in self._metadata.people.all(school.organisation_id):
            names.append(person.name)
            if person.birth_date and person.student_id:
                born[school.learners[person.student_id]] = person.birth_date
        school.finder = Finder(names)
        school.lawful.grow_up(of_age(born))

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
            school.finder = Finder(person.name for person in self._metadata.people.all(organisation_id))
            school.learners.clear()
            school.sessions.clear()

    def reread(self) -> None:
        for school in self._schools.values():
            school.lawful = Lawfulness()
            self._last_ids.pop(school.organisation_id, None)
            self._read_people(school)
            self._read_consents(school)
