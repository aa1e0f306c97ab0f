"""Whose pages a commit concerns. When in doubt, everybody's."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from app import touched
from app.touched import Touched
from models.ask import Watermark
from models.scope import RowScope, Scope


def scope(rows: RowScope = "own", learners: tuple[int, ...] = (1,), organisation: int = 1) -> Scope:
    return Scope(organisation, rows, date(2026, 3, 4), learners=learners)


def commits(*some: tuple[int, dict[int, int]]) -> Touched:
    """Number of the watermark -> learner: organisation."""
    told = Touched()
    for number, learners in some:
        rows = {"organisation_id": list(learners.values()), "learner_id": list(learners)}
        told.add(pa.table(rows), Watermark(number, datetime.now(UTC)))
    return told


def test_only_whoever_learned_is_concerned() -> None:
    told = commits((5, {1: 1, 2: 1}), (6, {2: 1}))
    assert told.since(4, 6, scope(learners=(1,)))
    assert not told.since(5, 6, scope(learners=(1,)))
    assert told.since(5, 6, scope("linked", (1, 2)))
    assert not told.since(6, 6, scope(learners=(2,)))


def test_whoever_sees_more_than_named_learners_is_concerned_by_all_of_the_school() -> None:
    told = commits((5, {1: 1}))
    for rows in ("taught", "sponsored", "organisation"):
        assert told.since(4, 5, scope(rows, ()))
        assert not told.since(4, 5, scope(rows, (), organisation=2))


@pytest.mark.parametrize("known", [[6], [5, 7], []])
def test_a_gap_concerns_everybody(known: list[int]) -> None:
    told = commits(*((number, {9: 1}) for number in known))
    assert told.since(4, 7, scope(learners=(1,)))


def test_what_is_longer_ago_than_is_remembered_concerns_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(touched, "MOST_COMMITS", 2)
    told = commits((5, {9: 1}), (6, {9: 1}), (7, {9: 1}))
    assert not told.since(5, 7, scope())
    assert told.since(4, 7, scope())


def test_of_a_huge_commit_nobody_is_remembered_and_all_of_the_school_is_concerned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(touched, "MOST_LEARNERS", 2)
    told = commits((5, {7: 1, 8: 1, 9: 1}))
    assert told.since(4, 5, scope(learners=(1,)))
    assert not told.since(4, 5, scope(organisation=2))
