"""`POST /api/v1/events` and the dead letters, through headers, gate, writer and warehouse."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import zstandard

from app.build import build
from app.core import Core
from config.taxonomy import taxonomy
from connectors.intake.codes import REJECTIONS
from connectors.intake.gatekeeper import Gatekeeper
from connectors.intake.payloads import payload_types
from connectors.metadata import Consent
from models.errors import TooMany, Unavailable
from models.event import EventType
from models.tables import EVENTS
from tests.app.conftest import Hill
from tests.connectors.intake_school import NOON, body, sent

EVENTS_URL = "/api/v1/events"
NDJSON = {"content-type": "application/x-ndjson"}
JSON = {"content-type": "application/json"}


@pytest.fixture
async def client(core: Core, hill: Hill) -> AsyncIterator[httpx.AsyncClient]:
    since = datetime(2025, 9, 1, tzinfo=UTC)
    consents = [Consent(hill.school.learners[s], "legitimate-interest", since) for s in ("S1", "S2")]
    hill.metadata.consents.grant_many(hill.school.id, consents)
    token = hill.metadata.tokens.create(
        "administrator", ["send-events", "ask-measures", "ask-learners", "see-quality", "replay-events"]
    )
    transport = httpx.ASGITransport(build(core))
    auth = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:0", headers=auth) as client:
        yield client
    await asyncio.to_thread(core.writer.close)


def mine(event_type: str = "lesson_start", at: datetime = NOON, **given: object) -> dict[str, object]:
    return sent(event_type, at, **{"student_id": "S1"} | given)


def stored(hill: Hill) -> int:
    events = EVENTS.unbound
    count: int = hill.door.warehouse.fetch(events.filter(events.source == "http").count())[0][0].as_py()
    return count


async def test_events_are_stored_when_the_answer_comes(client: httpx.AsyncClient, hill: Hill) -> None:
    events = [mine(), mine("session_end"), mine(sequence=-1), mine("hologram_viewed")]
    answered = await client.post(EVENTS_URL, content=body(*events, events[0]), headers=JSON)
    assert answered.status_code == 200
    assert answered.json() == {
        "accepted": 2,
        "duplicates": 1,
        "quarantined": 1,
        "rejected": [
            {
                "index": 2,
                "event_id": events[2]["event_id"],
                "code": "out-of-range",
                "detail": "Expected `int` >= 0 (in sequence).",
            }
        ],
    }
    assert stored(hill) == 2


async def test_what_was_sent_is_in_the_next_answer_of_the_desk(client: httpx.AsyncClient, hill: Hill) -> None:
    at = datetime(2026, 2, 10, 9, 0, tzinfo=UTC)
    await client.post(EVENTS_URL, json=[mine("lesson_complete", at), mine("lesson_complete", at)])
    url = "/api/v1/query?measures=lessons_completed&since=2026-02-10&until=2026-02-11"
    assert (await client.get(url)).json()["rows"] == [{"lessons_completed": 2}]


@pytest.mark.parametrize("form", ["array", "object", "ndjson", "gzip", "zstd", "gzip in two members"])
async def test_every_form_is_read(client: httpx.AsyncClient, hill: Hill, form: str) -> None:
    events = [mine(), mine()] if form != "object" else [mine()]
    lines = b"\n".join(json.dumps(e).encode() for e in events) + b"\n"
    array = body(*events)
    content, headers = {
        "array": (array, JSON),
        "object": (json.dumps(events[0]).encode(), JSON),
        "ndjson": (lines, NDJSON),
        "gzip": (gzip.compress(array), JSON | {"content-encoding": "gzip"}),
        "zstd": (zstandard.compress(lines), NDJSON | {"content-encoding": "zstd"}),
        "gzip in two members": (
            gzip.compress(lines[:100]) + gzip.compress(lines[100:]),
            NDJSON | {"content-encoding": "gzip"},
        ),
    }[form]
    answered = await client.post(EVENTS_URL, content=content, headers=headers)
    assert (answered.status_code, answered.json()["accepted"]) == (200, len(events))
    assert stored(hill) == len(events)


BOMB = gzip.compress(b"[" + b" " * (200 << 20) + b"]", mtime=0)


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"", JSON, 400),
        (b"   ", JSON, 400),
        (b"{", JSON, 400),
        (b"[1, 2", JSON, 400),
        (b"nonsense", JSON, 400),
        (b"\xff\xfe[]", JSON, 400),
        (b"[" * 100_000, JSON, 400),
        (b"not gzip", JSON | {"content-encoding": "gzip"}, 400),
        (gzip.compress(b"[]" * 100, mtime=0)[:20], JSON | {"content-encoding": "gzip"}, 400),
        (b"not zstd", JSON | {"content-encoding": "zstd"}, 400),
        (BOMB, JSON | {"content-encoding": "gzip"}, 413),
        (zstandard.compress(b"[" + b" " * (200 << 20)), JSON | {"content-encoding": "zstd"}, 413),
        (b"[" + b"1," * 10_500 + b"1]", JSON, 413),
        (b"[]", {"content-type": "text/html"}, 415),
        (b"[]", {"content-type": "multipart/form-data; boundary=x"}, 415),
        (b"[]", JSON | {"content-encoding": "br"}, 415),
    ],
)
async def test_a_body_that_cannot_be_read_is_a_problem_and_stores_nothing(
    client: httpx.AsyncClient, hill: Hill, content: bytes, headers: dict[str, str], status: int
) -> None:
    answered = await client.post(EVENTS_URL, content=content, headers=headers)
    assert answered.status_code == status
    assert answered.headers["content-type"] == "application/problem+json"
    assert set(answered.json()) == {"type", "title", "status", "code", "detail"}
    assert stored(hill) == 0


async def test_an_empty_array_is_no_error(client: httpx.AsyncClient) -> None:
    answered = await client.post(EVENTS_URL, content=b"[]", headers=JSON)
    assert answered.json() == {"accepted": 0, "duplicates": 0, "quarantined": 0, "rejected": []}


async def test_a_truncated_last_line_costs_only_itself(client: httpx.AsyncClient, hill: Hill) -> None:
    lines = json.dumps(mine()).encode() + b"\n" + json.dumps(mine()).encode()[:40]
    answered = (await client.post(EVENTS_URL, content=lines, headers=NDJSON)).json()
    assert answered["accepted"] == 1
    assert [(r["index"], r["code"]) for r in answered["rejected"]] == [(1, "not-json")]


async def test_a_body_larger_than_the_limit_is_stopped_while_it_arrives(
    client: httpx.AsyncClient, core: Core
) -> None:
    limit = core.writer.limits.body_bytes
    sent_bytes = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent_bytes
        while sent_bytes < 4 * limit:
            sent_bytes += 1 << 20
            yield b" " * (1 << 20)

    answered = await client.post(EVENTS_URL, content=endless(), headers=JSON)
    assert answered.status_code == 413
    assert sent_bytes <= limit + (2 << 20)


async def test_without_a_token_401_and_without_the_action_403(client: httpx.AsyncClient, hill: Hill) -> None:
    anonymous = await client.post(EVENTS_URL, json=[mine()], headers={"authorization": ""})
    assert anonymous.status_code == 401
    auth = {"authorization": f"Bearer {hill.metadata.tokens.create('teacher', ['ask-measures'])}"}
    denied = await client.post(EVENTS_URL, json=[mine()], headers=auth)
    assert (denied.status_code, denied.json()["code"]) == (403, "not-allowed")
    assert denied.headers["content-type"] == "application/problem+json"
    part = await client.post(f"/api/v1/imports/{'0' * 64}?position=1", json=[mine()], headers=auth)
    assert (part.status_code, part.json()["code"]) == (403, "not-allowed")
    # What would tell of data stays unseen: this token may not see letters either.
    assert (await client.get("/api/v1/deadletters", headers=auth)).status_code == 404
    assert (await client.post("/api/v1/events/x", json=[mine()], headers=auth)).status_code == 404
    assert stored(hill) == 0


async def test_overload_is_429_with_retry_after(
    client: httpx.AsyncClient, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise TooMany("Too much.", 3)

    monkeypatch.setattr(core.writer, "put", full)
    answered = await client.post(EVENTS_URL, json=[mine()])
    assert (answered.status_code, answered.headers["retry-after"]) == (429, "3")


async def test_a_store_that_fails_is_503_and_nothing_is_lost(
    client: httpx.AsyncClient, hill: Hill, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise Unavailable("The disk is full.")

    event = mine()
    with monkeypatch.context() as broken:
        broken.setattr(hill.door.warehouse, "append", away)
        answered = await client.post(EVENTS_URL, json=[event])
        assert answered.status_code == 503 and "retry-after" in answered.headers
        health = (await client.get("/health")).json()
        assert (health["ready"], health["ingest"]) == (True, "The disk is full.")
    assert (await client.post(EVENTS_URL, json=[event])).json()["accepted"] == 1
    assert (await client.get("/health")).json()["ingest"] is None


async def test_consent_taken_back_in_the_metadata_database_holds_for_the_next_event(
    client: httpx.AsyncClient, hill: Hill
) -> None:
    learner = hill.school.learners["S1"]
    assert (await client.post(EVENTS_URL, json=[mine()])).json()["accepted"] == 1
    hill.metadata.consents.withdraw(hill.school.id, learner, NOON - timedelta(hours=1))
    refused = (await client.post(EVENTS_URL, json=[mine()])).json()["rejected"]
    assert [r["code"] for r in refused] == ["no-lawful-basis"]
    hill.metadata.consents.grant_many(hill.school.id, [Consent(learner, "consent", NOON)])
    assert (await client.post(EVENTS_URL, json=[mine()])).json()["accepted"] == 1


async def test_a_consent_event_is_recorded_in_the_metadata_database(
    client: httpx.AsyncClient, hill: Hill
) -> None:
    granted = mine(
        "consent_granted", student_id="S3", payload={"purpose": "analytics", "given_by": "learner"}
    )
    await client.post(EVENTS_URL, json=[granted])
    answered = await client.post(EVENTS_URL, json=[mine(student_id="S3")])
    assert answered.json()["accepted"] == 1
    changes = list(hill.metadata.consents.changes(hill.school.id))
    assert (changes[-1].learner_id, changes[-1].basis) == (hill.school.learners["S3"], "consent")


async def test_names_of_the_schools_own_people_are_not_stored(client: httpx.AsyncClient, hill: Hill) -> None:
    post = mine("post_create", payload={"thread_id": "t1", "text": "Ada said so, ask bo@hill.test"})
    await client.post(EVENTS_URL, json=[post])
    events = EVENTS.unbound
    (row,) = hill.door.warehouse.fetch(events.filter(events.event_type == "post_create")).to_pylist()
    assert json.loads(row["payload"]) == {"text": "[name] said so, ask [e-mail]"}


def teach(core: Core, name: str) -> None:
    """What a restart with a longer taxonomy comes to."""
    kind = EventType(name, "video", "P1", "A hologram was looked at.", ())
    core.writer._keeper = Gatekeeper(payload_types({**taxonomy(), name: kind}), key=core.writer._key)


async def test_dead_letters_are_listed_shown_and_replayed_after_a_fix(
    client: httpx.AsyncClient, core: Core, hill: Hill
) -> None:
    event = mine("hologram_viewed")
    await client.post(EVENTS_URL, json=[event, mine(student_id="S3"), mine(timestamp="noon")])
    letters: list[dict[str, Any]] = (await client.get("/api/v1/deadletters")).json()["letters"]
    assert {letter["code"] for letter in letters} == {"unknown-type", "no-lawful-basis", "bad-timestamp"}
    quarantined = next(letter for letter in letters if letter["code"] == "unknown-type")
    assert quarantined["learner_id"] == str(hill.school.learners["S1"])
    shown = (await client.get(f"/api/v1/deadletters/{quarantined['letter_id']}")).json()
    assert shown == quarantined and json.loads(shown["body"])["event_type"] == "hologram_viewed"
    # Still unknown: it keeps waiting.
    done = (await client.post("/api/v1/deadletters/replay?kind=quarantined")).json()
    assert done == {"replayed": 0, "repeated": 0, "waiting": 1}
    teach(core, "hologram_viewed")
    done = (await client.post("/api/v1/deadletters/replay?kind=quarantined")).json()
    assert done == {"replayed": 1, "repeated": 0, "waiting": 0}
    gone = (await client.get(f"/api/v1/deadletters/{quarantined['letter_id']}")).json()
    assert (gone["status"], gone["body"]) == ("replayed", None)
    assert (await client.post(EVENTS_URL, json=[event])).json()["duplicates"] == 1
    assert stored(hill) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"sequence": -1},
        {"student_id": ""},
        {"student_id": 7},
        {"session_id": "x" * 200},
        {"context": {"course_id": "c\0"}},
        {"payload": {"path": "/\0"}, "event_type": "page_view"},
        {"event_id": "7"},
        {"timestamp": "yesterday"},
        {"timestamp": "1970-01-01T00:00:00Z"},
        {"device": {"type": "toaster"}},
    ],
)
async def test_a_replay_does_not_let_in_what_is_still_wrong(
    client: httpx.AsyncClient, hill: Hill, wrong: dict[str, object]
) -> None:
    answered = (await client.post(EVENTS_URL, json=[mine() | wrong])).json()
    assert len(answered["rejected"]) == 1
    done = (await client.post("/api/v1/deadletters/replay")).json()
    assert done == {"replayed": 0, "repeated": 0, "waiting": 1}
    assert stored(hill) == 0


async def test_overload_sheds_the_unimportant_and_puts_off_the_rest(
    client: httpx.AsyncClient, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over HTTP, with a writer that is held in a commit."""
    held, inside = threading.Event(), threading.Event()
    append = core.door.warehouse.append

    def slow(*args: Any, **given: Any) -> Any:
        inside.set()
        assert held.wait(20)
        return append(*args, **given)

    monkeypatch.setattr(core.door.warehouse, "append", slow)
    one = len(body(mine()))
    monkeypatch.setattr(core.writer._queue, "_limits", replace(core.writer.limits, queue_bytes=20 * one))
    waiting = [asyncio.ensure_future(client.post(EVENTS_URL, json=[mine() for _ in range(11)]))]
    assert await asyncio.to_thread(inside.wait, 20)
    minor, vital = mine("page_view", payload={"path": "/"}), mine("session_end")
    waiting.append(asyncio.ensure_future(client.post(EVENTS_URL, json=[minor, vital])))
    await asyncio.sleep(0.1)
    full = await client.post(EVENTS_URL, json=[mine("session_end") for _ in range(12)])
    assert full.status_code == 429 and int(full.headers["retry-after"]) >= 1
    held.set()
    first, busy = [answer.json() for answer in await asyncio.gather(*waiting)]
    assert first["accepted"] == 11
    assert (busy["accepted"], [(r["index"], r["code"]) for r in busy["rejected"]]) == (1, [(0, "shed")])


async def test_dead_letters_of_another_organisation_do_not_exist(
    client: httpx.AsyncClient, hill: Hill
) -> None:
    await client.post(EVENTS_URL, json=[mine(timestamp="noon")])
    (letter,) = (await client.get("/api/v1/deadletters")).json()["letters"]
    other = hill.metadata.organisations.add("Other", "UTC", "en")
    from connectors.metadata import NewPerson

    hill.metadata.people.add_many(other, [NewPerson("boss", "Boss", None, "administrator")])
    token = hill.metadata.tokens.create("boss", ["see-quality", "replay-events"])
    auth = {"authorization": f"Bearer {token}"}
    assert (await client.get("/api/v1/deadletters", headers=auth)).json() == {"letters": []}
    missing = await client.get(f"/api/v1/deadletters/{letter['letter_id']}", headers=auth)
    assert missing.status_code == 404


async def test_metrics_count_what_the_way_in_did(client: httpx.AsyncClient, hill: Hill) -> None:
    events = [mine(), mine(timestamp="noon")]
    await client.post(EVENTS_URL, json=[*events, events[0]])
    token = hill.metadata.tokens.create("operator", ["see-system"])
    text = (await client.get("/metrics", headers={"authorization": f"Bearer {token}"})).text
    assert 'analytics_events_processed_total{source="http"} 1.0' in text
    assert 'analytics_events_duplicate_total{source="http"} 1.0' in text
    assert 'analytics_events_rejected_total{code="bad-timestamp"} 1.0' in text
    for name in (
        "analytics_processing_time_seconds_count",
        "analytics_ingest_commit_seconds_count",
        "analytics_ingest_checkpoint_seconds_count",
        "analytics_ingest_queue_bytes",
        "analytics_ingest_lag_seconds",
    ):
        assert name in text


def test_the_readable_codes_have_examples() -> None:
    assert len({r.code for r in REJECTIONS}) == len(REJECTIONS)
