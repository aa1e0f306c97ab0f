"""Every number of course content again in plain Python, on both engines and as each scope."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any

import psycopg
import pytest

from compute.content import CONTENT
from compute.mastery import USUAL, trace
from compute.questions import question
from compute.rollups import DELTAS
from compute.scoping import Tables
from connectors.warehouse import Warehouse, open_warehouse
from models.ask import Ask, Where
from models.errors import BadQuestion
from models.scope import Scope
from tests.compute.content_class import (
    CLASS,
    EVERYBODY,
    ITEMS,
    LENGTH,
    LESSONS,
    RIGHT,
    SKILL_OF,
    SKILLS,
    TEACHER,
    TODAY,
    Row,
    in_order,
    own,
    quiet_day,
    seen_by,
    settle,
    told,
)

# One expression on both engines: Postgres answers each question once, as the scope with the most joins.
SEEN = [("duckdb", EVERYBODY), ("duckdb", TEACHER), ("duckdb", own(3)), ("postgres", TEACHER)]
as_each_scope = pytest.mark.parametrize(
    ("school", "scope"), SEEN, indirect=["school"], ids=[f"{engine}-{scope.rows}" for engine, scope in SEEN]
)


School = tuple[Warehouse, list[Row]]


@pytest.fixture(params=["duckdb", "postgres"])
def school(request: pytest.FixtureRequest) -> School:
    """Only read, so it is settled once an engine."""
    settled: School = request.getfixturevalue(f"on_{request.param}")
    return settled


@pytest.fixture(scope="module")
def on_duckdb() -> Iterator[School]:
    yield from settled_in(":memory:")


@pytest.fixture(scope="module")
def on_postgres(postgres_server: str) -> Iterator[School]:
    with psycopg.connect(postgres_server.format(database="postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE content")
    yield from settled_in(postgres_server.format(database="content"))


def settled_in(address: str) -> Iterator[School]:
    warehouse = open_warehouse(address, DELTAS)
    warehouse.migrate()
    yield warehouse, settle(warehouse)
    warehouse.close()


def of(rows: list[Row], *kinds: str, **having: Any) -> list[Row]:
    return [r for r in rows if r["event_type"] in kinds and all(r[n] == v for n, v in having.items())]


# ---- lessons --------------------------------------------------------------------------------------------


def funnel_by_hand(rows: list[Row], course: str) -> dict[str, dict[str, int]]:
    lessons = LESSONS[course]
    begun, over = defaultdict(set), defaultdict(set)
    last: dict[int, date] = {}
    through: set[int] = set()
    for row in [r for r in rows if r["course_id"] == course]:
        who = row["learner_id"]
        last[who] = max(last.get(who, row["day"]), row["day"])
        if row["event_type"] in ("lesson_start", "lesson_complete"):
            begun[who].add(lessons.index(row["lesson_id"]))
        if row["event_type"] == "lesson_complete":
            over[who].add(lessons.index(row["lesson_id"]))
        if row["event_type"] == "course_complete":
            through.add(who)
    through |= {who for who in over if len(lessons) - 1 in over[who]}
    found = {}
    for n, lesson in enumerate(lessons):
        here = [who for who in begun if max(begun[who]) == n and who not in through]
        found[lesson] = {
            "joined": len(last),
            "reached": sum(max(places) >= n for places in begun.values()),
            "started": sum(n in places for places in begun.values()),
            "finished": sum(n in places for places in over.values()),
            "left": sum(last[who] < quiet_day() for who in here),
            "under_way": sum(last[who] >= quiet_day() for who in here),
        }
    return found


@as_each_scope
def test_the_funnel_is_what_the_events_say(school: School, scope: Scope) -> None:
    engine, rows = school
    found = told(engine, "lesson_funnel", scope)
    rows = seen_by(rows, scope)
    courses = ["c1"] if scope.rows == "taught" else [*LESSONS]  # a teacher's own
    wanted = {c: funnel_by_hand(rows, c) for c in courses}
    assert [r["lesson_id"] for r in found] == [one for course in courses for one in LESSONS[course]]
    for row in found:
        expected = wanted[row["course_id"]][row["lesson_id"]]
        assert {n: row[n] for n in expected} == expected
        assert row["drop"] == (expected["left"] / expected["reached"] if expected["reached"] else None)


# ---- videos ---------------------------------------------------------------------------------------------


def seconds(row: Row) -> range:
    """The seconds of the film that a stretch covers."""
    if row["event_type"] == "video_seek":
        back = int(row["payload"].split(":")[1].rstrip("}"))
        return range(back, int(row["position_s"]))
    if row["position_s"] is None or row["position_s"] > LENGTH:
        return range(0)
    spent = 10 if row["duration_s"] is None else row["duration_s"]
    return range(max(0, int(row["position_s"] - spent)), int(row["position_s"]))


def curve_by_hand(rows: list[Row]) -> list[dict[str, Any]]:
    placed = of(rows, "video_progress", "video_complete", video_id="v1")
    inside = [r for r in placed if (r["position_s"] or 0) <= LENGTH]
    furthest: dict[int, float] = defaultdict(float)
    whole = {r["learner_id"] for r in inside if r["event_type"] == "video_complete"}
    for row in inside:
        furthest[row["learner_id"]] = max(furthest[row["learner_id"]], row["position_s"] or 0.0)
    whole |= {who for who, far in furthest.items() if far >= 0.9 * LENGTH}
    stretches = of(rows, "video_progress", video_id="v1")
    jumps = of(rows, "video_seek", video_id="v1")
    found = []
    for second in range(int(LENGTH)):
        times = Counter(r["learner_id"] for r in stretches if second in seconds(r))
        again = times + Counter(r["learner_id"] for r in jumps if second in seconds(r))
        reached = sum(who in whole or int(far) >= second for who, far in furthest.items())
        found.append(
            {
                "second": second,
                "viewers": len(times),
                "retention": reached / len(furthest) if furthest else None,
                "reached": reached,
                "left": sum(who not in whole and int(far) == second for who, far in furthest.items()),
                "views": times.total(),
                "rewatchers": sum(n > 1 for n in again.values()),
            }
        )
    return found


@as_each_scope
def test_the_curve_is_the_events_second_by_second(school: School, scope: Scope) -> None:
    engine, rows = school
    assert told(engine, "video_curve", scope, video_id="v1") == curve_by_hand(seen_by(rows, scope))


def test_a_video_is_summed_up_and_what_lies_past_its_end_is_counted_apart(school: School) -> None:
    engine, rows = school
    found = {row["video_id"]: row for row in told(engine, "videos")}
    curve = curve_by_hand(rows)
    film = found["v1"]
    placed = of(rows, "video_progress", "video_complete", video_id="v1")
    inside = [r for r in placed if (r["position_s"] or 0) <= LENGTH]
    people = {r["learner_id"] for r in inside}
    assert film["audience"] == len(people)
    assert film["completed"] == len(people) - sum(second["left"] for second in curve)
    assert film["completion"] == pytest.approx(film["completed"] / film["audience"])
    assert film["beyond"] == len(placed) - len(inside) > 0
    furthest = [max(r["position_s"] or 0.0 for r in inside if r["learner_id"] == who) for who in people]
    assert film["mean_watched"] == pytest.approx(sum(furthest) / len(people) / LENGTH)
    lost = found["lost"]  # in no list of videos: told all the same, by its id
    assert (lost["title"], lost["length_s"]) == ("lost", None)
    assert lost["audience"] == len({r["learner_id"] for r in of(rows, "video_progress", video_id="lost")})


def test_speeds_hold_within_a_visit_until_they_are_changed(engine: Warehouse) -> None:
    from datetime import timedelta

    from tests.builders import MONDAY, event, events

    def at(minute: int, kind: str, visit: int, **more: Any) -> Row:
        given = {"session_id": visit, "video_id": "v1", "course_id": "c1", "position_s": 10.0, **more}
        return event(kind, MONDAY + timedelta(minutes=minute), **given)

    engine.append(
        events(
            [
                at(0, "video_progress", 1, duration_s=10.0),
                at(1, "video_rate_change", 1, payload='{"rate":1.5}'),
                at(2, "video_progress", 1, duration_s=30.0),
                at(3, "video_progress", 2, duration_s=5.0),
                at(4, "video_play", 3, payload='{"rate":2}', learner_id=9),
                at(5, "video_progress", 3, duration_s=15.0, learner_id=9),
                at(6, "video_rate_change", 3, payload='{"rate":"fast"}', learner_id=9),
                at(7, "video_progress", 3, duration_s=None, learner_id=9),
            ]
        )
    )
    assert told(engine, "video_speeds", video_id="v1") == [
        {"rate": 1.0, "learners": 1, "watched_s": 15.0, "share": 0.25},
        {"rate": 1.5, "learners": 1, "watched_s": 30.0, "share": 0.5},
        {"rate": 2.0, "learners": 1, "watched_s": 15.0, "share": 0.25},
    ]


# ---- assessments and items ------------------------------------------------------------------------------


def newest(rows: list[Row], *keys: str) -> dict[tuple[Any, ...], Row]:
    return {tuple(r[k] for k in keys): r for r in sorted(rows, key=in_order)}


def first(rows: list[Row], *keys: str) -> dict[tuple[Any, ...], Row]:
    return {tuple(r[k] for k in keys): r for r in sorted(rows, key=in_order, reverse=True)}


@as_each_scope
def test_assessments_and_their_spread_are_the_newest_results(school: School, scope: Scope) -> None:
    engine, rows = school
    found = {row["assessment_id"]: row for row in told(engine, "assessments", scope)}
    rows = seen_by(rows, scope)
    for name in ("a1", "a2", "a3", "a9"):
        scored = of(rows, "quiz_submit", assessment_id=name)
        inside = [r for r in scored if 0 <= r["score"] <= 100]
        scores = [r["score"] for r in newest(inside, "learner_id").values()]
        if not scored and name == "a9":
            assert name not in found
            continue
        row = found[name]
        assert row["results"] == len(inside) and row["outside"] == len(scored) - len(inside)
        assert row["learners"] == len(scores)
        assert row["mean"] == (pytest.approx(statistics.fmean(scores)) if scores else None)
        assert row["median"] == (pytest.approx(statistics.median(scores)) if scores else None)
        assert row["pass_share"] == (
            pytest.approx(sum(s >= 60 for s in scores) / len(scores)) if scores else None
        )
        if len(scores) > 1:
            assert row["spread"] == pytest.approx(statistics.stdev(scores))
            quarters = statistics.quantiles(scores, n=4, method="inclusive")
            assert (row["low_quarter"], row["high_quarter"]) == pytest.approx((quarters[0], quarters[2]))
        if name not in ("a1", "a3"):  # with results, and without
            continue
        bins = told(engine, "score_bins", scope, assessment_id=name)
        wanted = Counter(min(9, int(s // 10)) for s in scores)
        every = Counter(min(9, int(r["score"] // 10)) for r in inside)
        assert [(b["learners"], b["results"]) for b in bins] == (
            [(wanted[n], every[n]) for n in range(10)] if inside else []
        )


def test_reliability_is_the_textbook_s(school: School) -> None:
    engine, rows = school
    found = {row["assessment_id"]: row["reliability"] for row in told(engine, "assessments")}
    answers = first([r for r in of(rows, "quiz_answer") if r["item_id"]], "learner_id", "item_id")
    for name in ("a1", "a2"):
        items = [i for i, a in ITEMS.items() if a == name]
        full = [who for who in range(1, 26) if all((who, i) in answers for i in items)]
        totals = [sum(answers[who, i]["correct"] for i in items) for who in full]
        shares = [sum(answers[who, i]["correct"] for who in full) / max(1, len(full)) for i in items]
        k, noise = len(items), sum(p * (1 - p) for p in shares)
        if len(full) < 10:
            assert found[name] is None
        else:
            assert found[name] == pytest.approx(k / (k - 1) * (1 - noise / statistics.pvariance(totals)))


@as_each_scope
def test_items_are_judged_by_first_answers(school: School, scope: Scope) -> None:
    engine, rows = school
    found = {row["item_id"]: row for row in told(engine, "items", scope)}
    answers = first(
        [r for r in of(seen_by(rows, scope), "quiz_answer") if r["item_id"]], "learner_id", "item_id"
    )
    for item in [*ITEMS, "taken-away"]:
        mine = {who: a["correct"] for (who, i), a in answers.items() if i == item}
        if item not in found:
            assert not mine and item == "taken-away"
            continue
        row = found[item]
        assert (row["answers"], row["correct"]) == (len(mine), sum(mine.values()))
        rest = {
            who: [a["correct"] for (w, i), a in answers.items() if w == who and i != item] for who in mine
        }
        known = [(float(mine[who]), sum(r) / len(r)) for who, r in rest.items() if r]
        if len(known) > 2 and len({x for x, _ in known}) > 1 and len({y for _, y in known}) > 1:
            fit = statistics.correlation([x for x, _ in known], [y for _, y in known])
            assert row["discrimination"] == pytest.approx(fit)
        else:
            assert row["discrimination"] is None
        wrong = Counter(a["choice"] for (w, i), a in answers.items() if i == item and rest[w])
        chose = wrong.total()
        del wrong[RIGHT]
        if wrong and item != "taken-away":
            assert row["worst_share"] == pytest.approx(max(wrong.values()) / chose)
    nobody = found["i9"]
    assert (nobody["answers"], nobody["difficulty"], nobody["verdict"]) == (0, None, "not enough answers")
    assert nobody["slope"] is None


def test_choices_add_up_to_their_item(school: School) -> None:
    engine, rows = school
    found = told(engine, "item_choices", item_id="i1")
    answers = first(of(rows, "quiz_answer", item_id="i1"), "learner_id")
    others = {r["learner_id"] for r in of(rows, "quiz_answer") if r["item_id"] and r["item_id"] != "i1"}
    wanted = Counter(a["choice"] for (who,), a in answers.items() if who in others)
    assert {row["choice"]: row["learners"] for row in found} == wanted
    assert sum(row["share"] for row in found) == pytest.approx(1)
    assert [row["choice"] for row in found if row["right"]] == [RIGHT]


def attempt(row: Row) -> int:
    return int(row["payload"].split(":")[1].rstrip("}")) if row["payload"] else 0


def test_the_last_answer_of_each_learner(school: School) -> None:
    engine, rows = school
    answers = [r for r in of(rows, "quiz_answer") if r["item_id"]]
    count = Counter((r["learner_id"], r["item_id"]) for r in answers)
    found = told(engine, "last_responses")
    assert len(found) == len(count)
    last: dict[tuple[int, str], Row] = {}
    for row in sorted(answers, key=in_order):
        key, tries = (row["learner_id"], row["item_id"]), attempt(row)
        before = attempt(last[key]) if key in last else 0
        if tries > before or (not tries and not before):
            last[key] = row
    for row in found:
        mine = last[row["learner_id"], row["item_id"]]
        tries = attempt(mine) or count[row["learner_id"], row["item_id"]]
        assert (row["correct"], row["choice"], row["attempts"]) == (mine["correct"], mine["choice"], tries)


def test_how_much_was_tried(school: School) -> None:
    engine, rows = school
    tried = {(r["learner_id"], r["item_id"]) for r in of(rows, "quiz_answer") if r["item_id"] in ITEMS}
    sizes = Counter({"a1": 3, "a2": 4, "l1": 7})  # the item that nobody answered counts
    wanted: Counter[tuple[int, str]] = Counter()
    for who, item in tried:
        wanted[who, ITEMS[item]] += 1
        wanted[who, "l1"] += 1
    found = told(engine, "engagement")
    assert {(r["learner_id"], r["id"]): r["tried"] for r in found} == wanted
    assert all(r["items"] == sizes[r["id"]] for r in found)
    assert all((r["state"] == "all") == (r["tried"] == r["items"]) for r in found)
    parts = {(who, name): n == sizes[name] for (who, name), n in wanted.items() if name != "l1"}
    for row in found:
        own = [parts[row["learner_id"], a] for a in ("a1", "a2") if (row["learner_id"], a) in parts]
        if row["level"] == "assessment":
            own = [parts[row["learner_id"], row["id"]]]
        assert (row["tried_all"], row["tried_some"]) == (own.count(True), own.count(False))


# ---- mastery --------------------------------------------------------------------------------------------


@as_each_scope
def test_mastery_is_traced_answer_by_answer(school: School, scope: Scope) -> None:
    engine, rows = school
    paths: dict[tuple[int, str], list[bool]] = defaultdict(list)
    answers = [r for r in of(seen_by(rows, scope), "quiz_answer") if SKILL_OF.get(r["item_id"])]
    for row in sorted(answers, key=in_order):
        paths[row["learner_id"], SKILL_OF[row["item_id"]] or ""].append(row["correct"])
    found = told(engine, "mastery", scope)
    assert {(r["learner_id"], r["skill_id"]) for r in found} == set(paths)
    for row in found:
        path = paths[row["learner_id"], row["skill_id"]]
        known = trace(USUAL, path)[-1]  # nothing was fitted yet
        assert row["mastery"] == pytest.approx(known)
        assert row["next_right"] == pytest.approx(known * 0.9 + (1 - known) * 0.2)
        assert (row["answers"], row["correct"]) == (len(path), sum(path))
        state = "unknown" if len(path) < 4 else "mastered" if known >= 0.95 else "learning"
        assert row["state"] == ("gap" if state == "learning" and known < 0.5 else state)


def test_gaps_lie_on_the_earliest_skill_that_is_not_mastered(school: School) -> None:
    engine, _ = school
    states = {(r["learner_id"], r["skill_id"]): r for r in told(engine, "mastery")}
    found = told(engine, "gaps")
    assert {(r["learner_id"], r["skill_id"]) for r in found} == {
        key for key, row in states.items() if row["state"] == "gap"
    }
    assert found, "the dice made no gap: choose another seed"
    for row in found:
        root = under = row["skill_id"]
        while under := SKILLS[under]:  # type: ignore[assignment]
            state = states.get((row["learner_id"], under), {"state": "unknown"})["state"]
            if state == "mastered":
                break
            if state != "unknown":
                root = under
        assert row["root_skill_id"] == root
        assert row["blocks"] == {"s1": 2, "s2": 1, "s3": 0}[row["skill_id"]]


def test_a_class_s_skills_add_its_learners_up(school: School) -> None:
    engine, _ = school
    each = told(engine, "mastery", TEACHER)
    for row in told(engine, "skill_gaps", TEACHER):
        mine = [r for r in each if r["skill_id"] == row["skill_id"]]
        judged = [r for r in mine if r["state"] != "unknown"]
        states = Counter(r["state"] for r in judged)
        assert (row["learners"], row["waiting"]) == (len(judged), len(mine) - len(judged))
        assert (row["mastered"], row["learning"], row["gaps"]) == (
            states["mastered"], states["learning"], states["gap"],
        )  # fmt: skip
        mean = statistics.fmean(r["mastery"] for r in judged) if judged else None
        assert row["mean_mastery"] == pytest.approx(mean)


def test_prerequisites_in_a_circle_end() -> None:
    from compute.content.mastery import beneath, blocking

    skills = {
        "a": {"requires_skill_id": "b"},
        "b": {"requires_skill_id": "a"},
        "c": {"requires_skill_id": "x"},
    }
    assert list(beneath("a", skills)) == ["b"]
    assert list(beneath("c", skills)) == ["x"]
    assert blocking(skills) == {"a": 1, "b": 1, "x": 1}


# ---- discussion -----------------------------------------------------------------------------------------


def test_threads_wait_until_somebody_else_replies(school: School) -> None:
    engine, rows = school
    posts = of(rows, "post_create", "post_reply")
    found = {row["thread_id"]: row for row in told(engine, "threads")}
    assert set(found) == {r["object_id"] for r in posts}
    for name, row in found.items():
        mine = [r for r in posts if r["object_id"] == name]
        opens = sorted((r for r in mine if r["event_type"] == "post_create"), key=lambda r: r["occurred_at"])
        opener = opens[0]["learner_id"] if opens else None
        others = [r for r in mine if r["event_type"] == "post_reply" and r["learner_id"] != opener]
        assert row["replies"] == sum(r["event_type"] == "post_reply" for r in mine)
        assert row["learners"] == len({r["learner_id"] for r in mine})
        assert row["unanswered"] == (not others)
        reply = min((r["occurred_at"] for r in others), default=None)
        wait = (reply - opens[0]["occurred_at"]).total_seconds() if opens and reply else None
        assert row["first_reply_s"] == (None if wait is None or wait < 0 else wait)
    waiting = [row["unanswered"] for row in told(engine, "threads")]
    assert waiting == sorted(waiting, reverse=True)


# ---- narrowing and refusing -----------------------------------------------------------------------------

NARROWED = [name for name, *_ in CONTENT if name != "mastery_model"]
NEEDS = {"video_curve": "v1", "video_stretches": "v1", "video_speeds": "v1"}


def rounded(rows: list[Row]) -> list[Row]:
    """Sums of floats differ in their last bits by the order an engine adds in."""
    return [{n: round(v, 9) if isinstance(v, float) else v for n, v in row.items()} for row in rows]


@pytest.mark.parametrize(
    ("school", "name"),
    [("duckdb", name) for name in NARROWED] + [("postgres", name) for name in ("lesson_funnel", "mastery")],
    indirect=["school"],
)
def test_a_class_is_its_members_in_its_course_and_an_empty_one_is_no_error(school: School, name: str) -> None:
    engine, _ = school
    more: dict[str, Any] = {"video_id": NEEDS[name]} if name in NEEDS else {}
    as_teacher = told(engine, name, TEACHER, class_id="k1", **more)
    as_head = told(engine, name, class_id="k1", course_id="c1", **more)
    assert rounded(as_teacher) == rounded(as_head)
    empty = told(engine, name, class_id="empty", **more)
    counted = {"learners", "audience", "answers", "reached", "joined", "viewers", "results"}
    assert all(not row[n] for row in empty for n in counted & row.keys())


@pytest.mark.parametrize("name", NARROWED)
def test_questions_refuse_what_they_cannot_mean(name: str) -> None:
    for wrong in (
        Ask(question=name, by=("week",)),
        Ask(question=name, where=(Where("region", "=", ("north",)),)),
        Ask(question=name, where=(Where("course_id", "!=", ("c1",)),)),
        Ask(question=name, options=(("fill", True),)),
    ):
        with pytest.raises(BadQuestion):
            question(name).plan(wrong, Tables(EVERYBODY))
    if name in NEEDS:
        with pytest.raises(BadQuestion, match="narrow it by video_id"):
            question(name).plan(Ask(question=name), Tables(EVERYBODY))


def test_rows_of_learners_are_refused_to_who_sees_no_rows() -> None:
    for name, _, _, _, rows, _ in CONTENT:
        if rows == "learners":
            with pytest.raises(BadQuestion, match="not single ones"):
                question(name).plan(Ask(question=name), Tables(Scope(1, "organisation", TODAY)))


def test_answer_keys_are_for_who_may_see_content() -> None:
    from config.roles import read_roles

    roles = read_roles()
    keyed = {question(name).action for name in ("items", "item_choices")}
    assert keyed == {"see-content"}
    holders = {role.name for role in roles.by_name.values() if "see-content" in role.actions}
    assert holders == {"teacher", "administrator", "data_scientist"}
    assert len(CLASS) == 6
