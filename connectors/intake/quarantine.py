"""Events of types that nobody declared yet: kept, not counted, replayed once the type is known."""

from __future__ import annotations

import uuid

from connectors.intake.consent import Standing
from connectors.intake.envelope import Replayed
from connectors.intake.gatekeeper import Event
from connectors.intake.letters import Letter, Why, quarantined_letter
from connectors.intake.limits import Limits
from connectors.intake.school import School
from connectors.intake.times import SECOND, clock, read_time

_WHY = {
    "no-lawful-basis": "No lawful basis is recorded for this learner at the time of the event.",
    "no-guardian-consent": "The learner was under 13 and no guardian had consented.",
}


class Quarantine:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._known: set[int] = set()
        self._new: set[int] = set()

    def remember(self, organisation_id: int, event_id: str) -> None:
        self._known.add(_key(organisation_id, event_id))

    def refusal(self, school: School, event: Event) -> Why | None:
        """The outside must be right even where the inside cannot be checked yet."""
        at = read_time(event.timestamp)
        if at is None:
            return "bad-timestamp", "timestamp is not ISO 8601 with a zone."
        if at > clock() + self._limits.ahead_s * SECOND:
            return "in-the-future", "timestamp is ahead of the server's clock."
        if not _is_uuid(event.event_id):
            return "bad-event-id", "event_id is not a UUID."
        learner = event.learner_id if isinstance(event, Replayed) else school.learners[event.student_id]
        standing: Standing = school.lawful.standing(learner, at)
        return None if standing == "lawful" else (standing, _WHY[standing])

    def is_new(self, school: School, event: Event) -> bool:
        if isinstance(event, Replayed):
            return True  # it comes from here
        key = _key(school.organisation_id, event.event_id)
        if key in self._known or key in self._new:
            return False
        self._new.add(key)
        return True

    def letter(self, school: School, source: str, event: Event) -> Letter | Why:
        return quarantined_letter(school, source, event)

    def confirm(self) -> None:
        self._known |= self._new
        self._new.clear()

    def undo(self) -> None:
        self._new.clear()


def _key(organisation_id: int, event_id: str) -> int:
    return hash((organisation_id, uuid.UUID(event_id).int))


def _is_uuid(text: str) -> bool:
    try:
        return bool(uuid.UUID(text))
    except ValueError:
        return False
