"""What may be asked: measures, dimensions, and who asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from app.rest.answers import JSON, success
from app.rest.reach import desk_of
from models.ask import ColumnMeaning
from models.errors import BadQuestion, unknown

router = APIRouter(prefix="/api/v1")
NARROWED = {"moved": ("since",)}  # what is looked at with a number; all else is looked at whole
_OF_MEASURES = (
    ("name", "The name by which it is asked for."),
    ("meaning", "What it counts, in one sentence."),
    ("unit", "Its unit."),
    ("better", "Which way is good: up, down, neither."),
    ("freshness", "live, near (a minute) or batch (an hour)."),
    ("grain", "What one of it is."),
    ("subject", "The subject it belongs to."),
    ("usual", "The dimensions it is mostly asked by."),
    ("roles", "The roles that may ask for it."),
)
_OF_DIMENSIONS = (
    ("name", "The name by which it is asked for."),
    ("meaning", "What it stands for."),
    ("kind", "string, int or date."),
    ("label", "Does labels=1 add a title?"),
)
_OF_QUESTIONS = (
    ("name", "The name by which it is asked: question=NAME."),
    ("meaning", "What it answers."),
    ("freshness", "live, near (a minute) or batch (an hour)."),
    ("rows", "aggregate, or learners: one row for each."),
)
_OF_ME = (
    ("role", "The role in which you ask."),
    ("actions", "What you may do."),
    ("organisation", "Your school."),
    ("organisation_id", "Its number."),
    ("zone", "The zone of its days."),
)


@router.get("/measures", summary="Every measure you may ask for.", response_class=Response)
async def get_measures(request: Request) -> Response:
    told = await desk_of(request).look("catalogue")
    return _listed(request, "measures", _OF_MEASURES, told["measures"])


@router.get("/dimensions", summary="Every dimension you may ask by.", response_class=Response)
async def get_dimensions(request: Request) -> Response:
    told = await desk_of(request).look("catalogue")
    return _listed(request, "dimensions", _OF_DIMENSIONS, told["dimensions"])


@router.get("/questions", summary="Every question you may ask.", response_class=Response)
async def get_questions(request: Request) -> Response:
    told = await desk_of(request).look("catalogue")
    return _listed(request, "questions", _OF_QUESTIONS, told["questions"])


@router.get("/me", summary="In which role and school you ask.", response_class=Response)
async def get_me(request: Request) -> Response:
    viewer = request.state.viewer
    told = await desk_of(request).look("me")
    school = told["organisation"]
    row = {
        "role": viewer.role,
        "actions": told["actions"],
        "organisation": school["name"],
        "organisation_id": school["id"],
        "zone": told["zone"],
    }
    return _listed(request, "me", _OF_ME, [row])


@router.get("/look/{what}", summary="What a notebook's desk tells besides answers.", response_class=Response)
async def get_look(request: Request, what: str) -> Response:
    """One row, `told`: oneself, the catalogue, one's courses and classes, as a page is told them. `moved`
    takes `since`, a watermark: has anything changed after it that you may see?"""
    fields = {name: _number(name, request.query_params.get(name)) for name in NARROWED.get(what, ())}
    told = await desk_of(request).look(what, **fields)
    return _listed(request, what, (("told", "What the desk tells."),), [{"told": told}], known=tuple(fields))


def _number(name: str, value: str | None) -> int:
    if value is None or not value.isdecimal() or len(value) > 18:
        raise BadQuestion(f"Say '{name}' as a whole number.")
    return int(value)


def _listed(
    request: Request,
    question: str,
    columns: Sequence[tuple[str, str]],
    rows: list[dict[str, Any]],
    known: Sequence[str] = (),
) -> Response:
    for name in request.query_params:
        if name not in known:
            raise unknown("parameter", name, known)
    meanings = [ColumnMeaning(name, "detail", "", meaning) for name, meaning in columns]
    as_of = desk_of(request).watermark().at
    return Response(orjson.dumps(success(meanings, rows, as_of, question), default=str), media_type=JSON)
