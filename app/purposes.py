"""What a read of learners is for, where whoever asks does not say: it stands in the audit."""

from __future__ import annotations

from models.scope import RowScope, Scope

TEACHING, CARE, ADMINISTRATION, ANALYSIS = (
    "teaching",
    "looking after a child",
    "administration",
    "analysis",
)
_OF_ROWS: dict[RowScope, str] = {
    "own": "own data",
    "linked": CARE,
    "taught": TEACHING,
    "sponsored": "sponsoring",
    "organisation": ADMINISTRATION,
    "nothing": ADMINISTRATION,
}


def purpose_of(scope: Scope, said: str = "") -> str:
    """Whoever reads a whole school's rows and no name does not run it: they work with its numbers."""
    if said:
        return said
    nameless = scope.rows == "organisation" and not scope.sees_names
    return ANALYSIS if nameless else _OF_ROWS[scope.rows]
