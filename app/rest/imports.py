"""How far a file was taken in, and its next part: `./headway import` goes this way beside a running core."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Query, Request, Response

from app.ingest import sent_body, submitted
from app.rest.reach import core_of
from connectors.intake.times import clock
from connectors.sources.files import SOURCE, read, source_key
from connectors.warehouse.checking import broken_since

router = APIRouter()
Fingerprint = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


@router.get("/api/v1/imports/{file}", summary="How far a file was taken in, by its fingerprint.")
async def get_position(request: Request, file: Fingerprint) -> Response:
    offsets = await asyncio.to_thread(core_of(request).writer.offsets)
    return _json({"position": offsets.get(source_key(request.state.viewer.organisation_id, file))})


@router.post("/api/v1/imports/{file}", summary="Events of a file, and how far they reach.")
async def post_part(
    request: Request, file: Fingerprint, position: Annotated[str, Query(min_length=1, max_length=500)]
) -> Response:
    writer, organisation_id = core_of(request).writer, request.state.viewer.organisation_id
    received = clock()
    is_empty = request.headers.get("content-length") == "0"
    sent = read(b"") if is_empty else await sent_body(request, writer.limits)
    offsets = {source_key(organisation_id, file): position}
    outcome = await submitted(writer, organisation_id, SOURCE, sent, received, offsets)
    return _json(outcome.answer())


@router.get("/api/v1/contract", summary="Which rules of their contract the events stored since then break.")
async def get_contract(request: Request, since: Annotated[datetime, Query()]) -> Response:
    door, organisation_id = core_of(request).door, request.state.viewer.organisation_id
    await asyncio.to_thread(door.settle)
    moment = since if since.tzinfo else since.replace(tzinfo=UTC)
    found = await door.heavy(broken_since, door.warehouse, organisation_id, moment)
    return _json({"broken": found})


def _json(body: object) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
