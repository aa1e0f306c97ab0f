"""What Elm School has besides: two films, questions with titles, and a forum. All in the course c1."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.warehouse import Warehouse
from tests.builders import dimension, event
from tests.pages.elm import TODAY, Row

LENGTH = 300
HOSTILE = '<img src=x onerror="alert(1)">{{7*7}}'
FILMS = {"film": HOSTILE, "calm": "Proofs", "unseen": "Nobody's film"}
QUIZZES = ("a1", "a2", "a3", "a4")
ITEMS = {f"{quiz}-{n}": f"Question {quiz} {n}" for quiz in QUIZZES for n in range(4)} | {
    "a1-0": f"Which? {HOSTILE}",
    "chosen": "What is chosen?",
    "nobody": "Asked of nobody",
}
RIGHT = "A"
# How far each came, in seconds: of twelve who came to 1:40, eight go within four seconds.
STOPS = {"S1": 40, "S10": 210, "S11": 250} | {f"S{n}": 100 + n % 4 for n in range(2, 10)}
WHOLE = ("S12", "S14")
PLACE = (100, 105)
CHOICES = {"S1": "A", "S2": "A", "S3": "B", "S4": "B", "S5": "B", "S6": "C", "S7": "A", "S8": HOSTILE}
THREAD = f"answered {HOSTILE}"


def furnish(warehouse: Warehouse, organisation: int, learners: Mapping[str, int]) -> list[Row]:
    own = {"organisation_id": organisation, "course_id": "c1"}
    films = [{**own, "video_id": v, "title": t, "length_s": float(LENGTH)} for v, t in FILMS.items()]
    items = [
        {**own, "item_id": i, "assessment_id": i[:2] if i[2:3] == "-" else "a4", "title": t, "position": n}
        | {"right_choice": RIGHT if i == "chosen" else None}
        for n, (i, t) in enumerate(ITEMS.items(), 1)
    ]
    warehouse.write("video", dimension("video", *films))
    warehouse.write("item", dimension("item", *items))
    rows: list[Row] = []

    def add(kind: str, student: str, days_ago: int, **given: Any) -> None:
        day = TODAY - timedelta(days=days_ago)
        at = datetime(day.year, day.month, day.day, 9, len(rows) % 60, tzinfo=UTC)
        rows.append(event(kind, at, **{**own, "learner_id": learners[student], **given}))

    for student, stop in STOPS.items():
        add("video_progress", student, 10, video_id="film", position_s=float(stop), duration_s=20.0)
    for student in WHOLE:
        add("video_complete", student, 9, video_id="film", position_s=float(LENGTH))
    add("video_progress", "S1", 8, video_id="film", position_s=LENGTH + 90.0, duration_s=5.0)  # past its end
    for student in ("S2", "S3", "S4"):
        add("video_complete", student, 7, video_id="calm", position_s=float(LENGTH))
    for student, choice in CHOICES.items():
        right = choice == RIGHT
        add("quiz_answer", student, 6, assessment_id="a4", item_id="chosen", choice=choice, correct=right)
    for n in range(8):  # whoever else lacks something: S3 surely does
        add(
            "quiz_answer", "S3", 2, assessment_id="a1", item_id=f"a1-{n % 4}", skill_id="lines", correct=False
        )
    add("quiz_submit", "S1", 5, assessment_id="a1", score=640.0)
    add("post_create", "S1", 20, object_id=THREAD)
    add("post_reply", "S2", 17, object_id=THREAD)
    add("post_create", "S3", 14, object_id="nobody-replied")
    add("post_create", "S4", 12, object_id="talks-to-herself")
    add("post_reply", "S4", 11, object_id="talks-to-herself")
    return rows


def of(rows: list[Row], *kinds: str, **having: Any) -> list[Row]:
    return [r for r in rows if r["event_type"] in kinds and all(r[n] == v for n, v in having.items())]


def in_order(row: Row) -> tuple[Any, ...]:
    return (row["occurred_at"], row["sequence"] or -1, row["event_id"])
