"""Findings of a small class on both engines, every number again in plain Python."""

from __future__ import annotations

import random
import statistics
from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

import pytest
from scipy.stats import false_discovery_control, fisher_exact, ttest_1samp

from compute.questions import question
from compute.scoping import Tables
from connectors.warehouse import Warehouse
from models.ask import Ask, Where
from models.errors import BadQuestion, HeadwayError
from models.scope import Scope
from tests.builders import MONDAY, dimension, event, events

TODAY = MONDAY.date()  # the running day counts for nobody
UNTIL = TODAY + timedelta(days=1)
RECENT, SINCE = UNTIL - timedelta(days=14), UNTIL - timedelta(days=70)
HOLIDAY = {RECENT - timedelta(days=n) for n in range(10, 17)}
LEARNERS = range(1, 16)
FADED, NEWCOMER, ABSENT = 3, 14, 15  # stops coming; two active days; never there
Row = dict[str, Any]


def is_school(day: date) -> bool:
    return day.weekday() < 5 and day not in HOLIDAY


def settle(engine: Warehouse, fading: Collection[int] = (FADED,)) -> list[Row]:
    days = [SINCE + timedelta(days=n) for n in range(70)]
    kinds = {d: "term" if is_school(d) else "holiday" if d in HOLIDAY else "weekend" for d in days}
    joined = {n: UNTIL - timedelta(days=9) if n == NEWCOMER else SINCE - timedelta(days=30) for n in LEARNERS}
    tables: dict[str, list[Row]] = {
        "learner": [
            {"learner_id": n, "joined_on": joined[n], "segment": "late" if n % 3 == 0 else "steady"}
            for n in LEARNERS
        ],
        "course": [{"course_id": "c1", "title": "Algebra"}, {"course_id": "c2", "title": "Art"}],
        "skill": [{"skill_id": "s1", "title": "Fractions"}, {"skill_id": "s2", "title": "Lines"}],
        "class": [{"class_id": "k1", "course_id": "c1", "title": "7b"}],
        "class_member": [{"class_id": "k1", "learner_id": n, "valid_from": SINCE} for n in LEARNERS],
        "school_day": [{"day": d, "kind": kinds[d]} for d in days],
    }
    for name, rows in tables.items():
        engine.write(name, dimension(name, *rows))
    dice = random.Random(11)
    rows = []
    for n in LEARNERS:
        if n == ABSENT:
            continue
        for day in days:
            chance = 0.85
            if n in fading and day >= RECENT:
                chance = 0.0
            if day < joined[n] or dice.random() > (chance if day.weekday() < 5 else 0.05):
                continue
            at = MONDAY.replace(hour=10) - timedelta(days=(TODAY - day).days)
            course = dice.choice(["c1", "c1", "c2"])
            rows.append(event("page_view", at, learner_id=n, course_id=course))
            if dice.random() < 0.4:
                rows.append(event("lesson_complete", at, learner_id=n, course_id=course, lesson_id="l"))
            for _ in range(dice.randint(0, 3)):
                skill = dice.choice(["s1", "s2"])
                right = dice.random() < (0.2 if skill == "s2" and n == 5 else 0.9)
                rows.append(
                    event(
                        "quiz_answer",
                        at,
                        learner_id=n,
                        course_id=course,
                        skill_id=skill,
                        item_id="i",
                        correct=right,
                    )
                )
            if dice.random() < 0.3:
                rows.append(
                    event(
                        "quiz_submit", at, learner_id=n, course_id=course, score=float(dice.randint(40, 100))
                    )
                )
    engine.append(events(rows))
    return rows


def ask_of(engine: Warehouse, scope: Scope, **parts: Any) -> list[Row]:
    name = parts.pop("name", "insights")
    plan = question(name).plan(Ask(question=name, **parts), Tables(scope))
    table = plan.finish(plan.join(tuple(engine.fetch(part) for part in plan.parts)))
    assert [c.name for c in plan.columns] == table.column_names
    rows: list[Row] = table.to_pylist()
    return rows


def school(**more: Any) -> Scope:
    return Scope(1, "organisation", TODAY, sees_rows=True, sees_names=True, **more)


def active_days(rows: list[Row], n: int, recent: bool, courses: tuple[str, ...] = ("c1", "c2")) -> int:
    mine = {r["day"] for r in rows if r["learner_id"] == n and r["course_id"] in courses}
    return sum((day >= RECENT) == recent and is_school(day) for day in mine)


def school_days(since: date, until: date) -> int:
    return sum(is_school(since + timedelta(days=n)) for n in range((until - since).days))


def answered(rows: list[Row], n: int, skill: str) -> list[bool]:
    return [
        r["correct"]
        for r in rows
        if r["event_type"] == "quiz_answer" and r["learner_id"] == n and r["skill_id"] == skill
    ]


def doubled(a: int, b: int, c: int, d: int) -> float:
    sides = [fisher_exact([[a, b], [c, d]], side).pvalue for side in ("less", "greater")]
    return float(min(1.0, 2 * min(sides)))


def test_who_faded_is_found_and_every_number_is_what_the_events_say(engine: Warehouse) -> None:
    rows = settle(engine)
    found = ask_of(engine, school())
    (fell,) = [r for r in found if r["learner_id"] == FADED and r["kind"] == "activity_fell"]
    now, then = active_days(rows, FADED, True), active_days(rows, FADED, False)
    of_now, of_then = school_days(RECENT, TODAY), school_days(SINCE, RECENT)
    now = min(now, of_now)
    assert fell["after"] == pytest.approx(now / of_now)
    assert fell["before"] == pytest.approx(then / of_then)
    assert fell["amount"] == pytest.approx(now / of_now - then / of_then)
    assert fell["n"] == of_now
    assert fell["p"] == pytest.approx(doubled(now, of_now - now, then, of_then - then))
    assert fell["enough"] and fell["sureness"] == pytest.approx(1 - fell["q"])
    by_course = {
        c: active_days(rows, FADED, True, (c,)) / of_now - active_days(rows, FADED, False, (c,)) / of_then
        for c in ("c1", "c2")
    }
    falls = {c: -v for c, v in by_course.items() if v < 0}
    assert fell["driver_id"] == max(falls, key=falls.__getitem__)
    assert fell["driver_share"] == pytest.approx(max(falls.values()) / sum(falls.values()))
    assert fell["driver_title"] == {"c1": "Algebra", "c2": "Art"}[fell["driver_id"]]


def test_a_weak_skill_is_found_by_comparing_it_with_the_learners_other_answers(engine: Warehouse) -> None:
    rows = settle(engine)
    (weak,) = [r for r in ask_of(engine, school()) if r["learner_id"] == 5 and r["kind"] == "skill_weak"]
    mine, rest = answered(rows, 5, "s2"), answered(rows, 5, "s1")
    assert weak["driver_title"] == "Lines"
    assert weak["after"] == pytest.approx(sum(mine) / len(mine))
    assert weak["before"] == pytest.approx(sum(rest) / len(rest))
    assert weak["p"] == pytest.approx(
        doubled(sum(mine), len(mine) - sum(mine), sum(rest), len(rest) - sum(rest))
    )


def test_who_is_hardly_known_gets_an_honest_sentence_and_no_judgement(engine: Warehouse) -> None:
    rows = settle(engine)
    found = ask_of(engine, school())
    for learner in (NEWCOMER, ABSENT):
        (only,) = [r for r in found if r["learner_id"] == learner]
        assert only["kind"] == "not_enough" and not only["enough"]
        assert only["p"] is None and only["sureness"] is None and only["after"] is None
        assert only["have"] == active_days(rows, learner, True) + active_days(rows, learner, False)
        assert only["need"] == 5


def test_the_correction_counts_every_comparison_that_was_made(engine: Warehouse) -> None:
    """With the p-values of all, told or not, scipy's correction gives the same q."""
    settle(engine)
    from compute.insights import known_of, reading
    from compute.insights.finding import found as compared

    plan = question("insights").plan(Ask(question="insights"), Tables(school()))
    known = known_of([engine.fetch(part) for part in plan.parts], reading.Span(UNTIL))
    every = compared(known)
    told = ask_of(engine, school())
    assert {r["compared"] for r in told} == {len(every)}
    expected = false_discovery_control([f.p for f in every], method="bh")
    assert [f.q for f in every] == pytest.approx(list(expected))
    shown = sorted((r["learner_id"], r["kind"], r["driver_id"]) for r in told if r["enough"])
    assert shown == sorted((f.learner_id, f.kind, f.driver_id) for f in every if f.q <= 0.1)
    assert len(every) > len(shown) > 0


def test_ranks_run_from_one_for_each_learner(engine: Warehouse) -> None:
    settle(engine)
    found = ask_of(engine, school())
    for learner in {r["learner_id"] for r in found}:
        assert [r["rank"] for r in found if r["learner_id"] == learner] == list(
            range(1, 1 + sum(r["learner_id"] == learner for r in found))
        )


def test_the_scope_and_the_filters_narrow_what_is_found(engine: Warehouse) -> None:
    settle(engine)
    own = ask_of(engine, Scope(1, "own", TODAY, learners=(FADED,), sees_rows=True))
    assert {r["learner_id"] for r in own} == {FADED}
    one = ask_of(engine, school(), where=(Where("learner_id", "=", (NEWCOMER,)),))
    assert [r["learner_id"] for r in one] == [NEWCOMER]
    teacher = Scope(1, "taught", TODAY, classes=("k1",), sees_rows=True)
    taught = ask_of(engine, teacher)
    assert taught and {r["driver_id"] for r in taught if r["driver_kind"] == "course"} <= {"c1"}
    with pytest.raises(HeadwayError):
        ask_of(engine, Scope(1, "organisation", TODAY))  # sees no rows
    for wrong in ({"since": SINCE}, {"by": ("day",)}, {"where": (Where("region", "=", ("x",)),)}):
        with pytest.raises(BadQuestion):
            ask_of(engine, school(), **wrong)


def test_a_class_that_fell_together_is_found_and_what_drives_it(engine: Warehouse) -> None:
    late = {n for n in LEARNERS if n % 3 == 0}
    rows = settle(engine, fading=late | {1, 2, 4})
    found = ask_of(engine, school(), name="group_insights", where=(Where("class_id", "=", ("k1",)),))
    (fell,) = [r for r in found if r["group_kind"] == "class" and r["kind"] == "activity_fell"]
    of_now, of_then = school_days(RECENT, TODAY), school_days(SINCE, RECENT)
    seen = {r["learner_id"] for r in rows if r["course_id"] == "c1"} - {NEWCOMER}  # too new to compare
    moved = {
        n: (active_days(rows, n, False, ("c1",)) / of_then, active_days(rows, n, True, ("c1",)) / of_now)
        for n in seen
    }
    differences = [after - before for before, after in moved.values()]
    assert (fell["n"], fell["moved"]) == (len(moved), sum(d < 0 for d in differences))
    assert fell["before"] == pytest.approx(statistics.mean(b for b, _ in moved.values()))
    assert fell["after"] == pytest.approx(statistics.mean(a for _, a in moved.values()))
    assert fell["p"] == pytest.approx(ttest_1samp(differences, 0).pvalue)
    # The segment that stopped coming as a whole is told as what drives it.
    assert (fell["driver_kind"], fell["driver_id"]) == ("segment", "late")
    mine = [after - before for n, (before, after) in moved.items() if n in late]
    assert fell["driver_share"] == pytest.approx(sum(mine) / sum(differences))
    assert fell["driver_learners"] == pytest.approx(len(mine) / len(moved))


def test_a_group_of_few_is_not_judged(engine: Warehouse) -> None:
    settle(engine)
    engine.write("class", dimension("class", {"class_id": "k2", "course_id": "c2", "title": "Few"}))
    few = [{"class_id": "k2", "learner_id": n, "valid_from": SINCE} for n in (1, 2)]
    engine.write("class_member", dimension("class_member", *few))
    found = ask_of(engine, school(), name="group_insights")
    (only,) = [r for r in found if r["group_id"] == "k2"]
    assert (only["kind"], only["enough"], only["have"], only["need"]) == ("not_enough", False, 2, 8)
