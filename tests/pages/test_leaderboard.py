"""The leaderboard: the school turns it on, the learner joins under a nickname, ten must take part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from app.local import LocalDoorway
from models.ask import Ask, Where
from models.desk import Desk
from models.errors import BadQuestion, NotFound
from models.nickname import ANIMALS, QUALITIES, is_nickname
from tests.pages.elm import TODAY, Elm

BOARD = Ask(question="leaderboard")
MONDAY = TODAY - timedelta(days=TODAY.weekday())
NICKNAMES = {n: f"{QUALITIES[n]}-{ANIMALS[n]}-{n}" for n in range(1, 15)}
Rows = list[dict[str, object]]


@pytest.fixture
def board(school: Elm) -> Iterator[Callable[..., Any]]:
    """Turns it on and lets some pupils in; everything is undone afterwards."""
    held, settings = school.door.metadata.board, school.door.metadata.settings
    organisation = school.door.metadata.organisations.all()[0].id

    def join(*pupils: int) -> None:
        settings.put(settings.organisation(organisation), "leaderboard", True)
        for pupil in pupils:
            held.join(organisation, school.people[f"p{pupil}"], NICKNAMES[pupil])

    yield join
    settings.put(settings.organisation(organisation), "leaderboard", None)
    for pupil in range(1, 15):
        held.leave(school.people[f"p{pupil}"])


async def desk_of(school: Elm, login: str) -> Desk:
    desk = await LocalDoorway(school.door).desk(school.secret(login))
    assert desk is not None
    return desk


async def rows_for(school: Elm, login: str) -> Rows:
    return (await (await desk_of(school, login)).ask(BOARD)).rows()


def finished(school: Elm, pupil: int) -> int:
    """Different lessons of the class's course since Monday, counted in plain Python."""
    return len(
        {
            row["lesson_id"]
            for row in school.of(f"S{pupil}")
            if row["event_type"] == "lesson_complete" and row["course_id"] == "c1" and row["day"] >= MONDAY
        }
    )


async def test_places_are_what_the_weeks_lessons_say(school: Elm, board: Callable[..., Any]) -> None:
    board(*range(2, 15))
    counts = {pupil: finished(school, pupil) for pupil in range(2, 15)}
    assert len(set(counts.values())) > 1, "everybody finished as much: this test would prove nothing"
    for pupil in (2, 13):
        rows = await rows_for(school, f"p{pupil}")
        places = {row["nickname"]: (row["place"], row["lessons"]) for row in rows}
        for other, count in counts.items():
            place = 1 + sum(more > count for more in counts.values())
            seen = places.get(NICKNAMES[other])
            if seen is not None:
                assert seen == (place, count)
            else:
                assert count == 0 or place > 5
        assert [row["nickname"] for row in rows if row["mine"]] == [NICKNAMES[pupil]]
        assert all(row["lessons"] or row["mine"] for row in rows)


async def test_no_row_tells_who_somebody_is(school: Elm, board: Callable[..., Any]) -> None:
    board(*range(1, 15))
    answer = await (await desk_of(school, "p3")).ask(BOARD)
    assert answer.table.column_names == ["place", "nickname", "lessons", "mine"]
    assert not {str(n) for n in school.learners.values()} & set(str(answer.rows()).split())


async def test_ten_must_take_part_and_the_asker_be_one_of_them(
    school: Elm, board: Callable[..., Any]
) -> None:
    board(*range(1, 10))
    assert await rows_for(school, "p1") == []
    board(10)
    assert await rows_for(school, "p1") != []
    assert await rows_for(school, "p11") == []


async def test_who_leaves_is_gone_from_the_very_next_answer(school: Elm, board: Callable[..., Any]) -> None:
    board(*range(1, 12))
    best = next(row["nickname"] for row in await rows_for(school, "p1") if not row["mine"])
    pupil = next(n for n, name in NICKNAMES.items() if name == best)
    desk = await desk_of(school, f"p{pupil}")
    assert await desk.do("leave_board") == best
    assert best not in {row["nickname"] for row in await rows_for(school, "p1")}
    await desk.do("join_board", nickname=best)  # undone
    assert best in {row["nickname"] for row in await rows_for(school, "p1")}


async def test_nobody_else_sees_one(school: Elm, board: Callable[..., Any]) -> None:
    board(*range(1, 15))
    for login in ("mother", "teacher", "head"):
        with pytest.raises(BadQuestion):
            await rows_for(school, login)
        with pytest.raises(NotFound):
            await (await desk_of(school, login)).do("join_board", nickname="calm-otter-3")
        assert (await (await desk_of(school, login)).look("board"))["on"] is False


async def test_where_the_school_has_it_off_nobody_can_join(school: Elm) -> None:
    desk = await desk_of(school, "p1")
    assert await desk.look("board") == {"on": False, "nickname": None, "offers": []}
    with pytest.raises(NotFound):
        await desk.do("join_board", nickname="calm-otter-3")
    assert (await desk.ask(BOARD)).rows() == []


async def test_a_nickname_is_one_that_was_offered_and_belongs_to_one(
    school: Elm, board: Callable[..., Any]
) -> None:
    board(1)
    desk = await desk_of(school, "p2")
    offers = (await desk.look("board"))["offers"]
    assert len(set(offers)) == 3
    assert all(map(is_nickname, offers))
    for wrong in ("Pupil2 Elm", "brave-otter", "brave-otter-100", "otter-brave-1", NICKNAMES[1]):
        with pytest.raises(BadQuestion):
            await desk.do("join_board", nickname=wrong)
    with pytest.raises(BadQuestion):
        await desk.do("save_setting", name="board.nickname", value="Pupil2 Elm")


async def test_the_head_turns_it_on_and_off_and_nobody_else_does(school: Elm) -> None:
    head, pupil = await desk_of(school, "head"), await desk_of(school, "p1")
    await head.do("set_school_setting", name="leaderboard", value=True)
    assert await head.look("school_settings") == {"leaderboard": True}
    assert (await pupil.look("board"))["on"] is True
    await head.do("set_school_setting", name="leaderboard", value=False)
    assert (await pupil.look("board"))["on"] is False
    for desk in (pupil, await desk_of(school, "teacher")):
        with pytest.raises(NotFound):
            await desk.do("set_school_setting", name="leaderboard", value=True)
    with pytest.raises(BadQuestion, match="true or false"):
        await head.do("set_school_setting", name="leaderboard", value="yes")
    with pytest.raises(BadQuestion, match="leaderboard"):
        await head.do("set_school_setting", name="leaderbord", value=True)


async def test_it_takes_no_filter(school: Elm, board: Callable[..., Any]) -> None:
    board(*range(1, 15))
    desk = await desk_of(school, "p1")
    learner = school.learners["S2"]
    for ask in (
        Ask(question="leaderboard", where=(Where("learner_id", "=", (learner,)),)),
        Ask(question="leaderboard", limit=1),
        Ask(question="leaderboard", audience="peers"),
    ):
        with pytest.raises(BadQuestion):
            await desk.ask(ask)
    with pytest.raises(BadQuestion, match="unknown question"):
        await desk.ask(Ask(question="classmates"))
