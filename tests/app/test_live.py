"""`/api/v1/live` as a client meets it: a real server, real connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pyarrow as pa
import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from app.build import build
from app.core import Core
from app.live import hub as hubs
from app.live import listener
from app.live.hub import Hub
from connectors.metadata import Consent
from connectors.metadata.relations import NewRelation
from connectors.warehouse import Appended
from models.ask import Watermark
from tests.app.conftest import Hill
from tests.builders import Row, dimension, event, events
from tests.connectors.intake_school import sent
from tests.hill import found

Told = dict[str, Any]
PATIENCE_S = 20
BATCHES = 60  # of some 800 kB on the wire


@dataclass
class Live:
    core: Core
    hill: Hill
    address: str
    tokens: dict[tuple[str, tuple[str, ...]], str] = field(default_factory=dict)

    def token(self, login: str, *actions: str) -> str:
        given = actions or ("ask-measures", "ask-learners", "study-learners")
        key = (login, given)
        if key not in self.tokens:
            self.tokens[key] = self.hill.metadata.tokens.create(login, given)
        return self.tokens[key]

    def happened(self, *rows: Row) -> int:
        """As the writer does it: commit, then publish."""
        batch = events(rows)
        appended = self.core.door.warehouse.append(batch)
        self.core.live.publish(batch, appended)
        return appended.watermark.number

    def done(self, student: str, kind: str = "lesson_complete", course: str = "c1", **given: object) -> Row:
        at = self.hill.clock.now
        return event(kind, at, learner_id=self.hill.school.learners[student], course_id=course, **given)

    @asynccontextmanager
    async def client(self, login: str, *actions: str) -> AsyncIterator[ClientConnection]:
        headers = {"authorization": f"Bearer {self.token(login, *actions)}"}
        async with connect(
            self.address, additional_headers=headers, proxy=None, max_queue=None, open_timeout=PATIENCE_S
        ) as socket:
            yield socket

    @asynccontextmanager
    async def listening(
        self, login: str, *actions: str, **asked: object
    ) -> AsyncIterator[tuple[ClientConnection, Told]]:
        """The connection, and the first message on it."""
        async with self.client(login, *actions) as socket:
            await socket.send(json.dumps(asked))
            yield socket, await told(socket)


async def told(socket: ClientConnection, *kinds: str) -> Told:
    """The next message of these kinds; any if none is named, but no heartbeat."""
    async with asyncio.timeout(2 * PATIENCE_S):  # heartbeats alone do not count
        while True:
            message: Told = json.loads(await socket.recv())
            if message["kind"] in kinds or (not kinds and message["kind"] != "heartbeat"):
                return message


async def end_of(socket: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            await asyncio.wait_for(socket.recv(), PATIENCE_S)
    received = closed.value.rcvd
    assert received is not None
    return received.code, received.reason


@asynccontextmanager
async def serving(core: Core) -> AsyncIterator[str]:
    server = uvicorn.Server(uvicorn.Config(build(core), port=0, log_config=None, lifespan="off"))
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn offers nothing to wait on
        await asyncio.sleep(0.01)
    yield f"ws://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/api/v1/live"
    server.should_exit = True
    await running


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second of the stream in a twentieth of one."""
    monkeypatch.setattr(listener, "TICK_S", 0.05)
    monkeypatch.setattr(listener, "RELATIONS_S", 0.05)


@pytest.fixture
async def live(core: Core, hill: Hill) -> AsyncIterator[Live]:
    async with serving(core) as address:
        yield Live(core, hill, address)
    await asyncio.to_thread(core.writer.close)
    await asyncio.to_thread(core.live.close)


def text(live: Live, student: str) -> str:
    return str(live.hill.school.learners[student])


# ---- what is told ----------------------------------------------------------------------------------------


async def test_what_is_sent_to_the_api_is_told_after_the_commit(live: Live) -> None:
    since = datetime(2025, 9, 1, tzinfo=UTC)
    consent = Consent(live.hill.school.learners["S1"], "legitimate-interest", since)
    live.hill.metadata.consents.grant_many(live.hill.school.id, [consent])
    url = live.address.replace("ws:", "http:").replace("/live", "/events")
    auth = {"authorization": f"Bearer {live.token('administrator', 'send-events')}"}
    one = sent("lesson_complete", live.hill.clock.now, student_id="S1", payload={"duration_s": 90})
    async with live.listening("administrator", states=True) as (socket, first), httpx.AsyncClient() as client:
        assert first["kind"] == "snapshot"
        answered = await client.post(url, json=[one, one], headers=auth)
        assert answered.json()["accepted"] == 1
        change = await told(socket)
    assert change["kind"] == "change" and change["watermark"] > first["watermark"]
    assert (change["events"], change["types"], change["courses"]) == (1, {"lesson_complete": 1}, {"c1": 1})
    (state,) = change["states"]
    assert state["learner_id"] == text(live, "S1")
    assert (state["momentum"], state["lessons_today"], state["minutes_today"]) == ("high", 1, 1.5)
    assert state["open"] is True


async def test_a_filter_narrows(live: Live) -> None:
    async with (
        live.listening("administrator", types=["search", "quiz_submit"]) as (by_type, _),
        live.listening("administrator", courses=["c2"]) as (by_course, _),
        live.listening("administrator", learners=[text(live, "S2")]) as (by_learner, _),
        live.listening("administrator", classes=["K2"]) as (by_class, _),
    ):
        live.happened(
            live.done("S1", "search"),
            live.done("S2", "page_view"),
            live.done("S3", "quiz_submit", "c2", score=50.0),
            live.done("S3", "page_view", "c1"),
        )
        assert (await told(by_type))["types"] == {"search": 1, "quiz_submit": 1}
        assert (await told(by_course))["courses"] == {"c2": 1}
        of_learner = await told(by_learner)
        assert of_learner["types"] == {"page_view": 1}
        assert [state["learner_id"] for state in of_learner["states"]] == [text(live, "S2")]
        # A class is its members in its own course.
        assert (await told(by_class))["types"] == {"quiz_submit": 1}


async def test_the_snapshot_has_the_last_hour_and_the_learners_asked_for(live: Live) -> None:
    live.happened(live.done("S1"), live.done("S2", "quiz_submit", score=30.0))
    while live.core.live.head < live.core.door.warehouse.watermark().number:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    async with live.listening("administrator") as (_, first):
        minute = live.hill.clock.now.isoformat()
        assert first["minutes"] == [{"minute": minute, "types": {"lesson_complete": 1, "quiz_submit": 1}}]
        assert "states" not in first
    async with live.listening("administrator", learners=[text(live, "S2")]) as (_, first):
        assert [state["recent_scores"] for state in first["states"]] == [[30.0]]


async def test_measures_of_today_come_from_the_catalogue(live: Live) -> None:
    measures = ["lessons_completed", "active_learners"]
    async with live.listening("teacher", measures=measures) as (socket, first):
        assert first["measures"] == {"lessons_completed": 0, "active_learners": 0}
        live.happened(live.done("S1"), live.done("S1"), live.done("S2"), live.done("S3", course="c2"))
        assert (await told(socket))["measures"] == {"lessons_completed": 3, "active_learners": 2}


async def test_single_events_are_told_to_who_may_see_them(live: Live) -> None:
    actions = ("ask-measures", "ask-learners", "study-learners", "see-events")
    async with live.listening("administrator", *actions, form="events") as (socket, _):
        rows = [live.done("S1", "quiz_submit", score=float(n)) for n in range(1200)]
        mark = live.happened(*rows)
        parts = [await told(socket) for _ in range(3)]
    assert [len(part["events"]) for part in parts] == [500, 500, 200]
    assert [part.get("watermark") for part in parts] == [None, None, mark]
    seen = [e for part in parts for e in part["events"]]
    assert [e["event_id"] for e in seen] == [row["event_id"] for row in rows]
    assert [e["score"] for e in seen] == [row["score"] for row in rows]
    assert {e["learner_id"] for e in seen} == {text(live, "S1")}
    assert "organisation_id" not in seen[0] and "payload" not in seen[0]


async def test_another_subscription_on_the_same_connection_replaces_the_first(live: Live) -> None:
    async with live.listening("administrator", types=["search"]) as (socket, _):
        await socket.send(json.dumps({"types": ["page_view"]}))
        assert (await told(socket))["kind"] == "snapshot"
        live.happened(live.done("S1", "search"), live.done("S1", "page_view"))
        assert (await told(socket))["types"] == {"page_view": 1}


async def test_a_quiet_stream_has_a_heartbeat(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "HEARTBEAT_S", 0.1)
    async with live.listening("administrator") as (socket, first):
        beats = [await told(socket, "heartbeat") for _ in range(2)]
    assert beats == [{"kind": "heartbeat", "watermark": first["watermark"]}] * 2


# ---- who is told -----------------------------------------------------------------------------------------


async def test_each_is_told_of_the_own_scope_only(live: Live) -> None:
    other = found(live.hill.metadata, "other-", "Other School")
    live.core.door.warehouse.write(
        "learner", dimension("learner", *({"organisation_id": other.id, "learner_id": i} for i in (7, 8)))
    )
    elsewhere = event("search", live.hill.clock.now, organisation_id=other.id, learner_id=7, course_id="c1")
    async with (
        live.listening("administrator") as (administrator, _),
        live.listening("other-administrator") as (other_administrator, _),
        live.listening("teacher", states=True) as (teacher, _),
        live.listening("ada", states=True) as (student, _),
        live.listening("guardian") as (guardian, _),
        live.listening("corporate_manager", "ask-measures", "ask-learners") as (manager, _),
    ):
        live.happened(
            live.done("S1"),
            live.done("S1", course="c2"),
            live.done("S2", "page_view"),
            live.done("S3", course="c2"),
            elsewhere,
        )
        assert (await told(administrator))["types"] == {"lesson_complete": 3, "page_view": 1}
        assert (await told(other_administrator))["types"] == {"search": 1}
        of_teacher = await told(teacher)
        assert of_teacher["types"] == {"lesson_complete": 1, "page_view": 1}
        # What a pupil does in somebody else's course is not the teacher's to see.
        lessons = {state["learner_id"]: state["lessons_today"] for state in of_teacher["states"]}
        assert lessons == {text(live, "S1"): 1, text(live, "S2"): 0}
        of_student = await told(student)
        assert of_student["courses"] == {"c1": 1, "c2": 1}
        assert [state["lessons_today"] for state in of_student["states"]] == [2]
        assert (await told(guardian))["events"] == 3
        # Nobody is sponsored by this company: the next thing told to its manager is of somebody who is.
        sponsored = {"learner_id": live.hill.school.learners["S3"], "sponsor_id": "C1"}
        live.core.door.warehouse.write("learner", dimension("learner", sponsored))
        live.core.door.moved(live.core.door.warehouse.watermark())
        await asyncio.sleep(0.3)
        live.happened(live.done("S3", "search", "c2"), live.done("S1", "search"))
        assert (await told(manager))["courses"] == {"c2": 1}


NOTHING = "There is nothing here that you may see."


@pytest.mark.parametrize(
    ("login", "asked"),
    [
        ("teacher", {"learners": ["S3"]}),
        ("teacher", {"learners": ["12345"]}),
        ("teacher", {"learners": ["nobody"]}),
        ("teacher", {"classes": ["K2"]}),
        ("teacher", {"classes": ["K999"]}),
        ("teacher", {"form": "events"}),
        ("guardian", {"learners": ["S3"]}),
        ("guardian", {"form": "events"}),
        ("executive", {"learners": ["S1"]}),
        ("executive", {"learners": ["12345"]}),
        ("executive", {"states": True}),
        ("corporate_manager", {"states": True}),
        ("executive", {"classes": ["K1"]}),
    ],
)
async def test_what_may_not_be_seen_is_as_if_it_were_not_there(
    live: Live, login: str, asked: dict[str, object]
) -> None:
    few = {"executive": ("ask-measures",), "corporate_manager": ("ask-measures", "ask-learners")}
    actions = few.get(login, ())
    learners = asked.get("learners")
    if isinstance(learners, list):
        known = live.hill.school.learners
        asked = {"learners": [str(known.get(name, name)) for name in learners]}
    async with live.client(login, *actions) as socket:
        await socket.send(json.dumps(asked))
        assert await end_of(socket) == (4404, NOTHING)


async def test_who_sees_no_rows_is_told_whole_minutes_without_small_groups(live: Live) -> None:
    async with live.client("executive", "ask-measures") as socket:
        await socket.send("{}")
        first = await told(socket)
        assert first == {"kind": "snapshot", "watermark": live.core.live.head}
        live.hill.clock.forward(minutes=1)
        at = live.hill.clock.now
        rows = [event("search", at, learner_id=n) for n in range(30)]
        rows += [event("post_vote", at, learner_id=n) for n in range(3)]
        rows += [event("page_view", at, learner_id=n) for n in range(12)]
        number = live.happened(*rows)
        async with asyncio.timeout(PATIENCE_S):
            while live.core.live.head < number:  # noqa: ASYNC110 - else the minute is over before its events came
                await asyncio.sleep(0.01)
        live.hill.clock.forward(minutes=2)
        minutes = (await told(socket))["minutes"]
    assert minutes == [{"minute": at.isoformat(), "events": 45, "types": {"search": 30}}]


async def test_who_sees_no_rows_may_not_filter(live: Live) -> None:
    for asked in ({"types": ["search"]}, {"courses": ["c1"]}, {"measures": ["events"]}):
        async with live.client("executive", "ask-measures") as socket:
            await socket.send(json.dumps(asked))
            code, reason = await end_of(socket)
            assert code == 4400 and "unfiltered" in reason
    # A token that may only ask for measures makes a pupil's own rows an aggregate of one.
    async with live.client("ada", "ask-measures") as socket:
        await socket.send("{}")
        assert await end_of(socket) == (4404, NOTHING)


async def test_an_ended_relation_ends_what_is_told(live: Live) -> None:
    metadata, people = live.hill.metadata, live.hill.school.people
    async with live.listening("teacher") as (socket, _):
        metadata.relations.add_many([NewRelation(people["teacher"], "teaches", "K2")])
        await asyncio.sleep(0.3)
        live.happened(live.done("S3", "search", "c2"))
        assert (await told(socket))["courses"] == {"c2": 1}
        metadata.relations.end(people["teacher"], "teaches", "K1", date(2026, 3, 1))
        await asyncio.sleep(0.3)
        live.happened(live.done("S1", "search"), live.done("S3", "page_view", "c2"))
        assert (await told(socket))["types"] == {"page_view": 1}


async def test_a_learner_who_leaves_the_class_ends_the_stream_about_them(live: Live) -> None:
    async with live.listening("teacher", learners=[text(live, "S1")]) as (socket, _):
        left = {
            "class_id": "K1",
            "learner_id": live.hill.school.learners["S1"],
            "valid_from": date(2026, 1, 7),
            "valid_until": date(2026, 3, 1),
        }
        live.core.door.warehouse.write("class_member", dimension("class_member", left))
        live.core.door.moved(live.core.door.warehouse.watermark())
        assert await end_of(socket) == (4404, NOTHING)


async def test_the_end_of_a_session_ends_the_stream(live: Live) -> None:
    secret = live.hill.session("teacher")
    headers = {"cookie": f"headway={secret}"}
    origin: Any = "http://localhost:0"
    async with connect(live.address, additional_headers=headers, origin=origin, proxy=None) as socket:
        await socket.send("{}")
        await told(socket)
        live.hill.metadata.sessions.close(secret)
        assert (await end_of(socket))[0] == 4401


async def test_the_end_of_a_token_ends_the_stream(live: Live) -> None:
    async with live.listening("teacher") as (socket, _):
        live.hill.clock.forward(days=91)
        assert (await end_of(socket))[0] == 4401


async def test_reads_of_learners_are_written_down_once_for_a_connection(live: Live) -> None:
    def noted() -> list[str]:
        entries = [row.entry for row in live.hill.metadata.audit.read() if row.entry.what == "read live"]
        assert {entry.why for entry in entries} == {"tutoring"}
        return sorted(str(entry.whose) for entry in entries)

    async with live.listening("teacher", states=True, purpose="tutoring") as (socket, _):
        for _ in range(3):
            live.happened(live.done("S1"))
            await told(socket)
    async with live.listening("ada", states=True) as (socket, _):
        live.happened(live.done("S1"))
        await told(socket)
    assert noted() == sorted([text(live, "S1"), text(live, "S2")])
    async with live.listening("teacher") as (socket, _):  # counts only
        live.happened(live.done("S1"))
        await told(socket)
    assert len(noted()) == 2


async def test_who_says_no_purpose_listens_for_what_the_role_is_for(live: Live) -> None:
    # The administrator's token is told no names, so it is for the numbers.
    for login, why in (("administrator", "analysis"), ("guardian", "looking after a child")):
        async with live.listening(login, states=True) as (socket, _):
            live.happened(live.done("S1"))
            await told(socket)
        entries = [row.entry for row in live.hill.metadata.audit.read(who=live.hill.school.people[login])]
        assert {entry.why for entry in entries if entry.what == "read live"} == {why}


# ---- places, gaps, restarts ------------------------------------------------------------------------------


async def test_a_listener_resumes_where_it_was(live: Live) -> None:
    async with live.listening("administrator") as (_, first):
        pass
    live.happened(live.done("S1"))
    last = live.happened(live.done("S2", "search"))
    async with live.client("administrator") as socket:
        await socket.send(json.dumps({"since": first["watermark"]}))
        types: dict[str, int] = {}
        while not types.get("search"):
            change = await told(socket)
            assert change["kind"] == "change"
            types |= change["types"]
    assert types == {"lesson_complete": 1, "search": 1} and change["watermark"] == last


async def test_what_is_gone_is_a_gap_and_a_fresh_snapshot(live: Live) -> None:
    async with live.client("administrator") as socket:
        head = live.core.live.head
        await socket.send(json.dumps({"since": head - 3}))
        assert await told(socket) == {"kind": "gap", "gap": 3}
        assert (await told(socket))["kind"] == "snapshot"
        live.happened(live.done("S1"))
        assert (await told(socket))["events"] == 1


async def test_after_a_restart_nothing_is_lost_and_nothing_told_twice(live: Live) -> None:
    done = live.done("S1", "quiz_submit", score=10.0)
    async with live.listening("administrator", learners=[text(live, "S1")]) as (socket, _):
        live.happened(done, live.done("S1", "quiz_submit", score=20.0))
        before = await told(socket)
    await asyncio.to_thread(live.core.live.close)
    again = Hub(live.core.door.warehouse, live.hill.clock)
    await asyncio.to_thread(again.open)
    live.core._live = again
    async with live.client("administrator") as socket:
        await socket.send(json.dumps({"learners": [text(live, "S1")], "since": before["watermark"]}))
        live.happened(live.done("S1", "quiz_submit", score=30.0))
        change = await told(socket)
    assert change["kind"] == "change" and change["types"] == {"quiz_submit": 1}
    assert sorted(change["states"][0]["recent_scores"]) == [10.0, 20.0, 30.0]
    assert change["states"][0]["struggling"] is True and before["states"][0]["struggling"] is False


async def test_a_slow_listener_costs_no_memory_and_hears_of_the_gap(hill: Hill) -> None:
    """It does not read while far more passes than the ring and the network's buffers hold."""
    core = Core(hill.settings)
    small = Hub(hill.door.warehouse, hill.clock, most_bytes=1 << 20, rest_s=0)
    small.open()
    core.take(hill.door, small)
    async with serving(core) as address:
        slow = Live(core, hill, address)
        token = slow.token("administrator", "ask-measures", "ask-learners", "study-learners", "see-events")
        headers = {"authorization": f"Bearer {token}"}
        async with connect(
            address, additional_headers=headers, proxy=None, max_queue=1, ping_interval=None
        ) as socket:
            await socket.send(json.dumps({"form": "events"}))
            await told(socket)
            batch = events([slow.done("S1", "page_view", lesson_id="l" * 64) for _ in range(2000)])
            first = small.head + 1
            before = pa.total_allocated_bytes()
            small.publish(batch, _committed(first))
            seen = len((await told(socket))["events"])
            for number in range(first + 1, first + BATCHES):
                small.publish(batch, _committed(number))
                while small.head < number:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                assert small.bytes <= 1 << 20
            assert pa.total_allocated_bytes() - before < 8 << 20
            message: Told = {"kind": "none"}
            async with asyncio.timeout(PATIENCE_S):
                while message["kind"] != "gap":
                    message = await told(socket)
                    seen += len(message.get("events", ()))
                assert (await told(socket))["kind"] == "snapshot"
            assert message["gap"] > 0 and seen < 2000 * BATCHES
        assert small.gaps._value.get() >= 1
    await asyncio.to_thread(core.writer.close)
    await asyncio.to_thread(small.close)


def _committed(number: int) -> Appended:
    return Appended(Watermark(number, datetime(2026, 3, 2, tzinfo=UTC)), pa.array([], pa.bool_()))


# ---- what is wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        "",
        "[]",
        "{",
        '{"colour": "red"}',
        '{"types": "search"}',
        '{"since": "x"}',
        '{"measures": ["nonsense"]}',
    ],
)
async def test_what_is_no_subscription_is_refused_with_a_sentence(live: Live, said: str) -> None:
    async with live.client("administrator") as socket:
        await socket.send(said)
        code, reason = await end_of(socket)
    assert code == 4400
    assert "subscription" in reason or "unknown measure" in reason


async def test_too_long_a_subscription_is_refused(live: Live) -> None:
    for asked in ({"types": ["x"] * 1001}, {"types": ["x" * 70_000]}, {"purpose": "x" * 81}):
        async with live.client("administrator") as socket:
            await socket.send(json.dumps(asked))
            code, reason = await end_of(socket)
            assert code == 4400 and "at most" in reason


async def test_who_says_nothing_is_not_kept(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "FIRST_WORD_S", 0.05)
    async with live.client("administrator") as socket:
        assert (await end_of(socket))[0] == 4408


async def test_one_person_cannot_take_all_places(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "MOST_OF_ONE", 1)
    async with live.listening("administrator"), live.client("administrator") as second:
        assert (await end_of(second))[0] == 4429
    async with live.listening("administrator"):  # the place is free again
        pass


async def test_who_leaves_leaves_nothing_behind(live: Live) -> None:
    async with live.listening("administrator"), live.listening("executive", "ask-measures"):
        assert live.core.live.listeners._value.get() == 2
    for _ in range(200):
        if not live.core.live.listeners._value.get():
            break
        await asyncio.sleep(0.02)
    assert live.core.live.listeners._value.get() == 0
    assert live.core.live._woken == {}


async def test_the_address_says_what_it_speaks(live: Live) -> None:
    url = live.address.replace("ws:", "http:")
    auth = {"authorization": f"Bearer {live.token('administrator')}"}
    async with httpx.AsyncClient() as client:
        answered = await client.get(url, headers=auth)
    assert answered.status_code == 400 and "WebSocket" in answered.json()["detail"]
