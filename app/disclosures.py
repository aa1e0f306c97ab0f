"""Whose rows an answer tells to somebody else. Each such read is one row of the audit."""

from __future__ import annotations

from compute.questions import Question
from models.ask import Answer, Ask
from models.scope import Scope

_BY_LEARNER = "learner_id"


def disclosure(question: Question, ask: Ask, scope: Scope, answer: Answer) -> tuple[int, ...]:
    """The learners whose own rows are told. Empty for one's own rows, for aggregates, for nobody."""
    if scope.rows == "own" or not scope.sees_rows or ask.audience == "peers":
        return ()
    if _BY_LEARNER in answer.table.column_names:
        told = answer.table.column(_BY_LEARNER).unique().drop_null().to_pylist()
        return tuple(sorted(int(learner) for learner in told))
    picked = _picked(ask)
    if picked:
        return picked
    # A guardian's every question is about the children, however it is put.
    return scope.learners if scope.rows == "linked" or question.rows == "learners" else ()


def _picked(ask: Ask) -> tuple[int, ...]:
    """Learners named by a filter or an option: the answer is about them without saying so."""
    values = [
        value
        for where in ask.where
        if where.dimension == _BY_LEARNER and where.op in ("=", "in")
        for value in where.values
    ]
    values += [value for name, value in ask.options if name in (_BY_LEARNER, "learner")]
    return tuple(sorted(int(value) for value in values))
