"""Viewers who ask alike share one SQL text, and none of them ever sees another's rows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
import pytest

from compute.forms import Form, form_of, shared
from compute.measures import MEASURES
from compute.questions import question
from compute.scoping import Tables
from connectors.warehouse import Warehouse
from connectors.warehouse.sql import Compiler
from models.ask import Ask, Audience, Where
from models.scope import Scope
from tests.builders import MONDAY, dimension, event, events

TODAY = MONDAY.date() + timedelta(days=30)
DAY = timedelta(days=1)
LEARNERS = range(1, 8)
# Names that would reach further if a value were ever read as a part of the query.
CLASSES = ("k1", "k' OR '1'='1", "$class_0", "%s%(class_0)s", "k\\' --", "$today")
COURSES = tuple(f"c{n}" for n in range(len(CLASSES)))


def member_of(learner: int) -> tuple[int, ...]:
    return tuple(n for n in range(len(CLASSES)) if (learner * 5) >> n & 1)


@pytest.fixture
def school(engine: Warehouse) -> Warehouse:
    """Learner n of organisation o has n + 10 * o page views in each course: no two see the same."""
    rows = []
    for organisation in (1, 2):
        of = {"organisation_id": organisation}
        learners = [{**of, "learner_id": n, "sponsor_id": f"s{n % 3}'"} for n in LEARNERS]
        engine.write("learner", dimension("learner", *learners))
        titled = [{**of, "course_id": c, "title": f"{c} of {organisation}"} for c in COURSES]
        engine.write("course", dimension("course", *titled))
        taught = [{**of, "class_id": k, "course_id": c} for k, c in zip(CLASSES, COURSES, strict=True)]
        engine.write("class", dimension("class", *taught))
        members = [{**of, "class_id": CLASSES[k], "learner_id": n} for n in LEARNERS for k in member_of(n)]
        engine.write("class_member", dimension("class_member", *members))
        rows += [
            event(course_id=course, learner_id=n, session_id=n, **of)
            for n in LEARNERS
            for course in COURSES
            for _ in range(n + 10 * organisation)
        ]
    engine.append(events(rows))
    return engine


def viewers() -> list[tuple[Scope, Audience]]:
    found: list[tuple[Scope, Audience]] = []
    for organisation in (1, 2):
        base = Scope(organisation, "organisation", TODAY, sees_rows=True)
        found.append((base, "mine"))
        found += [(replace(base, rows="own", learners=(n,)), "mine") for n in LEARNERS]
        found += [(replace(base, rows="own", learners=(n,)), "peers") for n in LEARNERS]
        found += [(replace(base, rows="linked", learners=pair), "mine") for pair in combinations(LEARNERS, 2)]
        found += [(replace(base, rows="taught", classes=(k,)), "mine") for k in CLASSES]
        found += [(replace(base, rows="taught", classes=pair), "mine") for pair in combinations(CLASSES, 3)]
        found += [(replace(base, rows="sponsored", sponsor_id=f"s{n}'"), "mine") for n in range(4)]
    return found


def seen(scope: Scope, audience: Audience) -> dict[str, int]:
    """Page views by course of the viewer's rows, in plain Python."""
    each: dict[str, int] = {}
    for n in LEARNERS:
        for place, course in enumerate(COURSES):
            own = {CLASSES[k] for k in member_of(n)}
            if audience == "peers":
                mine = {k for learner in scope.learners for k in member_of(learner)}
                inside = place in mine and place in member_of(n)
            elif scope.rows in ("own", "linked"):
                inside = n in scope.learners
            elif scope.rows == "taught":
                inside = CLASSES[place] in scope.classes and CLASSES[place] in own
            else:
                inside = scope.rows == "organisation" or f"s{n % 3}'" == scope.sponsor_id
            if inside:
                each[course] = each.get(course, 0) + n + 10 * scope.organisation_id
    return each


def told(warehouse: Warehouse, ask: Ask, scope: Scope, audience: Audience = "mine") -> pa.Table:
    plan = question(ask.question).plan(ask, Tables(scope, audience))
    return plan.finish(plan.join(tuple(warehouse.fetch(part) for part in plan.parts)))


def views(
    warehouse: Warehouse, scope: Scope, audience: Audience, where: Sequence[Where] = ()
) -> dict[str, int]:
    ask = Ask(measures=("page_views",), by=("course_id",), where=tuple(where), until=TODAY + DAY)
    rows: list[dict[str, Any]] = told(warehouse, ask, scope, audience).to_pylist()
    return {row["course_id"]: row["page_views"] for row in rows}


def test_whoever_asks_alike_gets_the_own_rows(school: Warehouse) -> None:
    """In any order and at once, through texts that were compiled for somebody else."""
    everybody = viewers()
    random.Random(5).shuffle(everybody)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda viewer: views(school, *viewer), everybody))
    for viewer, got in zip(everybody, found, strict=True):
        assert got == seen(*viewer), viewer
    texts = len(school._compiler._known)  # type: ignore[attr-defined]
    assert texts <= 7, f"{texts} texts for {len(everybody)} viewers: they do not share"


def test_the_values_of_a_condition_are_the_asker_s(school: Warehouse) -> None:
    for scope, audience in viewers()[::3]:
        all_of_it = seen(scope, audience)
        for course in COURSES[:3]:
            kept = views(school, scope, audience, [Where("course_id", "=", (course,))])
            assert kept == {c: n for c, n in all_of_it.items() if c == course}
        left = views(school, scope, audience, [Where("course_id", "not-in", COURSES[:3])])
        assert left == {c: n for c, n in all_of_it.items() if c not in COURSES[:3]}
        for odd in CLASSES[1:]:
            assert views(school, scope, audience, [Where("course_id", "=", (odd,))]) == {}


@pytest.mark.parametrize("name", ["courses", "learners", "learner_now"])
def test_rows_of_learners_are_the_scope_s(school: Warehouse, name: str) -> None:
    measures = ("page_views",) if name == "learners" else ()
    for scope, audience in viewers()[::5]:
        if audience == "peers" or scope.rows == "taught":
            continue
        rows = told(school, Ask(question=name, measures=measures), scope).to_pylist()
        inside = {n for n in LEARNERS if n in scope.learners or scope.rows == "organisation"}
        if scope.rows == "sponsored":
            inside = {n for n in LEARNERS if f"s{n % 3}'" == scope.sponsor_id}
        assert {row["learner_id"] for row in rows} == inside
        if name == "courses":
            assert all(row["title"].endswith(f"of {scope.organisation_id}") for row in rows)


_CANARY = Scope(
    483_920_175,
    "own",
    MONDAY.date() + timedelta(days=12_345),
    learners=(777_000_777_001, 777_000_777_002),
    classes=("canary class",),
    sponsor_id="canary sponsor",
    sees_rows=True,
)


@pytest.mark.parametrize("engine_name", ["duckdb", "postgres"])
def test_no_text_knows_who_asks(engine_name: Any) -> None:
    compiler = Compiler(engine_name)
    spans = {"since": _CANARY.on - 3 * DAY, "until": _CANARY.on}
    where = (Where("course_id", "in", ("canary course", "canary other")),)
    asks = [Ask(measures=(m.name,), by=m.usual[-1], **spans) for m in MEASURES if m.subject == "progress"]
    asks += [Ask(question="courses", where=where), Ask(measures=("active_learners",), where=where)]
    for rows in ("own", "linked", "taught", "sponsored", "organisation"):
        for ask in asks:
            plan = question(ask.question).plan(ask, Tables(replace(_CANARY, rows=rows)))  # type: ignore[arg-type]
            for part in plan.parts:
                statement, values = compiler.statement(part)
                for value in ("canary", "483920175", "777000777", str(_CANARY.on), str(spans["since"])):
                    assert value not in statement.text
                assert values.keys() == statement.holes and _CANARY.organisation_id in values.values()


def test_what_builds_a_shared_text_is_handed_no_value() -> None:
    tables = Tables(_CANARY)
    handed: list[tuple[Tables, Form]] = []

    def build(bare: Tables, form: Form) -> ir.Table:
        handed.append((bare, form))
        return bare["learner"].select("learner_id")

    asked = Ask(where=(Where("course_id", "=", ("canary course",)),), since=_CANARY.on)
    query = shared(build, asked, tables)
    assert Compiler("duckdb").statement(query)[1]["learner_1"] == 777_000_777_002
    ((bare, form),) = handed
    assert "canary" not in repr(form) and str(_CANARY.on) not in repr(form)
    assert bare.values == {}
    for value in ("scope", "quality"):
        with pytest.raises(AssertionError, match="forms alone"):
            getattr(bare, value)
    with pytest.raises(KeyError):
        Compiler("duckdb").statement(build(bare, form))


def test_another_form_is_another_text() -> None:
    """Whatever changes the SQL must be in the form."""
    base = Ask(
        measures=("events",), where=(Where("course_id", "=", ("c1",)),), since=TODAY, until=TODAY + DAY
    )
    others = [
        replace(base, since=None),
        replace(base, until=None),
        replace(base, by=("week",)),
        replace(base, limit=3),
        replace(base, order=("-events",)),
        replace(base, options=(("labels", True),)),
        replace(base, where=(Where("course_id", "!=", ("c1",)),)),
        replace(base, where=(Where("course_id", "in", ("c1", "c2")),)),
        replace(base, where=(Where("subject", "=", ("c1",)),)),
    ]
    forms = [form_of(each)[0] for each in (base, *others)]
    assert len(set(forms)) == len(forms)
    same = replace(base, where=(Where("course_id", "=", ("c2",)),), since=TODAY - DAY)
    assert form_of(same)[0] == forms[0] and form_of(same)[1] != form_of(base)[1]
    scopes = [
        _CANARY,
        *(replace(_CANARY, rows=rows) for rows in ("linked", "taught", "organisation", "nothing")),  # type: ignore[arg-type]
        replace(_CANARY, learners=(1,)),
        replace(_CANARY, classes=()),
        replace(_CANARY, sponsor_id=None),
        replace(_CANARY, sees_rows=False),
    ]
    shapes = [Tables(scope).form for scope in scopes] + [Tables(_CANARY, "peers").form]
    assert len(set(shapes)) == len(shapes)
