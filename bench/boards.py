"""The dashboards of the API, called as their routes are: different people, no answer kept, no network."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace

from starlette.requests import Request
from starlette.responses import Response

from app.door import Door
from app.rest.dashboards import get_macro, get_meso, get_micro
from bench.report import percentile

Route = Callable[[Request, str], Awaitable[Response]]
MOST = 200  # people looked at


async def boards(door: Door, organisation: int, times: int) -> dict[str, float]:
    people: dict[str, list[str]] = defaultdict(list)
    for person in door.metadata.people.some_of_each_role(organisation, MOST):
        people[person.roles[0]].append(person.id)
    return {
        "micro_p95_ms": await _asked(door, get_micro, people["student"], times, "me"),
        "meso_p95_ms": await _asked(door, get_meso, people["teacher"], times),
        "macro_p95_ms": await _asked(door, get_macro, people["administrator"], times, str(organisation)),
    }


async def _asked(door: Door, route: Route, people: Sequence[str], times: int, about: str = "") -> float:
    spent = []
    for n in range(times + 1):
        request = _request(door, people[n % len(people)])
        named = about or await _class_of(request)
        door.shelf.clear()
        began = time.perf_counter()
        answer = await route(request, named)
        spent.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200
    return percentile(spent[1:], 0.95)  # the first one compiled


def _request(door: Door, person: str) -> Request:
    viewer = door.metadata.sessions.viewer(door.metadata.sessions.open(person))
    app = SimpleNamespace(state=SimpleNamespace(core=SimpleNamespace(door=door)))
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": "/",
            "query_string": b"",
            "headers": [],
            "app": app,
            "state": {"viewer": viewer},
        }
    )


async def _class_of(request: Request) -> str:
    """The first class of the teacher who asks."""
    door: Door = request.app.state.core.door
    classes: Sequence[str] = door.scope(request.state.viewer).classes
    return classes[0]
