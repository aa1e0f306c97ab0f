"""What a listener asked for, and which of the batches' rows that reaches: never more than the scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from compute.measures import measure
from compute.recall import held_classes, members
from compute.scoping import Tables
from connectors.warehouse import Warehouse
from models.errors import BadQuestion, NotFound
from models.scope import Scope, Viewer

LONGEST = 64 << 10
MOST_VALUES = 1_000
LONGEST_PURPOSE = 80
Form = Literal["changes", "events"]


class Subscription(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first message of a listener. Empty lists mean all."""

    types: tuple[str, ...] = ()
    courses: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    learners: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    form: Form = "changes"
    states: bool = False
    since: int | None = None
    purpose: str = ""  # "" is what the listener's role is for

    @property
    def tells_learners(self) -> bool:
        return self.states or self.form == "events" or bool(self.learners)


def read_subscription(text: str | bytes) -> Subscription:
    if len(text) > LONGEST:
        raise BadQuestion(f"A subscription takes at most {LONGEST >> 10} KiB.")
    try:
        found = msgspec.json.decode(text, type=Subscription)
    except msgspec.DecodeError as error:
        # Of msgspec's sentence only the place: the rest may quote what was sent.
        place = str(error).rpartition(" - at ")[2]
        told = f" (at {place})" if place.startswith("`$") else ""
        raise BadQuestion(f"This is no subscription{told}; see docs/live.md.") from None
    for names in (found.types, found.courses, found.classes, found.learners, found.measures):
        if len(names) > MOST_VALUES:
            raise BadQuestion(f"A filter takes at most {MOST_VALUES} values.")
    if len(found.purpose) > LONGEST_PURPOSE:
        raise BadQuestion(f"A purpose takes at most {LONGEST_PURPOSE} characters.")
    for name in found.measures:
        measure(name)
    return found


@dataclass(frozen=True)
class Reach:
    """`learners` and `pairs` (learner and course) narrow the organisation's rows; None does not."""

    scope: Scope
    types: tuple[str, ...]
    courses: tuple[str, ...]
    learners: tuple[int, ...] | None = None
    pairs: frozenset[tuple[int, str]] | None = None

    @property
    def is_restricted(self) -> bool:
        return not self.scope.sees_rows

    @property
    def is_whole(self) -> bool:
        """Are the organisation's own counters, by type and course, exactly those of this reach?"""
        return self.scope.rows == "organisation" and self.learners is None and self.pairs is None

    @cached_property
    def _pairs(self) -> pa.Table:
        columns = zip(*self.pairs, strict=True) if self.pairs else ((), ())
        return pa.table(
            [pa.array(values, kind) for values, kind in zip(columns, _PAIR, strict=True)], names=_ON
        )

    def rows(self, batch: pa.Table) -> pa.Table:
        if self.scope.rows == "nothing":
            return batch.slice(0, 0)
        batch = batch.filter(pc.equal(batch["organisation_id"], self.scope.organisation_id))
        for name, values in (
            ("event_type", self.types or None),
            ("course_id", self.courses or None),
            ("learner_id", self.learners),
        ):
            if values is not None:
                batch = batch.filter(pc.is_in(batch[name], pa.array(values, batch.schema.field(name).type)))
        if self.pairs is not None:
            batch = batch.join(self._pairs, _ON, join_type="left semi")
            batch = batch.sort_by("occurred_at")
        return batch

    def courses_of(self, learner: int) -> frozenset[str] | None:
        """In which courses the learner's standing may be seen; None: in all."""
        if self.scope.rows != "taught" or self.pairs is None:
            return None
        return self._courses.get(learner, frozenset())

    @cached_property
    def _courses(self) -> dict[int, frozenset[str]]:
        found: dict[int, set[str]] = {}
        for learner, course in self.pairs or ():
            found.setdefault(learner, set()).add(course)
        return {learner: frozenset(courses) for learner, courses in found.items()}

    def known_learners(self) -> list[int] | None:
        if self.learners is not None:
            return sorted(self.learners)
        return None if self.pairs is None else sorted(self._courses)


_ON = ["learner_id", "course_id"]
_PAIR = (pa.int64(), pa.string())


def reach_of(warehouse: Warehouse, viewer: Viewer, scope: Scope, asked: Subscription) -> Reach:
    """Raises NotFound for what may not be seen, exactly as for what is not there."""
    _check(viewer, scope, asked)
    tables = Tables(scope)
    learners: tuple[int, ...] | None = None
    if scope.rows in ("own", "linked"):
        learners = scope.learners
    elif scope.rows == "sponsored" or asked.learners:
        learners = _ids(warehouse, tables)
    if asked.learners:
        wanted = {_number(text) for text in asked.learners}
        if not wanted <= {*(learners or ())}:
            raise NotFound
        learners = tuple(sorted(wanted))
    pairs = None
    if scope.rows == "taught" or asked.classes:
        pairs = _members(warehouse, tables, asked.classes)
    return Reach(scope, asked.types, asked.courses, learners, pairs)


def _check(viewer: Viewer, scope: Scope, asked: Subscription) -> None:
    if asked.form == "events" and not viewer.may("see-events"):
        raise NotFound
    if asked.tells_learners and not viewer.may("study-learners"):
        raise NotFound
    if scope.sees_rows:
        return
    if scope.rows != "organisation" or asked.tells_learners or asked.classes:
        raise NotFound
    if asked.types or asked.courses or asked.measures:
        raise BadQuestion("Who may not see rows is told whole minutes of the whole school, unfiltered.")


def _ids(warehouse: Warehouse, tables: Tables) -> tuple[int, ...]:
    return tuple(warehouse.fetch(tables["learner"].select("learner_id"))["learner_id"].to_pylist())


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise NotFound from None


def _members(warehouse: Warehouse, tables: Tables, classes: Sequence[str]) -> frozenset[tuple[int, str]]:
    """Raises NotFound where one of the named classes is none of the scope's."""
    if classes and warehouse.fetch(held_classes(tables, classes)).num_rows < len(set(classes)):
        raise NotFound
    rows = warehouse.fetch(members(tables, classes))
    return frozenset(zip(rows["learner_id"].to_pylist(), rows["course_id"].to_pylist(), strict=True))
