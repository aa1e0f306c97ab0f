"""The security headers of every answer of core; the pages' server has its own in app/mount."""

from __future__ import annotations

import secrets

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


def api_policy(nonce: str) -> str:
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )


def security_headers(nonce: str, *, https: bool) -> dict[str, str]:
    headers = _ALWAYS | {"content-security-policy": api_policy(nonce)}
    return headers | ({"strict-transport-security": "max-age=31536000"} if https else {})


class Secured:
    """Pure ASGI, the outermost layer, so that errors and refusals bear the headers too.

    A page of the API that needs a script finds its nonce in `scope["state"]["nonce"]`.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._https = any(origin.startswith("https://") for origin in settings.origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(18)
        scope.setdefault("state", {})["nonce"] = nonce

        async def sending(message: Message) -> None:
            if message["type"] in _STARTS:
                message["headers"] = self._with_ours(message.get("headers", []), nonce)
            await send(message)

        await self._app(scope, receive, sending)

    def _with_ours(self, theirs: list[tuple[bytes, bytes]], nonce: str) -> list[tuple[bytes, bytes]]:
        ours = security_headers(nonce, https=self._https)
        names = {name.lower() for name, _ in theirs}
        if b"cache-control" not in names:
            ours["cache-control"] = "no-store"
        kept = [(name, value) for name, value in theirs if name.lower().decode("latin-1") not in ours]
        return kept + [(name.encode(), value.encode()) for name, value in ours.items()]
