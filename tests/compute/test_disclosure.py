"""Small numbers: an attacker with an exact solver asks for all that is offered."""

from __future__ import annotations

import itertools
from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute import disclosure, release
from compute.disclosure import canonical, cells, protect
from compute.plan import behind
from compute.release import Axis, hidden
from models.ask import Ask, Where
from models.errors import BadQuestion
from models.scope import Scope
from tests.compute.small_school import (
    COUNTRY,
    EXECUTIVE,
    MONTHS,
    SUBJECT,
    Attacker,
    Desk,
    Did,
    NaiveDesk,
    school,
)

MIXED = (0, 1, 586)  # schools with small groups beside large ones


@given(seed=st.integers(0, 10_000))
@settings(max_examples=5, deadline=None, derandomize=True)
@pytest.mark.parametrize("measure", ["events", "lessons_completed"])
def test_no_small_group_can_be_recovered_from_all_that_is_offered(measure, seed):
    attacker = Attacker(measure, Desk(school(seed)))
    assert attacker.refused == 0
    assert attacker.finds() == 0


def test_the_attacker_succeeds_where_only_small_answers_are_hidden():
    assert any(Attacker("events", NaiveDesk(school(seed))).finds() for seed in MIXED)


def test_the_attacker_succeeds_where_no_second_group_is_hidden(monkeypatch):
    monkeypatch.setattr(
        disclosure, "hidden", lambda groups, _, least, __: {g for g, n in groups.items() if 0 < n < least}
    )
    assert any(Attacker("events", Desk(school(seed))).finds() for seed in MIXED)


def test_the_attacker_succeeds_where_a_region_and_its_country_are_decided_apart(monkeypatch):
    apart = (Axis(("region",), True), Axis(("country",), True))
    monkeypatch.setattr(release, "AXES", (*(a for a in release.AXES if "region" not in a.dimensions), *apart))
    assert any(Attacker("events", Desk(school(seed))).finds() for seed in range(12))


def _roomy() -> tuple[Did, ...]:
    who = itertools.product(range(60), MONTHS, SUBJECT)
    regions = tuple(COUNTRY)
    return tuple(Did(n, m, c, regions[n % 4], "fm"[n % 2], 3, 1) for n, m, c in who)


@pytest.mark.parametrize(
    "by", [(), ("month",), ("course_id",), ("month", "subject"), ("region",), ("country", "month")]
)
def test_a_school_of_large_groups_is_shown_whole(by):
    once = ("active_learners",) if "month" in by else ()
    _, table = Desk(_roomy()).ask(Ask(measures=("events", *once), by=by))
    assert sum(column.null_count for column in table.columns) == 0
    assert sum(table.column("events").to_pylist()) == 60 * 3 * 4 * 3


def _told(rows: tuple[Did, ...], measure: str, *where: Where, **more: object) -> list[object]:
    _, table = Desk(rows).ask(Ask(measures=(measure,), where=where, **more))
    return table.column(measure).to_pylist()


@pytest.mark.parametrize("by", [(), ("region",), ("gender",), ("quarter",), ("year", "country")])
def test_who_came_in_one_month_only_is_not_left_over_between_two_answers(by):
    """All months less all but one leave one learner, and by region, gender ... all that is known of them."""
    rows = (*_roomy(), Did(300, MONTHS[1], "C1", "north", "f", 3, 1))
    others = Where("month", "!=", (MONTHS[1].isoformat(),))
    assert set(_told(rows, "active_learners", by=by)) == {None}
    assert set(_told(rows, "active_learners", others, by=by)) == {None}
    assert None not in _told(rows, "events", others, by=by)  # sums tell no more than their months do
    assert sum(_told(rows, "active_learners", since=MONTHS[1], until=MONTHS[2])) == 61
    assert sum(_told(rows, "active_learners", Where("month", "=", (MONTHS[1].isoformat(),)))) == 61


def test_learners_of_two_courses_are_not_told_together():
    """Those of one and those of the other less those of both are the few who take both."""
    few = [Did(n, MONTHS[0], "C2", "north", "f", 3, 1) for n in range(27, 60)]
    rows = (*(Did(n, MONTHS[0], "C1", "north", "f", 3, 1) for n in range(30)), *few)
    of_month = {"since": MONTHS[0], "until": MONTHS[1]}
    for where in (Where("course_id", "in", ("C1", "C2")), Where("course_id", "!=", ("C3",))):
        assert _told(rows, "active_learners", where, **of_month) == [None]
        assert _told(rows, "events", where, **of_month) == [63 * 3]
        assert _told(rows, "active_learners", where, by=("course_id",), **of_month) == [30, 33]
    assert _told(rows, "active_learners", Where("course_id", "=", ("C1",)), **of_month) == [30]


def test_the_smallest_large_group_is_hidden_beside_a_small_one():
    groups = {("a",): 3, ("b",): 12, ("c",): 40}
    assert hidden(groups, frozenset(), 10, splits=True) == {("a",), ("b",)}


def test_small_groups_that_are_enough_together_hide_no_other():
    groups = {("a",): 6, ("b",): 7, ("c",): 40}
    assert hidden(groups, frozenset(), 10, splits=True) == {("a",), ("b",)}


def test_learners_of_two_courses_may_be_the_same_ones():
    groups = {("a",): 6, ("b",): 7, ("c",): 40}
    assert hidden(groups, frozenset(), 10, splits=False) == {("a",), ("b",), ("c",)}


def test_an_empty_cell_of_a_large_group_is_shown_and_of_a_small_one_is_not():
    assert hidden({("a",): 0, ("b",): 20}, frozenset(), 10, splits=True) == frozenset()
    assert hidden({("b",): 20}, frozenset({("a",)}), 10, splits=True) == {("a",)}


def _with_tiny_west(*months: date) -> tuple[Did, ...]:
    large = tuple(did for did in _roomy() if did.region != "west")
    return (*large, *(Did(200 + n, month, "C1", "west", "f", 5, 1) for n in range(3) for month in months))


def test_a_small_group_has_the_same_rows_whether_it_was_there_or_not():
    ask = Ask(measures=("events",), by=("month", "region"), since=MONTHS[1])
    _, never = Desk(_with_tiny_west(MONTHS[0])).ask(ask)
    _, often = Desk(_with_tiny_west(*MONTHS)).ask(ask)
    assert {(r["month"], r["region"]) for r in never.to_pylist()} == {
        (r["month"], r["region"]) for r in often.to_pylist()
    }
    assert all(row["events"] is None for row in never.to_pylist() if row["region"] == "west")


def test_two_lists_with_and_without_a_small_group_are_not_both_shown():
    desk = Desk(_with_tiny_west(*MONTHS))
    lists = [("north", "south", "east"), ("north", "south", "east", "west")]
    values = []
    for regions in lists:
        _, table = desk.ask(Ask(measures=("events",), where=(Where("region", "in", regions),)))
        values.append(table.column("events").to_pylist()[0])
    assert None in values


def test_a_measure_is_hidden_where_one_column_of_it_is():
    """Gross less net would give the refunds of three learners away."""
    ask = canonical(Ask(measures=("revenue", "net_revenue", "refunded"), by=()), EXECUTIVE)
    (of,) = cells(ask, EXECUTIVE)
    payers, refunds = {"revenue": 40, "net_revenue": 40, "active_learners": 50}, {"refunded": 3}
    learners = {name: payers.get(name) or refunds.get(name) or 0 for name in of.ask.measures}
    canon = pa.table({"month": [MONTHS[0]], **{behind(name): [learners[name]] for name in of.ask.measures}})
    table = pa.table({"revenue": [900.0], "net_revenue": [800.0], "refunded": [100.0]})
    found = protect(table, ask, EXECUTIVE, [canon])
    assert found.table.to_pylist() == [{"revenue": 900.0, "net_revenue": None, "refunded": None}]
    assert found.suppressed == 2


def test_who_compares_with_peers_cannot_subtract_the_own_rows():
    pupil = Scope(1, "own", date(2026, 4, 10), learners=(1,), sees_rows=True)
    parent = Scope(1, "linked", date(2026, 4, 10), learners=(1, 2), sees_rows=True)
    ask = Ask(measures=("events",), audience="peers")
    of_learners = {
        size: tuple(Did(n, MONTHS[0], "C1", "east", "f", 1, 0) for n in range(size)) for size in (10, 11, 12)
    }

    def told(size: int, scope: Scope) -> object:
        return Desk(of_learners[size], scope).ask(ask)[1].column("events").to_pylist()[0]

    assert [told(10, pupil), told(11, pupil)] == [None, 11]
    assert [told(11, parent), told(12, parent)] == [None, 12]


def test_who_may_see_rows_gets_the_answer_as_it_is():
    teacher = Scope(1, "taught", date(2026, 4, 10), classes=("A",), sees_rows=True)
    ask = Ask(measures=("events",), by=("week", "learner_id"), since=date(2026, 3, 30))
    assert canonical(ask, teacher) == ask
    assert cells(ask, teacher) == ()
    table = pa.table({"week": [date(2026, 3, 30)], "learner_id": [5], "events": [1]})
    assert protect(table, ask, teacher, []).table is table


def test_the_calendar_is_nobodys_secret():
    ask = Ask(question="school_days", since=date(2026, 4, 1), until=date(2026, 4, 9))
    assert canonical(ask, EXECUTIVE) == ask
    assert cells(ask, EXECUTIVE) == ()


@pytest.mark.parametrize(
    ("on", "since", "until", "months"),
    [
        (date(2026, 4, 10), None, None, (None, date(2026, 4, 1))),
        (date(2026, 4, 10), date(2026, 1, 15), date(2026, 2, 10), (date(2026, 1, 1), date(2026, 3, 1))),
        (date(2026, 4, 10), date(2026, 3, 1), date(2026, 4, 8), (date(2026, 3, 1), date(2026, 4, 1))),
        (
            date(2026, 4, 10),
            date(2026, 4, 6),
            None,
            (date(2026, 4, 1), date(2026, 5, 1)),
        ),  # protect shows nothing
        (date(2026, 4, 2), None, None, (None, date(2026, 3, 1))),  # March may still get late events
    ],
)
def test_only_complete_months_are_answered(on, since, until, months):
    found = canonical(Ask(measures=("events",), since=since, until=until), Scope(1, "organisation", on))
    assert (found.since, found.until) == months


def test_a_month_that_is_not_over_is_told_as_not_known_rather_than_as_nothing():
    rows = tuple(Did(n, date(2026, 4, 1), "C1", "west", "f", 5, 1) for n in range(50))
    _, total = Desk(rows).ask(Ask(measures=("events",), since=date(2026, 4, 6)))
    _, regions = Desk(rows).ask(Ask(measures=("events",), by=("region",), since=date(2026, 4, 6)))
    assert (total.column("events").to_pylist(), regions.num_rows) == ([None], 0)


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (Ask(measures=("events",), by=("learner_id",)), "'learner_id' is not offered"),
        (Ask(measures=("events",), by=("class_id",)), "'class_id' is not offered"),
        (Ask(measures=("events",), by=("week",)), "'week' is too fine"),
        (Ask(measures=("events",), by=("course_id", "region")), "one breakdown at a time"),
        (
            Ask(measures=("events",), by=("course_id",), where=(Where("gender", "=", ("f",)),)),
            "one breakdown",
        ),
        (Ask(measures=("events",), by=("product_id",)), "divide sales only"),
        (Ask(measures=("highest_score",)), "one learner's result"),
        (Ask(measures=("last_active",)), "one learner's result"),
        (Ask(question="students"), "looks at single learners"),
        (Ask(measures=("events",), by=("regoin",)), "did you mean 'region'"),
    ],
)
def test_what_cannot_be_offered_safely_is_refused_in_a_sentence(ask, says):
    with pytest.raises(BadQuestion, match=says):
        canonical(ask, EXECUTIVE)
