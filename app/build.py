"""build(core) -> ASGI app: all parts of the API meet here, nowhere else."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from app import ingest
from app.core import Core
from app.front import Front
from app.gate import Gate
from app.headers import Secured
from app.live import route as live
from app.problems import on_headway_error, on_http_error, on_wrong_fields
from app.rest import catalogue, dashboards, deadletters, health, imports, query
from models.errors import HeadwayError

VERSION = "0.1.0"
ROUTERS = (
    health.router,
    catalogue.router,
    query.router,
    dashboards.router,
    ingest.router,
    imports.router,
    deadletters.router,
    live.router,
)


def build(core: Core) -> ASGIApp:
    """From the outside in: headers, request id and log, the gate, the routes."""
    gate = Gate(api(core), lambda: core.door.metadata, core.settings)
    return Secured(Front(gate, core.metrics), core.settings)


def api(core: Core) -> FastAPI:
    # FastAPI's own documentation pages load scripts from elsewhere; the schema is ours to show.
    app = FastAPI(
        title="Headway", version=VERSION, docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json"
    )
    app.state.core = core
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(HeadwayError, on_headway_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_wrong_fields)
    return app
