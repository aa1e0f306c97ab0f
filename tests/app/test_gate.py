from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi.routing import APIRoute
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from app.build import ROUTERS
from app.gate import CSRF_HEADER, Asked, Gate
from app.headers import Secured
from app.rules import RULES, WEBSOCKET, Rule
from config.roles import OPEN_PAGE
from config.settings import Settings, read_settings
from connectors.metadata import Metadata
from models.errors import NotFound, NotSignedIn
from tests.hill import SECRET, School, found

ORIGIN = "http://127.0.0.1:8080"
TEST_RULES = (
    Rule("GET", "/open", None),
    Rule("GET", "/mine", ""),
    Rule("GET", "/audit", "see-audit"),
    Rule("POST", "/people", "manage-people"),
    Rule("GET", "/rows/{id}", "ask-learners"),
    Rule(WEBSOCKET, "/live", "ask-measures"),
)


async def who(request: Request) -> JSONResponse:
    viewer = request.state.viewer
    return JSONResponse({"who": viewer and viewer.person_id})


async def live(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(socket.scope["state"]["viewer"].role)
    await socket.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings({}, demo=True, data=tmp_path, secret=SECRET)


@pytest.fixture
def school(metadata: Metadata) -> School:
    return found(metadata)


@pytest.fixture
def gate(metadata: Metadata, settings: Settings) -> Gate:
    paths = {rule.path for rule in TEST_RULES if rule.method != WEBSOCKET} | {"/forgotten"}
    routes: list[Any] = [Route(path, who, methods=["GET", "POST"]) for path in sorted(paths)]
    app = Starlette(routes=[*routes, WebSocketRoute("/live", live)])
    return Gate(app, lambda: metadata, settings, TEST_RULES)


@pytest.fixture
async def client(gate: Gate, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Secured(gate, settings))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8081") as client:
        yield client


def cookie(metadata: Metadata, school: School, login: str) -> dict[str, str]:
    return {"cookie": f"headway={metadata.sessions.open(school.people[login])}"}


def bearer(metadata: Metadata, login: str, *actions: str) -> dict[str, str]:
    return {"authorization": f"Bearer {metadata.tokens.create(login, actions)}"}


async def test_whoever_has_no_credential_gets_401_whatever_is_there(client: httpx.AsyncClient) -> None:
    answers = [await client.get(path) for path in ("/mine", "/audit", "/rows/7", "/nothing", "/forgotten")]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].headers["content-type"] == "application/problem+json"
    assert answers[0].headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer hw_" + "x" * 43},
        {"authorization": "Bearer "},
        {"authorization": "Basic YWRhOmFkYQ=="},
        {"cookie": "headway=" + "x" * 43},
        {"cookie": "headway="},
        {"cookie": "other=1"},
    ],
)
async def test_a_credential_that_is_none_gets_401(
    client: httpx.AsyncClient, school: School, headers: dict[str, str]
) -> None:
    assert (await client.get("/mine", headers=headers)).status_code == 401


async def test_a_session_or_a_token_opens_what_its_role_may(
    client: httpx.AsyncClient, metadata: Metadata, school: School
) -> None:
    session = await client.get("/audit", headers=cookie(metadata, school, "privacy_officer"))
    assert (session.status_code, session.json()) == (200, {"who": school.people["privacy_officer"]})
    token = await client.get("/audit", headers=bearer(metadata, "administrator", "see-audit"))
    assert (token.status_code, token.json()) == (200, {"who": school.people["administrator"]})
    assert (await client.get("/open")).json() == {"who": None}


async def test_denied_and_not_existing_are_the_same_to_the_byte(
    client: httpx.AsyncClient, metadata: Metadata, school: School
) -> None:
    teacher = cookie(metadata, school, "teacher")
    denied = await client.get("/audit", headers=teacher)
    missing = await client.get("/no/such/path", headers=teacher)
    no_rule = await client.get("/forgotten", headers=teacher)  # a route that somebody forgot to list
    wrong_method = await client.request("DELETE", "/audit", headers=teacher)
    for answer in (missing, no_rule, wrong_method):
        assert (answer.status_code, answer.content) == (404, denied.content)
        assert answer.headers.keys() == denied.headers.keys()
    assert denied.status_code == 404


async def test_a_token_opens_no_more_than_its_actions(
    client: httpx.AsyncClient, metadata: Metadata, school: School
) -> None:
    narrow = bearer(metadata, "administrator", "ask-measures")
    assert (await client.get("/audit", headers=narrow)).status_code == 404
    assert (await client.get("/mine", headers=narrow)).status_code == 200


async def test_a_token_that_is_no_good_is_not_helped_out_by_a_cookie(
    client: httpx.AsyncClient, metadata: Metadata, school: School
) -> None:
    both = cookie(metadata, school, "administrator") | {"authorization": "Bearer hw_nothing"}
    assert (await client.get("/mine", headers=both)).status_code == 401


async def test_two_session_cookies_are_believed_neither(
    client: httpx.AsyncClient, metadata: Metadata, school: School
) -> None:
    one = cookie(metadata, school, "administrator")["cookie"]
    planted = {"cookie": f"headway=planted; {one}"}
    assert (await client.get("/mine", headers=planted)).status_code == 401
    assert (await client.get("/mine", headers={"cookie": f"a=b; {one}"})).status_code == 200


@pytest.mark.parametrize("path", ["/mine?access_token={}", "/mine?headway={}", "/rows/{}"])
async def test_a_credential_in_the_url_is_not_read(
    client: httpx.AsyncClient, metadata: Metadata, school: School, path: str
) -> None:
    token = metadata.tokens.create("administrator", ["ask-learners"])
    assert (await client.get(path.format(token))).status_code == 401


async def test_a_session_under_a_strange_host_name_is_not_believed(
    client: httpx.AsyncClient, metadata: Metadata, school: School
) -> None:
    mine = cookie(metadata, school, "administrator")
    rebound = await client.get("/mine", headers=mine | {"host": "rebound.attacker.test:8081"})
    assert rebound.status_code == 401
    for known in ("localhost:8081", "127.0.0.1:9999", "[::1]:8081"):
        assert (await client.get("/mine", headers=mine | {"host": known})).status_code == 200


async def test_a_change_needs_our_origin_and_the_sessions_csrf_token(
    client: httpx.AsyncClient, metadata: Metadata, school: School
) -> None:
    mine = cookie(metadata, school, "administrator")
    secret = mine["cookie"].removeprefix("headway=")
    good = mine | {"origin": ORIGIN, CSRF_HEADER: metadata.sessions.csrf(secret)}
    changes: dict[str, dict[str, str]] = {
        "good": {},
        "foreign origin": {"origin": "https://attacker.test"},
        "null origin": {"origin": "null"},
        "right host, wrong scheme": {"origin": "https://127.0.0.1:8080"},
        "our origin as a prefix": {"origin": ORIGIN + ".attacker.test"},
        "another port": {"origin": "http://127.0.0.1:8089"},
        "another session's token": {CSRF_HEADER: metadata.sessions.csrf("another")},
        "an empty token": {CSRF_HEADER: ""},
        "told by the browser": {"sec-fetch-site": "cross-site"},
    }
    statuses = {
        name: (await client.post("/people", headers=good | change)).status_code
        for name, change in changes.items()
    }
    assert statuses == {name: 200 if name == "good" else 404 for name in changes}
    for missing in ("origin", CSRF_HEADER):
        less = {name: value for name, value in good.items() if name != missing}
        assert (await client.post("/people", headers=less)).status_code == 404, missing


async def test_a_token_needs_no_origin_because_no_browser_adds_it_by_itself(
    client: httpx.AsyncClient, metadata: Metadata, school: School
) -> None:
    token = bearer(metadata, "administrator", "manage-people")
    assert (await client.post("/people", headers=token)).status_code == 200
    elsewhere = token | {"origin": "https://elsewhere.test"}
    assert (await client.post("/people", headers=elsewhere)).status_code == 200


async def test_another_site_reads_nothing_with_our_cookie(
    client: httpx.AsyncClient, metadata: Metadata, school: School
) -> None:
    mine = cookie(metadata, school, "administrator")
    fetched = mine | {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert (await client.get("/mine", headers=fetched)).status_code == 404
    followed = mine | {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert (await client.get("/mine", headers=followed)).status_code == 200


async def test_every_answer_bears_the_headers_and_a_nonce_of_its_own(
    client: httpx.AsyncClient, metadata: Metadata, school: School
) -> None:
    mine = cookie(metadata, school, "ada")
    answers = [await client.get(path, headers=mine) for path in ("/open", "/mine", "/audit", "/none")]
    policies = [answer.headers["content-security-policy"] for answer in answers]
    assert len(set(policies)) == len(policies), "a nonce is used once"
    for answer, policy in zip(answers, policies, strict=True):
        assert "unsafe" not in policy and "default-src 'none'" in policy and "'nonce-" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in answer.headers


async def test_https_is_kept_once_it_is_served(gate: Gate, tmp_path: Path) -> None:
    environ = {"HEADWAY_ORIGINS": "https://learn.hill.test", "HEADWAY_SECRET": SECRET.decode()}
    transport = httpx.ASGITransport(Secured(gate, read_settings(environ, data=tmp_path)))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="https://learn.hill.test") as client:
        assert "max-age" in (await client.get("/open")).headers["strict-transport-security"]


async def test_a_refusal_tells_its_reason_in_the_log_without_personal_data(
    client: httpx.AsyncClient, metadata: Metadata, school: School, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "headway.gate")
    mine = cookie(metadata, school, "teacher")
    await client.get("/audit?name=Ada", headers=mine)
    [record] = [r for r in caplog.records if r.name == "headway.gate"]
    said = str(record.__dict__)
    assert "role teacher via session lacks see-audit" in said
    for personal in ("Ada", mine["cookie"], school.people["teacher"]):
        assert personal not in said


async def test_each_role_opens_exactly_the_routes_of_its_actions(
    metadata: Metadata, settings: Settings, school: School
) -> None:
    """The role x route matrix over the product's own table; expected from roles.toml."""
    gate = Gate(Starlette(), lambda: metadata, settings)
    for role in metadata.roles.by_name.values():
        login = "ada" if role.name == "student" else role.name
        secret = metadata.sessions.open(school.people[login])
        csrf = metadata.sessions.csrf(secret)
        for rule in RULES:
            path = rule.path.replace("{", "").replace("}", "")
            asked = Asked(rule.method, path, "localhost", ORIGIN, None, None, csrf, None, (secret,))
            decision = await gate.decide(asked)
            if rule.action is None:
                assert decision.outcome == "open"
            else:
                may = rule.action == "" or rule.action in role.actions
                assert (decision.outcome == "allowed") == may, (role.name, rule, decision.reason)


async def test_each_role_opens_exactly_its_pages(gate: Gate, metadata: Metadata, school: School) -> None:
    roles = metadata.roles.by_name.values()
    pages = {a.removeprefix(OPEN_PAGE) for role in roles for a in role.actions if a.startswith(OPEN_PAGE)}
    for role in roles:
        secret = metadata.sessions.open(school.people["ada" if role.name == "student" else role.name])
        for page in sorted(pages | {"none-such"}):
            if OPEN_PAGE + page in role.actions:
                assert (await gate.page_viewer(secret, page)).role == role.name
            else:
                with pytest.raises(NotFound):
                    await gate.page_viewer(secret, page)
    with pytest.raises(NotSignedIn):
        await gate.page_viewer("x" * 43, "student")


def test_every_route_of_the_api_has_its_rule() -> None:
    listed = {(rule.method, rule.path) for rule in RULES}
    routed: set[tuple[str, str]] = set()
    for route in (route for router in ROUTERS for route in router.routes):
        if isinstance(route, APIRoute):
            routed |= {(method, route.path) for method in route.methods or () if method != "HEAD"}
        else:
            assert isinstance(route, WebSocketRoute), f"what is {route}?"
            routed.add((WEBSOCKET, route.path))
    assert len(routed) >= 5
    assert routed <= listed, f"{routed - listed} exist for nobody until app/rules.py lists them"


def test_every_rule_needs_an_action_that_roles_know(metadata: Metadata) -> None:
    assert [rule for rule in RULES if rule.action and rule.action not in metadata.roles.actions] == []
    assert len({(rule.method, rule.path) for rule in RULES}) == len(RULES)


@pytest.fixture
async def served(gate: Gate, settings: Settings) -> AsyncIterator[str]:
    """A real server, because only that shows what becomes of a refused handshake."""
    config = uvicorn.Config(
        Secured(gate, settings), port=0, log_level="critical", ws="websockets-sansio", lifespan="off"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn offers nothing to wait on
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"ws://127.0.0.1:{port}/live"
    server.should_exit = True
    await serving


async def handshake(address: str, headers: dict[str, str], origin: str | None = None) -> int | str:
    named: Any = origin
    try:
        async with connect(address, additional_headers=headers, origin=named, proxy=None) as socket:
            return str(await socket.recv())
    except InvalidStatus as refused:
        return refused.response.status_code


async def test_a_websocket_passes_the_same_gate(served: str, metadata: Metadata, school: School) -> None:
    teacher, operator = (cookie(metadata, school, login) for login in ("teacher", "operator"))
    assert await handshake(served, {}, ORIGIN) == 401
    assert await handshake(served, {"cookie": "headway=nothing"}, ORIGIN) == 401
    assert await handshake(served, operator, ORIGIN) == 404
    assert await handshake(served, teacher) == 404  # no origin at all
    assert await handshake(served, teacher, "https://attacker.test") == 404
    assert await handshake(served, teacher, ORIGIN) == "teacher"
    assert await handshake(served, bearer(metadata, "teacher", "ask-measures")) == "teacher"
    assert await handshake(served, bearer(metadata, "administrator", "see-audit")) == 404


async def test_a_long_connection_can_ask_whether_its_session_still_holds(
    gate: Gate, metadata: Metadata, school: School
) -> None:
    secret = metadata.sessions.open(school.people["teacher"])
    asked = Asked(WEBSOCKET, "/live", "localhost", ORIGIN, None, None, "", None, (secret,))
    decision = await gate.decide(asked)
    assert decision.viewer_now is not None and decision.viewer_now() == decision.viewer
    metadata.sessions.close(secret)
    assert decision.viewer_now() is None


async def test_a_server_without_http_refusals_of_websockets_closes_them(gate: Gate) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    await gate({"type": "websocket", "path": "/live", "headers": []}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]
