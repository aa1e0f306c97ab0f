"""The one error shape: application/problem+json. Denied and not existing look the same, to the byte."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from models.errors import HeadwayError, NotFound, NotSignedIn, TooMany

MEDIA_TYPE = "application/problem+json"
# Codes that belong to no HeadwayError, because they are about the request rather than the question.
REQUEST_CODES = {405: "wrong-method", 406: "not-acceptable", 415: "wrong-media-type"}


def problem(status: int, code: str, detail: str) -> bytes:
    return orjson.dumps(
        {
            "type": f"urn:headway:problem:{code}",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "code": code,
            "detail": detail,
        }
    )


def headers_of(error: HeadwayError) -> dict[str, str]:
    if isinstance(error, TooMany):
        return {"retry-after": str(error.retry_after_s)}
    if isinstance(error, NotSignedIn):
        return {"www-authenticate": "Bearer"}
    return {"retry-after": "2"} if error.status == 503 else {}


def response_of(error: HeadwayError) -> Response:
    body = problem(error.status, error.code, error.detail)
    return Response(body, error.status, headers_of(error), MEDIA_TYPE)


async def on_headway_error(_: Request, error: Any) -> Response:
    return response_of(error)


async def on_http_error(_: Request, error: Any) -> Response:
    """What Starlette itself answers: no such route, wrong method."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return response_of(NotFound())
    code = REQUEST_CODES.get(error.status_code, "bad-request")
    body = problem(error.status_code, code, str(error.detail))
    return Response(body, error.status_code, error.headers, MEDIA_TYPE)


async def on_wrong_fields(_: Request, error: Any) -> Response:
    """Names the field and what it should be, never the value that came."""
    wrong = [f"{'.'.join(str(part) for part in e['loc'][1:])}: {e['msg']}" for e in error.errors()]
    return Response(problem(400, "bad-question", "; ".join(wrong)), 400, media_type=MEDIA_TYPE)
