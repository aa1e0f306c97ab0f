"""Dashboards as data: the desk's own answers, inside the scope, and one 404 for denied and missing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from app.build import build
from app.core import Core
from tests.app.conftest import Hill
from tests.builders import MONDAY, event, events

DASHBOARDS = "/api/v1/dashboards"
PARTS = {"now", "courses", "profile", "periods", "trends", "skills", "habits", "anomalies"}


@pytest.fixture
async def client(core: Core) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(build(core))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:0") as client:
        yield client


def bearer(hill: Hill, login: str) -> dict[str, str]:
    actions = tuple(hill.metadata.roles[{"ada": "student"}.get(login, login)].actions)
    return {"authorization": f"Bearer {hill.metadata.tokens.create(login, actions)}"}


def lessons(hill: Hill, student: str, course: str, count: int) -> None:
    learner = hill.school.learners[student]
    rows = [
        event(
            "lesson_complete",
            MONDAY - timedelta(days=n),
            learner_id=learner,
            course_id=course,
            lesson_id=f"l{n}",
            duration_s=600.0,
        )
        for n in range(count)
    ]
    hill.door.warehouse.append(events(rows))


async def get(client: httpx.AsyncClient, path: str, auth: dict[str, str]) -> httpx.Response:
    return await client.get(path, headers=auth)


async def test_one_learner_s_dashboard_is_the_desk_s_answers(client: httpx.AsyncClient, hill: Hill) -> None:
    lessons(hill, "S1", "c1", 5)
    lessons(hill, "S1", "c2", 2)
    ada = hill.school.learners["S1"]
    for login, user, counted in (("ada", "me", 7), ("guardian", str(ada), 7), ("teacher", str(ada), 5)):
        auth = bearer(hill, login)
        body = (await get(client, f"{DASHBOARDS}/micro/{user}", auth)).json()
        assert (body["level"], body["of"], set(body["parts"])) == ("micro", str(ada), PARTS)
        told = {name: part["rows"] for name, part in body["parts"].items()}
        assert told["profile"][0]["lessons"] == counted
        assert sum(row["lessons"] for row in told["periods"]) == counted
        assert told["now"][0]["lessons_today"] == (2 if counted == 7 else 1)
        for name, question in (("profile", "learner_profile"), ("skills", "learner_skills")):
            query = f"/api/v1/query?question={question}&where=learner_id:=:{ada}"
            assert (await get(client, query, auth)).json()["rows"] == told[name]
    month = (
        await get(client, f"{DASHBOARDS}/micro/me?frame=month&since=2026-01-01", bearer(hill, "ada"))
    ).json()
    assert {row["period"][-2:] for row in month["parts"]["periods"]["rows"]} == {"01"}


async def test_denied_and_missing_are_the_same_404(client: httpx.AsyncClient, hill: Hill) -> None:
    ada, cy = hill.school.learners["S1"], hill.school.learners["S3"]
    other = hill.school.id + 1
    tried = [
        ("ada", f"micro/{cy}"),  # another's
        ("ada", "micro/12345"),  # nobody's
        ("ada", "micro/ada"),
        ("ada", f"micro/{2**70}"),
        ("guardian", f"micro/{cy}"),
        ("guardian", "micro/me"),
        ("teacher", f"micro/{cy}"),
        ("teacher", "meso/K2"),
        ("teacher", "meso/nothing"),
        ("executive", f"micro/{ada}"),
        ("operator", f"micro/{ada}"),
        ("operator", "meso/K1"),
        ("operator", f"macro/{hill.school.id}"),
        ("teacher", f"macro/{hill.school.id}"),
        ("ada", f"macro/{hill.school.id}"),
        ("administrator", f"macro/{other}"),
        ("administrator", "macro/none"),
        ("administrator", f"micro/{cy + 1}"),
    ]
    auths = {login: bearer(hill, login) for login, _ in tried}
    answers = [await get(client, f"{DASHBOARDS}/{path}", auths[login]) for login, path in tried]
    assert {(a.status_code, a.content) for a in answers} == {(404, answers[0].content)}
    for login, learner in (("ada", cy), ("teacher", cy), ("executive", ada), ("administrator", 1)):
        told = await get(client, f"/api/v1/recommendations/{learner}", auths[login])
        assert (told.status_code, told.content) == (404, answers[0].content)


async def test_a_class_a_course_and_the_school(client: httpx.AsyncClient, hill: Hill) -> None:
    lessons(hill, "S1", "c1", 3)
    lessons(hill, "S2", "c1", 2)
    lessons(hill, "S3", "c2", 4)
    of_class = (await get(client, f"{DASHBOARDS}/meso/K1", bearer(hill, "teacher"))).json()["parts"]
    (now,) = of_class["now"]["rows"]
    assert (now["active_learners"], now["lessons_completed"], now["learning_minutes"]) == (2, 5, 50.0)
    assert sum(row["lessons_completed"] for row in of_class["over_time"]["rows"]) == 5
    assert {row["learner_id"] for row in of_class["learners"]["rows"]} == {
        str(hill.school.learners[s]) for s in ("S1", "S2")
    }
    of_course = (await get(client, f"{DASHBOARDS}/meso/c2", bearer(hill, "administrator"))).json()["parts"]
    assert of_course["now"]["rows"][0]["lessons_completed"] == 4 and "learners" not in of_course
    path = f"{DASHBOARDS}/macro/{hill.school.id}"
    whole = (await get(client, path, bearer(hill, "administrator"))).json()["parts"]
    assert whole["now"]["rows"][0]["lessons_completed"] == 9
    assert {r["course_id"]: r["lessons_completed"] for r in whole["courses"]["rows"]} == {"c1": 5, "c2": 4}
    few = (await get(client, path, bearer(hill, "executive"))).json()["parts"]
    assert all(row["lessons_completed"] is None for row in few["courses"]["rows"])  # under ten learners


async def test_recommendations_are_the_desk_s(client: httpx.AsyncClient, hill: Hill) -> None:
    auth = bearer(hill, "ada")
    mine = (await get(client, "/api/v1/recommendations/me", auth)).json()
    asked = f"/api/v1/query?question=recommendations&where=learner_id:=:{hill.school.learners['S1']}"
    assert mine["rows"] == (await get(client, asked, auth)).json()["rows"]


async def test_what_is_not_known_is_refused_in_a_sentence(client: httpx.AsyncClient, hill: Hill) -> None:
    auth = bearer(hill, "ada")
    for wrong in ("micro/me?frame=fortnight", "micro/me?since=soon", "micro/me?by=week"):
        told = await get(client, f"{DASHBOARDS}/{wrong}", auth)
        assert told.status_code == 400 and len(told.json()["detail"]) > 20
    assert (await client.get(f"{DASHBOARDS}/micro/me")).status_code == 401


async def test_reading_a_learner_is_in_the_audit(client: httpx.AsyncClient, hill: Hill) -> None:
    ada = hill.school.learners["S1"]
    await get(client, f"{DASHBOARDS}/micro/{ada}", bearer(hill, "teacher"))
    read = {row.entry.what for row in hill.metadata.audit.read(whose=str(ada))}
    assert {"read learner_now", "read learner_profile", "read learner_habits"} <= read
