"""Dead letters of the asker's organisation: list, show, replay."""

from __future__ import annotations

import asyncio
from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request, Response

from app.rest.reach import core_of
from connectors.intake.replay import replay
from connectors.warehouse.deadletters import DeadLetters, Letter, LetterFilter

router = APIRouter()
MOST = 1000
# An id is a string in JSON: a browser's numbers end at 2**53.
_IDS = ("learner_id",)


@router.get("/api/v1/deadletters", summary="Events that were not accepted, newest first.")
async def get_letters(
    request: Request,
    kind: str | None = None,
    code: str | None = None,
    event_type: str | None = None,
    status: str = "waiting",
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> Response:
    which = _filter(request, kind, code, event_type, status, limit)
    rows = await asyncio.to_thread((await _letters(request)).newest, which)
    return _json({"letters": [_shown(row) for row in rows]})


@router.get("/api/v1/deadletters/{id}", summary="One of them, with its cleaned content.")
async def get_letter(request: Request, id: str) -> Response:
    organisation_id = request.state.viewer.organisation_id
    return _json(_shown(await asyncio.to_thread((await _letters(request)).show, id, organisation_id)))


@router.post("/api/v1/deadletters/replay", summary="Send those that wait again.")
async def post_replay(
    request: Request,
    kind: str | None = None,
    code: str | None = None,
    event_type: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = MOST,
) -> Response:
    which = _filter(request, kind, code, event_type, "waiting", limit)
    letters = await _letters(request)
    done = await asyncio.to_thread(replay, core_of(request).writer, letters, which)
    return _json(done.answer())


async def _letters(request: Request) -> DeadLetters:
    """All that were acknowledged."""
    door = core_of(request).door
    await asyncio.to_thread(door.settle)
    return DeadLetters(door.warehouse)


def _filter(
    request: Request, kind: str | None, code: str | None, event_type: str | None, status: str, limit: int
) -> LetterFilter:
    organisation_id = request.state.viewer.organisation_id
    return LetterFilter(organisation_id, kind, code, event_type, None if status == "any" else status, limit)


def _shown(letter: Letter) -> Letter:
    ids = {name: str(letter[name]) for name in _IDS if letter[name] is not None}
    return {k: v for k, v in letter.items() if k != "organisation_id"} | ids


def _json(body: object) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
