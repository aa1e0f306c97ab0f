"""`learner_now` from the memory of the live stream: the same rows as the warehouse has, where it is known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol

import ibis.expr.types as ir
import pyarrow as pa

from compute import checks
from compute.dimensions import dimension
from compute.forms import Form, shared
from compute.now import Standing
from compute.recall import held_classes
from compute.scoping import Tables
from compute.standings import check, table_of
from models.ask import Ask
from models.holes import Query
from models.scope import Scope

MOST = 5_000  # learners of one answer; for more the warehouse is quicker
SOURCE = "learners' states, kept while events come"
Courses = Collection[str] | None  # None: all


class Standings(Protocol):
    """Where learners stand by all that was committed up to this moment."""

    def standings(
        self, organisation_id: int, courses: Mapping[int, Courses], today: date
    ) -> Mapping[int, Standing] | None:
        """Each learner by what was done in these courses; None where it is not known for sure of all."""


@dataclass(frozen=True, slots=True)
class Register:
    """What has to be read besides: those whom the school has, and who is in which class of the asker."""

    everybody: Query
    members: Query | None

    @staticmethod
    def of(scope: Scope) -> Register:
        whole = Tables(replace(scope, rows="organisation", learners=(), classes=(), sponsor_id=None))
        members = shared(_members, Ask(), Tables(scope)) if scope.rows == "taught" else None
        return Register(shared(_everybody, Ask(), whole), members)


def _everybody(tables: Tables, _: Form) -> ir.Table:
    return tables["learner"].select("learner_id").order_by("learner_id")


def _members(tables: Tables, _: Form) -> ir.Table:
    """Of the asker's classes, on the scope's day."""
    rows, on = tables["class_member"], tables.today
    rows = rows.filter(rows.valid_from <= on, rows.valid_until.isnull() | (rows.valid_until > on))
    return rows.join(held_classes(tables, ()), "class_id").select("learner_id", "class_id", "course_id")


def is_for(ask: Ask, scope: Scope) -> bool:
    """May memory know it? Who is in a class is looked up for those alone who teach it."""
    check(ask, Tables(scope, ask.audience))
    by_class = any(where.dimension == "class_id" for where in ask.where)
    return ask.audience == "mine" and (
        scope.rows == "taught" or (scope.rows in ("own", "linked", "organisation") and not by_class)
    )


def recalled(
    ask: Ask, scope: Scope, everybody: Collection[int], members: pa.Table | None, known: Standings
) -> pa.Table | None:
    """`everybody` is asked for single learners, and gone through only where the scope is the school."""
    courses: Mapping[int, Courses]
    if members is not None:
        courses = _of_classes(ask, members.to_pylist())
    else:
        named = scope.learners if scope.rows in ("own", "linked") else everybody
        courses = dict.fromkeys(_asked(ask, named))
    told = [learner for learner in sorted(courses) if learner in everybody][: ask.limit]
    if len(told) > MOST:
        return None
    found = known.standings(scope.organisation_id, {one: courses[one] for one in told}, scope.on)
    return None if found is None else table_of({learner: found[learner] for learner in told})


def _of_classes(ask: Ask, members: Iterable[Mapping[str, object]]) -> dict[int, Courses]:
    """Learners of the classes asked for; what they did counts in all courses that the asker teaches them."""
    courses: defaultdict[int, set[str]] = defaultdict(set)
    classes: defaultdict[int, set[str]] = defaultdict(set)
    for row in members:
        learner = int(str(row["learner_id"]))
        classes[learner].add(str(row["class_id"]))
        courses[learner].add(str(row["course_id"]))
    wanted = [{str(value) for value in where.values} for where in ask.where if where.dimension == "class_id"]
    return {
        learner: courses[learner]
        for learner in _asked(ask, courses)
        if all(classes[learner] & some for some in wanted)
    }


def _asked(ask: Ask, among: Collection[int]) -> Iterable[int]:
    """Those of them whom the conditions name."""
    of = dimension("learner_id")
    named = [
        {int(str(value)) for value in checks.values_of(where, of)}
        for where in ask.where
        if where.dimension == "learner_id"
    ]
    if not named:
        return set(among)
    return {learner for learner in set.intersection(*named) if learner in among}
