"""Alive, ready, why not; and what Prometheus is told."""

from __future__ import annotations

import orjson
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from app.core import Core
from app.rest.reach import core_of

router = APIRouter()


@router.get("/health", summary="Alive, ready, and why not.", response_class=Response)
@router.get("/health/ready", summary="200 when questions are answered.", response_class=Response)
async def get_health(request: Request) -> Response:
    why_not = core_of(request).not_ready()
    body = {
        "alive": True,
        "ready": why_not is None,
        "why": why_not,
        "ingest": _why_not_stored(core_of(request)),
    }
    return Response(orjson.dumps(body), 503 if why_not else 200, media_type="application/json")


def _why_not_stored(core: Core) -> str | None:
    """While events are not stored, questions are answered all the same."""
    failure = core.writer.failure if core.why_not is None else None
    return failure.detail if failure else None


@router.get("/health/live", summary="200 as long as the process answers.", response_class=Response)
async def get_alive() -> Response:
    return Response(orjson.dumps({"alive": True}), media_type="application/json")


@router.get("/metrics", summary="Measures of the system for Prometheus.", response_class=Response)
async def get_metrics(request: Request) -> Response:
    return Response(core_of(request).metrics.text(), media_type=CONTENT_TYPE_LATEST)
