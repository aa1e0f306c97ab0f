"""GET /api/v1/query: measures by dimensions."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.rest.answers import ARROW, CSV, JSON, form_of, response_of
from app.rest.reach import desk_of
from compute.urls import PARAMETERS, from_query

router = APIRouter(prefix="/api/v1")

_MEANINGS = {
    "question": "measures, or another question of /api/v1/questions.",
    "measures": "Names of measures, separated by commas; see /api/v1/measures.",
    "by": "Names of dimensions, separated by commas; see /api/v1/dimensions.",
    "where": "A condition such as course_id:in:C1|C2; may stand several times. "
    "Operators: = != in not-in < <= > >=.",
    "since": "First day, in the school's zone.",
    "until": "The day after the last one.",
    "order": "Names to order by; -mean_score is descending.",
    "limit": "Rows at most.",
    "audience": "mine, or peers for averages of one's own classes.",
    "purpose": "Why, for the record of reads of learners; what your role is for without it.",
    "labels": "true adds the titles of ids.",
    "fill": "true adds rows for days, weeks or months without any.",
    "option": "NAME or NAME:VALUE, for questions that know more options; may stand several times.",
}


def _parameter(name: str) -> dict[str, object]:
    text: dict[str, object] = {"type": "string"}
    schema = {"type": "array", "items": text} if name in ("where", "option") else text
    return {
        "name": name,
        "in": "query",
        "required": name == "measures",
        "description": _MEANINGS[name],
        "schema": schema,
    }


@router.get(
    "/query",
    summary="Measures by dimensions, inside what you may see.",
    response_class=Response,
    responses={200: {"content": {JSON: {}, CSV: {}, ARROW: {}}}},
    openapi_extra={"parameters": [_parameter(name) for name in PARAMETERS]},
)
async def get_query(request: Request) -> Response:
    form = form_of(request.headers.get("accept"))
    answer = await desk_of(request).ask(from_query(request.query_params.multi_items()))
    return response_of(answer, form)
