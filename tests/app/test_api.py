"""The API's routes, through headers, log and gate, as a client meets them."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator

import httpx
import pyarrow as pa
import pytest
from fastapi.routing import APIRoute

from app.build import ROUTERS, api, build
from app.core import Core
from app.rules import RULES, WEBSOCKET
from tests.app.conftest import Hill

QUERY = "/api/v1/query"
ARROW = "application/vnd.apache.arrow.stream"
PROBLEM = {"type", "title", "status", "code", "detail"}
SUCCESS = {"columns", "rows", "as_of", "question", "suppressed", "notes"}


@pytest.fixture
async def client(core: Core) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(build(core))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:0") as client:
        yield client


def bearer(hill: Hill, login: str = "administrator", *actions: str) -> dict[str, str]:
    token = hill.metadata.tokens.create(
        login, actions or ("ask-measures", "ask-learners", "study-learners", "see-system")
    )
    return {"authorization": f"Bearer {token}"}


async def test_a_query_answers_in_json_csv_and_arrow_with_the_same_values(
    client: httpx.AsyncClient, hill: Hill
) -> None:
    url, auth = f"{QUERY}?measures=events,active_learners&by=course_id", bearer(hill)
    body = (await client.get(url, headers=auth)).json()
    assert {row["course_id"]: row["events"] for row in body["rows"]} == {"c1": 2, "c2": 1}
    text = (await client.get(url, headers=auth | {"accept": "text/csv"})).text
    assert [row["events"] for row in csv.DictReader(io.StringIO(text))] == [
        str(row["events"]) for row in body["rows"]
    ]
    stream = (await client.get(url, headers=auth | {"accept": ARROW})).content
    table = pa.ipc.open_stream(stream).read_all()
    assert table.to_pylist() == body["rows"]
    assert json.loads(table.schema.metadata[b"headway"])["question"] == body["question"]


async def test_a_query_says_what_it_answers(client: httpx.AsyncClient, hill: Hill) -> None:
    url = (
        f"{QUERY}?measures=events&by=week&where=course_id:in:c1|c2&since=2026-01-01&until=2026-03-01&limit=5"
    )
    body = (await client.get(url, headers=bearer(hill))).json()
    assert set(body) == SUCCESS
    assert body["question"] == (
        "events by week where course_id in c1|c2 since 2026-01-01 until 2026-03-01 limit 5"
    )
    assert [column["name"] for column in body["columns"]] == ["week", "events"]
    assert [row["week"] for row in body["rows"]] == ["2026-01-12"]
    assert body["as_of"].endswith("+00:00")


async def test_learners_ids_are_text_in_json(client: httpx.AsyncClient, hill: Hill) -> None:
    body = (await client.get(f"{QUERY}?measures=events&by=learner_id", headers=bearer(hill))).json()
    assert {row["learner_id"] for row in body["rows"]} == {str(i) for i in hill.school.learners.values()}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("measures=evnts", "did you mean 'events'"),
        ("measures=events&by=wek", "did you mean 'week'"),
        ("measures=events&since=yesterday", "not a date"),
        ("measures=events&since=2026-03-02&until=2026-03-01", "before until"),
        ("measures=events&since=1600-01-01", "outside"),
        ("measures=events&limit=0", "between 1"),
        ("measures=events&limit=-1", "whole number"),
        ("measures=events&where=course_id", "NAME:OPERATOR:VALUE"),
        ("measures=events&where=course_id:within:x", "operator"),
        ("measures=events" + "&where=course_id:!=:x" * 31, "31 conditions are too many"),
        ("measures=events&where=course_id:in:c1|a%00b", "'a\\x00b' is not plain text"),
        ("measures=events&measure=x", "did you mean 'measures'"),
        ("", "at least one measure"),
    ],
)
async def test_a_wrong_question_is_a_400_that_names_the_right_one(
    client: httpx.AsyncClient, hill: Hill, query: str, said: str
) -> None:
    answered = await client.get(f"{QUERY}?{query}", headers=bearer(hill))
    assert answered.status_code == 400
    assert answered.headers["content-type"] == "application/problem+json"
    assert said in answered.json()["detail"]


async def test_a_form_that_is_not_ours_is_406(client: httpx.AsyncClient, hill: Hill) -> None:
    answered = await client.get(f"{QUERY}?measures=events", headers=bearer(hill) | {"accept": "image/png"})
    assert (answered.status_code, answered.json()["code"]) == (406, "not-acceptable")


async def test_the_catalogue_lists_what_the_role_may_ask(client: httpx.AsyncClient, hill: Hill) -> None:
    whole = (await client.get("/api/v1/measures", headers=bearer(hill))).json()
    own = (await client.get("/api/v1/measures", headers=bearer(hill, "ada", "ask-measures"))).json()
    assert set(whole) == SUCCESS
    names, fewer = ({row["name"] for row in body["rows"]} for body in (whole, own))
    assert fewer < names
    assert len(names) >= 30
    dimensions = (await client.get("/api/v1/dimensions", headers=bearer(hill))).json()
    assert len(dimensions["rows"]) >= 15
    for row in whole["rows"]:
        assert row["meaning"] and row["freshness"] and row["roles"], row["name"]


def routes() -> list[tuple[str, str]]:
    """Those of http; the gate's own tests open the websockets."""
    declared = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    found = [(method, route.path) for route in declared for method in route.methods]
    return [*found, ("GET", "/api/v1/openapi.json")]


def concrete(path: str) -> str:
    return path.replace("{", "").replace("}", "")


@pytest.mark.parametrize(("method", "path"), routes())
async def test_every_route_has_a_rule_and_one_shape_of_error(
    client: httpx.AsyncClient, hill: Hill, method: str, path: str
) -> None:
    rule = next(rule for rule in RULES if (rule.method, rule.path) == (method, path))
    if rule.is_open:
        assert path.startswith("/health")
        return
    without = await client.request(method, concrete(path))
    assert without.status_code == 401
    assert without.headers["content-type"] == "application/problem+json"
    assert set(without.json()) == PROBLEM
    if rule.action:
        denied = await client.request(
            method, concrete(path), headers=bearer(hill, "machine", _other(rule.action))
        )
        missing = await client.request(method, "/api/v1/nowhere", headers=bearer(hill))
        assert missing.status_code == 404
        if rule.tells:
            assert (denied.status_code, denied.json()["code"]) == (403, "not-allowed")
        else:
            assert denied.status_code == 404
            assert denied.content == missing.content


def test_only_ways_in_tell_a_token_what_it_lacks_and_every_rule_has_a_route() -> None:
    assert {rule.action for rule in RULES if rule.tells} == {"send-events"}
    known = {*routes(), ("GET", "/api/v1/live"), (WEBSOCKET, "/api/v1/live"), ("GET", "/metrics")}
    assert {(rule.method, rule.path) for rule in RULES} <= known


def _other(action: str) -> str:
    return "send-events" if action != "send-events" else "ask-measures"


@pytest.mark.parametrize(
    "path", ["/api/v1/measures", "/api/v1/dimensions", "/api/v1/questions", "/api/v1/me", QUERY]
)
async def test_every_answer_has_one_shape(client: httpx.AsyncClient, hill: Hill, path: str) -> None:
    query = "?measures=events" if path == QUERY else ""
    answered = await client.get(path + query, headers=bearer(hill))
    assert answered.status_code == 200, answered.text
    assert set(answered.json()) == SUCCESS
    told = {column["name"] for column in answered.json()["columns"]}
    assert all(set(row) <= told for row in answered.json()["rows"])


async def test_wrong_method_is_a_problem_too(client: httpx.AsyncClient, hill: Hill) -> None:
    answered = await client.delete(QUERY, headers=bearer(hill))
    assert set(answered.json()) == PROBLEM


async def test_head_is_get_without_the_body(client: httpx.AsyncClient, hill: Hill) -> None:
    asked = "/api/v1/query?measures=events&by=week"
    for path, headers in (("/health", {}), (asked, bearer(hill)), (asked, {}), ("/api/v1/nowhere", {})):
        told, whole = await client.head(path, headers=headers), await client.get(path, headers=headers)
        assert told.status_code == whole.status_code
        assert told.headers["content-type"] == whole.headers["content-type"]
    refused = await client.head("/api/v1/events", headers=bearer(hill))
    assert refused.status_code in (404, 405)


async def test_a_session_cookie_asks_like_a_token(client: httpx.AsyncClient, hill: Hill) -> None:
    cookie = {"cookie": f"headway={hill.session('ada')}"}
    body = (await client.get(f"{QUERY}?measures=events", headers=cookie)).json()
    assert body["rows"] == [{"events": 1}]


async def test_each_answer_bears_a_request_id_and_takes_a_good_one(client: httpx.AsyncClient) -> None:
    ids = {(await client.get("/health")).headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
    given = await client.get("/health", headers={"x-request-id": "proxy-0123456789"})
    assert given.headers["x-request-id"] == "proxy-0123456789"
    made_up = await client.get("/health", headers={"x-request-id": "<script>alert(1)</script>"})
    assert "script" not in made_up.headers["x-request-id"]


async def test_health_says_why_not(client: httpx.AsyncClient, core: Core, hill: Hill) -> None:
    ready = {"alive": True, "ready": True, "why": None, "ingest": None}
    assert (await client.get("/health")).json() == ready
    core.why_not = "Postgres is away."
    answered = await client.get("/health")
    assert (answered.status_code, answered.json()["why"]) == (503, "Postgres is away.")
    assert (await client.get("/health/live")).status_code == 200


async def test_before_the_databases_are_open_questions_are_told_to_wait(hill: Hill) -> None:
    starting = Core(hill.settings)
    transport = httpx.ASGITransport(build(starting))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:0") as client:
        answered = await client.get(f"{QUERY}?measures=events", headers=bearer(hill))
        assert answered.status_code == 503
        assert answered.json()["code"] == "unavailable"
        assert answered.headers["retry-after"]
        assert (await client.get("/health")).status_code == 503


async def test_metrics_have_the_names_of_p7_and_no_paths(client: httpx.AsyncClient, hill: Hill) -> None:
    auth = bearer(hill, "operator", "see-system")
    await client.get("/api/v1/dashboards/micro/12345", headers=bearer(hill))
    text = (await client.get("/metrics", headers=auth)).text
    for name in (
        "analytics_events_processed_total",
        "analytics_processing_time_seconds",
        "analytics_api_response_time_seconds",
        "analytics_model_accuracy",
        "analytics_data_quality_score",
    ):
        assert f"# TYPE {name.removesuffix('_total')}" in text or f"# TYPE {name}" in text, name
    assert "12345" not in text


async def test_what_nobody_expected_is_a_problem_without_its_message(
    client: httpx.AsyncClient, hill: Hill, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("ada@hill.test")

    monkeypatch.setattr(hill.door, "scope", broken)
    answered = await client.get(f"{QUERY}?measures=events", headers=bearer(hill))
    assert answered.status_code == 503
    assert set(answered.json()) == PROBLEM
    assert "ada@hill.test" not in answered.text
    assert "incident" in answered.json()["detail"]


async def test_openapi_describes_every_route(client: httpx.AsyncClient, core: Core, hill: Hill) -> None:
    schema = (await client.get("/api/v1/openapi.json", headers=bearer(hill))).json()
    described = {(method.upper(), path) for path, found in schema["paths"].items() for method in found}
    assert described >= {pair for pair in routes() if pair[1] != "/api/v1/openapi.json"}
    for path, found in schema["paths"].items():
        for operation in found.values():
            assert operation["summary"].endswith("."), path
    assert api(core).docs_url is None


async def test_a_desk_by_token_asks_whether_anything_moved(client: httpx.AsyncClient, hill: Hill) -> None:
    auth, look = bearer(hill, "administrator", "ask-measures", "use-notebook"), "/api/v1/look"
    await asyncio.to_thread(hill.door.settle)
    now = hill.door.warehouse.watermark().number

    async def told(what: str) -> tuple[int, object]:
        answer = await client.get(f"{look}/{what}", headers=auth)
        body = answer.json()
        return answer.status_code, body["rows"][0]["told"] if answer.status_code == 200 else body["detail"]

    assert await told(f"moved?since={now}") == (200, False)
    hill.happened("S1")
    assert await told(f"moved?since={now}") == (200, True)
    for wrong in ("moved", "moved?since=soon", "moved?since=-1", "moved?since=1&until=2", "me?since=1"):
        status, detail = await told(wrong)
        assert status == 400 and len(str(detail)) > 20, wrong
