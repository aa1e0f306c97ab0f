"""The warehouse's tables, already narrowed to who asks. A question cannot forget the scope, because it
is never handed anything wider."""

from __future__ import annotations

from datetime import date
from functools import cached_property

import ibis
import ibis.expr.types as ir

from models.ask import Audience
from models.errors import NotFound
from models.quality import QualityRules
from models.scope import Scope
from models.tables import TABLE, TABLES

_UNBOUND = {table.name: table.unbound for table in TABLES}
# Counts of events by how good they are, and the calendar: no learner's rows, not even added up.
_OF_NOBODY = frozenset({"quality_day", "quality_check", "quality_batch", "school_day"})
_ALWAYS = date(1, 1, 1)
FOREVER = date(9999, 12, 31)


class Tables:
    """`tables["events"]` is an unbound expression that holds the scope's rows and no others.

    `audience` "peers" widens a learner's scope to the classes the learner is in now, and then no row
    behind a number may be seen.
    """

    def __init__(
        self, scope: Scope, audience: Audience = "mine", quality: QualityRules | None = None
    ) -> None:
        self.scope = scope
        self.quality = quality or QualityRules()
        self.audience = audience
        self.sees_rows = scope.sees_rows and audience == "mine"
        self._made: dict[str, ir.Table] = {}

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
        return self.scope.rows not in ("organisation", "nothing")

    @property
    def _by_course(self) -> bool:
        """Is the scope one of classes, so that a learner counts in the class's course only?"""
        return self.scope.rows == "taught" or (
            self.audience == "peers" and self.scope.rows in ("own", "linked")
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
        rows = rows.filter(rows.organisation_id == self.scope.organisation_id)
        hidden = self.scope.rows == "nothing" and name not in _OF_NOBODY
        return rows.filter(ibis.literal(False)) if hidden else rows

    def _learners_only(self, rows: ir.Table) -> ir.Table:
        if not self._by_learner:
            return rows
        if self._by_course:
            return rows.semi_join(self._taught, "learner_id")
        if self.scope.rows == "sponsored":
            return rows.semi_join(self._sponsored, "learner_id")
        return rows.filter(_among(rows.learner_id, self.scope.learners))

    def _of_classes(self, name: str, rows: ir.Table) -> ir.Table:
        if name == "class" and self.scope.rows == "taught":
            return rows.filter(_among(rows.class_id, self.scope.classes))  # also while nobody is in it
        if name == "class":
            return rows.semi_join(self._members, "class_id")
        return rows.semi_join(self._members, ["class_id", "learner_id"])

    @cached_property
    def _members(self) -> ir.Table:
        """Who is in the scope's classes on the scope's day."""
        members = self._of_organisation("class_member")
        on = ibis.literal(self.scope.on)
        ends = members.valid_until
        current = members.filter(members.valid_from <= on, ends.isnull() | (ends > on))
        if self.scope.rows == "taught":
            return current.filter(_among(current.class_id, self.scope.classes))
        own = current.filter(_among(current.learner_id, self.scope.learners))
        return current.semi_join(own, "class_id")

    @cached_property
    def _taught(self) -> ir.Table:
        courses = self._of_organisation("class").select("class_id", "course_id")
        return self._members.join(courses, "class_id").select("learner_id", "course_id").distinct()

    @cached_property
    def _sponsored(self) -> ir.Table:
        learner = self._of_organisation("learner")
        if self.scope.sponsor_id is None:
            return learner.filter(ibis.literal(False)).select("learner_id")
        return learner.filter(learner.sponsor_id == self.scope.sponsor_id).select("learner_id")


def _among(column: ir.Value, values: tuple[int, ...] | tuple[str, ...]) -> ir.BooleanValue:
    return column.isin(values) if values else ibis.literal(False)


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
