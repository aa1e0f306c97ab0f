"""A small demo school in full operation, for the benches that open pages: its processes and their meters."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.tour import Running, demo
from app.tour.school import make
from bench.schools import KEPT
from config.settings import Settings, read_settings
from connectors.demo.day import open_days
from connectors.metadata import Metadata, Person, metadata_of

SIZE = ("--learners", "340", "--courses", "8", "--days", "56")
SENDER, OTHER_SENDER = "amara", "ruth"  # administrators of the demo's two schools may send events


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody of the demo school who is signed in already."""

    secret: str
    login: str
    student_id: str | None
    organisation_id: int


@dataclass(frozen=True, slots=True)
class School:
    running: Running
    guests: Mapping[str, Sequence[Guest]]  # by role
    data: Path
    token: str  # with which events are sent
    other_token: str  # the same for the other school
    lesson: Mapping[str, str]  # of the school: course_id and lesson_id

    def take(self, role: str, count: int) -> list[Guest]:
        """So many guests of a role; the same ones again where there are fewer."""
        some = self.guests[role]
        return [some[n % len(some)] for n in range(count)]

    def cpu_s(self) -> dict[str, float]:
        """Processor time so far."""
        return {name: cpu_s(self.running.part(name)) for name in ("ui", "core")}

    def mib(self, name: str) -> float:
        return resident_mib(self.running.part(name))


@contextlib.contextmanager
def school(*options: str) -> Iterator[School]:
    """On a copy, so that what a bench sends stays out of the school that is kept."""
    kept = KEPT / "pages"
    make(kept, SIZE)
    with tempfile.TemporaryDirectory(prefix="headway-bench-") as folder:
        data = Path(folder) / "school"
        shutil.copytree(kept, data, ignore=shutil.ignore_patterns("lock", "*.sock", "*.log"))
        settings = read_settings({}, demo=True, data=data)
        guests, tokens = _signed_in(settings)
        lesson = _lesson(data)
        with demo(data, *options) as running:
            yield School(running, guests, data, *tokens, lesson)


def _signed_in(settings: Settings) -> tuple[dict[str, list[Guest]], tuple[str, str]]:
    guests: dict[str, list[Guest]] = {}
    with metadata_of(settings) as metadata:
        for person in _people(metadata):
            secret = metadata.sessions.open(person.id)
            guests.setdefault(person.roles[0], []).append(
                Guest(secret, person.login, person.student_id, person.organisation_id)
            )
        first, second = (
            metadata.tokens.create(who, ["send-events"], days=1) for who in (SENDER, OTHER_SENDER)
        )
        return guests, (first, second)


def _lesson(data: Path) -> dict[str, str]:
    """As the demo's learners name one."""
    day = open_days(data, rate=1, seed=1)[0]
    contexts = (event.get("context", {}) for event in day.take(200, datetime.now(UTC)))
    return next({k: c[k] for k in ("course_id", "lesson_id")} for c in contexts if "lesson_id" in c)


def _people(metadata: Metadata) -> list[Person]:
    """Of the first organisation, then of the others: one school is enough for most."""
    found = []
    for organisation in metadata.organisations.all():
        found += metadata.people.some_of_each_role(organisation.id, 10_000)
    return found


def cpu_s(process: int) -> float:
    """Of all its threads, to the nanosecond."""
    return time.clock_gettime(~process << 3 | 2)


def resident_mib(process: int) -> float:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
