"""The school day that never stops: what learners' clients would send now, at any rate."""

from __future__ import annotations

import heapq
import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeAlias

from connectors.demo.campus import LESSONS
from connectors.demo.filling import TRUTH
from connectors.demo.learners import LEO
from connectors.demo.places import PLACES, Place
from connectors.demo.rows import CLIENTS
from connectors.demo.school import School, Size, build_school
from connectors.demo.script import Actor, Step, session
from models.errors import NotFound

ClientEvent: TypeAlias = dict[str, Any]  # JSON of P3.1
MEAN_GAP_S = 14.0  # between two events of one learner: how many learners a rate needs
BUSIEST_SHARE = 0.5  # of all learners at once; beyond it their time runs faster instead


@dataclass(slots=True)
class _Sitting:
    learner: int
    session_id: str
    steps: Iterator[Step]
    client: int
    sequence: int = 0


class Day:
    """Events of one organisation. Time is the caller's: `take` says how many and what time it is.

    Learners' own time runs as fast as the rate needs, so that the demo moves at night too.
    """

    def __init__(self, school: School, gone: frozenset[int], seed: int, rate: float) -> None:
        self.organisation_id = school.organisation_id
        self.share = school.place.learner_share  # of all the demo's events
        self._school = school
        self._rng = random.Random(seed)  # noqa: S311  a play, no secret
        self._idle = [n for n in range(len(school.learners)) if n not in gone and n != LEO]
        self._rng.shuffle(self._idle)
        self._at_it: list[tuple[float, int, _Sitting, Step]] = []
        self._number = 0
        self._clock = 0.0
        self.set_rate(rate)

    def set_rate(self, rate: float) -> None:
        most = max(int((len(self._idle) + len(self._at_it)) * BUSIEST_SHARE), 1)
        self._wanted = min(max(round(rate * MEAN_GAP_S), 1), most)

    def take(self, count: int, now: datetime) -> list[ClientEvent]:
        return [self._next(now) for _ in range(count)]

    def _next(self, now: datetime) -> ClientEvent:
        while len(self._at_it) < self._wanted:
            self._sit_down()
        self._clock, _, sitting, step = heapq.heappop(self._at_it)
        following = next(sitting.steps, None)
        if following is None:
            self._idle.append(sitting.learner)
        else:
            self._queue(self._clock + following.after_s, sitting, following)
        return self._event(sitting, step, now)

    def _sit_down(self) -> None:
        school, rng = self._school, self._rng
        learner = self._idle.pop(rng.randrange(min(len(self._idle), 50)))
        slot = rng.randrange(school.learners.courses.shape[1]) if school.place.has_terms else 0
        actor = Actor(
            school, learner, int(school.learners.courses[learner, slot]), rng.randrange(LESSONS), rng
        )
        clients = (school.learners.client, school.learners.second_client)
        steps = session(actor)
        sitting = _Sitting(
            learner,
            str(uuid.UUID(int=rng.getrandbits(128))),
            steps,
            int(clients[rng.random() < 0.3][learner]),
        )
        self._queue(self._clock + rng.expovariate(1 / MEAN_GAP_S), sitting, next(steps))

    def _queue(self, at: float, sitting: _Sitting, step: Step) -> None:
        self._number += 1
        heapq.heappush(self._at_it, (at, self._number, sitting, step))

    def _event(self, sitting: _Sitting, step: Step, now: datetime) -> ClientEvent:
        device, os, browser, _ = CLIENTS[sitting.client]
        event: ClientEvent = {
            "event_id": str(uuid.UUID(int=self._rng.getrandbits(128), version=4)),
            "event_type": step.event_type,
            "timestamp": now.isoformat(),
            "student_id": self._school.student_ids[sitting.learner],
            "session_id": sitting.session_id,
            "sequence": sitting.sequence,
            "device": {"type": device, "os": os, "browser": browser},
        }
        sitting.sequence += 1
        if step.context:
            event["context"] = dict(step.context)
        if step.payload:
            event["payload"] = dict(step.payload)
        return event


def open_days(data: Path, rate: float, seed: int | None = None) -> list[Day]:
    """One day for each organisation of the demo school in this folder; the rate is that of all together."""
    try:
        known = json.loads((data / TRUTH).read_text(encoding="utf-8"))
    except OSError:
        raise NotFound(f"There is no demo school in {data}; make one with: ./headway generate") from None
    size = Size(date.fromisoformat(known["until"]), datetime.fromisoformat(known["now"]), **known["size"])
    # Without a seed every start is another day: repeated event ids would all be duplicates.
    play = random.SystemRandom().getrandbits(64) if seed is None else seed
    return [_open(place, known, size, play, rate * place.learner_share) for place in PLACES]


def _open(place: Place, known: dict[str, Any], size: Size, seed: int, rate: float) -> Day:
    about = known["organisations"][place.key]
    school = build_school(place, size, about["organisation_id"], lambda _: 0)
    numbers = {student_id: n for n, student_id in enumerate(school.student_ids)}
    gone = frozenset(numbers[student_id] for student_id in about["drop_out"]["student_ids"])
    return Day(school, gone, seed, rate)
