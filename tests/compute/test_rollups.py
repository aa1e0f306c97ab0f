"""Roll-ups, against a reading of the same events in plain Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from compute.rollups import contributions, merged, sessionise
from connectors.warehouse import Warehouse
from models.tables import EVENTS, LEARNER_DAY, LEARNER_NOW, ROLLUPS, SESSIONS, TABLE
from tests.builders import MONDAY, Row, event, event_id, events

# Plain Python's own list of what adds to what, written from PRODUCT.md and not from compute.
ADDS = {
    "lesson_start": ["lessons_started"],
    "lesson_complete": ["lessons_completed"],
    "video_play": ["videos_started"],
    "video_complete": ["videos_completed"],
    "quiz_start": ["assessments_started"],
    "assignment_start": ["assessments_started"],
    "post_create": ["posts"],
    "post_reply": ["replies"],
    "post_vote": ["votes"],
    "live_join": ["live_joins"],
    "course_enroll": ["enrolments"],
    "course_unenroll": ["unenrolments"],
    "course_complete": ["completions"],
    "page_view": ["page_views"],
    "search": ["searches"],
    "achievement_unlocked": ["achievements"],
    "order_paid": ["orders"],
    "order_refunded": ["refunds"],
    "subscription_started": ["subscriptions_started"],
    "subscription_renewed": ["subscriptions_renewed"],
    "subscription_cancelled": ["subscriptions_cancelled"],
    "recommendation_shown": ["recommendations_shown"],
    "recommendation_accepted": ["recommendations_accepted"],
    "quiz_answer": ["answers"],
}
SCORED = {"quiz_submit", "assignment_submit", "exercise_complete"}
LEARNED = SCORED | {"lesson_complete", "live_leave"}
PAID = {"order_paid", "subscription_started", "subscription_renewed"}
IN_VIDEO = {"video_play": "plays", "video_progress": "views", "video_seek": "seeks", "video_pause": "pauses"}
# What single learners' pages tell of, written from PRODUCT.md: events kept by learner, whole.
KEPT = (
    SCORED
    | {
        f"recommendation_{step}"
        for step in ("shown", "accepted", "modified", "rejected", "completed", "rated")
    }
    | {"quiz_answer", "lesson_complete", "live_join", "live_leave", "video_play", "video_seek", "search"}
    | {"post_create", "post_reply", "achievement_unlocked", "milestone_reached", "level_complete"}
    | {"course_complete"}
)
TYPES = sorted(ADDS.keys() | SCORED | LEARNED | PAID | IN_VIDEO.keys() | {"session_end"})


# Roll-ups of some types only: the types, key columns that are never null, and what is added up.
FINE: dict[str, tuple[set[str], dict[str, str], set[str]]] = {
    "learner_lesson_day": (
        {"lesson_start", "lesson_complete"},
        {"lesson_id": "lesson_id"},
        {"lessons_started", "lessons_completed"},
    ),
    "learner_video_day": (
        {*IN_VIDEO, "video_complete"},
        {"video_id": "video_id"},
        {*IN_VIDEO.values(), "videos_started", "videos_completed", "video_s"},
    ),
    "sale_day": (
        PAID | {"order_refunded", "subscription_cancelled"},
        {"product_id": "object_id"},
        {"orders", "refunds", "revenue_cents", "refunded_cents"}
        | {f"subscriptions_{what}" for what in ("started", "renewed", "cancelled")},
    ),
}


def placed_in(rows: Iterable[Row]) -> dict[str, int]:
    """What some events did at places of a video."""
    placed = [row for row in rows if row["video_id"] and row["position_s"] is not None]
    return {name: sum(row["event_type"] == kind for row in placed) for kind, name in IN_VIDEO.items()}


def added(rows: Iterable[Row]) -> dict[str, Any]:
    """What some events add, column by column."""
    total: dict[str, Any] = defaultdict(int)
    scores: list[float] = []
    for row in rows:
        kind, length, cents = row["event_type"], row["duration_s"] or 0, row["amount_cents"] or 0
        total["events"] += 1
        for name in ADDS.get(kind, []):
            total[name] += 1
        total["answers_correct"] += kind == "quiz_answer" and row["correct"] is True
        total["learning_s"] += length if kind in LEARNED else 0
        total["video_s"] += length if kind == "video_progress" else 0
        total["revenue_cents"] += cents if kind in PAID else 0
        total["refunded_cents"] += cents if kind == "order_refunded" else 0
        if kind in SCORED and row["score"] is not None:
            scores.append(row["score"])
    times = [row["occurred_at"] for row in rows]
    return dict(total) | {
        "scores": len(scores),
        "score_sum": sum(scores),
        "score_squares": sum(s * s for s in scores),
        "score_low": min(scores, default=None),
        "score_high": max(scores, default=None),
        "first_at": min(times),
        "last_at": max(times),
    }


def runs(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Sessions: each session id's events in order, cut where more than half an hour is silent."""
    by_session = defaultdict(list)
    for row in rows:
        by_session[row["organisation_id"], row["learner_id"], row["session_id"]].append(row)
    found = []
    for key, own in by_session.items():
        own.sort(key=lambda row: row["occurred_at"])
        run = [own[0]]
        for row in own[1:]:
            if row["occurred_at"] - run[-1]["occurred_at"] > timedelta(minutes=30):
                found.append((key, run))
                run = []
            run.append(row)
        found.append((key, run))
    return [
        {
            "organisation_id": organisation,
            "learner_id": learner,
            "session_id": session,
            "started_at": run[0]["occurred_at"],
            "ended_at": run[-1]["occurred_at"],
            "day": run[0]["day"],
            "events": len(run),
            "ended": any(row["event_type"] == "session_end" for row in run),
        }
        for (organisation, learner, session), run in found
    ]


def grouped(rows: Sequence[Row], *key: str) -> dict[tuple[Any, ...], list[Row]]:
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(row[k] or "" if k == "course_id" else row[k] for k in key)].append(row)
    return groups


def expected(name: str, rows: Sequence[Row]) -> dict[tuple[Any, ...], dict[str, Any]]:
    key = TABLE[name].key
    if name == "sessions":
        return {tuple(run[k] for k in key): run for run in runs(rows)}
    if name == "video_bucket_day":
        placed = [
            r for r in rows if r["event_type"] in IN_VIDEO and r["video_id"] and r["position_s"] is not None
        ]
        placed = [row | {"bucket": int(row["position_s"] // 10)} for row in placed]
        return {
            group: {n: sum(r["event_type"] == t for r in own) for t, n in IN_VIDEO.items()}
            for group, own in grouped(placed, *key).items()
        }
    if name in FINE:
        kinds, renamed, kept = FINE[name]
        some = [row | {to: row[of] or "" for to, of in renamed.items()} for row in rows]
        groups = grouped([row for row in some if row["event_type"] in kinds], *key)
        return {
            group: {n: v for n, v in (added(own) | placed_in(own)).items() if n in kept}
            for group, own in groups.items()
        }
    if name == "result":
        scored = [r for r in rows if r["event_type"] in SCORED and r["score"] is not None]
        about = ("lesson_id", "assessment_id", "skill_id", "score")
        return {
            tuple(r[k] for k in key): {n: r[n] for n in about} | {"course_id": r["course_id"] or ""}
            for r in scored
        }
    if name == "learner_event":
        columns = TABLE[name].names()
        return {tuple(r[k] for k in key): {n: r[n] for n in columns} for r in rows if r["event_type"] in KEPT}
    plain = {group: added(own) for group, own in grouped(rows, *key).items()}
    if name == "learner_now":
        for group, own in grouped(rows, *key).items():
            newest = max(
                own,
                key=lambda r: (
                    r["occurred_at"],
                    -1 if r["sequence"] is None else r["sequence"],
                    r["event_id"],
                ),
            )
            plain[group] = {k: plain[group][k] for k in plain[group].keys() & set(LEARNER_NOW.names())} | {
                "last_event_id": newest["event_id"],
                "last_type": newest["event_type"],
                "last_course_id": newest["course_id"] or "",
                "last_lesson_id": newest["lesson_id"] or "",
                "last_session_id": newest["session_id"],
            }
    if name == "learner_day":
        for run in runs(rows):
            day = plain[run["organisation_id"], run["learner_id"], run["day"]]
            day["sessions"] = day.get("sessions", 0) + 1
            length = int(run["ended_at"].timestamp()) - int(run["started_at"].timestamp())
            day["session_s"] = day.get("session_s", 0) + length
    return plain


def stored(engine: Warehouse, name: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The roll-up as a reader finds it: rows that share a key are merged while reading."""
    table = TABLE[name]
    rows = table.unbound if table is SESSIONS else merged(table, table.unbound)
    found = engine.fetch(rows.order_by(list(table.key))).to_pylist()
    return {tuple(row[k] for k in table.key): row for row in found}


def agrees(engine: Warehouse, rows: Sequence[Row]) -> None:
    for table in ROLLUPS:
        wanted, found = expected(table.name, rows), stored(engine, table.name)
        assert found.keys() == wanted.keys(), table.name
        for key, row in wanted.items():
            for name, value in row.items():
                close = pytest.approx(value, abs=1e-6 * len(rows)) if isinstance(value, float) else value
                assert found[key][name] == close, (table.name, key, name)
            silent = found[key].keys() - row.keys() - set(table.key)
            assert not any(found[key][n] for n in silent - {"last_sequence", "device_type"}), (key, silent)


def exact(engine: Warehouse) -> dict[str, list[dict[str, Any]]]:
    """Every roll-up, row by row, as it lies in its table."""
    return {t.name: engine.fetch(t.unbound.order_by(list(t.key))).to_pylist() for t in ROLLUPS}


maybe = st.none
# An example costs a database: what fails is told as it was found, not made smaller for minutes.
QUICK = (Phase.explicit, Phase.reuse, Phase.generate)
event_rows = st.builds(
    lambda kind, minutes, **given: event(kind, MONDAY + timedelta(minutes=minutes), **given),
    st.sampled_from(TYPES),
    # Near midnight of the school, and weeks apart over a month's end.
    st.one_of(st.integers(0, 200), st.integers(800, 960), st.sampled_from([-2880, 40000, 43200])),
    event_id=st.integers(1, 60).map(event_id),
    organisation_id=st.sampled_from([1, 1, 2]),
    learner_id=st.sampled_from([1, 2, -(2**63)]),
    session_id=st.sampled_from([1, 2]),
    sequence=st.one_of(maybe(), st.integers(0, 2)),
    course_id=st.sampled_from([None, "c1", "c2"]),
    lesson_id=st.sampled_from([None, "l1"]),
    video_id=st.sampled_from([None, "v1"]),
    assessment_id=st.sampled_from([None, "a1"]),
    skill_id=st.sampled_from([None, "s1"]),
    object_id=st.sampled_from([None, "p1", "p2"]),
    item_id=st.sampled_from([None, "i1"]),
    choice=st.sampled_from([None, "A", "B"]),
    payload=st.sampled_from([None, '{"to_s":5}']),
    device_type=st.sampled_from([None, "mobile"]),
    position_s=st.one_of(maybe(), st.floats(0, 50)),
    duration_s=st.one_of(maybe(), st.floats(0, 5000)),
    score=st.one_of(maybe(), st.floats(0, 100)),
    correct=st.sampled_from([None, True, False]),
    amount_cents=st.one_of(maybe(), st.integers(0, 10**9)),
)


@settings(
    max_examples=12, deadline=None, phases=QUICK, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    batches=st.lists(
        st.tuples(st.lists(event_rows, max_size=12), st.sampled_from(["", "fold", "compact"])), max_size=4
    )
)
def test_roll_ups_agree_with_plain_python_whatever_arrives_when(
    fresh_engine: Callable[[], Warehouse], batches: list[tuple[list[Row], str]]
) -> None:
    """Late, repeated, out of order; folded, compacted or not; and rebuilding changes not one bit."""
    engine = fresh_engine()
    kept: dict[tuple[Any, Any], Row] = {}
    for rows, then in batches:
        engine.append(events(rows))
        for row in rows:
            kept.setdefault((row["organisation_id"], row["event_id"]), row)
        if then:
            getattr(engine, then)()
    agrees(engine, list(kept.values()))
    engine.compact()
    incremental = exact(engine)
    engine.rebuild()
    assert exact(engine) == incremental
    agrees(engine, list(kept.values()))


def test_a_late_event_joins_two_sessions_into_one(engine: Warehouse) -> None:
    first, last = event(at=MONDAY), event(at=MONDAY + timedelta(minutes=50))
    engine.append(events([first, last]))
    assert [row["events"] for row in stored(engine, "sessions").values()] == [1, 1]
    engine.append(events([event(at=MONDAY + timedelta(minutes=25))]))
    (session,) = stored(engine, "sessions").values()
    assert (session["events"], session["ended_at"] - session["started_at"]) == (3, timedelta(minutes=50))
    (day,) = stored(engine, "learner_day").values()
    assert (day["sessions"], day["session_s"]) == (1, 3000.0)


def test_half_an_hour_of_silence_is_one_session_and_a_second_more_is_two(engine: Warehouse) -> None:
    engine.append(events([event(at=MONDAY), event(at=MONDAY + timedelta(minutes=30))]))
    engine.append(events([event(at=MONDAY + timedelta(minutes=60, seconds=1))]))
    assert [row["events"] for row in stored(engine, "sessions").values()] == [2, 1]


def test_a_session_over_midnight_belongs_to_the_day_it_began(engine: Warehouse) -> None:
    before_midnight = datetime.fromisoformat("2026-03-02T22:50:00+00:00")
    engine.append(events([event(at=before_midnight), event(at=before_midnight + timedelta(minutes=20))]))
    days = {key[2]: (row["events"], row["sessions"]) for key, row in stored(engine, "learner_day").items()}
    assert days == {date(2026, 3, 2): (1, 1), date(2026, 3, 3): (1, 0)}


def test_an_event_without_measured_values_adds_nothing_but_itself(engine: Warehouse) -> None:
    engine.append(events([event(kind) for kind in TYPES]))
    (day,) = stored(engine, "learner_day").values()
    floats = {c.name for c in LEARNER_DAY.columns if c.type == "float64"} - {"session_s"}
    assert {day[name] for name in floats} == {0.0, None}
    assert (day["events"], day["scores"], day["revenue_cents"]) == (len(TYPES), 0, 0)


def test_raw_events_give_the_sums_that_their_roll_up_gives(engine: Warehouse) -> None:
    engine.append(
        events([event("quiz_submit", score=s / 7, course_id=c) for s in range(40) for c in ("a", None)])
    )
    raw = contributions(EVENTS.unbound)
    for source in (raw, LEARNER_DAY.unbound, TABLE["course_day"].unbound):
        total = source.agg(n=source.scores.sum(), s=source.score_sum.sum(), q=source.score_squares.sum())
        assert (
            engine.fetch(total).to_pylist()
            == engine.fetch(
                raw.agg(n=raw.scores.sum(), s=raw.score_sum.sum(), q=raw.score_squares.sum())
            ).to_pylist()
        )
    assert engine.fetch(raw.course_id.nunique().name("n").as_table()).to_pylist() == [{"n": 2}]


def test_sessions_from_raw_events_are_those_of_the_roll_up(engine: Warehouse) -> None:
    engine.append(
        events([event(at=MONDAY + timedelta(minutes=17 * n * n), session_id=n % 2) for n in range(9)])
    )
    raw = sessionise(EVENTS.unbound)
    key = list(SESSIONS.key)
    assert (
        engine.fetch(raw.order_by(key)).to_pylist()
        == engine.fetch(SESSIONS.unbound.order_by(key)).to_pylist()
    )


def test_the_smallest_of_numbers_stop_no_batch(engine: Warehouse) -> None:
    """Postgres refuses a square of 1e-200 where others give 0."""
    tiny = [event(kind, score=1e-200, duration_s=5e-324, position_s=5e-324, video_id="v1") for kind in TYPES]
    engine.append(events(tiny))
    engine.compact()
    agrees(engine, tiny)
