"""What the way in says about the quality of what it got, in the commit that stores it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from config.quality import quality_rules
from config.taxonomy import taxonomy
from connectors.intake.codes import CODES
from connectors.intake.quality import Judge, Tally
from connectors.warehouse import Warehouse
from models.contracts import broken
from models.quality import DIMENSIONS
from models.tables import EVENTS, QUALITY_BATCH, QUALITY_DAY
from tests.builders import MONDAY, event, events
from tests.connectors.intake_school import NOON, ZONE, Door, FixedSchools, body, sent
from tests.school import Lived

WHOLE = {"device": {"type": "desktop", "os": "linux", "browser": "firefox"}, "sequence": 1}
RULES = quality_rules()
Counts = dict[tuple[str, str, str], tuple[int, int]]  # type, dimension, rule -> arrived, broken


@pytest.fixture
def door(engine: Warehouse) -> Iterator[Door]:
    opened = Door(engine, FixedSchools.of())
    yield opened
    opened.close()


def counts(warehouse: Warehouse) -> Counts:
    found: Counter[tuple[str, str, str]] = Counter()
    wrong: Counter[tuple[str, str, str]] = Counter()
    for row in warehouse.fetch(QUALITY_DAY.unbound).to_pylist():
        key = (row["event_type"], row["dimension"], row["rule"])
        found[key] += row["arrived"]
        wrong[key] += row["broken"]
    return {key: (found[key], wrong[key]) for key in found}


def test_a_commit_counts_what_is_stored_known_missing_late_and_refused(door: Door) -> None:
    now = datetime.now(UTC)
    good = sent(at=now) | WHOLE
    bare = sent(at=now) | {"sequence": 2}
    late = sent(at=now - timedelta(hours=13)) | WHOLE
    quiz = sent("quiz_submit", at=now) | WHOLE
    door.send(good, bare, late, quiz, sent("hologram_viewed", at=now))
    assert counts(door.warehouse) == {
        ("lesson_start", "", ""): (3, 0),
        ("lesson_start", "completeness", "device_type"): (0, 1),
        ("lesson_start", "completeness", "os"): (0, 1),
        ("lesson_start", "completeness", "browser"): (0, 1),
        ("lesson_start", "timeliness", "late"): (0, 1),
        ("quiz_submit", "", ""): (1, 0),
        ("quiz_submit", "completeness", "missing-field"): (0, 1),
        ("", "", ""): (1, 0),
        ("", "validity", "unknown-type"): (0, 1),
    }


def test_a_repeat_counts_wherever_it_is_found_and_whether_or_not_anything_is_stored(door: Door) -> None:
    event = sent(at=datetime.now(UTC)) | WHOLE
    door.send(event, event)
    door.send(event)
    door.send(event, sent(at=datetime.now(UTC)) | WHOLE)
    door.close()
    assert counts(door.warehouse) == {
        ("lesson_start", "", ""): (5, 0),
        ("lesson_start", "uniqueness", "repeated-id"): (0, 3),
    }


def test_what_headway_s_own_pages_tell_again_is_no_fault(door: Door) -> None:
    """A page that is opened again tells what it shows again, under the same id."""
    event = sent(at=datetime.now(UTC)) | WHOLE
    for _ in range(3):
        door.send(event, source="headway")
    door.close()
    assert counts(door.warehouse) == {("lesson_start", "", ""): (1, 0)}
    assert door.writer.counters.losses.told(1) == []


def test_what_says_nothing_about_the_data_is_not_counted(door: Door) -> None:
    door.send(sent(at=datetime.now(UTC), student_id="nobody-recorded") | WHOLE)
    door.close()
    assert counts(door.warehouse) == {}


def test_a_body_line_that_cannot_be_read_counts_on_the_day_it_came(door: Door) -> None:
    door.send_body(body(sent() | WHOLE)[:-1] + b",42]")
    rows = door.warehouse.fetch(QUALITY_DAY.unbound).to_pylist()
    days = {row["day"] for row in rows if row["rule"] == "not-an-object"}
    assert days == {datetime.now(ZoneInfo(ZONE)).date()}


def test_a_batch_under_the_target_is_noted_and_a_good_one_is_not(door: Door) -> None:
    door.send(*(sent(at=NOON) for _ in range(5)))
    door.send(*(sent(at=datetime.now(UTC)) | WHOLE for _ in range(5)), source="kafka")
    noted = door.warehouse.fetch(QUALITY_BATCH.unbound).to_pylist()
    assert [(row["source"], row["arrived"], row["timeliness"]) for row in noted] == [("http", 5, 0.0)]
    assert noted[0]["completeness"] == pytest.approx(100 * (1 - 4 / 6))


def test_counts_agree_with_plain_python_over_a_lived_school(small_school: Lived) -> None:
    tally = Tally(Judge(RULES))
    tally.stored(small_school.events)
    got: Counter[tuple[object, ...]] = Counter()
    for row in tally.rows().to_pylist():
        where = (row["organisation_id"], row["day"], row["source"], row["event_type"])
        got[(*where, row["dimension"], row["rule"], "arrived")] += row["arrived"]
        got[(*where, row["dimension"], row["rule"], "fields")] += row["fields"]
        got[(*where, row["dimension"], row["rule"], "broken")] += row["broken"]
    wanted: Counter[tuple[object, ...]] = Counter()
    for row in small_school.events.to_pylist():
        where = (row["organisation_id"], row["day"], row["source"], row["event_type"])
        rules = RULES.types[row["event_type"]]
        wanted[(*where, "", "", "arrived")] += 1
        wanted[(*where, "", "", "fields")] += len(rules.expected)
        for name in rules.expected:
            wanted[(*where, "completeness", name, "broken")] += row[name] is None
        late = (row["received_at"] - row["occurred_at"]).total_seconds() > rules.late_after_s
        wanted[(*where, "timeliness", "late", "broken")] += late
        for bounds in RULES.bounds:
            value = row[bounds.column]
            outside = value is not None and not bounds.low <= value <= bounds.high
            wanted[(*where, "validity", bounds.column, "broken")] += outside
    assert +got == +wanted


def test_what_a_table_s_contract_refuses_is_invalid_here_too() -> None:
    import ibis

    bad: dict[str, Any] = {"position_s": -1.0, "duration_s": -0.5, "device_type": "toaster"}
    for column, value in bad.items():
        rows = events([event("page_view", **{column: value})])
        tally = Tally(Judge(RULES))
        tally.stored(rows)
        found = {row["rule"] for row in tally.rows().to_pylist() if row["dimension"] == "validity"}
        assert found == {column}
        typed = rows
        assert any(said.startswith(column) for said in broken(EVENTS.name, ibis.memtable(typed)))


def test_judging_is_cheap() -> None:
    rows = events(
        [event(k, MONDAY + timedelta(seconds=n)) for n in range(250) for k in list(taxonomy())[:40]]
    )
    judge = Judge(RULES)

    def once() -> float:
        began = perf_counter()
        tally = Tally(judge)
        tally.stored(rows)
        tally.rows()
        return perf_counter() - began

    # 0.2 us an event were measured on a quiet machine; a busy one must not fail this.
    assert min(once() for _ in range(20)) / len(rows) < 2e-6


def test_every_refusal_and_every_dimension_has_its_place() -> None:
    assert set(RULES.refusals) <= set(CODES)
    assert {against for against in RULES.refusals.values() if against} <= set(DIMENSIONS)
    assert set(RULES.types) == set(taxonomy())
