"""The demo school is the same for the same seed, keeps the contracts, and its two halves never meet."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from config.taxonomy import taxonomy
from connectors.demo import school as school_module
from connectors.demo.calendar import calendar
from models.tables import EVENTS, TABLE, Table
from tests.school import NOW, SMALL, UNTIL, Lived, build, live

# From PRODUCT.md P3.1, for a short count by hand.
SOME_TYPES = {"session_start", "video_rate_change", "order_refunded", "safety_flag", "consent_withdrawn"}


def digest(table: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()


def test_the_same_seed_gives_the_same_school_and_another_seed_another() -> None:
    tiny = replace(SMALL, learners=60, days=28)
    first, again, other = live(tiny), live(tiny), live(replace(tiny, seed=8))
    assert digest(first.events) == digest(again.events) != digest(other.events)
    assert first.truth == again.truth
    assert all(first.tables[name].equals(again.tables[name]) for name in first.tables)


def test_every_event_type_happens(known_school: Lived) -> None:
    seen = set(known_school.events["event_type"].unique().to_pylist())
    assert seen == set(taxonomy()) and seen >= SOME_TYPES


def test_both_organisations_live_every_kind_of_event(known_school: Lived) -> None:
    for school in known_school.schools:
        mine = known_school.events.filter(pc.field("organisation_id") == school.organisation_id)
        assert set(mine["event_type"].unique().to_pylist()) == set(taxonomy()), school.place.key


def keeps(rows: pa.Table, contract: Table) -> None:
    assert rows.column_names == list(contract.names())
    for column in contract.columns:
        values = rows[column.name]
        if not column.nullable:
            assert values.null_count == 0, (contract.name, column.name)
        if column.among:
            assert set(values.unique().to_pylist()) <= {*column.among, None}
        if column.low is not None:
            assert (pc.min(values).as_py() or 0) >= column.low, (contract.name, column.name)
        if column.high is not None:
            assert (pc.max(values).as_py() or 0) <= column.high, (contract.name, column.name)
    keys = list(zip(*(rows[name].to_pylist() for name in contract.key), strict=True))
    assert len(set(keys)) == len(keys), f"{contract.name}: a key occurs twice"


def test_events_keep_their_contract(small_school: Lived) -> None:
    keeps(small_school.events, EVENTS)


# Links are made with the people, and the models of skills are fitted by core from the answers.
MADE_ELSEWHERE = ("guardian_link", "skill_model", "mastery_model")


@pytest.mark.parametrize(
    "name", [n for n, t in TABLE.items() if t.kind == "dimension" and n not in MADE_ELSEWHERE]
)
def test_dimension_rows_keep_their_contract(small_school: Lived, name: str) -> None:
    keeps(small_school.tables[name], TABLE[name])


@pytest.mark.parametrize(
    ("column", "table", "key"),
    [
        ("course_id", "course", "course_id"),
        ("lesson_id", "lesson", "lesson_id"),
        ("video_id", "video", "video_id"),
        ("assessment_id", "assessment", "assessment_id"),
        ("item_id", "item", "item_id"),
        ("skill_id", "skill", "skill_id"),
        ("learner_id", "learner", "learner_id"),
    ],
)
def test_events_name_only_things_of_their_own_organisation(
    small_school: Lived, column: str, table: str, key: str
) -> None:
    events = small_school.events
    used = set(zip(events["organisation_id"].to_pylist(), events[column].to_pylist(), strict=True))
    known = small_school.tables[table]
    there = set(zip(known["organisation_id"].to_pylist(), known[key].to_pylist(), strict=True))
    assert {pair for pair in used if pair[1] is not None} <= there


def test_the_two_organisations_share_no_learner_and_no_session(small_school: Lived) -> None:
    of = [small_school.events.filter(pc.field("organisation_id") == n) for n in (1, 2)]
    for column in ("learner_id", "session_id", "event_id", "course_id"):
        one, other = (set(t[column].drop_null().unique().to_pylist()) for t in of)
        assert one and other and not one & other, column


def test_declared_fields_are_there_and_in_range(small_school: Lived) -> None:
    """Outside the planted bad week each event would pass the gate."""
    bad = small_school.truth["organisations"]["northfield"]["bad_week"]
    in_week = (pc.field("day") >= date.fromisoformat(bad["since"])) & (
        pc.field("day") < date.fromisoformat(bad["until"])
    )
    for row in small_school.events.filter(~in_week).slice(0, 30_000).to_pylist():
        kind = taxonomy()[row["event_type"]]
        payload = json.loads(row["payload"] or "{}")
        assert set(payload) <= {f.name for f in kind.fields if not f.column}, row
        assert all(row[name] is not None for name in kind.needs), row
        for field in kind.fields:
            value = row[field.column] if field.column else payload.get(field.name)
            assert value is not None or not field.required, (row, field.name)
            if value is not None and field.low is not None:
                assert field.low <= value <= (field.high or value), (row, field.name)
            if value is not None and field.among:
                assert value in field.among, (row, field.name)


def test_day_and_hour_are_those_of_the_schools_own_zone(small_school: Lived) -> None:
    zones = {s.organisation_id: ZoneInfo(s.place.zone) for s in small_school.schools}
    picked = small_school.events.take(np.random.default_rng(1).integers(0, len(small_school.events), 4000))
    for row in picked.to_pylist():
        local = row["occurred_at"].astimezone(zones[row["organisation_id"]])
        assert (local.date(), local.hour) == (row["day"], row["hour"])


def test_a_session_counts_its_events_in_the_order_of_time(small_school: Lived) -> None:
    rows = small_school.events.select(["session_id", "occurred_at", "sequence", "event_type"]).to_pylist()
    sessions: dict[int, list[tuple[int, datetime, str]]] = {}
    for row in rows[:40_000]:
        sessions.setdefault(row["session_id"], []).append(
            (row["sequence"], row["occurred_at"], row["event_type"])
        )
    for events in sessions.values():
        events.sort()
        assert [e[1] for e in events] == sorted(e[1] for e in events)
        assert events[0][2] == "session_start" or events[0][0] > 0


def test_nothing_has_happened_yet_that_lies_after_now(small_school: Lived) -> None:
    assert pc.max(small_school.events["occurred_at"]).as_py() <= NOW
    assert pc.max(small_school.events["received_at"]).as_py() <= NOW
    assert UNTIL in small_school.events["day"].unique().to_pylist(), "today has events"


def test_batches_come_in_the_order_of_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(school_module, "CHUNK", 2_000)
    spans = [
        (pc.min(chunk["day"]).as_py(), pc.max(chunk["day"]).as_py())
        for chunk in build(replace(SMALL, days=28))[0].events()
    ]
    assert len(spans) > 3
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


@pytest.mark.parametrize(
    "size",
    [
        replace(SMALL, learners=300, days=70),
        replace(SMALL, learners=100, days=140, courses=12, events=200_000),
        replace(SMALL, learners=400, days=42, events=60_000),
    ],
)
def test_counts_are_near_those_asked_for(size: school_module.Size) -> None:
    schools = build(size)
    asked = size.events or sum(school.expected_events() for school in schools)
    made = sum(chunk.num_rows for school in schools for chunk in school.events())
    assert sum(len(s.learners) for s in schools) == size.learners
    assert sum(s.campus.courses for s in schools) == size.courses
    assert abs(made / asked - 1) < 0.25, (made, asked)


def test_four_times_the_days_need_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(school_module, "CHUNK", 4_000)

    def peak(days: int) -> int:
        most, made = 0, 0
        for school in build(replace(SMALL, days=days)):
            for chunk in school.events():
                most, made = max(most, chunk.nbytes), made + chunk.num_rows
        assert made > 3 * 4_000
        return most

    assert peak(160) < 2.5 * peak(40)


def test_a_block_of_learners_at_a_time_gives_a_whole_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(school_module, "BLOCK", 16)
    made = live(replace(SMALL, learners=80, days=28))
    assert len(made.events["learner_id"].unique()) > 60


def test_a_school_year_has_terms_and_holidays_and_today_is_a_school_day() -> None:
    for last in (date(2026, 11, 20), date(2027, 3, 1), date(2028, 2, 29)):
        days = calendar(last, 182, "Europe/Berlin", has_terms=True)
        kinds = Counter(d.kind for d in days[:182])
        assert days[181].day == last and days[181].kind == "term"
        assert kinds["holiday"] >= 14 and kinds["term"] > 90
        assert [d.day for d in days] == [days[0].day + timedelta(days=n) for n in range(len(days))]
        assert any(d.kind == "holiday" for d in days[182:]), "holidays ahead are known"
