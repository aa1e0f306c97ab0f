"""A school for tests of the way in: pseudonyms are made plainly, consents are a list."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from config.taxonomy import taxonomy
from connectors.intake.consent import FOREVER, Lawfulness, Step
from connectors.intake.decode import Decoded, decode
from connectors.intake.limits import LIMITS, Limits
from connectors.intake.personal import Finder
from connectors.intake.school import Memory, School, of_age
from connectors.intake.submission import Outcome, Submission
from connectors.intake.times import SECOND, LocalTime, clock
from connectors.intake.writer import Writer
from connectors.metadata import Consent
from connectors.warehouse import Warehouse
from models.errors import HeadwayError
from models.event import EventType
from models.tables import EVENTS

ZONE = "Europe/Berlin"
NOON = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)
Sent = dict[str, object]


def pseudonym(plain: str) -> int:
    return int.from_bytes(hashlib.sha256(plain.encode()).digest()[:8], "big", signed=True)


def sent(event_type: str = "lesson_start", at: datetime = NOON, **given: object) -> Sent:
    """An event as a client sends it."""
    event: Sent = {
        "event_id": str(uuid.uuid4()),
        "event_type": event_type,
        "timestamp": at.isoformat().replace("+00:00", "Z"),
        "student_id": "s1",
        "session_id": "x1",
        "context": {"course_id": "c1", "lesson_id": "l1", "video_id": "v1", "assessment_id": "a1"},
    }
    return event | given


def body(*events: Mapping[str, object]) -> bytes:
    return json.dumps(events).encode()


@dataclass
class FixedSchools:
    """Every organisation is alike; `grants` are what the metadata database would hold."""

    grants: list[Consent] = field(default_factory=list)
    birth_dates: dict[int, date] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    recorded: list[Consent] = field(default_factory=list)
    _schools: dict[int, School] = field(default_factory=dict)

    @classmethod
    def of(
        cls, *students: str, since: datetime = NOON - timedelta(days=900), **given: object
    ) -> FixedSchools:
        grants = [Consent(pseudonym(s), "legitimate-interest", since) for s in students or ("s1", "s2", "s3")]
        return cls(grants, **given)  # type: ignore[arg-type]

    def get(self, organisation_id: int) -> School:
        if organisation_id not in self._schools:
            school = School(
                organisation_id, LocalTime(ZONE), Memory(pseudonym), Memory(pseudonym), Finder(self.names)
            )
            self._schools[organisation_id] = school
            self._fill(school)
        return self._schools[organisation_id]

    def _fill(self, school: School) -> None:
        school.lawful = Lawfulness()
        school.lawful.change(steps_of(self.grants))
        school.lawful.grow_up(of_age(self.birth_dates))

    def refresh(self) -> None: ...

    def record(self, organisation_id: int, consents: list[Consent]) -> None:
        known = {consent.event_id for consent in self.recorded}
        fresh = [consent for consent in consents if consent.event_id not in known]
        self.recorded += fresh
        self.grants += fresh
        if organisation_id in self._schools:
            self._schools[organisation_id].lawful.change(steps_of(fresh))

    def forget(self, organisation_id: int) -> None:
        pass

    def reread(self) -> None:
        for school in self._schools.values():
            self._fill(school)


def steps_of(consents: Iterable[Consent]) -> list[tuple[int, Step]]:
    return [
        (c.learner_id, Step(_micros(c.since), FOREVER if c.until is None else _micros(c.until), c.basis))
        for c in consents
        if c.purpose == "analytics"
    ]


def _micros(at: datetime) -> int:
    return round(at.timestamp() * SECOND)


class Door:
    """A writer one can talk to in a straight line."""

    def __init__(
        self,
        warehouse: Warehouse,
        schools: FixedSchools,
        limits: Limits = LIMITS,
        kinds: Mapping[str, EventType] | None = None,
        journal: Path | None = None,
    ) -> None:
        self.warehouse, self.schools = warehouse, schools
        self.limits = limits
        self.writer = Writer(warehouse, schools, kinds or taxonomy(), limits=limits, journal=journal)
        self.writer.start()

    def send(self, *events: Mapping[str, object], organisation_id: int = 1, source: str = "http") -> Outcome:
        return self.send_body(body(*events), organisation_id=organisation_id, source=source)

    def send_body(self, raw: bytes, *, organisation_id: int = 1, source: str = "http") -> Outcome:
        outcome = self.put(decode(raw, limits=self.limits), organisation_id, source).get()
        if isinstance(outcome, HeadwayError):
            raise outcome
        return outcome

    def put(self, decoded: Decoded, organisation_id: int = 1, source: str = "http") -> Waiting:
        waiting = Waiting()
        self.writer.put(
            Submission(
                organisation_id,
                source,
                decoded.events,
                decoded.size,
                clock(),
                waiting.told,
                refused=decoded.refused,
                indexes=decoded.indexes,
            )
        )
        return waiting

    def stored(self) -> list[dict[str, object]]:
        self.writer.settle()
        events = EVENTS.unbound
        rows: list[dict[str, object]] = self.warehouse.fetch(events.order_by("event_id")).to_pylist()
        return rows

    def close(self) -> None:
        self.writer.close()


class Waiting:
    def __init__(self) -> None:
        self._told = threading.Event()
        self._outcome: Outcome | HeadwayError | None = None

    def told(self, outcome: Outcome | HeadwayError) -> None:
        self._outcome = outcome
        self._told.set()

    def get(self, timeout_s: float = 30) -> Outcome | HeadwayError:
        assert self._told.wait(timeout_s), "the writer did not answer"
        assert self._outcome is not None
        return self._outcome


def small(**given: int) -> Limits:
    return replace(LIMITS, **given)
