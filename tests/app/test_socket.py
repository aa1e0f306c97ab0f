"""The socket between core and ui: who may connect, what is lost when core goes, what comes back."""

from __future__ import annotations

import asyncio
import stat
import time
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import frames
from app.door import Door
from app.local import LocalDoorway
from app.remote import Line
from app.socket import DeskSocket
from models import errors
from models.ask import Ask
from models.errors import NotFound, TooMany, Unavailable
from tests.app.conftest import Hill
from tests.builders import event, events

EVENTS = Ask(measures=("events",))


@pytest.fixture
async def line(hill: Hill) -> AsyncIterator[Line]:
    line = Line(hill.settings.socket, patience_s=2)
    await line.start()
    yield line
    await line.close()


@pytest.fixture
async def socket(hill: Hill) -> AsyncIterator[DeskSocket]:
    socket = DeskSocket(LocalDoorway(hill.door), hill.settings.socket)
    await socket.start()
    yield socket
    await socket.close()


async def test_the_socket_is_its_users_alone(socket: DeskSocket, hill: Hill) -> None:
    assert stat.S_IMODE(hill.settings.socket.stat().st_mode) == 0o600


async def test_core_may_come_after_the_pages(line: Line, hill: Hill) -> None:
    asking = asyncio.ensure_future(line.desk(hill.session("ada")))
    await asyncio.sleep(0.1)
    assert await line.ready() is not None
    socket = DeskSocket(LocalDoorway(hill.door), hill.settings.socket)
    await socket.start()
    desk = await asking
    assert desk is not None and desk.viewer.role == "student"
    assert await line.ready() is None
    await socket.close()


async def test_a_restart_of_core_is_not_seen_by_who_only_reads(line: Line, hill: Hill) -> None:
    first = DeskSocket(LocalDoorway(hill.door), hill.settings.socket)
    await first.start()
    desk = await line.desk(hill.session("ada"))
    assert desk is not None
    await first.close()
    asking = asyncio.ensure_future(desk.ask(EVENTS))
    await asyncio.sleep(0.1)
    second = DeskSocket(LocalDoorway(hill.door), hill.settings.socket)
    await second.start()
    assert (await asking).rows() == [{"events": 1}]
    await second.close()


async def test_a_question_under_way_when_core_goes_is_asked_again(
    line: Line, hill: Hill, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = DeskSocket(LocalDoorway(hill.door), hill.settings.socket)
    await first.start()
    desk = await line.desk(hill.session("ada"))
    assert desk is not None
    answer = Door.answer
    started = asyncio.Event()

    async def slowly(door: Door, *given: object) -> object:
        started.set()
        await asyncio.sleep(30)
        return await answer(door, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Door, "answer", slowly)
    asking = asyncio.ensure_future(desk.ask(EVENTS))
    await started.wait()
    monkeypatch.setattr(Door, "answer", answer)
    await first.close()
    second = DeskSocket(LocalDoorway(hill.door), hill.settings.socket)
    await second.start()
    assert (await asking).rows() == [{"events": 1}]
    await second.close()


async def test_a_deed_under_way_when_core_goes_is_not_done_twice(
    line: Line, hill: Hill, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = DeskSocket(LocalDoorway(hill.door), hill.settings.socket)
    await first.start()
    desk = await line.desk(hill.session("ada"))
    assert desk is not None
    put = hill.metadata.settings.put
    done: list[str] = []

    def slowly(owner: str, name: str, value: object) -> None:
        done.append(name)
        time.sleep(0.3)
        put(owner, name, value)

    monkeypatch.setattr(hill.metadata.settings, "put", slowly)
    doing = asyncio.ensure_future(desk.do("save_setting", name="theme", value=1))
    while not done:  # noqa: ASYNC110 - a thread fills it
        await asyncio.sleep(0.01)
    await first.close()
    second = DeskSocket(LocalDoorway(hill.door), hill.settings.socket)
    await second.start()
    with pytest.raises(Unavailable):
        await doing
    await asyncio.sleep(0.4)
    assert done == ["theme"]
    await second.close()


async def test_without_core_a_question_fails_after_its_patience(hill: Hill) -> None:
    line = Line(hill.settings.socket, patience_s=0.2)
    await line.start()
    with pytest.raises(Unavailable, match="restarted"):
        await line.personas()
    await line.close()


async def test_many_questions_share_one_connection(socket: DeskSocket, line: Line, hill: Hill) -> None:
    desks = [await line.desk(hill.session(login)) for login in ("ada", "bo", "teacher", "administrator")]
    asks = [desk.ask(EVENTS) for _ in range(50) for desk in desks if desk is not None]
    counts = [answer.rows()[0]["events"] for answer in await asyncio.gather(*asks)]
    assert counts == [1, 1, 2, 3] * 50


@pytest.mark.parametrize(
    "sent", [b"\xff" * 8, b"GET / HTTP/1.1\r\n\r\n", b"\x02\x00\x00\x00\x00\x00\x00\x00{}"]
)
async def test_nonsense_closes_that_connection_and_no_other(
    socket: DeskSocket, line: Line, hill: Hill, sent: bytes
) -> None:
    reader, writer = await asyncio.open_unix_connection(str(hill.settings.socket))
    writer.write(sent)
    await reader.read()  # what core pushes first, then the end
    writer.close()
    assert await line.personas()


async def test_a_listener_that_fails_keeps_the_news_from_nobody(
    socket: DeskSocket, line: Line, hill: Hill, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[int] = []

    def broken(_: object) -> None:
        raise ValueError("no")

    line.on_change(broken)
    line.on_change(lambda mark: heard.append(mark.number))
    await line.personas()
    hill.happened("S1", day=1)
    hill.door.moved(hill.door.warehouse.watermark())
    await line.personas()
    assert heard[-1] == hill.door.watermark().number


# Those that the desk can raise; kinds of a single room (a file that cannot be read) never cross.
KINDS = [
    kind
    for kind in errors.HeadwayError.__subclasses__()
    if kind is not TooMany and kind.__module__ == errors.__name__
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_the_same_on_the_other_side(kind: type[errors.HeadwayError]) -> None:
    there = frames.error_of(frames.fault_of(kind("What to do.")))
    assert (type(there), there.detail) == (kind, "What to do.")


def test_how_long_to_wait_is_told_on_the_other_side() -> None:
    there = frames.error_of(frames.fault_of(TooMany("Wait.", retry_after_s=7)))
    assert isinstance(there, TooMany) and there.retry_after_s == 7
    assert isinstance(frames.error_of(frames.fault_of(NotFound())), NotFound)


async def read_back(head: frames.Call) -> bytes:
    reader = asyncio.StreamReader()
    for part in frames.frame(head, b"body"):
        reader.feed_data(bytes(part))
    header, body = await frames.read_frame(reader, 1 << 20)
    assert body == b"body"
    return header


@given(name=st.text(max_size=200), learners=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_a_frame_reads_back_as_it_was_written(name: str, learners: list[int]) -> None:
    import msgspec

    call = frames.Call(1, "names", name=name, learners=learners)
    assert msgspec.json.decode(asyncio.run(read_back(call)), type=frames.Call) == call


async def test_pages_that_hear_of_a_move_together_ask_together(
    line: Line, hill: Hill, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = LocalDoorway(hill.door)
    asked: list[int] = []
    moved = here.moved

    async def counted(since: Sequence[tuple[str, int]]) -> list[bool]:
        asked.append(len(since))
        return await moved(since)

    monkeypatch.setattr(here, "moved", counted)
    socket = DeskSocket(here, hill.settings.socket)
    await socket.start()
    number = hill.door.warehouse.watermark().number
    batch = events([event(learner_id=hill.school.learners["S1"])])
    hill.door.touched.add(batch, hill.door.warehouse.append(batch).watermark)
    desks = [await line.desk(hill.session(login)) for login in ("ada", "bo", "guardian", "teacher")]
    ended = await line.desk(hill.session("cy"))
    assert ended is not None
    hill.metadata.sessions.close_all(hill.school.people["cy"])
    found = await asyncio.gather(*(desk.look("moved", since=number) for desk in [*desks, ended] if desk))
    assert found == [True, False, True, True, True], "whose session has ended asks, and is told so"
    assert asked == [5]
    assert desks[0] is not None and await desks[0].look("moved", since=number + 1) is False
    await socket.close()


async def test_who_cannot_be_told_whether_data_moved_hears_why(line: Line, hill: Hill) -> None:
    socket = DeskSocket(LocalDoorway(hill.door), hill.settings.socket)
    await socket.start()
    desk = await line.desk(hill.session("ada"))
    assert desk is not None
    await socket.close()
    with pytest.raises(Unavailable):
        await desk.look("moved", since=1)
