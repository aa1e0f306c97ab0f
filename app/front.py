"""The outermost layer: a number for every request, its time and outcome, one line in the log."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.incidents import incident
from app.logs import REQUEST_ID
from app.metrics import Metrics
from app.problems import response_of
from models.errors import HeadwayError

log = logging.getLogger("headway.request")
_GOOD_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


_ASKED_ALL_THE_TIME = ("/health", "/health/ready", "/health/live", "/metrics")


class Front:
    """Pure ASGI. Nothing of the request's URL, headers or body is logged, only the route's pattern."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        if method == "HEAD":  # whoever answers GET answers HEAD; the server keeps the body to itself
            scope = {**scope, "method": "GET"}
        request = _Request(scope, send, method)
        token = REQUEST_ID.set(request.id)
        try:
            await self._app(scope, receive, request.send)
        except Exception as error:
            await self._tell(error, request, scope, receive)
        finally:
            self._note(request)
            REQUEST_ID.reset(token)

    async def _tell(self, error: Exception, request: _Request, scope: Scope, receive: Receive) -> None:
        known = error if isinstance(error, HeadwayError) else incident(error, request.route)
        if request.status:
            return  # the answer had begun; the server closes the connection and the client sees it broken
        await response_of(known)(scope, receive, request.send)

    def _note(self, request: _Request) -> None:
        spent_s = time.perf_counter() - request.began
        labels = (request.method, request.route, str(request.status))
        self._metrics.responses.labels(*labels).observe(spent_s)
        level = logging.WARNING if request.status >= 500 else logging.INFO
        if request.route in _ASKED_ALL_THE_TIME:
            level = logging.DEBUG
        told = {"method": request.method, "route": request.route, "status": request.status}
        log.log(level, "answered", extra={**told, "ms": round(spent_s * 1000, 1)})


class _Request:
    def __init__(self, scope: Scope, send: Send, method: str) -> None:
        self._scope = scope
        self._send = send
        self.began = time.perf_counter()
        self.status = 0
        known = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
        self.method = method if method in known else "OTHER"
        self.id = _id_of(scope)

    @property
    def route(self) -> str:
        """The pattern, never the path: a path may name a person, and would be a label without end."""
        return str(getattr(self._scope.get("route"), "path", "none"))

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message.setdefault("headers", [])
            message["headers"] = [*message["headers"], (b"x-request-id", self.id.encode())]
        await self._send(message)


def _id_of(scope: MutableMapping[str, Any]) -> str:
    """A proxy's number if it looks like one, so that both logs can be read together."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _GOOD_ID.fullmatch(value.decode("latin-1")):
            return str(value.decode("latin-1"))
    return secrets.token_hex(8)
