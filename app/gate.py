"""The one gate: who is it, what may they do, from which origin. Http and websocket alike.

Everything is denied unless a rule allows it. No credential is 401; denied and not existing are the
same 404 with the same body. Only the way in tells a valid token that it may not send (403): that says
nothing of what exists. A decision carries its reason, without personal data, for the debug log.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from starlette.types import ASGIApp, Receive, Scope, Send

from app.origins import Origins
from app.problems import response_of
from app.rules import RULES, WEBSOCKET, Rule, RuleTable
from config.roles import OPEN_PAGE
from config.settings import Settings
from connectors.metadata import Metadata
from models.errors import HeadwayError, NotAllowed, NotFound, NotSignedIn
from models.scope import Viewer

log = logging.getLogger("headway.gate")
COOKIE = "headway"
CSRF_HEADER = "x-headway-csrf"
SAFE = ("GET", "HEAD", "OPTIONS", WEBSOCKET)


Outcome = Literal["open", "allowed", "no-credential", "not-allowed", "denied"]


@dataclass(frozen=True, slots=True)
class Decision:
    outcome: Outcome
    reason: str
    viewer: Viewer | None = None
    # Looks the viewer up again: for what lives longer than a request, such as a websocket.
    viewer_now: Callable[[], Viewer | None] | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What the gate looks at in a request."""

    method: str
    path: str
    host: str
    origin: str | None
    fetch_site: str | None
    fetch_mode: str | None
    csrf: str
    bearer: str | None
    cookies: tuple[str, ...]


class Gate:
    """Pure ASGI. `metadata` is asked for at each request: core opens it after the server answers."""

    def __init__(
        self,
        app: ASGIApp,
        metadata: Callable[[], Metadata],
        settings: Settings,
        rules: Iterable[Rule] = RULES,
    ) -> None:
        self._app = app
        self._metadata = metadata
        self._rules = RuleTable(rules)
        self._origins = Origins(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        decision = await self.decide(asked(scope))
        if decision.outcome not in ("open", "allowed"):
            log.debug("refused", extra={"outcome": decision.outcome, "reason": decision.reason})
            await _refuse(decision, scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["viewer"], state["viewer_now"] = decision.viewer, decision.viewer_now
        await self._app(scope, receive, send)

    async def decide(self, asked: Asked) -> Decision:
        rule = self._rules.find(asked.method, asked.path)
        if rule is not None and rule.is_open:
            return Decision("open", "anybody may")
        viewer_now, reason = self._credential(asked)
        viewer = self._metadata().tokens.remembered(asked.bearer) if viewer_now and asked.bearer else None
        if viewer is None and viewer_now:
            viewer = await asyncio.to_thread(viewer_now)
        if viewer is None:
            return Decision("no-credential", reason)
        if rule is None:
            return Decision("denied", "no rule for this method and path", viewer)
        if rule.action and not viewer.may(rule.action):
            outcome: Outcome = "not-allowed" if rule.tells and asked.bearer is not None else "denied"
            return Decision(outcome, f"role {viewer.role} via {viewer.via} lacks {rule.action}", viewer)
        if asked.bearer is None and (wrong := self._wrong_origin(asked)):
            return Decision("denied", wrong, viewer)
        return Decision("allowed", f"has {rule.action or 'a credential'}", viewer, viewer_now)

    def _credential(self, asked: Asked) -> tuple[Callable[[], Viewer | None] | None, str]:
        if asked.bearer is not None:
            return partial(self._metadata().tokens.viewer, asked.bearer), "the token is unknown or over"
        if not asked.cookies:
            return None, "no credential"
        if len(asked.cookies) > 1:
            # A neighbour on the same host may have planted one: none of them is believed.
            return None, "more than one session cookie"
        if not self._origins.knows_host(asked.host):
            return None, "a session cookie under a host name that is not ours"
        return partial(self._metadata().sessions.viewer, asked.cookies[0]), "the session is unknown or over"

    def _wrong_origin(self, asked: Asked) -> str | None:
        """Cookies go along with requests that other sites make; this tells those apart."""
        if asked.method == WEBSOCKET:
            return None if self._origins.knows(asked.origin) else "websocket from another origin"
        if asked.fetch_site == "cross-site" and asked.fetch_mode != "navigate":
            return "fetched by another site"
        if asked.method in SAFE:
            return None
        if not self._origins.knows(asked.origin):
            return "a change from another origin"
        if not hmac.compare_digest(asked.csrf.encode(), self.csrf(asked.cookies[0]).encode()):
            return f"a change without the session's {CSRF_HEADER}"
        return None

    def csrf(self, secret: str) -> str:
        """What a page of this session sends as X-Headway-Csrf with each change."""
        return self._metadata().sessions.csrf(secret)

    async def viewer(self, secret: str) -> Viewer | None:
        """Who is behind the cookie of a ui process' request."""
        return await asyncio.to_thread(self._metadata().sessions.viewer, secret)

    async def page_viewer(self, secret: str, page: str) -> Viewer:
        """The same for one page. Raises NotSignedIn, or NotFound where the role has no such page."""
        viewer = await self.viewer(secret)
        if viewer is None:
            raise NotSignedIn("Please sign in.")
        if not viewer.may(OPEN_PAGE + page):
            log.debug("refused", extra={"outcome": "denied", "reason": f"role {viewer.role} lacks the page"})
            raise NotFound
        return viewer


def asked(scope: Scope) -> Asked:
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for raw_name, raw in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw.decode("latin-1")
        if name == "cookie":
            cookies += _ours(value)
        else:
            headers.setdefault(name, value)
    return Asked(
        method=WEBSOCKET if scope["type"] == "websocket" else scope["method"],
        path=scope["path"],
        host=headers.get("host", ""),
        origin=headers.get("origin"),
        fetch_site=headers.get("sec-fetch-site"),
        fetch_mode=headers.get("sec-fetch-mode"),
        csrf=headers.get(CSRF_HEADER, ""),
        bearer=_bearer(headers.get("authorization")),
        cookies=tuple(cookies),
    )


def _ours(header: str) -> list[str]:
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return [value.strip('"') for name, _, value in pairs if name == COOKIE and value]


def _bearer(header: str | None) -> str | None:
    """Any Authorization header counts as the credential that was meant, so a bad one is refused."""
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def _refuse(decision: Decision, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    await response_of(_error(decision))(scope, receive, send)


def _error(decision: Decision) -> HeadwayError:
    match decision.outcome:
        case "no-credential":
            return NotSignedIn("Sign in, or send a token that is valid.")
        case "not-allowed":
            return NotAllowed("This token may not send events; make one with the action send-events.")
    return NotFound()
