"""Exactly once, lawful at its own time, bounded: what the writer promises, on both engines."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from compute.rollups import DELTAS
from connectors.intake import recording
from connectors.intake.decode import decode
from connectors.intake.losses import Kind
from connectors.intake.submission import Submission
from connectors.intake.times import clock
from connectors.metadata import Consent
from connectors.warehouse import Warehouse, open_warehouse
from connectors.warehouse.deadletters import DeadLetters, LetterFilter
from models.errors import HeadwayError, TooMany, Unavailable
from models.tables import LEARNER_COURSE_DAY, SESSIONS
from tests.connectors.intake_school import NOON, Door, FixedSchools, body, pseudonym, sent, small

MINUTE = timedelta(minutes=1)
Open = Callable[[FixedSchools], Door]


@pytest.fixture
def open_door(engine: Warehouse) -> Iterator[Open]:
    doors: list[Door] = []

    def opened(schools: FixedSchools) -> Door:
        doors.append(Door(engine, schools))
        return doors[-1]

    yield opened
    for door in doors:
        door.close()


@pytest.fixture
def door(open_door: Open) -> Door:
    return open_door(FixedSchools.of())


def test_a_repeat_is_a_duplicate_within_a_body_across_bodies_and_with_another_time(door: Door) -> None:
    event = sent()
    assert door.send(event, event).answer() == {
        "accepted": 1,
        "duplicates": 1,
        "quarantined": 0,
        "rejected": [],
    }
    assert door.send(event).duplicates == 1
    assert door.send(event | {"timestamp": (NOON - timedelta(days=40)).isoformat()}).duplicates == 1
    assert door.send(event | {"event_id": str(event["event_id"]).upper()}).duplicates == 1
    assert door.send(event | {"event_id": str(event["event_id"]).replace("-", "")}).duplicates == 1
    assert door.send(event, source="kafka").duplicates == 1
    assert len(door.stored()) == 1


def test_the_same_id_in_another_organisation_is_another_event(door: Door) -> None:
    event = sent()
    assert door.send(event).accepted == 1
    assert door.send(event, organisation_id=2).accepted == 1
    assert {row["organisation_id"] for row in door.stored()} == {1, 2}


def test_repeats_are_known_after_a_restart(open_door: Open) -> None:
    events = [sent(at=NOON + n * MINUTE) for n in range(50)]
    first = open_door(FixedSchools.of())
    first.send(*events)
    first.close()
    second = open_door(FixedSchools.of())
    outcome = second.send(*events, sent())
    assert (outcome.accepted, outcome.duplicates) == (1, 50)
    told = second.writer.counters.known_ids._value.get()
    assert told == (51 if second.warehouse.engine == "duckdb" else 0), "Postgres keeps them itself"


def test_quarantined_repeats_are_known_after_a_restart(open_door: Open) -> None:
    event = sent("hologram_viewed")
    first = open_door(FixedSchools.of())
    assert first.send(event).quarantined == 1
    first.close()
    assert open_door(FixedSchools.of()).send(event).duplicates == 1


def test_a_late_event_changes_its_own_day(door: Door) -> None:
    complete = {"payload": {"duration_s": 60}}
    door.send(sent("lesson_complete", NOON, **complete))
    door.send(sent("lesson_complete", NOON - timedelta(days=90), **complete))
    days = LEARNER_COURSE_DAY.unbound
    sums = days.group_by("day").agg(lessons=days.lessons_completed.sum(), s=days.learning_s.sum())
    rows = {row["day"]: (row["lessons"], row["s"]) for row in door.warehouse.fetch(sums).to_pylist()}
    assert rows == {date(2026, 3, 4): (1, 60.0), date(2025, 12, 4): (1, 60.0)}


def test_events_of_one_moment_belong_to_one_session_however_they_are_counted(door: Door) -> None:
    moments = [NOON, NOON + 60 * MINUTE, NOON + 61 * MINUTE, NOON + 300 * MINUTE]
    for at in reversed(moments):
        door.send(*(sent("page_view", at, payload={"path": "/"}) for _ in range(40)))
    sessions = SESSIONS.unbound
    expected = [(NOON, 40), (NOON + 60 * MINUTE, 80), (NOON + 300 * MINUTE, 40)]

    def counted() -> list[tuple[object, object]]:
        rows = door.warehouse.fetch(sessions.order_by("started_at")).to_pylist()
        return [(row["started_at"], row["events"]) for row in rows]

    assert counted() == expected
    door.warehouse.rebuild()
    assert counted() == expected


def test_many_senders_at_once_each_get_their_own_answer(door: Door) -> None:
    shared = [sent() for _ in range(20)]
    answers = []

    def send(own: int) -> None:
        answers.append(door.send(*(sent() for _ in range(own)), *shared))

    threads = [threading.Thread(target=send, args=(n,)) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(a.accepted for a in answers) == sum(range(1, 9)) + 20
    assert sum(a.duplicates for a in answers) == 20 * 7
    assert len(door.stored()) == sum(range(1, 9)) + 20


def test_a_withdrawal_holds_from_the_next_event_on_and_so_does_a_grant(door: Door) -> None:
    consent = {"payload": {"purpose": "analytics"}}
    outcome = door.send(
        sent(at=NOON),
        sent("consent_withdrawn", NOON + MINUTE, **consent),
        sent(at=NOON + 2 * MINUTE),
        sent(at=NOON + 2 * MINUTE, student_id="s2"),
        sent(at=NOON - MINUTE),  # was lawful when it happened
        sent("consent_granted", NOON + 3 * MINUTE, **consent),
        sent(at=NOON + 4 * MINUTE),
        sent(at=NOON + 2 * MINUTE),
    )
    assert [(r.index, r.code) for r in outcome.rejected] == [(2, "no-lawful-basis"), (7, "no-lawful-basis")]
    assert outcome.accepted == 6
    assert [c.basis for c in door.schools.recorded] == ["withdrawn", "consent"]
    assert door.send(sent(at=NOON + 2 * MINUTE)).rejected[0].code == "no-lawful-basis"
    assert door.send(sent(at=NOON + 5 * MINUTE)).accepted == 1


def test_a_withdrawal_for_marketing_leaves_analytics_alone(door: Door) -> None:
    door.send(sent("consent_withdrawn", NOON, payload={"purpose": "marketing"}))
    assert door.send(sent(at=NOON + MINUTE)).accepted == 1
    assert [c.purpose for c in door.schools.recorded] == ["marketing"]


def test_an_unknown_type_is_judged_in_its_order_among_consents(door: Door) -> None:
    consent = {"payload": {"purpose": "analytics"}}
    outcome = door.send(
        sent("hologram_viewed", NOON + 2 * MINUTE),
        sent("consent_withdrawn", NOON + MINUTE, **consent),
        sent("hologram_viewed", NOON + 2 * MINUTE),
        sent("consent_granted", NOON + 3 * MINUTE, **consent),
        sent("hologram_viewed", NOON + 4 * MINUTE),
    )
    assert (outcome.accepted, outcome.quarantined) == (2, 2)
    assert [(r.index, r.code) for r in outcome.rejected] == [(2, "no-lawful-basis")]


def test_a_repeated_consent_event_changes_nothing(door: Door) -> None:
    withdrawn = sent("consent_withdrawn", NOON, payload={"purpose": "analytics"})
    granted = sent("consent_granted", NOON + MINUTE, payload={"purpose": "analytics"})
    door.send(withdrawn, granted)
    moved = withdrawn | {"timestamp": (NOON + 2 * MINUTE).isoformat()}
    assert door.send(moved, moved).duplicates == 2
    assert door.send(sent(at=NOON + 3 * MINUTE)).accepted == 1


def test_a_child_is_processed_with_a_guardians_consent_until_it_is_of_age(open_door: Open) -> None:
    child = pseudonym("s1")
    thirteen = NOON.date() + timedelta(days=10)
    born = thirteen.replace(year=thirteen.year - 13)
    door = open_door(FixedSchools.of("s1", birth_dates={child: born}))
    assert door.send(sent()).rejected[0].code == "no-guardian-consent"
    own = sent("consent_granted", NOON, payload={"purpose": "analytics", "given_by": "learner"})
    assert door.send(own).rejected[0].code == "no-guardian-consent"
    guardian = sent("consent_granted", NOON, payload={"purpose": "analytics", "given_by": "guardian"})
    assert door.send(guardian, sent(at=NOON + MINUTE)).accepted == 2
    door.send(sent("consent_withdrawn", NOON + 2 * MINUTE, payload={"purpose": "analytics"}))
    assert door.send(sent(at=NOON + 3 * MINUTE)).rejected[0].code == "no-guardian-consent"


def test_the_thirteenth_birthday_changes_what_is_needed(open_door: Open) -> None:
    thirteen = NOON.date()
    born = thirteen.replace(year=thirteen.year - 13)
    door = open_door(FixedSchools.of("s1", birth_dates={pseudonym("s1"): born}))
    before, after = sent(at=NOON - timedelta(days=1)), sent(at=NOON)
    outcome = door.send(before, after)
    assert outcome.accepted == 1 and outcome.rejected[0].code == "no-guardian-consent"


def test_a_basis_holds_from_its_start_to_its_end(open_door: Open) -> None:
    span = Consent(pseudonym("s1"), "contract", NOON, NOON + timedelta(days=1))
    door = open_door(FixedSchools([span]))
    times = [NOON - MINUTE, NOON, NOON + timedelta(hours=23), NOON + timedelta(days=1)]
    outcome = door.send(*(sent(at=at) for at in times))
    assert [r.index for r in outcome.rejected] == [0, 3]


def test_consents_of_stored_events_are_recorded_when_a_kill_came_before(open_door: Open) -> None:
    first = open_door(FixedSchools.of())
    withdrawn = sent("consent_withdrawn", NOON, payload={"purpose": "analytics"})
    first.send(withdrawn)
    first.close()
    forgetful = FixedSchools.of()  # its record was lost with the process
    second = open_door(forgetful)
    assert second.send(sent(at=NOON + MINUTE)).rejected[0].code == "no-lawful-basis"
    assert [c.event_id for c in forgetful.recorded] == [withdrawn["event_id"]]


def test_a_failed_commit_answers_so_and_leaves_no_trace(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise Unavailable("The disk is full.")

    events = [
        sent("consent_withdrawn", NOON, payload={"purpose": "analytics"}),
        sent(at=NOON + MINUTE, student_id="s2"),
        sent("hologram_viewed", student_id="s3"),
    ]
    with monkeypatch.context() as broken:
        broken.setattr(door.warehouse, "append", away)
        with pytest.raises(Unavailable, match="full"):
            door.send(*events)
        assert door.writer.failure is not None
    assert door.stored() == [] and door.schools.recorded == []
    assert door.send(sent(at=NOON + MINUTE)).accepted == 1  # the withdrawal did not happen
    again = door.send(*events)
    assert (again.accepted, again.quarantined, again.duplicates) == (2, 1, 0)
    assert door.writer.failure is None


def test_a_check_that_goes_wrong_leaves_no_trace_either(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(_: object) -> None:
        raise Unavailable("The warehouse cannot be reached.")

    events = [
        sent("hologram_viewed", student_id="s3"),
        sent("consent_withdrawn", NOON, payload={"purpose": "analytics"}),
    ]
    with monkeypatch.context() as broken:
        broken.setattr("connectors.intake.group.as_table", wrong)  # the check's last step
        with pytest.raises(Unavailable):
            door.send(*events)
    assert door.send(sent(at=NOON + MINUTE)).accepted == 1  # the withdrawal did not happen
    again = door.send(*events)
    assert (again.accepted, again.quarantined, again.duplicates) == (1, 1, 0)


class Reluctant(FixedSchools):
    """Its metadata database takes nothing while `away` is set."""

    away: Exception | None = None
    tries: int = 0

    def record(self, organisation_id: int, consents: list[Consent]) -> None:
        self.tries += 1
        if self.away is not None:
            raise self.away
        super().record(organisation_id, consents)


def until(holds: Callable[[], bool]) -> None:
    waited = threading.Event()
    for _ in range(1000):
        if holds():
            return
        waited.wait(0.02)
    raise AssertionError("it did not come about")


@pytest.mark.parametrize("away", [Unavailable("The metadata disk is full."), RuntimeError("locked")])
def test_consents_that_cannot_be_recorded_wait_and_hold_and_the_writer_lives(
    open_door: Open, monkeypatch: pytest.MonkeyPatch, away: Exception
) -> None:
    monkeypatch.setattr(recording, "_AGAIN_S", 0.05)
    schools = Reluctant(FixedSchools.of().grants)
    door = open_door(schools)
    schools.away = away
    withdrawn = sent("consent_withdrawn", NOON, payload={"purpose": "analytics"})
    assert door.send(withdrawn).accepted == 1
    until(lambda: schools.tries > 2 and door.writer.failure is not None)
    assert door.send(sent(student_id="s2")).accepted == 1, "others are served meanwhile"
    assert door.writer.failure is not None, "a good commit does not hide it"
    schools.reread()  # as after a commit that failed: all is read anew, and the withdrawal is not there
    assert door.send(sent(at=NOON + MINUTE)).rejected[0].code == "no-lawful-basis"
    schools.away = None
    until(lambda: door.writer.failure is None)
    assert [c.event_id for c in schools.recorded] == [withdrawn["event_id"]]


def test_a_consent_that_could_not_be_recorded_once_is_tried_again_at_the_end(open_door: Open) -> None:
    schools = Reluctant(FixedSchools.of().grants)
    door = open_door(schools)
    schools.away = Unavailable("The metadata database cannot be reached.")
    withdrawn = sent("consent_withdrawn", NOON, payload={"purpose": "analytics"})
    door.send(withdrawn)
    until(lambda: schools.tries == 1)
    schools.away = None
    door.close()
    assert [c.event_id for c in schools.recorded] == [withdrawn["event_id"]]


def test_one_who_cannot_be_told_keeps_no_answer_from_the_others(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_: object) -> None:
        raise RuntimeError("the loop is closed")

    with monkeypatch.context() as broken:
        held = Held(door, broken)
        first = door.put(decode(body(sent())))
        assert held.inside.wait(20)
        left, stayed = decode(body(sent())), decode(body(sent()))
        door.writer.put(Submission(1, "http", left.events, left.size, clock(), gone))
        waiting = door.put(stayed)
        held.go.set()
        assert _answer(first).accepted == _answer(waiting).accepted == 1
    assert door.send(sent()).accepted == 1
    assert len(door.stored()) == 4


def test_housekeeping_that_goes_wrong_does_not_end_the_writer(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    met = threading.Event()

    def wrong() -> None:
        met.set()
        raise ValueError("nobody thought of this")

    with monkeypatch.context() as broken:
        broken.setattr(door.writer._storing, "tidy", wrong)
        assert met.wait(20)
        until(lambda: door.writer.failure is not None)
    assert door.send(sent()).accepted == 1
    assert door.writer.failure is None


class Held:
    """Holds the writer in a commit, so that what is sent meanwhile waits."""

    def __init__(self, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go, self.inside = threading.Event(), threading.Event()
        append = door.warehouse.append

        def slow(*args: object, **given: object) -> object:
            self.inside.set()
            assert self.go.wait(20)
            return append(*args, **given)  # type: ignore[arg-type]

        monkeypatch.setattr(door.warehouse, "append", slow)


def test_overload_sheds_low_priorities_first_and_never_p0(
    engine: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = len(body(sent()))
    door = Door(engine, FixedSchools.of(), small(queue_bytes=one * 40))
    held = Held(door, monkeypatch)
    first = door.put(decode(body(*(sent() for _ in range(15)))))
    assert held.inside.wait(20)
    mixed = [
        sent("session_end"),
        sent("page_view", payload={"path": "/"}),
        sent("video_complete"),
    ]
    calm = door.put(decode(body(*mixed)))
    door.put(decode(body(*(sent() for _ in range(5)))))
    busy = door.put(decode(body(*mixed)))
    door.put(decode(body(*(sent() for _ in range(6)))))
    swamped = door.put(decode(body(*mixed)))
    with pytest.raises(TooMany) as refused:
        for _ in range(40):
            door.put(decode(body(sent())))
    assert refused.value.retry_after_s >= 1
    held.go.set()
    assert _answer(first).accepted == 15
    assert _answer(calm).accepted == 3
    assert [(r.index, r.code) for r in _answer(busy).rejected] == [(1, "shed")]
    assert [(r.index, r.code) for r in _answer(swamped).rejected] == [(1, "shed"), (2, "shed")]
    shed = {
        (s.labels["event_type"], s.value)
        for m in door.writer.counters.shed.collect()
        for s in m.samples
        if s.name.endswith("_total")
    }
    assert shed == {("page_view", 2.0), ("video_complete", 1.0)}
    told = dict(door.writer.counters.losses.told(1))
    assert told.pop(Kind("put-off", "lesson_start", "P0")) >= 1
    # What was stored of `mixed` the first time is known the other times.
    assert told == {
        Kind("shed", "page_view", "P2"): 2,
        Kind("shed", "video_complete", "P1"): 1,
        Kind("repeated", "video_complete", "P1"): 1,
        Kind("repeated", "session_end", "P0"): 2,
    }
    assert door.writer.counters.losses.told(2) == []
    door.close()


def test_what_was_not_stored_is_counted_by_type_and_reason(door: Door) -> None:
    """Under the declared names only: what a sender makes up stands nowhere."""
    once = sent()
    door.send(once)
    outcome = door.send(once, sent(timestamp="noon"), sent("made-up-by-the-sender"), {"a": 1})
    assert (outcome.accepted, outcome.duplicates, outcome.quarantined, len(outcome.rejected)) == (0, 1, 1, 2)
    assert dict(door.writer.counters.losses.told(1)) == {
        Kind("repeated", "lesson_start", "P0"): 1,
        Kind("refused", "lesson_start", "P0", "bad-timestamp"): 1,
        Kind("quarantined", "", "P1"): 1,
        Kind("refused", "", "", "missing-field"): 1,
    }


def _answer(waiting: object):  # type: ignore[no-untyped-def]
    outcome = waiting.get()  # type: ignore[attr-defined]
    assert not isinstance(outcome, HeadwayError)
    return outcome


def test_closing_stores_what_waits_and_takes_no_more(door: Door) -> None:
    waiting = [door.put(decode(body(sent()))) for _ in range(20)]
    door.close()
    assert sum(_answer(one).accepted for one in waiting) == 20
    with pytest.raises(Unavailable):
        door.put(decode(body(sent())))


def test_refused_events_beyond_the_hours_limit_are_counted_not_kept(engine: Warehouse) -> None:
    door = Door(engine, FixedSchools.of(), small(letters_per_hour=3))
    door.send(*(sent(sequence=-1) for _ in range(10)))
    assert len(DeadLetters(engine).newest(LetterFilter())) == 3
    assert door.writer.counters.lost_letters._value.get() == 7
    door.close()


def test_the_store_on_disk_is_the_same_after_opening_it_again(tmp_path: Path) -> None:
    address = str(tmp_path / "w.duckdb")
    events = [sent(at=NOON + n * MINUTE, event_id=str(uuid.UUID(int=n + 1))) for n in range(30)]
    for part in (events[:20], events[10:]):
        warehouse = open_warehouse(address, DELTAS)
        warehouse.migrate()
        door = Door(warehouse, FixedSchools.of())
        door.send(*part)
        stored = door.stored()
        door.close()
        warehouse.close()
    assert [row["event_id"] for row in stored] == sorted(str(e["event_id"]) for e in events)
    assert json.dumps([row["payload"] for row in stored]) == json.dumps([None] * 30)
