"""What the hub remembers: the arrays against the plain facts, batches against a start anew."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.live.hub import Hub
from app.live.minutes import Minutes, Told, WholeMinutes
from app.live.recent import Recent
from app.live.states import States
from compute.now import Standing, changes, facts_of, merged, scored, standing
from compute.rollups import DELTAS
from connectors.warehouse import Warehouse, open_warehouse
from tests.builders import MONDAY, Row, dimension, event, events
from tests.compute.test_now import FREE, TODAY, happened, in_plain_python

LEARNERS = (1, 2)


@given(
    rows=st.lists(happened(), max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=4),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_the_arrays_hold_what_the_facts_hold(rows: list[Row], cuts: list[int], order: Any) -> None:
    shuffled = list(rows)
    order.shuffle(shuffled)
    states = States()
    for start, end in pairwise(sorted({0, *(min(cut, len(rows)) for cut in cuts), len(rows)})):
        batch = events(shuffled[start:end])
        states.fold(changes(batch), scored(batch))
    whole = facts_of(changes(events(rows)), scored(events(rows)))
    for learner in LEARNERS:
        for courses in (None, {"c1"}, {"c1", ""}):
            told = states.facts(1, learner, courses)
            assert told is not None
            mine = [
                facts
                for (_, who, c), facts in whole.items()
                if who == learner and (not courses or c in courses)
            ]
            expected = standing(merged(mine), TODAY, FREE) if mine else None
            now = standing(told, TODAY, FREE)
            if courses is None:
                assert now == (expected or now)
                assert now == in_plain_python([r for r in rows if r["learner_id"] == learner], TODAY, FREE)
            elif expected:
                assert (now.lessons_today, now.streak, now.recent_scores, now.momentum) == (
                    expected.lessons_today,
                    expected.streak,
                    expected.recent_scores,
                    expected.momentum,
                )


@given(rows=st.lists(happened(), min_size=1, max_size=30), cut=st.integers(0, 30))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_start_anew_knows_what_was_known(
    fresh_engine: Callable[[], Warehouse], rows: list[Row], cut: int
) -> None:
    """Some before the first start, some while it runs; then a second start."""
    engine = fresh_engine()
    days = [{"day": day, "kind": "weekend"} for day in FREE]
    engine.write("school_day", dimension("school_day", *days))
    if rows[:cut]:
        engine.append(events(rows[:cut]))
    first = Hub(engine, lambda: MONDAY)
    first.open()
    if rows[cut:]:
        batch = events(rows[cut:])
        first.publish(batch, engine.append(batch))
    first.close()
    second = Hub(engine, lambda: MONDAY)
    second.open()
    second.close()
    for learner in LEARNERS:
        mine = [r for r in rows if r["learner_id"] == learner]
        assert remembered(first, learner) == remembered(second, learner) == in_plain_python(mine, TODAY, FREE)
        told = [hub.standing(1, learner, None, TODAY) for hub in (first, second)]
        assert told == ([remembered(first, learner)] * 2 if engine.alone else [None] * 2)
    assert first.head == second.head == engine.watermark().number
    assert first.minutes(1, (), ()) == second.minutes(1, (), ())


def remembered(hub: Hub, learner: int) -> Standing:
    """Whether or not it may be told: where others store events, too, it may be old."""
    facts = hub._states.facts(1, learner, None)
    assert facts is not None
    return standing(facts, TODAY, hub._free_days(1, TODAY))


def folded(states: States, *rows: Row) -> States:
    states.fold(changes(events(rows)), scored(events(rows)))
    return states


def test_memory_is_bounded_and_what_was_put_out_is_not_made_up() -> None:
    states = States(most=100)
    for n in range(300):
        folded(states, event("lesson_complete", MONDAY + timedelta(seconds=n), learner_id=n, course_id="c1"))
        states.make_room()
    assert len(states) <= 101
    assert states.facts(1, 0, None) is None  # put out: the warehouse must be asked
    newest = states.facts(1, 299, None)
    assert newest is None  # came after somebody was put out, so it might have been known before


def test_a_learner_who_is_forgotten_leaves_nothing() -> None:
    states = folded(States(), event("quiz_submit", learner_id=1, score=10.0, course_id="c1"))
    states.forget(1, 1)
    folded(states, event(learner_id=2, course_id="c1"))  # takes the same place
    for learner in (1, 2):
        facts = states.facts(1, learner, None)
        assert facts is not None and facts.scores == ()
    two = states.facts(1, 2, None)
    assert two is not None and sum(day.scores for day in two.days.values()) == 0


def test_who_struggles_is_known_at_once() -> None:
    def quiz(learner: int, minutes: int, score: float, **more: object) -> Row:
        at = MONDAY + timedelta(minutes=minutes)
        return event("quiz_submit", at, learner_id=learner, score=score, **more)

    states = folded(States(), quiz(1, 0, 50), quiz(1, 1, 59), quiz(2, 0, 50), quiz(2, 1, 60), quiz(2, 2, 10))
    assert states.struggling(1, TODAY) == []
    folded(states, quiz(1, 2, 20, course_id="c9"), quiz(3, 0, 1.0))
    assert states.struggling(1, TODAY) == [1]
    assert states.struggling(2, TODAY) == []
    assert states.struggling(1, TODAY + timedelta(days=15)) == []
    folded(states, quiz(1, 3, 90))
    assert states.struggling(1, TODAY) == []


def test_after_a_commit_that_was_never_handed_over_nothing_is_known_for_sure(tmp_path: Path) -> None:
    engine = open_warehouse(str(tmp_path / "w.duckdb"), DELTAS)
    engine.migrate()
    hub = Hub(engine, lambda: MONDAY)
    hub.open()
    first, missed, last = (events([event(learner_id=1)]) for _ in range(3))
    hub.publish(first, engine.append(first))
    hub._catch_up()
    assert hub.standing(1, 1, None, TODAY) is not None
    engine.append(missed)
    hub.publish(last, engine.append(last))
    hub.close()
    assert hub.standing(1, 1, None, TODAY) is None
    engine.close()


def test_a_batch_that_cannot_be_folded_makes_nothing_known(engine: Warehouse) -> None:
    hub = Hub(engine, lambda: MONDAY)
    hub.open()
    batch = events([event(learner_id=1)])
    broken = batch.set_column(batch.schema.get_field_index("day"), "day", pa.array(["x"]))
    hub.publish(broken, engine.append(batch))
    hub.close()
    assert hub.standing(1, 1, None, TODAY) is None
    assert hub.head == engine.watermark().number


# ---- the ring and the minutes ----------------------------------------------------------------------------


def test_the_ring_says_how_much_is_gone() -> None:
    recent = Recent(10, most_batches=3)
    table = events([event(), event()])
    for number in (11, 12, 14, 15, 16):
        recent.add(number, MONDAY, table)
    assert recent.since(16).batches == ()
    assert [batch.number for batch in recent.since(14).batches] == [15, 16]
    assert [batch.number for batch in recent.since(12).batches] == [14, 15, 16]
    assert recent.since(11).gap == 1 and recent.since(11).head == 16
    assert recent.since(0).gap == 12
    assert [b.number for b in recent.since(12, most_events=3).batches] == [14, 15]
    assert recent.since(12, most_events=3).head == 15


def test_the_ring_is_bounded_in_bytes() -> None:
    table = events([event() for _ in range(100)])
    recent = Recent(0, most_bytes=5 * table.nbytes)
    for number in range(1, 50):
        recent.add(number, MONDAY, table)
    assert recent.bytes == 5 * table.nbytes
    assert recent.since(44).gap == 0 and recent.since(43).gap == 1


def minute(at: datetime) -> int:
    return int(at.timestamp() // 60)


def test_events_are_counted_in_the_minute_they_happened() -> None:
    minutes, at = Minutes(), minute(MONDAY)
    late = [event(at=MONDAY - timedelta(minutes=m)) for m in (0, 3, 59, 60)]
    minutes.add(events([*late, event("search", course_id="c1")]), at)
    minutes.add(events([event(course_id="c1"), event(organisation_id=2)]), at)
    all_ = {at - 59: {"page_view": 1}, at - 3: {"page_view": 1}, at: {"page_view": 2, "search": 1}}
    assert minutes.told(1, at, (), ()) == all_
    assert minutes.told(1, at, ("search",), ()) == {at: {"search": 1}}
    assert minutes.told(1, at, (), ("c1",)) == {at: {"page_view": 1, "search": 1}}
    assert minutes.told(1, at + 1, (), ()) == {m: types for m, types in all_.items() if m > at - 59}
    assert minutes.told(2, at, (), ()) == {at: {"page_view": 1}}


def test_whole_minutes_hide_small_groups_and_are_told_once() -> None:
    whole, start = WholeMinutes(), minute(MONDAY)
    whole.add(events([event(learner_id=n) for n in range(50)]))  # nobody listens yet
    whole.listen(start)
    later = MONDAY + timedelta(minutes=1)

    def many(kind: str, learners: int, at: datetime = later) -> list[Row]:
        return [event(kind, at, learner_id=n) for n in range(learners)]

    whole.add(events([*many("page_view", 50, MONDAY), *many("page_view", 30), *many("search", 12)]))
    whole.add(events([*many("lesson_start", 11), *many("post_vote", 3), *many("page_view", 1)]))
    whole.add(events(many("search", 9, MONDAY + timedelta(minutes=2))))
    whole.close(start + 2)
    assert whole.after(1, start) == []
    whole.close(start + 3)
    # post_vote is small; beside it the smallest large one, lest 57 less the rest should tell of it.
    assert whole.after(1, start) == [Told(start + 1, 57, {"page_view": 31, "search": 12})]
    whole.add(events(many("search", 20)))  # late: the minute has been told
    whole.close(start + 4)
    assert whole.after(1, start)[1:] == [Told(start + 2, None, {})]
    assert whole.after(1, start + 2) == []
    assert whole.after(2, start) == []


@pytest.mark.parametrize("courses", [None, frozenset({"c1"})])
def test_an_unknown_learner_did_nothing_unless_another_process_may_know(
    engine: Warehouse, courses: frozenset[str] | None
) -> None:
    hub = Hub(engine, lambda: datetime(2026, 3, 2, tzinfo=UTC))
    hub.open()
    hub.close()
    told = hub.standing(1, 77, courses, TODAY)
    if not engine.alone:
        assert told is None
        return
    assert told is not None and told.momentum == "stalled" and told.last_active is None
