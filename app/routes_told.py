"""The API's routes in words, for the reference: from the routes themselves and the rules of the gate."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi.routing import APIRoute

from app.build import ROUTERS
from app.rules import RULES


def routes() -> Iterator[tuple[str, str, str, str, tuple[tuple[str, str], ...]]]:
    """Method, path, what the asker needs, what it is, and its parameters in words."""
    told = {
        (method, r.path): r for router in ROUTERS for r in _of(router.routes) for method in r.methods or ()
    }
    for rule in RULES:
        route = told.get((rule.method, rule.path))
        if route is not None:
            needs = "nothing" if rule.is_open else rule.action or "a credential"
            yield rule.method, rule.path, needs, _summary(route), tuple(_parameters(route))


def _of(found: list) -> Iterator[APIRoute]:  # type: ignore[type-arg]
    return (route for route in found if isinstance(route, APIRoute))


def _summary(route: APIRoute) -> str:
    own = (route.description or "").split("\n\n")[0].replace("\n", " ").strip()
    return " ".join(text for text in (route.summary or "", own) if text)


def _parameters(route: APIRoute) -> Iterator[tuple[str, str]]:
    for each in (route.openapi_extra or {}).get("parameters", ()):
        yield each["name"], each["description"]
    for param in route.dependant.query_params:
        yield param.name, param.field_info.description or ""
