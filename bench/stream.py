"""What the live stream costs: folding batches into the states, and telling listeners of them."""

from __future__ import annotations

import argparse
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

from app.live import messages
from app.live.minutes import Minutes, minute_of
from app.live.reach import Reach
from app.live.recent import COLUMNS, Recent
from app.live.states import States
from bench.report import Report, peak_mib, report, show
from compute import now
from models.scope import Scope
from models.tables import EVENTS

_START = datetime(2026, 3, 2, 9, tzinfo=UTC)
_TYPES = ("page_view", "video_progress", "quiz_answer", "lesson_start", "lesson_complete", "quiz_submit")
_SHARES = (0.25, 0.35, 0.2, 0.08, 0.07, 0.05)
_COURSES = 40


def batch(events: int, learners: int, second: int, rng: np.random.Generator) -> pa.Table:
    """A second of school: learners in two courses each, one visit each."""
    who = rng.integers(0, learners, events)
    at = _START + timedelta(seconds=second)
    kinds = rng.choice(_TYPES, events, p=_SHARES)
    course = (who + rng.integers(0, 2, events)) % _COURSES
    given = {
        "organisation_id": pa.array(np.ones(events, np.int32)),
        "event_id": pa.array([str(uuid.UUID(int=i)) for i in rng.integers(0, 2**62, events).tolist()]),
        "event_type": pa.array(kinds),
        "occurred_at": pa.array([at] * events, pa.timestamp("us", "UTC")),
        "day": pa.array([at.date()] * events),
        "learner_id": pa.array(who),
        "session_id": pa.array(who + 1),
        "course_id": pa.array([f"c{n}" for n in course]),
        "duration_s": pa.array(rng.integers(1, 300, events).astype(float)),
        "score": pa.array(rng.integers(0, 100, events).astype(float)),
    }
    types = EVENTS.schema.to_pyarrow()
    columns = {
        name: given[name]
        if name in given
        else pa.nulls(events, pa.string() if name == "event_id" else types.field(name).type)
        for name in COLUMNS
    }
    return pa.table(columns)


def measured(events: int, learners: int, seconds: int, listeners: int) -> Report:
    rng = np.random.default_rng(1)
    batches = [batch(events, learners, second, rng) for second in range(seconds)]
    states, minutes, recent = States(), Minutes(), Recent(0)
    minute = minute_of(batches[0])[0].as_py()
    everybody = [batch(learners, learners, 0, rng) for _ in range(5)]
    first_s = _folded(everybody, states, minutes, recent, minute)  # as at a start of the day
    later_s = _folded(batches, states, minutes, recent, minute)
    reaches = [_teacher(n, learners) for n in range(listeners)]
    began = time.process_time()
    for reach in reaches:
        rows = reach.rows(pa.concat_tables([batches[-1]]))
        messages.text_of(messages.change(1, rows, None, None))
    listen_s = time.process_time() - began
    floor = _grouped(batches)
    figures = {
        "fold_us_per_event": later_s / (events * seconds) * 1e6,
        "first_us_per_event": first_s / (5 * learners) * 1e6,
        "share_of_a_core": later_s / seconds,
        "listener_ms_per_s": listen_s / listeners * 1000,
        "ring_mib": recent.bytes / 2**20,
        "peak_mib": peak_mib(),
    }
    notes = (f"{events:,} events a second of {learners:,} learners for {seconds} s; {listeners} teachers.",)
    return report("stream", figures, {"group_us_per_event": floor / (events * seconds) * 1e6}, notes)


def _folded(
    batches: Sequence[pa.Table], states: States, minutes: Minutes, recent: Recent, minute: int
) -> float:
    began = time.process_time()
    for number, table in enumerate(batches, 1):
        states.fold(now.changes(table), now.scored(table))
        states.make_room()
        minutes.add(table, minute)
        recent.add(number, _START, table)
    return time.process_time() - began


def _grouped(batches: Sequence[pa.Table]) -> float:
    """The floor: one bare group-by over the keys, of the same batches."""
    began = time.process_time()
    for table in batches:
        table.group_by(["organisation_id", "learner_id", "course_id", "day", "session_id"]).aggregate(
            [("occurred_at", "min"), ("occurred_at", "max")]
        )
    return time.process_time() - began


def _teacher(number: int, learners: int) -> Reach:
    scope = Scope(1, "taught", date(2026, 3, 2), classes=("k",), sees_rows=True)
    mine = range(number * 30 % learners, min(number * 30 % learners + 30, learners))
    return Reach(scope, (), (), None, frozenset((learner, f"c{learner % _COURSES}") for learner in mine))


def main(options: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./headway bench stream", description=__doc__)
    parser.add_argument("--events", type=int, default=10_000, help="a second")
    parser.add_argument("--learners", type=int, default=20_000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--listeners", type=int, default=50)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(options)
    found = measured(given.events, given.learners, given.seconds, given.listeners)
    print(show(found, given.json))
    return 0
