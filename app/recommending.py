"""What becomes of a recommendation, as events of the learner's own, and what a reader finds useful."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooSlow
from typing import TYPE_CHECKING, Any

import orjson

from connectors.intake.decode import decode
from connectors.intake.submission import OWN, Outcome, Submission
from connectors.intake.times import clock
from models.errors import BadQuestion, HeadwayError, NotFound, Unavailable, unknown

if TYPE_CHECKING:
    from app.looks import Caller

STEPS = ("shown", "accepted", "modified", "rejected", "completed", "rated")
JUDGED = "insights.judged"  # the setting: kind -> [useful, not useful]
LONGEST_WAIT_S = 10.0
_SPACE = uuid.UUID("6b0f6c52-5d0a-4a1e-9a54-1d3f0a7f4c11")
_MOST_KINDS = 100
_DEVICE = ("type", "os", "browser")


def recommendation(
    caller: Caller,
    step: str,
    recommendation_id: str,
    strategy: str = "",
    target_id: str = "",
    rating: int = 0,
    device: Mapping[str, str] | None = None,
) -> bool:
    """Only the learner's own. Told twice it is one event; True: it is stored now."""
    if step not in STEPS:
        raise unknown("step", step, STEPS)
    if caller.scope.rows != "own" or not (0 < len(recommendation_id) <= 64):
        raise NotFound
    person = caller.door.metadata.people.get(caller.viewer.person_id)
    if person is None or person.student_id is None:
        raise NotFound
    payload: dict[str, Any] = {"recommendation_id": recommendation_id}
    payload |= {k: v for k, v in {"strategy": strategy, "target_id": target_id}.items() if v}
    if step == "rated":
        if rating not in range(1, 6):
            raise BadQuestion("A rating goes from 1, worst, to 5, best.")
        payload["rating"] = rating
    # A recommendation's id holds its learner and its week, so each step of it is one event.
    named = "\0".join((person.id, recommendation_id, step, str(rating), str(caller.scope.on)))
    at = caller.door.clock()
    event = {
        "event_id": str(uuid.uuid5(_SPACE, named)),
        "event_type": f"recommendation_{step}",
        "timestamp": at.isoformat(),
        "student_id": person.student_id,
        "session_id": f"headway-{uuid.uuid5(_SPACE, caller.viewer.session_id or person.id)}",
        "sequence": at.hour * 3600 + at.minute * 60 + at.second,
        "context": {},
        "device": {name: str((device or {})[name])[:40] for name in _DEVICE if name in (device or {})},
        "payload": payload,
    }
    return _sent(caller, event).accepted == 1


def _sent(caller: Caller, event: dict[str, Any]) -> Outcome:
    if caller.door.way_in is None:
        raise Unavailable("Headway takes in no events at the moment. Try again soon.")
    told: Future[Outcome | HeadwayError] = Future()
    decoded = decode(orjson.dumps([event]))
    caller.door.way_in(
        Submission(
            caller.viewer.organisation_id,
            OWN,
            decoded.events,
            decoded.size,
            clock(),
            told.set_result,
            refused=decoded.refused,
            indexes=decoded.indexes,
        )
    )
    try:
        outcome = told.result(LONGEST_WAIT_S)
    except TooSlow:
        raise Unavailable("That could not be stored yet. Try again soon.") from None
    if isinstance(outcome, HeadwayError):
        raise outcome
    return outcome


def judge_insight(caller: Caller, kind: str, useful: bool, undo: bool = False) -> None:
    """Counts of what the reader found useful, by kind of finding and nothing more."""
    if not (0 < len(kind) <= 40) or not kind.replace("_", "").isalnum():
        raise BadQuestion("A finding's kind is a short word.")
    saved, owner = caller.door.metadata.settings, caller.viewer.person_id
    judged = dict(saved.get(owner, JUDGED, {}))
    counts = [int(n) for n in judged.get(kind, (0, 0))]
    place = 0 if useful else 1
    counts[place] = max(0, counts[place] + (-1 if undo else 1))
    judged[kind] = counts
    if len(judged) <= _MOST_KINDS:
        saved.put(owner, JUDGED, judged)
