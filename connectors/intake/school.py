"""What the gate knows of one organisation: its zone, its pseudonyms, its people's names and consents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time

from connectors.intake.consent import FOREVER, Lawfulness, Step
from connectors.intake.personal import Finder
from connectors.intake.times import SECOND, LocalTime
from connectors.metadata.consents import Change

AGE_OF_CONSENT = 13


class Memory(dict[str, int]):
    """Pseudonyms that were asked for already; forgets all rather than grow without end."""

    def __init__(self, make: Callable[[str], int], most: int = 200_000) -> None:
        super().__init__()
        self._make, self._most = make, most

    def __missing__(self, plain: str) -> int:
        if len(self) >= self._most:
            self.clear()
        made = self[plain] = self._make(plain)
        return made


@dataclass(slots=True)
class School:
    organisation_id: int
    local: LocalTime
    learners: Memory
    sessions: Memory
    finder: Finder = field(default_factory=Finder)
    lawful: Lawfulness = field(default_factory=Lawfulness)


def steps(changes: Iterable[Change]) -> Iterable[tuple[int, Step]]:
    for change in changes:
        until = FOREVER if change.until is None else change.until
        yield change.learner_id, Step(change.since, until, change.basis)


def of_age(birth_dates: Mapping[int, date]) -> dict[int, int]:
    """When each learner turns 13, in microseconds."""
    return {learner: _micros(_birthday(born, AGE_OF_CONSENT)) for learner, born in birth_dates.items()}


def _birthday(born: date, age: int) -> date:
    try:
        return born.replace(year=born.year + age)
    except ValueError:  # 29 February
        return date(born.year + age, 3, 1)


def _micros(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp()) * SECOND
