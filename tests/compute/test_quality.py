"""Scores, anomalies and rows of data quality, on both engines, against plain Python and the planted week."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from app.quality import check_days, together
from compute.quality_anomalies import find
from compute.questions import question
from compute.scoping import Tables
from config.quality import quality_rules
from connectors.intake.quality import Judge, Refused, Tally
from connectors.warehouse import Warehouse
from models.ask import Ask, Where
from models.errors import BadQuestion, HeadwayError, NotFound
from models.quality import DIMENSIONS
from models.scope import Scope
from models.tables import QUALITY_CHECK
from tests.builders import MONDAY, dimension, event, events
from tests.school import KNOWN, Lived

RULES = quality_rules()
DAY = MONDAY.date()
FULL = {
    "device_type": "desktop",
    "os": "linux",
    "browser": "firefox",
    "sequence": 1,
    "course_id": "c1",
    "lesson_id": "l1",
    "source": "web",
}


def tables(rows: Any = "organisation", sees_rows: bool = True) -> Tables:
    return Tables(Scope(1, rows, DAY + timedelta(days=30), sees_rows=sees_rows), "mine", RULES)


def asked(warehouse: Warehouse, name: str, scope: Tables | None = None, **parts: Any) -> list[dict[str, Any]]:
    ask = Ask(question=name, **parts)
    planned = question(name).plan(ask, scope or tables())
    found = planned.finish(planned.join(tuple(warehouse.fetch(part) for part in planned.parts)))
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


def filled(warehouse: Warehouse, rows: list[dict[str, Any]], tally: Tally | None = None) -> None:
    """As the way in stores a batch; then whole days are looked at."""
    tally = tally or Tally(Judge(RULES))
    batch = events(rows)
    tally.stored(batch)
    warehouse.append(batch, also={"quality_day": tally.rows()})
    warehouse.write("course", dimension("course", {"course_id": "c1"}, {"course_id": "c2"}))
    warehouse.write("lesson", dimension("lesson", {"lesson_id": "l1", "course_id": "c1"}))
    warehouse.write("video", dimension("video", {"video_id": "v1", "course_id": "c1", "length_s": 60.0}))
    check_days(warehouse, RULES)


def start(minute: int = 0, **given: Any) -> dict[str, Any]:
    return event("lesson_start", MONDAY + timedelta(minutes=minute), **{**FULL, **given})


def test_every_score_is_what_plain_python_counts(engine: Warehouse) -> None:
    tally = Tally(Judge(RULES))
    known = events([start(50)])
    tally.repeated(known)
    tally.refused([Refused(1, "web", DAY, "lesson_start", "wrong-type", 2)])
    late = MONDAY + timedelta(hours=13)
    rows = [
        start(1),
        start(2, device_type=None, os=None),
        start(3, received_at=late),
        start(4, course_id="unknown-course", lesson_id="l9"),
        start(5, course_id="c2"),  # l1 belongs to c1
        event("quiz_submit", MONDAY, **{**FULL, "assessment_id": "a1", "score": 850.0, "duration_s": 5.0}),
        start(7, session_id=9),
        start(7, session_id=9),  # the same again under another id
    ]
    filled(engine, rows, tally)
    found = asked(engine, "quality_scores")[0]
    arrived = len(rows) + 1 + 2
    expected = 7 * 6 + 8  # lesson_start asks for six fields, quiz_submit for eight
    assert found["arrived"] == arrived
    assert found["completeness"] == pytest.approx(100 * (1 - 2 / expected))
    assert found["validity"] == pytest.approx(100 * (1 - 3 / arrived))
    assert found["uniqueness"] == pytest.approx(100 * (1 - 2 / arrived))
    assert found["timeliness"] == pytest.approx(100 * (1 - 1 / arrived))
    # Each of the eight names a course; six of those a lesson that is known. One course, one lesson are wrong.
    assert found["consistency"] == pytest.approx(100 * (1 - 2 / (8 + 7)))
    assert found["score"] == pytest.approx(sum(found[name] for name in DIMENSIONS) / 5)
    measured = asked(engine, "measures", measures=("data_quality_score", "data_validity"), by=("source",))
    assert measured == [
        {
            "source": "web",
            "data_quality_score": pytest.approx(found["score"]),
            "data_validity": pytest.approx(found["validity"]),
        }
    ]


def test_looking_again_at_a_day_changes_nothing_and_more_events_are_seen(engine: Warehouse) -> None:
    filled(engine, [start(1), start(2, course_id="c2")])
    first = asked(engine, "quality_scores")
    assert check_days(engine, RULES) == 0
    engine.compact()
    assert asked(engine, "quality_scores") == first
    filled(engine, [start(3, course_id="c2")])
    assert asked(engine, "quality_scores")[0]["consistency"] < first[0]["consistency"]


def test_each_broken_rule_has_the_rows_that_show_it_and_names_nobody(engine: Warehouse) -> None:
    bad = {
        ("completeness", "os"): start(1, os=None),
        ("timeliness", "late"): start(2, received_at=MONDAY + timedelta(days=2)),
        ("consistency", "lesson-of-course"): start(3, course_id="c2"),
        ("consistency", "course-known"): start(4, course_id="c8", lesson_id="l8"),
        ("consistency", "complete-after-start"): event(
            "lesson_complete", MONDAY, **{**FULL, "learner_id": 77, "duration_s": 3.0}
        ),
        ("consistency", "position-within-video"): event(
            "video_pause", MONDAY, **{**FULL, "video_id": "v1", "position_s": 63.0}
        ),
        ("validity", "score"): event(
            "exercise_complete", MONDAY, **{**FULL, "score": -1.0, "duration_s": 1.0, "skill_id": "s1"}
        ),
    }
    filled(engine, [start(0), *bad.values()])
    for (part, rule), row in bad.items():
        found = asked(engine, "quality_rows", options=(("dimension", part), ("rule", rule)))
        assert [r["event_id"] for r in found] == [row["event_id"]], rule
        assert not {"learner_id", "session_id"} & found[0].keys()
    told = {(r["dimension"], r["rule"]) for r in asked(engine, "quality_offenders")}
    assert told == bad.keys()


def test_rows_are_for_those_who_may_see_them() -> None:
    ask = Ask(question="quality_rows", options=(("dimension", "timeliness"), ("rule", "late")))
    with pytest.raises(NotFound):
        question("quality_rows").plan(ask, tables(sees_rows=False))
    with pytest.raises(HeadwayError):
        question("quality_scores").plan(Ask(question="quality_scores"), tables("taught"))
    with pytest.raises(BadQuestion):
        question("measures").plan(Ask(measures=("data_quality_score",)), tables(sees_rows=False))


def test_an_operator_without_learners_sees_the_scores(engine: Warehouse) -> None:
    filled(engine, [start(1)])
    operator = tables("nothing", sees_rows=False)
    assert asked(engine, "quality_scores", operator)[0]["arrived"] == 1


def test_another_organisation_s_quality_is_its_own(engine: Warehouse) -> None:
    filled(engine, [start(1), start(2, organisation_id=2, os=None)])
    assert asked(engine, "quality_scores")[0]["completeness"] == 100
    assert asked(engine, "quality_scores")[0]["arrived"] == 1


# ---- anomalies ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def counted(known_school: Lived) -> pa.Table:
    tally = Tally(Judge(RULES))
    tally.stored(known_school.events)
    return tally.rows()


def found_in(known: Lived, counted: pa.Table, place: str) -> Iterator[Any]:
    organisation = known.truth["organisations"][place]["organisation_id"]
    mine = counted.filter(pc.equal(counted["organisation_id"], organisation)).to_pylist()
    kinds, rules = Counter[Any](), Counter[Any]()
    for row in mine:
        kinds[row["day"], row["source"], row["event_type"]] += row["arrived"]
        if row["broken"]:
            rules[row["day"], row["source"], row["dimension"], row["rule"]] += row["broken"]
    calendar = {
        row["day"]: row["kind"]
        for row in known.tables["school_day"].to_pylist()
        if row["organisation_id"] == organisation
    }
    kind_names, rule_names = ("day", "source", "event_type"), ("day", "source", "dimension", "rule")
    return find(
        [{**dict(zip(kind_names, key, strict=True)), "arrived": n} for key, n in kinds.items() if n],
        [{**dict(zip(rule_names, key, strict=True)), "broken": n} for key, n in rules.items()],
        calendar,
        KNOWN.until,
    )


@pytest.mark.parametrize("place", ["northfield", "brightwater"])
def test_the_planted_week_of_bad_data_is_found_unaided(
    known_school: Lived, counted: pa.Table, place: str
) -> None:
    planted = known_school.truth["organisations"][place]["bad_week"]
    since, until = date.fromisoformat(planted["since"]), date.fromisoformat(planted["until"])
    found = list(found_in(known_school, counted, place))
    broken = [a for a in found if a.kind == "broken"]
    assert {(a.day, a.source) for a in broken} == {
        (since + timedelta(days=n), planted["source"]) for n in range((until - since).days)
    }, "all of its days, its source, and nothing else"
    for rule, share in (("late", planted["late"]), ("device_type", planted["missing_device"])):
        assert all(abs(a.value - share) < 0.15 for a in broken if a.rule == rule), rule
    assert {a.rule for a in broken} >= {"late", "device_type", "os", "browser", "course_id"}
    others = [a for a in found if a.kind != "broken"]
    assert len(others) <= 5, "half a year of three sources has hardly a false alarm"


def test_a_silent_source_is_unusual_and_a_holiday_is_not() -> None:
    days = [DAY + timedelta(days=n) for n in range(70)]
    holidays = {day for n, day in enumerate(days) if n % 28 < 7 and day.weekday() < 5}
    calendar = {
        day: "weekend" if day.weekday() > 4 else "holiday" if day in holidays else "term" for day in days
    }
    usual = {"term": 900, "weekend": 200, "holiday": 40}
    silent = days[66]
    assert calendar[silent] == "term"
    rows = [
        {"day": day, "source": "web", "event_type": kind, "arrived": share * usual[calendar[day]] // 30}
        for day in days
        if day != silent
        for kind, share in (("page_view", 27), ("session_start", 3))
    ]
    found = list(find(rows, [], calendar, days[-1] + timedelta(days=1)))
    assert [(a.day, a.kind, a.value) for a in found] == [(silent, "volume", 0.0)]


def test_another_mix_of_events_is_unusual() -> None:
    days = [DAY + timedelta(days=n) for n in range(30)]
    rows = [
        {"day": day, "source": "web", "event_type": kind, "arrived": count}
        for n, day in enumerate(days)
        for kind, count in (
            ("session_start", 400),
            ("page_view", 300 if n == 25 else 2_000),
            ("search", 2_000 if n == 25 else 300),
        )
    ]
    found = list(find(rows, [], dict.fromkeys(days, "term"), days[-1] + timedelta(days=1)))
    assert [(a.day, a.kind) for a in found] == [(days[25], "mix")]
    assert found[0].rule in ("page_view", "search")


def _spread(day: date, field: str, bins: dict[int, int]) -> list[dict[str, Any]]:
    return [{"day": day, "source": "web", "rule": f"{field}:{b}", "values": n} for b, n in bins.items()]


def test_values_that_lie_elsewhere_than_usual_are_unusual() -> None:
    """Thirty days of scores around 70 and durations around a minute; then every score is 100, then half of
    the durations are gone, then few scores, which say nothing."""
    days = [DAY + timedelta(days=n) for n in range(33)]
    kinds = {"session_start": 60, "quiz_submit": 300, "lesson_complete": 300}
    rows = [
        {"day": day, "source": "web", "event_type": kind, "arrived": count}
        for day in days
        for kind, count in kinds.items()
    ]
    wobble = [(n * 7) % 11 for n in range(33)]
    scores = [{4: 20 + w, 5: 40 - w, 6: 70 + w, 7: 90 - w, 8: 50, 9: 25 + w} for w in wobble]
    seconds = [{2: 40 + w, 3: 200 - w, 4: 90 + w} for w in wobble]
    scores[30] = {10: 300}
    seconds[31] = {0: 160, 2: 20, 3: 90, 4: 40}
    scores[32] = {10: 9}
    spreads = [row for n, day in enumerate(days) for row in _spread(day, "score", scores[n])]
    spreads += [row for n, day in enumerate(days) for row in _spread(day, "duration_s", seconds[n])]
    found = list(find(rows, [], dict.fromkeys(days, "term"), days[-1] + timedelta(days=1), spreads))
    assert [(a.kind, a.rule, a.day) for a in found] == [
        ("values", "score", days[30]),
        ("values", "duration_s", days[31]),
    ]
    assert found[0].severity == "severe"


def test_how_values_were_spread_is_what_plain_python_counts(engine: Warehouse) -> None:
    scores = [0.0, 9.5, 10.0, 55.0, 99.9, 100.0, 100.0, None]
    seconds = [0.2, 1.0, 4.9, 5.0, 7200.0, 90_000.0, None, 61.0]
    given = [
        event("quiz_submit", MONDAY + timedelta(minutes=n), **{**FULL, "score": score, "duration_s": s})
        for n, (score, s) in enumerate(zip(scores, seconds, strict=True))
    ]
    filled(engine, given)
    expected = Counter(f"score:{int(s // 10)}" for s in scores if s is not None)
    edges = (1, 5, 15, 60, 180, 600, 1800, 7200)
    expected += Counter(f"duration_s:{sum(s >= e for e in edges)}" for s in seconds if s is not None)
    looked = engine.fetch(QUALITY_CHECK.unbound).to_pylist()
    spread = {row["rule"]: row["related"] for row in looked if row["dimension"] == "spread"}
    assert spread == dict(expected)
    assert {(row["source"], row["day"]) for row in looked if row["dimension"] == "spread"} == {("web", DAY)}
    # They are no checks: no score moves by them.
    assert asked(engine, "quality_scores")[0]["arrived"] == len(given)


def test_a_day_that_is_not_over_is_not_judged(engine: Warehouse) -> None:
    filled(engine, [start(1)])
    today = Tables(Scope(1, "organisation", DAY, sees_rows=True), "mine", RULES)
    assert asked(engine, "quality_anomalies", today) == []


def test_scores_can_be_narrowed_by_source_type_and_day_only(engine: Warehouse) -> None:
    filled(engine, [start(1), start(2, source="ios", os=None)])
    where = (Where("source", "=", ("ios",)),)
    assert asked(engine, "quality_scores", where=where)[0]["arrived"] == 1
    with pytest.raises(BadQuestion, match="source"):
        asked(engine, "quality_scores", where=(Where("course_id", "=", ("c1",)),))


def test_the_gauge_tells_the_last_seven_days(engine: Warehouse) -> None:
    from datetime import UTC, datetime

    from app.metrics import Metrics
    from app.quality import show

    filled(engine, [start(1), start(2, os=None)])
    metrics = Metrics()
    show(engine, metrics, datetime(DAY.year, DAY.month, DAY.day, 18, tzinfo=UTC))
    text = metrics.text().decode()
    assert f'analytics_data_quality_score{{dimension="completeness"}} {100 * (1 - 1 / 12)}'[:70] in text
    assert 'analytics_data_quality_score{dimension="timeliness"} 100.0' in text


def test_near_days_with_few_events_are_looked_at_together() -> None:
    def looks(after: list[int], events: int) -> list[list[int]]:
        found = together([(1, DAY + timedelta(days=n), events) for n in after], 14)
        return [[(day - DAY).days for _, day, _ in part] for part in found]

    assert looks(list(range(90)), 1_000) == [list(range(90))]
    assert looks([0, 1, 40, 41], 1_000) == [[0, 1], [40, 41]]
    assert looks(list(range(30)), 100_000) == [list(range(14)), list(range(14, 28)), [28, 29]]
    # What is compared lies in memory, so days of a large school are looked at a few at a time, or one.
    assert looks(list(range(5)), 1_000_000) == [[0, 1], [2, 3], [4]]
    assert looks(list(range(3)), 3_000_000) == [[0], [1], [2]]


def test_a_look_at_days_far_apart_notes_each_of_them_by_itself(engine: Warehouse) -> None:
    days = [MONDAY + timedelta(days=n) for n in (0, 3, 9, 20)]
    sent = [day for n, day in enumerate(days) for _ in range(n + 1)]
    engine.append(events([event("lesson_complete", day, **FULL, duration_s=5.0) for day in sent]))
    rests: list[int] = []
    assert check_days(engine, RULES, days_at_once=1, rest=lambda: rests.append(len(rests))) == len(days)
    assert rests == [0, 1, 2]  # between four looks
    looked = engine.fetch(QUALITY_CHECK.unbound).to_pylist()
    unstarted = {row["day"]: row["broken"] for row in looked if row["rule"] == "complete-after-start"}
    assert unstarted == {day.date(): n for n, day in enumerate(days, start=1)}
