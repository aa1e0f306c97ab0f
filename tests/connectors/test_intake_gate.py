"""What the gate takes, what it refuses and why, and what it makes of an event."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.taxonomy import taxonomy
from connectors.intake.codes import CODES, REJECTIONS
from connectors.intake.consent import FOREVER, Lawfulness, Step
from connectors.intake.decode import decode
from connectors.intake.gatekeeper import Gatekeeper
from connectors.intake.payloads import payload_types
from connectors.intake.replay import replay
from connectors.intake.submission import Submission
from connectors.intake.times import LocalTime, read_times
from connectors.warehouse import Warehouse
from connectors.warehouse.deadletters import DeadLetters, LetterFilter
from models.errors import TooMany
from models.event import EventType, PayloadField
from tests.connectors.intake_school import NOON, ZONE, Door, FixedSchools, body, pseudonym, sent


@pytest.fixture
def door(engine: Warehouse) -> Iterator[Door]:
    child = pseudonym("child-without-consent")
    schools = FixedSchools.of(
        "s1", "s2", "s-1", "child-without-consent", birth_dates={child: date(2020, 1, 1)}
    )
    opened = Door(engine, schools)
    yield opened
    opened.close()


def test_an_event_becomes_a_row_with_pseudonyms_local_day_and_typed_columns(door: Door) -> None:
    late = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)  # half past midnight in Berlin, the next day
    event = sent(
        "quiz_answer",
        late,
        payload={
            "item_id": "i7",
            "correct": True,
            "choice": "B",
            "duration_s": 12,
            "attempt": 2,
            "mood": "ok",
        },
        device={"type": "tablet", "os": "iOS", "browser": "Safari"},
        sequence=4,
    )
    assert door.send(event).answer() == {"accepted": 1, "duplicates": 0, "quarantined": 0, "rejected": []}
    (row,) = door.stored()
    assert row["learner_id"] == pseudonym("s1") and row["session_id"] == pseudonym("x1")
    assert (row["occurred_at"], row["day"], row["hour"]) == (late, date(2026, 7, 2), 0)
    assert (row["item_id"], row["correct"], row["choice"], row["duration_s"]) == ("i7", True, "B", 12.0)
    assert (row["device_type"], row["os"], row["browser"]) == ("tablet", "iOS", "Safari")
    assert (row["course_id"], row["sequence"], row["source"], row["score"]) == ("c1", 4, "http", None)
    assert json.loads(str(row["payload"])) == {"attempt": 2, "mood": "ok"}


def test_every_rejection_code_is_answered_for_its_example(door: Door) -> None:
    door.send(sent(student_id="s2"))
    future = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for rejection in REJECTIONS:
        if rejection.code in ("shed", "not-json"):  # overload, and lines: tests of their own
            continue
        example = rejection.example.replace("NOW", NOON.isoformat()).replace("FUTURE", future)
        outcome = door.send_body(f"[{example}]".encode())
        assert [r.code for r in outcome.rejected] == [rejection.code], rejection
        assert outcome.rejected[0].index == 0 and outcome.accepted == 0
    assert len(door.stored()) == 1


def test_a_refused_event_is_kept_without_personal_data_unless_nothing_may_be_kept(door: Door) -> None:
    door.send(
        sent("session_start", timestamp="yesterday", student_id="anna@example.org"),
        sent("search", payload={"query": 7, "note": "call me: +49 170 1234567", "sum": 12}),
        sent(student_id="nobody-recorded"),
    )
    letters = DeadLetters(door.warehouse).newest(LetterFilter(organisation_id=1))
    by_code = {letter["code"]: letter for letter in letters}
    assert set(by_code) == {"bad-timestamp", "wrong-type", "no-lawful-basis"}
    assert by_code["no-lawful-basis"]["body"] is None and by_code["no-lawful-basis"]["learner_id"] is None
    kept = json.loads(str(by_code["bad-timestamp"]["body"]))
    assert kept["learner_id"] == pseudonym("anna@example.org") and "student_id" not in kept
    assert "1234567" not in str(letters) and "anna@" not in str(letters) and "x1" not in str(letters)


def test_the_good_events_of_a_batch_with_bad_ones_are_kept_at_their_own_indexes(door: Door) -> None:
    good = [sent(), sent("session_end")]
    raw = body(good[0], sent(sequence=-1), good[1])[:-1] + b', 5, {"event_id": "x"}]'
    outcome = door.send_body(raw)
    assert outcome.accepted == 2
    assert [(r.index, r.code) for r in outcome.rejected] == [
        (1, "out-of-range"),
        (3, "not-an-object"),
        (4, "missing-field"),
    ]
    assert {row["event_id"] for row in door.stored()} == {event["event_id"] for event in good}


@pytest.mark.parametrize("undeclared", [{}, {"extra": 1}], ids=["the fast path", "one by one"])
def test_personal_data_is_found_in_short_fields_and_in_objects(
    engine: Warehouse, undeclared: dict[str, object]
) -> None:
    door = Door(engine, FixedSchools.of(names=("Ada Lovelace",)))
    inputs = {
        "who": "anna@example.org",
        "+49 170 1234567": 1,
        "deep": [{"name": "Ada Lovelace"}],
        "days": 0.5,
    }
    card = {"card": 4111111111111111}
    sends: list[tuple[str, dict[str, object]]] = [
        ("quiz_answer", {"item_id": "i1", "correct": True, "choice": "anna@example.org"}),
        ("quiz_answer", {"item_id": "i1", "correct": True, "choice": "B"}),
        ("feature_used", {"feature": "mail to anna@example.org"}),
        ("prediction_served", {"model_id": "m", "prediction_id": "p", "probability": 0.5, "inputs": inputs}),
        ("prediction_served", {"model_id": "m", "prediction_id": "q", "probability": 0.5, "inputs": card}),
    ]
    outcome = door.send(*(sent(kind, payload=payload | undeclared) for kind, payload in sends))
    assert outcome.accepted == len(sends), outcome.rejected
    rows = door.stored()
    assert {row["choice"] for row in rows if row["item_id"]} == {"[e-mail]", "B"}
    found = [json.loads(str(row["payload"]))["inputs"] for row in rows if row["object_id"] == "m"]
    assert sorted(found, key=len) == [
        {"card": "[card]"},
        {"who": "[e-mail]", "[phone]": 1, "deep": [{"name": "[name]"}], "days": 0.5},
    ]
    assert "anna@" not in str(rows) and "Lovelace" not in str(rows)
    door.close()


def test_an_unknown_type_is_kept_in_quarantine_and_counted_once(door: Door) -> None:
    event = sent("hologram_viewed", payload={"text": "mail bo@example.org"})
    assert door.send(event).quarantined == 1
    again = door.send(event)
    assert (again.quarantined, again.duplicates) == (0, 1)
    (letter,) = DeadLetters(door.warehouse).newest(LetterFilter(kind="quarantined"))
    assert letter["event_type"] == "hologram_viewed" and "bo@" not in str(letter["body"])
    assert door.stored() == []


def teach(door: Door, **kinds: EventType) -> None:
    """What a restart with another taxonomy comes to."""
    door.writer._keeper = Gatekeeper(payload_types({**taxonomy(), **kinds}), key=door.writer._key)


def hologram(*fields: PayloadField) -> EventType:
    return EventType("hologram_viewed", "video", "P1", "A hologram was looked at.", fields)


def test_what_is_called_quarantined_is_kept_whole_however_long(door: Door) -> None:
    long = "a line that says nothing of anybody. " * 3_000
    event = sent("hologram_viewed", payload={"text": long})
    assert len(body(event)) > 100_000 and door.send(event).quarantined == 1
    teach(door, hologram_viewed=hologram())
    assert replay(door.writer, DeadLetters(door.warehouse), LetterFilter()).replayed == 1
    (row,) = door.stored()
    assert json.loads(str(row["payload"])) == {"text": long}


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ('{"a":' * 700 + "1" + "}" * 700, "too-deep"),
        ('{"a":"' + "long " * 60_000 + '"}', "too-large"),
    ],
)
def test_what_cannot_be_kept_until_its_type_is_known_is_refused(door: Door, payload: str, code: str) -> None:
    event = sent("hologram_viewed", payload="HERE")
    raw = json.dumps(event).replace('"HERE"', payload).encode()
    for _ in range(2):  # nothing of it is remembered either
        outcome = door.send_body(raw)
        assert (outcome.quarantined, [r.code for r in outcome.rejected]) == (0, [code])
    assert DeadLetters(door.warehouse).newest(LetterFilter(kind="quarantined")) == []
    assert door.send(event | {"payload": {}}).quarantined == 1


def test_a_replayed_event_is_the_event_that_was_sent(engine: Warehouse) -> None:
    """A course called like a pupil, and ids like a card's number: neither way makes others of them."""
    door = Door(engine, FixedSchools.of(names=("Ada Lovelace", "Max Muster")))
    card = "4111111111111111"
    outside: dict[str, object] = {
        "context": {"course_id": "Ada", "lesson_id": card, "assessment_id": "Lovelace 1"},
        "device": {"type": "mobile", "os": "Ada", "browser": card},
        "sequence": 2_147_483_647,
    }
    events = [
        sent("hologram_viewed", payload={"note": "Ada Lovelace says so"}, **outside),
        sent("quiz_answer", payload={"item_id": card, "skill_id": "Ada", "correct": True}, **outside),
    ]
    teach(door, quiz_answer=replace(taxonomy()["quiz_answer"], needs=("video_id",)))
    told = door.send(*events)
    assert (told.quarantined, [r.code for r in told.rejected]) == (1, ["missing-field"])
    teach(door, hologram_viewed=hologram())
    done = replay(door.writer, DeadLetters(engine), LetterFilter())
    assert done.answer() == {"replayed": 2, "repeated": 0, "waiting": 0}
    assert door.send(*events, organisation_id=2).accepted == 2
    rows: dict[object, list[dict[str, object]]] = {1: [], 2: []}
    for row in door.stored():
        rows[row.pop("organisation_id")].append(row | {"received_at": None})
    assert rows[1] == rows[2]
    assert {(row["course_id"], row["lesson_id"]) for row in rows[1]} == {("Ada", card)}
    assert "Lovelace says" not in str(rows)
    door.close()


def test_letters_past_their_time_are_let_go_and_younger_ones_stay(door: Door) -> None:
    door.send(sent("hologram_viewed"), sent(timestamp="noon"))
    letters = DeadLetters(door.warehouse)
    kept = letters.newest(LetterFilter())
    assert len(kept) == 2
    now = datetime.now(UTC)
    assert letters.expire(now=now + timedelta(days=29)) == 0
    assert letters.newest(LetterFilter()) == kept
    letters.write([kept[0] | {"kept_at": now - timedelta(days=2)}])
    assert letters.expire(now=now + timedelta(days=29)) == 1
    assert [one["letter_id"] for one in letters.newest(LetterFilter())] == [kept[1]["letter_id"]]
    assert letters.expire(timedelta(), now=now + timedelta(minutes=1)) == 1
    assert letters.newest(LetterFilter()) == []


def test_a_replay_that_fills_the_queue_notes_what_went_in(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.send(*(sent("hologram_viewed") for _ in range(3)))
    teach(door, hologram_viewed=hologram())
    put, room = door.writer.put, [1, 0]

    def narrow(submission: Submission) -> None:
        if not room.pop(0):
            raise TooMany("More events arrive than can be stored.", 1)
        put(submission)

    letters = DeadLetters(door.warehouse)
    monkeypatch.setattr(door.writer, "put", narrow)
    done = replay(door.writer, letters, LetterFilter())
    assert done.answer() == {"replayed": 1, "repeated": 0, "waiting": 2}
    assert len(letters.newest(LetterFilter())) == 2
    room.append(0)
    with pytest.raises(TooMany):
        replay(door.writer, letters, LetterFilter())


def test_numbers_outside_their_range_and_unknown_values_are_named(door: Door) -> None:
    outcome = door.send(
        sent("quiz_submit", payload={"score": 101}),
        sent("video_play", payload={"position_s": -0.5}),
        sent("post_vote", payload={"thread_id": "t", "vote": "sideways"}),
        sent("quiz_submit"),
        sent("lesson_start", context={"course_id": "c1"}),
        sent("video_play", payload=[1]),
    )
    assert [r.code for r in outcome.rejected] == [
        "out-of-range",
        "out-of-range",
        "not-allowed-value",
        "missing-field",
        "missing-field",
        "wrong-type",
    ]
    assert "payload.score" in outcome.rejected[0].detail
    assert "lesson_id" in outcome.rejected[4].detail
    assert "sideways" not in outcome.rejected[2].detail


def test_every_code_in_use_is_documented() -> None:
    assert set(CODES) == {r.code for r in REJECTIONS}
    assert all(r.meaning and r.cure and r.example for r in REJECTIONS)


@given(
    at=st.datetimes(datetime(2000, 1, 2), datetime(2026, 11, 1)),
    zone=st.sampled_from([ZONE, "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "UTC"]),
)
@settings(max_examples=100, deadline=None)
def test_day_and_hour_are_those_of_the_schools_zone(at: datetime, zone: str) -> None:
    moment = at.replace(tzinfo=UTC)
    micros, known = read_times(pa.array([moment.isoformat(), moment.isoformat().replace("+00:00", "Z")]))
    days, hours = LocalTime(zone).day_and_hour(micros)
    local = moment.astimezone(ZoneInfo(zone))
    assert known.all() and days.to_pylist() == [local.date()] * 2 and hours.to_pylist() == [local.hour] * 2


def _value(field: PayloadField) -> st.SearchStrategy[object]:
    match field.kind:
        case "int":
            return st.integers(int(field.low or 0), int(field.high or 1000))
        case "float":
            return st.floats(field.low or 0, field.high or 1000)
        case "bool":
            return st.booleans()
        case "object":
            return st.dictionaries(st.text("abc", min_size=1), st.integers(0, 9))
        case "list":
            return st.lists(st.integers(0, 9))
    return st.sampled_from(field.among) if field.among else st.text("abcdef", min_size=1, max_size=9)


def _payload(kind: EventType) -> st.SearchStrategy[dict[str, object]]:
    required = {f.name: _value(f) for f in kind.fields if f.required}
    optional = {f.name: _value(f) for f in kind.fields if not f.required}
    extra = st.dictionaries(st.sampled_from(["extra", "more"]), st.text("xyz", max_size=3), max_size=1)
    declared = st.fixed_dictionaries(required, optional=optional)
    return st.builds(lambda a, b: a | b, extra, declared)


@given(data=st.data(), kinds=st.lists(st.sampled_from(sorted(taxonomy())), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_nothing_of_a_valid_payload_is_lost_between_columns_and_json(
    data: st.DataObject, kinds: list[str]
) -> None:
    """Whatever the mix of types: columns and the JSON left over hold exactly what was sent."""
    types = taxonomy()
    payloads = [data.draw(_payload(types[kind])) for kind in kinds]
    raw = body(*(sent(kind, payload=payload) for kind, payload in zip(kinds, payloads, strict=True)))
    keeper = Gatekeeper(payload_types(types))
    school = FixedSchools.of().get(1)
    checked = keeper.check(school, decode(raw).events, np.full(len(kinds), 2**52), "http")
    assert not checked.wrong and not checked.unknown
    rows = checked.table.to_pylist()
    for place, row in zip(checked.places.tolist(), rows, strict=True):
        columns = {f.name: row[f.column] for f in types[kinds[place]].fields if f.column}
        found = {k: v for k, v in columns.items() if v is not None} | json.loads(row["payload"] or "{}")
        assert row["event_type"] == kinds[place]
        assert found == {k: v for k, v in payloads[place].items() if v is not None}


STEPS = st.one_of(
    st.builds(Step, st.integers(0, 30), st.just(FOREVER), st.just("withdrawn")),
    st.builds(
        Step,
        st.integers(0, 30),
        st.one_of(st.just(FOREVER), st.integers(1, 40)),
        st.sampled_from(["consent", "contract", "guardian-consent"]),
    ),
)


@given(
    stories=st.lists(st.tuples(st.integers(1, 5), STEPS), max_size=14),
    of_age=st.dictionaries(st.integers(1, 5), st.integers(0, 40)),
    late=st.lists(st.tuples(st.integers(1, 5), STEPS), max_size=2),
)
def test_a_whole_batch_is_judged_as_each_event_by_itself(
    stories: list[tuple[int, Step]], of_age: dict[int, int], late: list[tuple[int, Step]]
) -> None:
    lawful = Lawfulness()
    lawful.change(stories)
    lawful.grow_up(of_age)
    lawful.change(late)
    asked = [(learner, at) for learner in range(7) for at in range(-1, 42)]
    learners, at = (np.array(column, np.int64) for column in zip(*asked, strict=True))
    fine, refused = lawful.lawful(learners, at)
    expected = [plainly_lawful(learner, moment, stories + late, of_age) for learner, moment in asked]
    assert fine.tolist() == expected
    assert sorted(refused) == [place for place, good in enumerate(expected) if not good]


def plainly_lawful(learner: int, at: int, stories: list[tuple[int, Step]], of_age: dict[int, int]) -> bool:
    said = [step for who, step in stories if who == learner and step.since <= at]
    ended = max((step.since for step in said if step.basis == "withdrawn"), default=-1)
    # Said again after the withdrawal; of two things said for one moment the withdrawal counts.
    held = {
        step.basis for step in said if step.basis != "withdrawn" and step.since > ended and at < step.until
    }
    return "guardian-consent" in held or (bool(held) and at >= of_age.get(learner, -1))
