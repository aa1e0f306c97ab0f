"""When events count as a stream that other work gives way to."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.intake.stream import DENSE, Stream


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("a_second", "commits", "dense"),
    [(DENSE * 5, 20, True), (DENSE * 2, 2, True), (DENSE // 2, 20, False), (100, 1, False)],
)
def test_a_steady_stream_is_dense_by_its_rate_not_by_the_size_of_its_commits(
    a_second: int, commits: int, dense: bool
) -> None:
    clock = Clock()
    stream = Stream(clock)
    for _ in range(5 * commits):
        clock.now += 1 / commits
        stream.note(a_second // commits)
    assert stream.is_dense is dense


def test_it_is_over_soon_after_the_last_commit() -> None:
    clock = Clock()
    stream = Stream(clock)
    _steady(stream, clock, lambda: DENSE)
    assert stream.is_dense
    clock.now += 2.1
    assert not stream.is_dense
    stream.note(10)
    assert not stream.is_dense, "what was long ago does not count again"


def test_a_stream_that_gets_thin_is_dense_no_more() -> None:
    clock = Clock()
    stream = Stream(clock)
    _steady(stream, clock, lambda: DENSE)
    _steady(stream, clock, lambda: 50)
    assert not stream.is_dense


def _steady(stream: Stream, clock: Clock, events: Callable[[], int]) -> None:
    for _ in range(50):
        clock.now += 0.1
        stream.note(events())
