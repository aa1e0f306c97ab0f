"""The content policy and the other headers, on every answer of the pages' server."""

from __future__ import annotations

import secrets

from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import OutputTransform

from app.mount.proxies import Proxies

POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' blob: {socket}; worker-src blob:; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
FOR_GOOD = "public, max-age=31536000, immutable"


def nonce_of(request: HTTPServerRequest) -> str:
    """One for each answer; templates write it, the policy names it."""
    if not hasattr(request, "nonce"):
        request.nonce = secrets.token_urlsafe(18)  # type: ignore[attr-defined]
    return str(request.nonce)  # type: ignore[attr-defined]


class Headers(OutputTransform):
    def __init__(self, proxies: Proxies, request: HTTPServerRequest) -> None:
        super().__init__(request)
        self._proxies, self._request = proxies, request

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        if status_code == 101:
            return status_code, headers, chunk
        for name, value in ALWAYS.items():
            headers[name] = value
        headers.pop("Server", None)
        if headers.get("Content-Type", "").startswith("text/html"):
            secure = self._proxies.is_https(self._request)
            socket = f"{'wss' if secure else 'ws'}://{self._request.host}"
            headers["Content-Security-Policy"] = POLICY.format(nonce=nonce_of(self._request), socket=socket)
            headers.setdefault("Cache-Control", "no-store")
        return status_code, headers, chunk
