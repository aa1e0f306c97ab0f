"""Whatever is sent, repeated, late, withdrawn, restarted and replayed: a dictionary knows it as well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from config.taxonomy import taxonomy
from connectors.intake.replay import replay
from connectors.intake.submission import Outcome
from connectors.metadata import Consent
from connectors.warehouse import Warehouse
from connectors.warehouse.deadletters import DeadLetters, LetterFilter
from models.event import EventType
from models.tables import LEARNER_DAY
from tests.connectors.intake_school import NOON, ZONE, Door, FixedSchools, pseudonym, sent, small, steps_of
from tests.connectors.test_intake_kill import assert_rollups_equal_a_rebuild

MINUTE = timedelta(minutes=1)
NEW_TYPE = "hologram_viewed"
KINDS = taxonomy()
KINDS_LATER = {**KINDS, NEW_TYPE: EventType(NEW_TYPE, "video", "P1", "A hologram was looked at.", ())}
Kind = Literal["lesson_complete", "page_view", "hologram_viewed", "consent_granted", "consent_withdrawn"]
PAYLOADS: dict[str, dict[str, object]] = {"lesson_complete": {"duration_s": 60}, "page_view": {"path": "/"}}
STUDENTS = ("s1", "s2", "child")
BIRTHDAY = NOON.date() + timedelta(days=2)  # of 13 years
Fate = Literal["accepted", "duplicates", "quarantined", "rejected"]


@dataclass(frozen=True, slots=True)
class Sending:
    """What one event says, as data that can be sent again."""

    number: int
    kind: Kind
    student: str
    minute: int
    by: str = "learner"

    @property
    def event_id(self) -> str:
        return str(UUID(int=self.number))

    @property
    def at(self) -> datetime:
        return NOON + self.minute * MINUTE

    @property
    def is_consent(self) -> bool:
        return self.kind.startswith("consent")

    def event(self) -> dict[str, object]:
        payload = {"purpose": "analytics"} if self.is_consent else PAYLOADS.get(self.kind, {})
        given = {"given_by": self.by} if self.kind == "consent_granted" else {}
        about = {"event_id": self.event_id, "student_id": self.student}
        return sent(self.kind, self.at, payload=payload | given, **about)


@dataclass
class Model:
    """What ought to be: events by id, letters by id, and of each student what was said about consent."""

    stored: dict[str, Sending] = field(default_factory=dict)
    waiting: dict[str, Sending] = field(default_factory=dict)
    said: dict[str, list[tuple[datetime, bool, str]]] = field(default_factory=dict)
    knows_new_type: bool = False

    def judge(self, one: Sending) -> Fate:
        if one.kind == NEW_TYPE and not self.knows_new_type:
            return self._set_aside(one)
        if one.event_id in self.stored:
            return "duplicates"
        if one.is_consent:
            if one.kind == "consent_granted" and one.by == "learner" and self._is_child(one):
                return "rejected"
            self.say(one.student, one.at, one.kind, one.by)
        elif not self.is_lawful(one):
            return "rejected"
        self.stored[one.event_id] = one
        return "accepted"

    def _set_aside(self, one: Sending) -> Fate:
        if not self.is_lawful(one):
            return "rejected"
        if one.event_id in self.waiting:
            return "duplicates"
        self.waiting[one.event_id] = one
        return "quarantined"

    def say(self, student: str, at: datetime, kind: str, by: str) -> None:
        # Of two things said for one moment the withdrawal counts.
        self.said.setdefault(student, []).append((at, kind == "consent_withdrawn", by))

    def is_lawful(self, one: Sending) -> bool:
        given: set[str] = set()
        for at, withdrawn, by in sorted(self.said.get(one.student, [])):
            if at <= one.at:
                given = set() if withdrawn else given | {by}
        return "guardian" in given or ("learner" in given and not self._is_child(one))

    @staticmethod
    def _is_child(one: Sending) -> bool:
        return one.student == "child" and one.at.date() < BIRTHDAY

    def replay(self) -> Counter[str]:
        done: Counter[str] = Counter()
        for event_id, one in list(self.waiting.items()):
            fate = self.judge(one)
            done[fate] += 1
            if fate != "rejected":
                del self.waiting[event_id]
        return done

    def by_day(self) -> Counter[tuple[int, date]]:
        zone = ZoneInfo(ZONE)
        return Counter((pseudonym(s.student), s.at.astimezone(zone).date()) for s in self.stored.values())


# Few enough that events and consents meet, on both sides of them and of the birthday.
MINUTES = st.sampled_from([-3000, -1, 0, 1, 700, 2200, 2201, 3000, 6000])
SENDINGS = st.tuples(st.sampled_from([*PAYLOADS, "lesson_complete"]), st.sampled_from(STUDENTS), MINUTES)
CONSENTS = st.tuples(
    st.sampled_from(["consent_granted", "consent_withdrawn"]),
    st.sampled_from(STUDENTS),
    MINUTES,
    st.sampled_from(["learner", "guardian"]),
)


class WayIn(RuleBasedStateMachine):
    make: Callable[[], Warehouse]
    folder: Path

    @initialize(in_a_stream=st.booleans())
    def open(self, in_a_stream: bool) -> None:
        self.limits = small(stream_events=0 if in_a_stream else 1_000)
        self.journal = self.folder / f"{uuid4()}.journal"
        self.model = Model()
        self.history: list[Sending] = []
        self.warehouse = type(self).make()
        born = BIRTHDAY.replace(year=BIRTHDAY.year - 13)
        self.schools = FixedSchools(birth_dates={pseudonym("child"): born})
        self.schools.grants = [Consent(pseudonym("s1"), "consent", NOON - 5000 * MINUTE)]
        self.model.say("s1", NOON - 5000 * MINUTE, "consent_granted", "learner")
        self.door = self.opened(KINDS)

    def opened(self, kinds: Mapping[str, EventType]) -> Door:
        alone = self.warehouse.engine == "duckdb"
        return Door(self.warehouse, self.schools, self.limits, kinds, self.journal if alone else None)

    def new(self, *given: object) -> Sending:
        one = Sending(len(self.history) + 1, *given)  # type: ignore[arg-type]
        self.history.append(one)
        return one

    def send(self, *events: Sending) -> None:
        """In one body; the answer must say of each what the model says."""
        expected = Counter(self.model.judge(one) for one in events)
        told = self.door.send(*(one.event() for one in events))
        assert _counts(told) == expected

    @rule(given=st.lists(SENDINGS, min_size=1, max_size=8))
    def send_new(self, given: list[tuple[object, ...]]) -> None:
        self.send(*(self.new(*one) for one in given))

    @rule(before=SENDINGS, change=CONSENTS, after=SENDINGS)
    def consent_in_the_middle_of_a_body(
        self, before: tuple[object, ...], change: tuple[object, ...], after: tuple[object, ...]
    ) -> None:
        self.send(self.new(*before), self.new(*change), self.new(*after))

    @rule(student=st.sampled_from(STUDENTS), minute=MINUTES)
    def send_of_a_type_nobody_knows_yet(self, student: str, minute: int) -> None:
        self.send(self.new(NEW_TYPE, student, minute))

    @precondition(lambda self: self.history)
    @rule(data=st.data())
    def repeat_in_another_order(self, data: st.DataObject) -> None:
        again = data.draw(st.lists(st.sampled_from(self.history), min_size=1, max_size=8, unique=True))
        if any(one.is_consent for one in again):
            for one in again:
                self.send(one)
        else:
            self.send(*again, again[0])

    @precondition(lambda self: self.model.stored)
    @rule(data=st.data(), minute=MINUTES)
    def repeat_with_another_time(self, data: st.DataObject, minute: int) -> None:
        one = data.draw(st.sampled_from(list(self.model.stored.values())))
        moved = Sending(one.number, one.kind, one.student, minute, one.by)
        assert _counts(self.door.send(moved.event())) == self._fate_of_moved(moved)

    def _fate_of_moved(self, moved: Sending) -> Counter[str]:
        if moved.kind == NEW_TYPE and not self.model.knows_new_type:
            return Counter([self.model.judge(moved)])
        return Counter(["duplicates"])

    @rule(change=CONSENTS)
    def consent_in_the_metadata_database(self, change: tuple[str, str, int, str]) -> None:
        kind, student, minute, by = change
        at = NOON + minute * MINUTE
        granted = "guardian-consent" if by == "guardian" else "consent"
        consent = Consent(pseudonym(student), "withdrawn" if kind == "consent_withdrawn" else granted, at)  # type: ignore[arg-type]
        self.schools.grants.append(consent)
        self.schools.get(1).lawful.change(steps_of([consent]))
        self.model.say(student, at, kind, by)

    @rule(record_is_lost=st.booleans(), knows_new_type=st.booleans(), minutes=st.lists(MINUTES, min_size=3))
    def restart(self, record_is_lost: bool, knows_new_type: bool, minutes: list[int]) -> None:
        """A kill may come between a commit and the record of its consents."""
        self.door.close()
        if record_is_lost:
            self.schools.grants = [g for g in self.schools.grants if g.event_id is None]
        kept = FixedSchools(self.schools.grants, self.schools.birth_dates)
        self.schools = kept
        self.model.knows_new_type |= knows_new_type  # a type is never taken back
        self.door = self.opened(KINDS_LATER if self.model.knows_new_type else KINDS)
        # Who may be processed must be known at once.
        self.send(*(self.new("page_view", s, m) for m in minutes for s in STUDENTS))

    @rule()
    def replay(self) -> None:
        self.door.writer.settle()
        letters = DeadLetters(self.warehouse)
        done = replay(self.door.writer, letters, LetterFilter(kind="quarantined"))
        if not self.model.knows_new_type:
            assert (done.replayed, done.repeated) == (0, 0)
            return
        expected = self.model.replay()
        assert (done.replayed, done.repeated) == (expected["accepted"], expected["duplicates"])

    @rule()
    def tidy(self) -> None:
        self.warehouse.compact()

    @invariant()
    def all_is_there_once(self) -> None:
        if not hasattr(self, "model"):
            return
        rows = self.door.stored()
        assert [row["event_id"] for row in rows] == sorted(self.model.stored)
        days = LEARNER_DAY.unbound
        counted = self.warehouse.fetch(days.group_by("learner_id", "day").agg(n=days.events.sum()))
        assert {(r["learner_id"], r["day"]): r["n"] for r in counted.to_pylist()} == self.model.by_day()

    def teardown(self) -> None:
        if hasattr(self, "model"):
            self.door.close()
            if self.model.stored:
                assert_rollups_equal_a_rebuild(self.warehouse)


def _counts(told: Outcome) -> Counter[str]:
    counts = {
        "accepted": told.accepted,
        "duplicates": told.duplicates,
        "quarantined": told.quarantined,
        "rejected": len(told.rejected),
    }
    return Counter({name: count for name, count in counts.items() if count})


def test_the_way_in_agrees_with_a_dictionary(fresh_engine: Callable[[], Warehouse], tmp_path: Path) -> None:
    class Machine(WayIn):
        make = staticmethod(fresh_engine)
        folder = tmp_path

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=8,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
