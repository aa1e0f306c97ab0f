"""What comes of an Ask besides its numbers: order, limits, gaps, titles, refusals."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from compute.grammar import parse
from compute.plan import Plan, behind, is_help
from compute.planner import plan
from compute.scoping import Tables
from connectors.warehouse import Warehouse
from models.ask import Ask, Where
from models.errors import BadQuestion, TooLarge
from models.scope import Scope
from tests.builders import MONDAY, dimension, event, events

SEES = Scope(1, "organisation", MONDAY.date(), sees_rows=True)
BLIND = replace(SEES, sees_rows=False)
FIRST = MONDAY.date()
WEEK = timedelta(days=7)


def fetched(warehouse: Warehouse, planned: Plan) -> pa.Table:
    return planned.finish(planned.join(tuple(warehouse.fetch(part) for part in planned.parts)))


def rows(warehouse: Warehouse, line: str, scope: Scope = SEES) -> list[tuple[Any, ...]]:
    table = fetched(warehouse, plan(parse(line), Tables(scope)))
    return [tuple(row.values()) for row in table.to_pylist()]


@pytest.fixture
def school(engine: Warehouse) -> Warehouse:
    engine.write("course", dimension("course", {"course_id": "c1", "title": "Algebra"}))
    at = {n: MONDAY + n * WEEK for n in range(5)}
    engine.append(
        events(
            [
                event("quiz_submit", at[0], course_id="c1", score=80.0, learner_id=1),
                event("quiz_submit", at[0], course_id="c1", score=60.0, learner_id=2),
                event("page_view", at[0], course_id=None, learner_id=3),
                event("page_view", at[2], course_id="c2", learner_id=1, device_type="mobile"),
                event("video_progress", at[2], course_id="c1", video_id="v1", position_s=15.0, learner_id=2),
                event("order_refunded", at[4], object_id="p1", amount_cents=500, learner_id=2),
            ]
        )
    )
    return engine


def test_families_meet_in_one_row_a_cell(school: Warehouse) -> None:
    line = "events, mean_score, sessions, video_views, refunds, active_days by week"
    assert rows(school, line) == [
        (FIRST, 3, 70.0, 3, 0, 0, 3),
        (FIRST + 2 * WEEK, 2, None, 2, 1, 0, 2),
        (FIRST + 4 * WEEK, 1, None, 1, 0, 1, 1),
    ]


def test_a_total_has_one_row_even_where_nothing_happened(school: Warehouse) -> None:
    line = "events, revenue, mean_score, sessions, active_days"
    assert rows(school, line) == [(6, 0.0, 70.0, 6, 6)]
    assert rows(school, f"{line} since 2027-01-01") == [(0, 0.0, None, 0, 0)]


def test_order_and_limit(school: Warehouse) -> None:
    by_course = [("c1", 3), ("c2", 1), (None, 2)]
    assert rows(school, "events by course_id") == by_course
    assert rows(school, "events by course_id order -events limit 2") == [("c1", 3), (None, 2)]
    assert rows(school, "events by course_id order events limit 1") == [("c2", 1)]
    assert rows(school, "events, mean_score by course_id order mean_score") == [
        ("c1", 3, 70.0),
        ("c2", 1, None),
        (None, 2, None),
    ]
    assert rows(school, "events, sessions by day order -day limit 1") == [(FIRST + 4 * WEEK, 1, 1)]


def test_a_span_takes_its_first_day_in_and_leaves_its_last_out(school: Warehouse) -> None:
    assert rows(school, "events since 2026-03-02 until 2026-03-16") == [(3,)]
    assert rows(school, "events since 2026-03-03 until 2026-03-17") == [(2,)]


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("course_id = c1", 3),
        ("course_id in c1|c2", 4),
        ("course_id != c1", 3),  # what belongs to no course is not of c1
        ("course_id not-in c1|c2", 2),
        ("course_id > c1", 1),
        ("subject = maths", 3),
        ("device_type = mobile", 1),
        ("device_type != mobile", 5),
        ("week >= 2026-03-16 and learner_id = 2", 2),
        ("hour = 10", 3),  # 9 o'clock UTC in winter
        ("hour < 11 and event_type = quiz_submit", 2),
        ("event_type = no-such-type", 0),
    ],
)
def test_conditions(school: Warehouse, condition: str, wanted: int) -> None:
    day_light = " until 2026-03-10" if condition == "hour = 10" else ""
    assert rows(school, f"events where {condition}{day_light}") == [(wanted,)]


def test_gaps_are_filled_only_if_asked(school: Warehouse) -> None:
    weeks = [FIRST + n * WEEK for n in range(5)]
    assert [row[0] for row in rows(school, "events by week")] == [weeks[0], weeks[2], weeks[4]]
    assert rows(school, "events, mean_score by week since 2026-03-02 until 2026-04-06 with fill") == [
        (weeks[0], 3, 70.0),
        (weeks[1], 0, None),
        (weeks[2], 2, None),
        (weeks[3], 0, None),
        (weeks[4], 1, None),
    ]
    filled = rows(school, "events by course_id, month until 2026-04-01 with fill")
    assert filled == [
        ("c1", date(2026, 3, 1), 3),
        ("c2", date(2026, 3, 1), 1),
        (None, date(2026, 3, 1), 2),
    ]
    longer = rows(school, "events by month, course_id since 2026-02-20 until 2026-04-02 with fill")
    assert [row[2] for row in longer] == [0, 0, 0, 3, 1, 2, 0, 0, 0]
    assert rows(school, "events by day since 2027-01-01 until 2027-01-03 with fill") == [
        (date(2027, 1, 1), 0),
        (date(2027, 1, 2), 0),
    ]


def test_ids_are_titled_if_asked(school: Warehouse) -> None:
    assert rows(school, "events by course_id with labels") == [
        ("c1", "Algebra", 3),
        ("c2", "c2", 1),  # nobody gave it a title
        (None, None, 2),
    ]
    planned = plan(parse("events by course_id with labels"), Tables(SEES))
    assert [c.name for c in planned.columns] == ["course_id", "course_id_label", "events"]


def test_who_sees_no_rows_is_told_how_many_stand_behind_each_number(school: Warehouse) -> None:
    planned = plan(parse("events, mean_score, refunds by week"), Tables(BLIND))
    table = fetched(school, planned)
    assert {name for name in table.column_names if is_help(name)} == {
        behind("events"),
        behind("mean_score"),
        behind("refunds"),
    }
    assert table[behind("events")].to_pylist() == [3, 2, 1]
    assert table[behind("mean_score")].to_pylist() == [2, 0, 0]
    assert table[behind("refunds")].to_pylist() == [0, 0, 1]
    assert not any(map(is_help, fetched(school, plan(parse("events by week"), Tables(SEES))).column_names))


def test_raw_events_are_read_only_where_no_roll_up_knows() -> None:
    def source(line: str) -> str:
        return plan(parse(line), Tables(SEES)).source

    assert source("lessons_completed, active_learners by week") == "learner_day"
    assert source("lessons_completed by course_id") == "course_day"
    assert source("lessons_completed, median_score by week") == "result, course_day"
    assert source("course_progress by region") == "learner_course_day + learner_lesson_day"
    assert source("accuracy by skill_id") == "learner_event"
    assert source("accuracy, median_score, active_learners by lesson_id") == "learner_event, result, events"
    assert source("median_score where device_type = mobile") == "events"
    assert source("course_progress by device_type") == "events"
    assert source("lessons_completed by class_id") == "learner_course_day"
    assert source("lessons_completed where device_type = mobile") == "events"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("events limit 0", "limit 0 must be between 1 and 1000000"),
        ("events limit 2000000", "limit 2000000 must be"),
        ("events since 2026-03-02 until 2026-03-02", "since 2026-03-02 must be before until 2026-03-02"),
        ("events since 2026-03-02 until 2025-03-02", "must be before"),
        ("events since 1980-01-01 until 2026-01-01", "longer than 20 years"),
        ("events since 0001-01-01", "0001-01-01 is outside 1970-01-01"),
        ("events until 9999-01-01", "9999-01-01 is outside"),
        ("events order -mean_score", "unknown name to order by 'mean_score'"),
        ("events by week order weak", "did you mean 'week'?"),
        ("events with lables", "unknown option 'lables'; did you mean 'labels'?"),
        ("events by region with fill", "no calendar to fill"),
        ("events by day, week, month, year, hour, weekday, region", "7 dimensions are too many"),
        ("events where course_id > c1|c2", "'>' takes one value"),
        ("sessions by lesson_id", "sessions cannot be asked by lesson_id; it can by day, week"),
        ("where course_id = c1", "Name at least one measure"),
    ],
)
def test_an_ask_that_cannot_be_answered_is_told_why(school: Warehouse, line: str, said: str) -> None:
    with pytest.raises(BadQuestion) as refused:
        rows(school, line)
    assert said in refused.value.detail


def test_unknown_names_are_refused_however_the_ask_was_made() -> None:
    for ask in (
        Ask(measures=("activ_learners",)),
        Ask(measures=("events",), by=("weeek",)),
        Ask(measures=("events",), where=(Where("corse_id", "=", ("c1",)),)),
    ):
        with pytest.raises(BadQuestion, match="did you mean"):
            plan(ask, Tables(SEES))


def test_an_answer_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch, school: Warehouse) -> None:
    monkeypatch.setattr("compute.assembly.MOST_ROWS", 2)
    with pytest.raises(TooLarge, match="narrow the period"):
        rows(school, "events by day")
    assert len(rows(school, "events by day limit 2")) == 2


def test_no_more_is_fetched_than_shows_that_it_is_too_long(
    monkeypatch: pytest.MonkeyPatch, school: Warehouse
) -> None:
    whole = plan(parse("events by event_type"), Tables(SEES)).parts[0]
    assert school.fetch(whole).num_rows == 4
    monkeypatch.setattr("compute.checks.MOST_ROWS", 2)
    cut = plan(parse("events by event_type, day"), Tables(SEES)).parts[0]
    assert school.fetch(cut).num_rows == 3
