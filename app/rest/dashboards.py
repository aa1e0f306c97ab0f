"""The dashboards as data: one learner (micro), a class or course (meso), the school (macro).

The same questions as the pages ask, at the same desk, so the same numbers inside the same scope. What is
not in the asker's scope is answered like what does not exist.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from app.desk import LocalDesk
from app.rest.answers import JSON, body_of, form_of, response_of
from app.rest.reach import core_of, desk_of
from compute.grammar import day
from compute.release import closed_until
from models.ask import Answer, Ask, Where
from models.errors import BadQuestion, NotFound, unknown
from models.scope import Scope

router = APIRouter(prefix="/api/v1")
SPAN_DAYS = 28
MONTHS_DAYS = 365  # for who sees whole months only
_IDS = -(2**63), 2**63 - 1
_OF_GROUPS = ("active_learners", "active_days_per_learner", "lessons_completed", "learning_minutes")
MESO = (*_OF_GROUPS, "completions", "mean_score", "posts", "replies")
MACRO = (*_OF_GROUPS, "enrolments", "completions", "unenrolments", "mean_score")
MONEY = ("revenue", "net_revenue")


def _parameter(name: str, means: str) -> dict[str, object]:
    return {"name": name, "in": "query", "description": means, "schema": {"type": "string"}}


_SPAN = [
    _parameter("since", "First day, in the school's zone."),
    _parameter("until", "The day after the last one."),
]
_FRAME = _parameter("frame", "day, week, month, quarter or year: the periods of the learner's story; week.")


@router.get(
    "/dashboards/micro/{user_id}",
    summary="One learner: now, over time, trends, skills, habits, what was unusual.",
    description="`user_id` is a learner's pseudonym as answers give it, or `me`. Each part is an answer of "
    "the question it names, as /api/v1/query gives it.",
    response_class=Response,
    openapi_extra={"parameters": [*_SPAN, _FRAME]},
)
async def get_micro(request: Request, user_id: str) -> Response:
    given = _given(request, ("since", "until", "frame"))
    desk = desk_of(request)
    learner, now = await _learner(request, user_id)
    span = _days(given)
    where = (Where("learner_id", "=", (learner,)),)
    frame = (("frame", given.get("frame", "week")),)
    asks = {
        "courses": Ask("courses", where=where),
        "profile": Ask("learner_profile", where=where, **span),
        "periods": Ask("learner_periods", where=where, options=frame, **span),
        "trends": Ask("learner_trends", where=where, options=frame, **span),
        "skills": Ask("learner_skills", where=where, **span),
        "habits": Ask("learner_habits", where=where, **span),
        "anomalies": Ask("learner_anomalies", where=where, **span),
    }
    return await _told(desk, "micro", str(learner), asks, {"now": now})


@router.get(
    "/dashboards/meso/{entity_id}",
    summary="A class or a course: activity, progress and scores, now and before, by week.",
    description="`entity_id` is the id of a class or of a course that you may narrow a question to.",
    response_class=Response,
    openapi_extra={"parameters": _SPAN},
)
async def get_meso(request: Request, entity_id: str) -> Response:
    given = _given(request, ("since", "until"))
    desk = desk_of(request)
    held = await desk.look("relations")
    names = {"class_id": held["classes"], "course_id": held["courses"]}
    kind = next((k for k, rows in names.items() if any(row[k] == entity_id for row in rows)), None)
    if kind is None:
        raise NotFound
    scope = _scope(request)
    where = (Where(kind, "=", (entity_id,)),)
    asks = _measured(MESO, where, _period(given, scope), scope)
    if scope.sees_rows and desk.viewer.may("study-learners") and kind == "class_id":
        asks["learners"] = Ask("learner_now", where=where)
    return await _told(desk, "meso", entity_id, asks)


@router.get(
    "/dashboards/macro/{organization_id}",
    summary="The school: activity, progress, scores and revenue, now and before, by week and by course.",
    description="`organization_id` is the number of your own organisation (/api/v1/me names it). Who may not "
    "see single learners is answered in whole months, small groups hidden.",
    response_class=Response,
    openapi_extra={"parameters": _SPAN},
)
async def get_macro(request: Request, organization_id: str) -> Response:
    given = _given(request, ("since", "until"))
    desk, scope = desk_of(request), _scope(request)
    if organization_id != str(scope.organisation_id) or scope.rows != "organisation":
        raise NotFound
    period = _period(given, scope)
    asks = _measured(MACRO, (), period, scope)
    asks["courses"] = Ask(measures=MACRO, by=("course_id",), options=(("labels", True),), **period)
    asks["revenue"] = Ask(measures=MONEY, by=(_step(scope),), **period)
    return await _told(desk, "macro", organization_id, asks)


@router.get(
    "/recommendations/{user_id}",
    summary="What a learner could do next, with reason and expected effect.",
    description="`user_id` is a learner's pseudonym as answers give it, or `me`.",
    response_class=Response,
)
async def get_recommendations(request: Request, user_id: str) -> Response:
    _given(request, ())
    learner, _ = await _learner(request, user_id)
    ask = Ask("recommendations", where=(Where("learner_id", "=", (learner,)),))
    return response_of(await desk_of(request).ask(ask), form_of(request.headers.get("accept")))


# ---- what is asked ---------------------------------------------------------------------------------------


def _given(request: Request, known: tuple[str, ...]) -> Mapping[str, str]:
    for name in request.query_params:
        if name not in known:
            raise unknown("parameter", name, known)
    return request.query_params


def _days(given: Mapping[str, str]) -> dict[str, Any]:
    return {name: day(name, given[name]) for name in ("since", "until") if given.get(name)}


def _scope(request: Request) -> Scope:
    return core_of(request).door.scope(request.state.viewer)


async def _learner(request: Request, user_id: str) -> tuple[int, Answer]:
    """The learner and where the learner stands, if in the asker's scope; nobody else is asked about."""
    desk, scope = desk_of(request), _scope(request)
    own = scope.learners[:1] if scope.rows == "own" and user_id == "me" else ()
    learner = next(iter(own), _number(user_id))
    if learner is None:
        raise NotFound
    try:
        found = await desk.ask(Ask("learner_now", where=(Where("learner_id", "=", (learner,)),)))
    except BadQuestion:  # who sees groups only is not told that single learners are there
        raise NotFound from None
    if not len(found.table):
        raise NotFound
    return learner, found


def _number(text: str) -> int | None:
    is_number = text.removeprefix("-").isdecimal() and text.isascii() and len(text) < 25
    return int(text) if is_number and _IDS[0] <= int(text) <= _IDS[1] else None


def _period(given: Mapping[str, str], scope: Scope) -> dict[str, Any]:
    """The last four weeks, or the last whole months for who sees no rows."""
    asked = _days(given)
    last = scope.on + timedelta(days=1) if scope.sees_rows else closed_until(scope.on)
    until: date = asked.get("until", last)
    length = SPAN_DAYS if scope.sees_rows else MONTHS_DAYS
    since = asked.get("since", until - timedelta(days=length))
    return {"since": since if scope.sees_rows else since.replace(day=1), "until": until}


def _step(scope: Scope) -> str:
    return "week" if scope.sees_rows else "month"


def _measured(
    measures: tuple[str, ...], where: tuple[Where, ...], period: dict[str, Any], scope: Scope
) -> dict[str, Ask]:
    now = Ask(measures=measures, where=where, **period)
    before = replace(now, since=period["since"] - (period["until"] - period["since"]), until=period["since"])
    if not scope.sees_rows and before.since:
        before = replace(before, since=before.since.replace(day=1))
    return {"now": now, "before": before, "over_time": replace(now, by=(_step(scope),))}


async def _told(
    desk: LocalDesk, level: str, of: str, asks: Mapping[str, Ask], known: Mapping[str, Answer] | None = None
) -> Response:
    found = await asyncio.gather(*(desk.ask(ask) for ask in asks.values()))
    answers = {**(known or {}), **dict(zip(asks, found, strict=True))}
    parts = {name: body_of(answer) for name, answer in answers.items()}
    as_of = max(answer.as_of for answer in answers.values())
    body = {"level": level, "of": of, "as_of": as_of, "parts": parts}
    return Response(orjson.dumps(body, default=str), media_type=JSON)
