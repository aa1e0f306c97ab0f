"""Whether events wait to be folded is told only when it is sure."""

from __future__ import annotations

from connectors.warehouse.recent import Recent


def test_a_file_just_opened_may_hold_some() -> None:
    assert not Recent().is_empty


def test_none_wait_after_folding_until_one_arrives() -> None:
    recent = Recent()
    recent.folded(recent.moment()[0], 0)
    assert recent.is_empty
    with recent.arriving():
        assert not recent.is_empty, "the commit may be done already"
    assert not recent.is_empty


def test_folding_that_began_before_a_commit_ended_does_not_cover_it() -> None:
    recent = Recent()
    with recent.arriving():
        moment, _ = recent.moment()
        recent.folded(moment, 0)
    assert not recent.is_empty


def test_a_look_before_an_arrival_and_one_after_its_folding_differ() -> None:
    recent = Recent()
    recent.folded(recent.moment()[0], 0)
    before, _ = recent.moment()
    with recent.arriving():
        pass
    recent.folded(recent.moment()[0], 1)
    assert recent.is_empty
    assert recent.moment()[0] != before
