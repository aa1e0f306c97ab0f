"""The security headers of every answer, pages and API alike."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.settings import Settings

_STARTS = ("http.response.start", "websocket.http.response.start")
_ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not no-referrer: under it browsers send `Origin: null` with a form, and the gate needs the origin.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


def new_nonce() -> str:
    return secrets.token_urlsafe(18)


def page_policy(nonce: str) -> str:
    """Bokeh needs inline styles and, for some widgets, WebAssembly; nothing needs unsafe-eval."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        "connect-src 'self'; worker-src blob:; manifest-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def api_policy(nonce: str) -> str:
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )


def security_headers(policy: str, *, https: bool) -> dict[str, str]:
    headers = _ALWAYS | {"content-security-policy": policy}
    return headers | ({"strict-transport-security": "max-age=31536000"} if https else {})


def is_https(settings: Settings) -> bool:
    return any(origin.startswith("https://") for origin in settings.origins)


class Secured:
    """Pure ASGI, the outermost layer, so that errors and refusals bear the headers too.

    A page of the API that needs a script finds its nonce in `scope["state"]["nonce"]`.
    """

    def __init__(self, app: ASGIApp, settings: Settings, policy: Callable[[str], str] = api_policy) -> None:
        self._app = app
        self._https = is_https(settings)
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        nonce = new_nonce()
        scope.setdefault("state", {})["nonce"] = nonce

        async def sending(message: Message) -> None:
            if message["type"] in _STARTS:
                message["headers"] = self._with_ours(message.get("headers", []), nonce)
            await send(message)

        await self._app(scope, receive, sending)

    def _with_ours(self, theirs: list[tuple[bytes, bytes]], nonce: str) -> list[tuple[bytes, bytes]]:
        ours = security_headers(self._policy(nonce), https=self._https)
        names = {name.lower() for name, _ in theirs}
        if b"cache-control" not in names:
            ours["cache-control"] = "no-store"
        kept = [(name, value) for name, value in theirs if name.lower().decode("latin-1") not in ours]
        return kept + [(name.encode(), value.encode()) for name, value in ours.items()]
