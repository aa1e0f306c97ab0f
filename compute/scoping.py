"""The warehouse's tables, already narrowed to who asks. A question cannot forget the scope, because it
is never handed anything wider.

Who asks is in the expressions as holes: thirty pupils who ask the same share one SQL text, and each
brings the own pseudonym when it runs. Without a value a narrowed table cannot be read at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import ibis
import ibis.expr.types as ir

from models.ask import Audience
from models.errors import NotFound
from models.holes import Value, hole, padded
from models.quality import QualityRules
from models.scope import RowScope, Scope
from models.tables import TABLE, TABLES

_UNBOUND = {table.name: table.unbound for table in TABLES}
# Counts of events by how good they are, and the calendar: no learner's rows, not even added up.
_OF_NOBODY = frozenset({"quality_day", "quality_check", "quality_batch", "school_day"})
_ALWAYS = date(1, 1, 1)
FOREVER = date(9999, 12, 31)


@dataclass(frozen=True, slots=True)
class ScopeForm:
    """A scope without its values: which narrowings it has, and how many ids each takes."""

    rows: RowScope
    learners: int
    classes: int
    sponsored: bool
    sees_rows: bool
    audience: Audience


class Tables:
    """`tables["events"]` is an unbound expression that holds the scope's rows and no others.

    `audience` "peers" widens a learner's scope to the classes the learner is in now, and then no row
    behind a number may be seen.
    """

    def __init__(
        self, scope: Scope, audience: Audience = "mine", quality: QualityRules | None = None
    ) -> None:
        learners, classes = _numbered("learner", scope.learners), _numbered("class", scope.classes)
        sponsor = {} if scope.sponsor_id is None else {"sponsor": scope.sponsor_id}
        self._scope: Scope | None = scope
        self._quality: QualityRules | None = quality or QualityRules()
        self.values: dict[str, Value] = {
            "organisation": scope.organisation_id,
            "today": scope.on,
            **learners,
            **classes,
            **sponsor,
        }
        sees_rows = scope.sees_rows and audience == "mine"
        self._take_form(
            ScopeForm(scope.rows, len(learners), len(classes), bool(sponsor), sees_rows, audience)
        )

    def _take_form(self, form: ScopeForm) -> None:
        self.form = form
        self.audience = form.audience
        self.sees_rows = form.sees_rows
        self._made: dict[str, ir.Table] = {}

    @property
    def scope(self) -> Scope:
        assert self._scope, "a query is built from forms alone: use tables.today, tables.form, a hole"
        return self._scope

    @property
    def quality(self) -> QualityRules:
        assert self._quality, "a query is built from forms alone"
        return self._quality

    @property
    def today(self) -> ir.DateScalar:
        """The scope's day."""
        return self._hole("today", "date")

    def days_ago(self, days: int) -> ir.DateScalar:
        return (self.today - ibis.interval(days=days)).cast("date")

    def without_values(self) -> Tables:
        """For whoever builds what others of the same form will share."""
        bare = object.__new__(Tables)
        bare._scope, bare._quality, bare.values = None, None, {}
        bare._take_form(self.form)
        return bare

    @property
    def of_named_learners(self) -> bool:
        """Does every row about learners that is in here belong to those whom the scope names?"""
        return self.form.rows in ("own", "linked") and self.audience == "mine" and self.form.learners > 0

    def about(self, learners: Sequence[int]) -> Tables:
        """The same for other named learners: for who asks on behalf of several scopes at once, and gives
        each of them its own rows only."""
        assert self.of_named_learners
        return Tables(replace(self.scope, learners=tuple(learners)), self.audience, self.quality)

    def __getitem__(self, name: str) -> ir.Table:
        if not self.offers(name):
            raise NotFound
        if name not in self._made:
            self._made[name] = self._narrowed(name)
        return self._made[name]

    def offers(self, name: str) -> bool:
        """Can the table be narrowed to this scope at all? A roll-up that has already added learners or
        courses up cannot."""
        table = TABLE[name]
        if table.kind == "dimension" or not self._by_learner:
            return True
        columns = table.names()
        return "learner_id" in columns and (
            not self._by_course or "course_id" in columns or name == "sessions"
        )

    def by_learner(self, name: str) -> ir.Table:
        """Rows of the scope's learners, whatever the course. For what belongs to no course: a visit to
        the school is the learner's, though its events may be of several courses."""
        return self._learners_only(self._of_organisation(name))

    @cached_property
    def memberships(self) -> ir.Table:
        """learner_id, class_id, course_id, valid_from, valid_until: the classes this scope may speak of.
        Where a class is taught its members count with all their days, as they do in the scope."""
        members = self["class_member"]
        spans = _merged(members.mutate(valid_until=members.valid_until.fill_null(FOREVER)))
        if self._by_course:
            spans = spans.mutate(valid_from=ibis.literal(_ALWAYS), valid_until=ibis.literal(FOREVER))
        courses = self._of_organisation("class").select("class_id", "course_id")
        return spans.join(courses, "class_id").select(
            "learner_id", "class_id", "course_id", "valid_from", "valid_until"
        )

    @property
    def _by_learner(self) -> bool:
        return self.form.rows not in ("organisation", "nothing")

    @property
    def _by_course(self) -> bool:
        """Is the scope one of classes, so that a learner counts in the class's course only?"""
        return self.form.rows == "taught" or (
            self.audience == "peers" and self.form.rows in ("own", "linked")
        )

    def _narrowed(self, name: str) -> ir.Table:
        rows = self._of_organisation(name)
        if not self._by_learner:
            return rows
        if self._by_course and name in ("class", "class_member"):
            return self._of_classes(name, rows)
        columns = TABLE[name].names()
        if "learner_id" not in columns:
            return rows
        if self._by_course and "course_id" in columns:
            return rows.semi_join(self._taught, ["learner_id", "course_id"])
        return self._learners_only(rows)

    def _of_organisation(self, name: str) -> ir.Table:
        rows = _UNBOUND[name]
        rows = rows.filter(rows.organisation_id == self._hole("organisation", "int32"))
        hidden = self.form.rows == "nothing" and name not in _OF_NOBODY
        return rows.filter(ibis.literal(False)) if hidden else rows

    def _learners_only(self, rows: ir.Table) -> ir.Table:
        if not self._by_learner:
            return rows
        if self._by_course:
            return rows.semi_join(self._taught, "learner_id")
        if self.form.rows == "sponsored":
            return rows.semi_join(self._sponsored, "learner_id")
        return rows.filter(self._among_learners(rows))

    def _of_classes(self, name: str, rows: ir.Table) -> ir.Table:
        if name == "class" and self.form.rows == "taught":
            return rows.filter(self._among_classes(rows))  # also while nobody is in it
        if name == "class":
            return rows.semi_join(self._members, "class_id")
        return rows.semi_join(self._members, ["class_id", "learner_id"])

    @cached_property
    def _members(self) -> ir.Table:
        """Who is in the scope's classes on the scope's day."""
        members = self._of_organisation("class_member")
        on = self.today
        ends = members.valid_until
        current = members.filter(members.valid_from <= on, ends.isnull() | (ends > on))
        if self.form.rows == "taught":
            return current.filter(self._among_classes(current))
        own = current.filter(self._among_learners(current))
        return current.semi_join(own, "class_id")

    @cached_property
    def _taught(self) -> ir.Table:
        courses = self._of_organisation("class").select("class_id", "course_id")
        return self._members.join(courses, "class_id").select("learner_id", "course_id").distinct()

    @cached_property
    def _sponsored(self) -> ir.Table:
        learner = self._of_organisation("learner")
        if not self.form.sponsored:
            return learner.filter(ibis.literal(False)).select("learner_id")
        return learner.filter(learner.sponsor_id == self._hole("sponsor", "string")).select("learner_id")

    def _among_learners(self, rows: ir.Table) -> ir.BooleanValue:
        return _among(
            rows.learner_id, [self._hole(f"learner_{n}", "int64") for n in range(self.form.learners)]
        )

    def _among_classes(self, rows: ir.Table) -> ir.BooleanValue:
        holes = [self._hole(f"class_{n}", "string") for n in range(self.form.classes)]
        return _among(rows.class_id, holes)

    def _hole(self, name: str, kind: str) -> ir.Value:
        return hole(name, kind, self.values.get(name))


def _numbered(name: str, ids: Sequence[Value]) -> dict[str, Value]:
    return {f"{name}_{n}": each for n, each in enumerate(padded(ids))} if ids else {}


def _among(column: ir.Value, holes: list[ir.Value]) -> ir.BooleanValue:
    return column.isin(holes) if holes else ibis.literal(False)


def _merged(members: ir.Table) -> ir.Table:
    """Memberships of one class that overlap or touch become one, so that no row is counted twice."""
    one = {"group_by": ["class_id", "learner_id"], "order_by": "valid_from"}
    reach = members.valid_until.max().over(ibis.window(preceding=(None, 1), **one))
    opens = members.mutate(opens=(reach.isnull() | (members.valid_from > reach)).ifelse(1, 0))
    runs = opens.mutate(run=opens.opens.sum().over(ibis.window(preceding=None, following=0, **one)))
    return (
        runs.group_by("class_id", "learner_id", "run")
        .agg(valid_from=runs.valid_from.min(), valid_until=runs.valid_until.max())
        .drop("run")
    )
