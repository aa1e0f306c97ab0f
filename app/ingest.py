"""`POST /api/v1/events`: the thin edge of the one way in. The answer comes once all is durable."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from app.metrics import Metrics
from app.rest.reach import core_of
from config.settings import Settings
from config.taxonomy import taxonomy
from connectors.intake.counters import Counters
from connectors.intake.decode import Decoded, Unread, decode, form_of
from connectors.intake.limits import Limits
from connectors.intake.schools import RecordedSchools
from connectors.intake.storing import Published
from connectors.intake.submission import Outcome, Submission
from connectors.intake.times import clock
from connectors.intake.unpack import too_large, unpack
from connectors.intake.writer import Writer
from connectors.metadata import Metadata
from connectors.warehouse import Warehouse
from models.errors import HeadwayError

router = APIRouter()
_SMALL_BYTES = 1 << 18  # to take apart more than this would hold up the writer, and so everybody
_EVENT = {
    "event_id": "0b5b2b1e-8f0a-4c3e-9d55-6a1f0c1d2e3f",
    "event_type": "lesson_complete",
    "timestamp": "2026-03-04T09:30:00Z",
    "student_id": "s-1",
    "session_id": "x-1",
    "context": {"course_id": "c-1", "lesson_id": "l-1"},
    "payload": {"duration_s": 300},
}
_SCHEMA = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "array", "items": {"type": "object"}},
                "example": [_EVENT],
            },
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
    },
    "responses": {
        "200": {
            "description": "Everything counted as accepted is on disk.",
            "content": {
                "application/json": {
                    "example": {"accepted": 1, "duplicates": 0, "quarantined": 0, "rejected": []}
                }
            },
        },
        "401": {"description": "No token, or one that is unknown, revoked or over."},
        "403": {"description": "The token is valid but may not send events."},
        "413": {"description": "The body, unpacked, is larger than the limit, or holds too many events."},
        "429": {"description": "More events arrive than can be stored; come back after Retry-After."},
    },
}


def open_writer(
    warehouse: Warehouse,
    metadata: Metadata,
    settings: Settings,
    metrics: Metrics,
    published: Published | None = None,
) -> Writer:
    writer = Writer(
        warehouse,
        RecordedSchools(metadata),
        taxonomy(),
        limits=Limits(body_bytes=settings.body_limit_mib << 20),
        counters=Counters(metrics.registry),
        published=published,
        journal=settings.journal,
    )
    writer.start()
    return writer


@router.post(
    "/api/v1/events",
    summary="Send events: a JSON array, one object, or NDJSON; plain, gzip or zstd.",
    response_class=Response,
    openapi_extra=_SCHEMA,
)
async def post_events(request: Request) -> Response:
    writer = core_of(request).writer
    received = clock()
    sent = await sent_body(request, writer.limits)
    outcome = await submitted(writer, request.state.viewer.organisation_id, "http", sent, received)
    return Response(outcome.as_json(), media_type="application/json")


async def sent_body(request: Request, limits: Limits) -> Decoded | Unread:
    """A small one is taken apart by the writer, where what is made of it is used at once."""
    form = form_of(request.headers.get("content-type", ""))
    body = await _body(request, limits.body_bytes)
    encoding = request.headers.get("content-encoding", "")
    if encoding:
        body = await asyncio.to_thread(unpack, body, encoding, limits.body_bytes)
    if len(body) <= _SMALL_BYTES:
        return Unread(body, form)
    return await asyncio.to_thread(decode, body, form, limits)


async def _body(request: Request, limit: int) -> bytes:
    """As bytes, and never more of them than the limit."""
    if request.headers.get("content-length", "0").isdigit() and _length(request) > limit:
        raise too_large(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _length(request: Request) -> int:
    return int(request.headers.get("content-length", "0"))


async def submitted(
    writer: Writer,
    organisation_id: int,
    source: str,
    sent: Decoded | Unread,
    received: int,
    offsets: Mapping[str, str] | None = None,
) -> Outcome:
    """Hands over to the writer's thread and waits for its answer. `offsets` say how far a source was
    read: they are stored with the events, and such events wait rather than be shed."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[Outcome | HeadwayError] = loop.create_future()

    def told(outcome: Outcome | HeadwayError) -> None:
        loop.call_soon_threadsafe(_settle, answered, outcome)

    submission = Submission(
        organisation_id, source, (), sent.size, received, told, offsets=offsets or {}, may_be_shed=not offsets
    )
    if isinstance(sent, Unread):
        submission.unread = sent
    else:
        submission.events, submission.refused, submission.indexes = sent.events, sent.refused, sent.indexes
    writer.put(submission)
    outcome = await answered
    if isinstance(outcome, HeadwayError):
        raise outcome
    return outcome


def _settle(answered: asyncio.Future[Any], outcome: Outcome | HeadwayError) -> None:
    if not answered.done():  # the sender may have hung up meanwhile
        answered.set_result(outcome)
