"""Who comes in: the auth provider of Panel's server. It asks core, for a page and for its socket alike."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from typing import Any

from bokeh.server.auth_provider import AuthProvider
from bokeh.util.token import get_token_payload
from tornado.httputil import HTTPServerRequest
from tornado.web import HTTPError, RequestHandler

from app.doorway import Doorway
from models.desk import Desk
from models.errors import HeadwayError, NotSignedIn
from pages import Page, Visit
from pages.me import Me
from pages.speech import Speech

COOKIE = "headway"
SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"
# A page is opened by its address alone: a token or session id handed in would open somebody else's.
SMUGGLED = (
    "bokeh-token",
    "bokeh-session-id",
    "bokeh-autoload-element",
    "bokeh-app-path",
    "bokeh-absolute-url",
)


class Entry(AuthProvider):
    def __init__(self, doorway: Doorway, pages: Mapping[str, Page], secret: bytes) -> None:
        self.doorway = doorway
        self._pages = pages
        self._secret = secret
        super().__init__()

    @property
    def get_user_async(self) -> Callable[[Any], Awaitable[Any]]:
        return self._enter

    @property
    def login_url(self) -> str:
        return SIGN_IN

    def bound(self, request: HTTPServerRequest) -> str:
        """A mark of the cookie's session for the page's token, from which the cookie cannot be told."""
        return hmac.new(self._secret, b"bound:" + secret_of(request).encode(), sha256).hexdigest()

    async def visit(self, handler: RequestHandler, page: Page) -> Visit | None:
        """None when nobody is signed in; 404 when this page is not for them."""
        secret = secret_of(handler.request)
        try:
            desk = await self.doorway.desk(secret) if secret else None
            if desk is None:
                return None
            if not desk.viewer.may(page.action):
                raise HTTPError(404)
            me = Me.read(await desk.look("me"))
        except NotSignedIn:
            return None
        except HeadwayError as error:
            raise HTTPError(error.status, log_message="core: %s" % error.code) from error  # noqa: UP031
        return visit_of(desk, me, page, handler.request)

    async def _enter(self, handler: RequestHandler) -> str | None:
        request = handler.request
        if any(name in request.arguments for name in SMUGGLED) or "Bokeh-Session-Id" in request.headers:
            raise HTTPError(403)
        path, socket = request.path.rstrip("/"), False
        if path.endswith("/ws"):
            path, socket = path.removesuffix("/ws"), True
        page = self._pages.get(path)
        if page is None:
            raise HTTPError(404)
        visit = await self.visit(handler, page)
        if visit is None or (socket and not self._is_bound(request)):
            return None
        request.visit = visit  # type: ignore[attr-defined]
        return visit.desk.viewer.person_id

    def _is_bound(self, request: HTTPServerRequest) -> bool:
        """A signed token is a bearer token: only the session it was written for may use it."""
        _, _, token = request.headers.get("Sec-WebSocket-Protocol", "").partition(",")
        try:
            bound = get_token_payload(token.strip()).get("bound", "")
        except Exception:
            return False
        return hmac.compare_digest(str(bound), self.bound(request))


def secret_of(request: HTTPServerRequest) -> str:
    """Of two a neighbour on the same host may have planted one: as in core's gate, none is believed."""
    pairs = (
        part.strip().partition("=")
        for header in request.headers.get_list("Cookie")
        for part in header.split(";")
    )
    ours = [value.strip('"') for name, _, value in pairs if name == COOKIE and value]
    return ours[0] if len(ours) == 1 else ""


def query_of(request: HTTPServerRequest) -> dict[str, str]:
    return {
        name: values[-1].decode(errors="replace")[:200]
        for name, values in list(request.query_arguments.items())[:32]
        if values
    }


def visit_of(desk: Desk, me: Me, page: Page, request: HTTPServerRequest) -> Visit:
    return Visit(desk, me, Speech(me.locale, me.zone), page, query_of(request))
