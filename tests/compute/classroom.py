"""A small class of learners: its events at random, and every measure of it in plain Python.

Nothing here is taken from compute: it is the second opinion.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from connectors.warehouse import Warehouse
from tests.builders import MONDAY, dimension, event, events

Row = Mapping[str, Any]
Value = int | float | date | None

DAY = MONDAY.date()
LEARNERS = {
    1: {"region": "north", "country": "FI", "gender": "f", "sponsor_id": "acme", "acquired_by": "search"},
    2: {"region": "north", "country": "FI", "gender": "m", "sponsor_id": "acme", "segment": "steady"},
    3: {"region": "south", "country": "SE", "language": "sv", "grade_level": "7"},
    4: {"region": "south", "acquired_by": "referral", "segment": "late"},
}
COURSES = {
    "c1": {"title": "Algebra", "subject": "maths", "level": "first", "trainer_id": "t2"},
    "c2": {"title": "Drawing", "subject": "art"},
}
LESSONS = {"l1": "c1", "l2": "c1", "l3": "c2"}
PRODUCTS = {"p1": "t1", "p2": "t2", "p3": None}
COMMISSION = {"t1": 0.3, "t2": 0.25}
CLASSES = {"k1": "c1", "k2": "c1", "k3": "c2"}
# Two spans of one membership that overlap, a gap, an end, two classes of one course, an open end.
MEMBERS = (
    ("k1", 1, DAY - timedelta(days=9), DAY + timedelta(days=5)),
    ("k1", 1, DAY + timedelta(days=3), DAY + timedelta(days=9)),
    ("k1", 1, DAY + timedelta(days=20), None),
    ("k1", 2, DAY - timedelta(days=9), None),
    ("k2", 2, DAY - timedelta(days=9), None),
    ("k3", 3, DAY + timedelta(days=10), DAY + timedelta(days=20)),
)
HOLIDAY = DAY + timedelta(days=7)

KINDS = (
    "session_start",
    "session_end",
    "course_enroll",
    "course_unenroll",
    "course_complete",
    "lesson_start",
    "lesson_complete",
    "video_play",
    "video_pause",
    "video_seek",
    "video_progress",
    "video_complete",
    "quiz_start",
    "quiz_answer",
    "quiz_submit",
    "assignment_start",
    "assignment_submit",
    "exercise_complete",
    "post_create",
    "post_reply",
    "post_vote",
    "live_join",
    "live_leave",
    "page_view",
    "search",
    "achievement_unlocked",
    "order_paid",
    "order_refunded",
    "subscription_started",
    "subscription_renewed",
    "subscription_cancelled",
    "recommendation_shown",
    "recommendation_accepted",
)
SCORING = {"quiz_submit", "assignment_submit", "exercise_complete"}
LEARNING = {"lesson_complete", "quiz_submit", "exercise_complete", "assignment_submit", "live_leave"}
PAYING = {"order_paid", "subscription_started", "subscription_renewed"}
SELLING = PAYING | {"order_refunded", "subscription_cancelled"}
PLACED = {"video_play": "plays", "video_progress": "views", "video_seek": "seeks", "video_pause": "pauses"}

_SECONDS = st.none() | st.integers(0, 7200).map(lambda n: n / 4)
_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "event_type": st.sampled_from(KINDS),
    "at": st.integers(0, 60 * 24 * 35).map(lambda n: MONDAY + timedelta(minutes=n)),
    "learner_id": st.sampled_from([1, 2, 3, 4, 5, -(2**62)]),  # 5 and the last are in no learner table
    "session_id": st.integers(1, 4),
    "course_id": st.sampled_from([None, "c1", "c2", "c9"]),
    "lesson_id": st.sampled_from(["l1", "l2", "l3", "l9"]),
    "video_id": st.sampled_from([None, "v1", "v2"]),
    "assessment_id": st.sampled_from([None, "a1"]),
    "item_id": st.sampled_from(["i1", "i2"]),
    "skill_id": st.sampled_from([None, "s1"]),
    "object_id": st.sampled_from(["p1", "p2", "p3", "p9"]),
    "device_type": st.sampled_from([None, "mobile", "desktop"]),
    "os": st.sampled_from([None, "ios"]),
    "position_s": _SECONDS,
    "duration_s": _SECONDS,
    "score": st.none() | st.integers(0, 200).map(lambda n: n / 2),
    "correct": st.sampled_from([None, True, False]),
    "amount_cents": st.integers(0, 9999),
}


def classes(size: int = 40) -> st.SearchStrategy[list[dict[str, Any]]]:
    one = st.fixed_dictionaries(_FIELDS).map(lambda given: event(**given))
    return st.lists(one, min_size=1, max_size=size)


def settle(warehouse: Warehouse, organisation: int, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Store the class as an organisation of its own; returns its events as they were stored."""
    mine = [{**row, "organisation_id": organisation} for row in rows]
    own = {"organisation_id": organisation}
    tables: dict[str, list[dict[str, object]]] = {
        "learner": [{**own, "learner_id": n, **about} for n, about in LEARNERS.items()],
        "course": [{**own, "course_id": n, **about} for n, about in COURSES.items()],
        "lesson": [{**own, "lesson_id": n, "course_id": course} for n, course in LESSONS.items()],
        "product": [{**own, "product_id": n, "trainer_id": trainer} for n, trainer in PRODUCTS.items()],
        "trainer": [{**own, "trainer_id": n, "commission": share} for n, share in COMMISSION.items()],
        "class": [{**own, "class_id": n, "course_id": course} for n, course in CLASSES.items()],
        "class_member": [
            {**own, "class_id": k, "learner_id": n, "valid_from": a, "valid_until": b}
            for k, n, a, b in MEMBERS
        ],
        "school_day": [{**own, "day": HOLIDAY, "kind": "holiday"}],
    }
    for table, given in tables.items():
        warehouse.write(table, dimension(table, *given))
    warehouse.append(events(mine))
    return mine


# ---- dimensions -----------------------------------------------------------------------------------------


def value(row: Row, name: str) -> Any:
    day, course = row["day"], row.get("course_id")
    match name:
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return date(day.year, day.month, 1)
        case "quarter":
            return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
        case "year":
            return date(day.year, 1, 1)
        case "weekday":
            return day.isoweekday()
        case "day_kind":
            return "holiday" if day == HOLIDAY else None
        case "subject" | "level":
            return COURSES.get(course or "", {}).get(name)
        case "region" | "country" | "language" | "gender" | "grade_level" | "sponsor_id" | "segment":
            return LEARNERS.get(row["learner_id"], {}).get(name)
        case "acquired_by":
            return LEARNERS.get(row["learner_id"], {}).get(name)
        case "bucket":
            return int(row["position_s"] // 10)
        case "product_id":
            return product(row)
        case "trainer_id":
            return PRODUCTS.get(product(row) or "") or COURSES.get(course or "", {}).get("trainer_id")
    return row[name]


def product(row: Row) -> str | None:
    return row["object_id"] if row["event_type"] in SELLING else None


def classes_of(row: Row) -> set[str]:
    found = set()
    for name, learner, since, until in MEMBERS:
        then = since <= row["day"] and (until is None or row["day"] < until)
        there = "course_id" not in row or row["course_id"] == CLASSES[name]
        if learner == row["learner_id"] and then and there:
            found.add(name)
    return found


def keys(row: Row, by: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The cells a row belongs to: a learner in two classes is in two."""
    for name in sorted(classes_of(row)) or [None] if "class_id" in by else [None]:
        yield tuple(name if d == "class_id" else value(row, d) for d in by)


# ---- measures -------------------------------------------------------------------------------------------


def share(above: float, below: float) -> float | None:
    return above / below if below else None


def count(*kinds: str) -> Callable[[Sequence[Row]], int]:
    return lambda rows: sum(row["event_type"] in kinds for row in rows)


def learners(rows: Sequence[Row]) -> int:
    return len({row["learner_id"] for row in rows})


def summed(kinds: set[str] | str, column: str, rows: Sequence[Row]) -> float:
    return sum(row[column] or 0 for row in rows if row["event_type"] in kinds)


def scores(rows: Sequence[Row]) -> list[float]:
    return [r["score"] for r in rows if r["event_type"] in SCORING and r["score"] is not None]


def finished(rows: Sequence[Row]) -> float | None:
    pairs = defaultdict(set)
    for row in rows:
        pairs[row["learner_id"], row["course_id"]] |= (
            {row["lesson_id"]} if row["event_type"] == "lesson_complete" else set()
        )
    of_course = {course: {n for n, c in LESSONS.items() if c == course} for course in COURSES}
    done = sum(len(seen & of_course.get(course, set())) for (_, course), seen in pairs.items())
    return share(done, sum(len(of_course.get(course, set())) for _, course in pairs))


def completed(rows: Sequence[Row]) -> float | None:
    pairs = defaultdict(set)
    for row in rows:
        pairs[row["learner_id"], row["course_id"] or ""].add(row["event_type"])
    joined = [kinds for kinds in pairs.values() if "course_enroll" in kinds]
    return share(sum("course_complete" in kinds for kinds in joined), len(joined))


def earned(rows: Sequence[Row]) -> float:
    total = 0.0
    for row in rows:
        rate = COMMISSION.get(PRODUCTS.get(product(row) or "") or "", 0.0)
        sign = 1 if row["event_type"] in PAYING else -1 if row["event_type"] == "order_refunded" else 0
        total += sign * rate * row["amount_cents"] / 100
    return total


def paid(rows: Sequence[Row]) -> float:
    return summed(PAYING, "amount_cents", rows) / 100


def back(rows: Sequence[Row]) -> float:
    return summed({"order_refunded"}, "amount_cents", rows) / 100


def payers(rows: Sequence[Row]) -> int:
    return learners([r for r in rows if r["event_type"] in PAYING and r["amount_cents"] > 0])


def own_means(rows: Sequence[Row]) -> list[float]:
    each: dict[int, list[float]] = defaultdict(list)
    for r in rows:
        if r["event_type"] in SCORING and r["score"] is not None:
            each[r["learner_id"]].append(r["score"])
    return [math.fsum(mine) / len(mine) for mine in each.values()]


def struggling(rows: Sequence[Row]) -> int:
    each: dict[int, list[float]] = defaultdict(list)
    for r in rows:
        if r["event_type"] in SCORING and r["score"] is not None:
            each[r["learner_id"]].append(r["score"])
    return sum(len(mine) >= 3 and math.fsum(mine) / len(mine) < 60 for mine in each.values())


def skills(holds: Callable[[Fraction], bool]) -> Callable[[Sequence[Row]], int]:
    def counted(rows: Sequence[Row]) -> int:
        each: dict[tuple[int, str], list[bool]] = defaultdict(list)
        for r in rows:
            if r["event_type"] == "quiz_answer" and r["skill_id"] is not None:
                each[r["learner_id"], r["skill_id"]].append(r["correct"] is True)
        return sum(len(some) >= 5 and holds(Fraction(sum(some), len(some))) for some in each.values())

    return counted


def work(rows: Sequence[Row]) -> int:
    return count("lesson_complete")(rows) + len(scores(rows))


def days(rows: Sequence[Row]) -> int:
    return len({(r["learner_id"], r["day"]) for r in rows})


def who(*kinds: str) -> Callable[[Sequence[Row]], int]:
    return lambda rows: len({r["learner_id"] for r in rows if r["event_type"] in kinds})


OF_EVENTS: dict[str, Callable[[Sequence[Row]], Value]] = {
    "active_learners": learners,
    "active_days": lambda e: len({(r["learner_id"], r["day"]) for r in e}),
    "active_days_per_learner": lambda e: share(len({(r["learner_id"], r["day"]) for r in e}), learners(e)),
    "first_active": lambda e: min((r["day"] for r in e), default=None),
    "last_active": lambda e: max((r["day"] for r in e), default=None),
    "events": len,
    "events_per_learner": lambda e: share(len(e), learners(e)),
    "page_views": count("page_view"),
    "searches": count("search"),
    "posts": count("post_create"),
    "replies": count("post_reply"),
    "votes": count("post_vote"),
    "live_joins": count("live_join"),
    "achievements": count("achievement_unlocked"),
    "recommendations_shown": count("recommendation_shown"),
    "recommendations_accepted": count("recommendation_accepted"),
    "recommendation_acceptance": lambda e: share(
        count("recommendation_accepted")(e), count("recommendation_shown")(e)
    ),
    "lessons_started": count("lesson_start"),
    "lessons_completed": count("lesson_complete"),
    "lesson_completion": lambda e: share(count("lesson_complete")(e), count("lesson_start")(e)),
    "lessons_per_learner": lambda e: share(count("lesson_complete")(e), learners(e)),
    "learning_minutes": lambda e: summed(LEARNING, "duration_s", e) / 60,
    "learning_minutes_per_learner": lambda e: share(summed(LEARNING, "duration_s", e) / 60, learners(e)),
    "enrolments": count("course_enroll"),
    "unenrolments": count("course_unenroll"),
    "completions": count("course_complete"),
    "completion_share": completed,
    "unenrolment_share": lambda e: share(count("course_unenroll")(e), count("course_enroll")(e)),
    "course_progress": finished,
    "assessments_started": count("quiz_start", "assignment_start"),
    "scores": lambda e: len(scores(e)),
    "mean_score": lambda e: share(math.fsum(scores(e)), len(scores(e))),
    "score_spread": lambda e: statistics.stdev(scores(e)) if len(scores(e)) > 1 else None,
    "lowest_score": lambda e: min(scores(e), default=None),
    "highest_score": lambda e: max(scores(e), default=None),
    "median_score": lambda e: statistics.median(scores(e)) if scores(e) else None,
    "pass_share": lambda e: share(sum(s >= 60 for s in scores(e)), len(scores(e))),
    "answers": count("quiz_answer"),
    "answers_correct": lambda e: sum(r["event_type"] == "quiz_answer" and r["correct"] is True for r in e),
    "accuracy": lambda e: share(
        sum(r["event_type"] == "quiz_answer" and r["correct"] is True for r in e), count("quiz_answer")(e)
    ),
    "videos_started": count("video_play"),
    "videos_completed": count("video_complete"),
    "video_completion": lambda e: share(count("video_complete")(e), count("video_play")(e)),
    "video_minutes": lambda e: summed("video_progress", "duration_s", e) / 60,
    "video_minutes_per_learner": lambda e: share(summed("video_progress", "duration_s", e) / 60, learners(e)),
    "activities": work,
    "activities_per_day": lambda e: share(work(e), days(e)),
    "minutes_per_day": lambda e: share(summed(LEARNING, "duration_s", e) / 60, days(e)),
    "finishing_learners": who("lesson_complete"),
    "finishing_share": lambda e: share(who("lesson_complete")(e), learners(e)),
    "contributors": who("post_create", "post_reply"),
    "guided_learners": who("recommendation_accepted"),
    "rewarded_learners": who("achievement_unlocked"),
    "struggling_learners": struggling,
    "strong_skills": skills(lambda share: share >= Fraction(4, 5)),
    "weak_skills": skills(lambda share: share < Fraction(3, 5)),
    "scored_learners": lambda e: len(own_means(e)),
    "typical_score": lambda e: share(math.fsum(own_means(e)), len(own_means(e))),
    "low_scoring_share": lambda e: share(sum(m < 60 for m in own_means(e)), len(own_means(e))),
    "revenue": paid,
    "refunded": back,
    "net_revenue": lambda e: paid(e) - back(e),
    "average_payment": lambda e: share(paid(e), count(*PAYING)(e)),
    "revenue_per_payer": lambda e: share(paid(e), payers(e)),
    "commission": earned,
    "payers": payers,
    "refund_share": lambda e: share(back(e), paid(e)),
    "orders": count("order_paid"),
    "refunds": count("order_refunded"),
    "subscriptions_started": count("subscription_started"),
    "subscriptions_renewed": count("subscription_renewed"),
    "subscriptions_cancelled": count("subscription_cancelled"),
    "cancellation_share": lambda e: share(
        count("subscription_cancelled")(e), count("subscription_started", "subscription_renewed")(e)
    ),
}


def viewers(rows: Sequence[Row]) -> int:
    return learners([r for r in rows if r["event_type"] == "video_progress"])


OF_PLACES: dict[str, Callable[[Sequence[Row]], Value]] = {
    "video_plays": count("video_play"),
    "video_views": count("video_progress"),
    "video_seeks": count("video_seek"),
    "video_pauses": count("video_pause"),
    "video_stops": lambda e: share(count("video_pause")(e), count("video_progress")(e)),
    "video_viewers": viewers,
    "views_per_viewer": lambda e: share(count("video_progress")(e), viewers(e)),
}
OF_SESSIONS: dict[str, Callable[[Sequence[Row]], Value]] = {
    "sessions": len,
    "session_minutes": lambda s: sum(r["seconds"] for r in s) / 60,
    "session_length": lambda s: share(sum(r["seconds"] for r in s) / 60, len(s)),
    "sessions_per_learner": lambda s: share(len(s), learners(s)),
}
PLAIN = OF_EVENTS | OF_PLACES | OF_SESSIONS


def places(rows: Sequence[Row]) -> list[Row]:
    return [r for r in rows if r["event_type"] in PLACED and r["video_id"] and r["position_s"] is not None]


def sessions(rows: Sequence[Row]) -> list[Row]:
    """Runs of one learner's session id without a pause of over half an hour."""
    runs: list[list[Row]] = []
    order = sorted(rows, key=lambda r: (r["learner_id"], r["session_id"], r["occurred_at"]))
    for row in order:
        last = runs[-1][-1] if runs else None
        same = last and (last["learner_id"], last["session_id"]) == (row["learner_id"], row["session_id"])
        if last and same and row["occurred_at"] - last["occurred_at"] <= timedelta(minutes=30):
            runs[-1].append(row)
        else:
            runs.append([row])
    return [_session(run) for run in runs]


def _session(run: Sequence[Row]) -> Row:
    began: datetime = run[0]["occurred_at"]
    return {
        "learner_id": run[0]["learner_id"],
        "day": run[0]["day"],
        "seconds": (run[-1]["occurred_at"] - began).total_seconds(),
        "device_type": min((r["device_type"] for r in run if r["device_type"]), default=None),
    }


def population(measure: str, rows: Sequence[Row]) -> Sequence[Row]:
    if measure in OF_SESSIONS:
        return sessions(rows)
    return places(rows) if measure in OF_PLACES else rows


def answer(rows: Sequence[Row], measure: str, by: Sequence[str]) -> dict[tuple[Any, ...], Value]:
    """Each cell's number. A cell in which nothing happened is no cell, unless it is the total."""
    cells: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    if not by:
        cells[()] = []
    for row in population(measure, rows):
        for key in keys(row, by):
            cells[key].append(row)
    return {key: PLAIN[measure](cell) for key, cell in cells.items()}
