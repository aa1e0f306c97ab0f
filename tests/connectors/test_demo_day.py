"""The simulated day sends what a client would: valid, in order, about learners who are there."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.taxonomy import taxonomy
from connectors.demo.day import ClientEvent, Day, open_days
from models.errors import NotFound
from tests.school import FilledSchool

NOW = datetime(2026, 3, 27, 22, 0, tzinfo=UTC)  # at night: it goes on all the same


@pytest.fixture
def days(filled_school: FilledSchool) -> list[Day]:
    return open_days(filled_school.data, rate=50, seed=5)


def kinds_agree(value: object, kind: str) -> bool:
    wanted = {"string": str, "id": str, "int": int, "float": (int, float), "bool": bool}[kind]
    return isinstance(value, wanted) and (kind == "bool" or not isinstance(value, bool))


def check(event: ClientEvent) -> None:
    kind = taxonomy()[event["event_type"]]
    assert set(kind.needs) <= set(event.get("context", {})), event
    payload = event.get("payload", {})
    fields = {f.name: f for f in kind.fields}
    assert {f.name for f in kind.fields if f.required} <= set(payload) <= set(fields), event
    for name, value in payload.items():
        field = fields[name]
        assert kinds_agree(value, field.kind), (event, name)
        assert field.low is None or field.low <= value, (event, name)
        assert field.high is None or value <= field.high, (event, name)


def test_every_event_is_one_that_the_taxonomy_declares(days: list[Day]) -> None:
    seen: Counter[str] = Counter()
    for day in days:
        for event in day.take(6000, NOW):
            check(event)
            seen[event["event_type"]] += 1
    assert {"lesson_complete", "quiz_submit", "video_progress", "session_end", "order_paid"} <= set(seen)


def test_events_are_plain_json_of_now(days: list[Day]) -> None:
    event = json.loads(json.dumps(days[0].take(1, NOW)[0]))
    assert datetime.fromisoformat(event["timestamp"]) == NOW
    assert event["student_id"].startswith("NF-S") and event["device"]["type"] in (
        "desktop",
        "mobile",
        "tablet",
    )


def test_a_session_begins_counts_up_and_ends(days: list[Day]) -> None:
    sessions: dict[str, list[ClientEvent]] = {}
    for event in days[0].take(8000, NOW):
        sessions.setdefault(event["session_id"], []).append(event)
    whole = [s for s in sessions.values() if s[-1]["event_type"] == "session_end"]
    assert len(whole) > 50
    for events in whole:
        assert [e["sequence"] for e in events] == list(range(len(events)))
        assert events[0]["event_type"] == "session_start"
        assert len({e["student_id"] for e in events}) == 1


def test_an_answered_quiz_has_the_score_of_its_answers(days: list[Day]) -> None:
    right: dict[str, list[bool]] = {}
    checked = 0
    for event in days[1].take(8000, NOW):
        if event["event_type"] == "quiz_start":
            right[event["session_id"]] = []
        elif event["event_type"] == "quiz_answer" and event["session_id"] in right:
            right[event["session_id"]].append(event["payload"]["correct"])
        elif event["event_type"] == "quiz_submit" and right.get(event["session_id"]):
            answers = right[event["session_id"]]
            assert event["payload"]["score"] == round(100 * sum(answers) / len(answers), 1)
            checked += 1
    assert checked > 20


def test_whoever_dropped_out_and_the_newcomer_send_nothing(
    filled_school: FilledSchool, days: list[Day]
) -> None:
    about = json.loads(filled_school.truth_file.read_text())["organisations"]["northfield"]
    sent = {e["student_id"] for e in days[0].take(10_000, NOW)}
    assert not sent & set(about["drop_out"]["student_ids"])
    assert "NF-S000003" not in sent  # Leo, whose few events are the point
    assert "NF-S000001" in sent


def test_the_same_seed_plays_the_same_day_and_a_new_start_another(filled_school: FilledSchool) -> None:
    def ids(seed: int | None) -> list[str]:
        return [e["event_id"] for e in open_days(filled_school.data, 50, seed)[0].take(200, NOW)]

    assert ids(1) == ids(1) != ids(2)
    assert not set(ids(None)) & set(ids(None)), "a restart must not repeat ids: they would be duplicates"


def test_a_higher_rate_means_more_learners_at_once(filled_school: FilledSchool) -> None:
    def at_once(rate: float) -> int:
        return len({e["session_id"] for e in open_days(filled_school.data, rate, 3)[0].take(300, NOW)})

    assert at_once(0.5) < at_once(3)


def test_without_a_school_it_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="headway generate"):
        open_days(tmp_path, 10)
