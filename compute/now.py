"""Where a learner stands at this moment: what the facts are, how they grow, what they say.

Facts are small and merge in any order, so late events, other courses and a restart change nothing:
`changes` turns a batch into facts column by column, `merged` adds facts up, `standing` reads them.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, timedelta
from typing import Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from compute.rollups import GRID, LEARNING, SCORING
from compute.streaks import streak
from models.tables import IDLE_S

Momentum = Literal["high", "medium", "low", "stalled"]

WEEK_DAYS = 7  # today and the six days before
SCORES = 5  # so many of the newest scores are recent ones
SCORE_DAYS = 14  # and not older than this
HISTORY_DAYS = 400  # as far back as a streak is looked for
VISIT_DAYS = 2  # visits that ended longer ago cannot be the open one
MOST_VISITS = 32
FEWEST_SCORES = 3
LOW_SCORE, HIGH_SCORE = 60.0, 80.0
ACTIVITIES = ("lesson_complete", *SCORING)  # a finished piece of work
_IDLE = IDLE_S * 1_000_000
_DAY = 86_400_000_000
_LARGEST = 1e9
_BITS = (1 << HISTORY_DAYS) - 1
_EPOCH = date(1970, 1, 1).toordinal()


class Score(NamedTuple):
    """Ordered as they happened."""

    at: int  # microseconds since 1970
    sequence: int
    event_id: str
    score: float


class Visit(NamedTuple):
    """A run of one session id's events with no gap over IDLE_S; times in microseconds."""

    ended_at: int
    started_at: int
    session_id: int
    closed: bool  # a session_end was seen


@dataclass(frozen=True, slots=True)
class Day:
    lessons: int = 0
    exercises: int = 0
    activities: int = 0
    scores: int = 0
    high_scores: int = 0
    achievements: int = 0
    milestones: int = 0
    levels: int = 0
    learning_s: float = 0.0
    score_sum: float = 0.0


COUNTS = tuple(f.name for f in fields(Day) if f.type == "int")
SUMS = tuple(f.name for f in fields(Day) if f.type == "float")


@dataclass(frozen=True, slots=True)
class Active:
    """The days with any event, as bits back from the newest one. Days are numbered from 1970."""

    newest: int = 0
    bits: int = 0

    def on(self, day: int) -> Active:
        ahead = day - self.newest
        if not self.bits or ahead >= HISTORY_DAYS:
            return Active(day, 1)
        if ahead > 0:
            return Active(day, (self.bits << ahead | 1) & _BITS)
        return Active(self.newest, self.bits | 1 << -ahead) if -ahead < HISTORY_DAYS else self

    def days(self) -> list[date]:
        offsets = (i for i in range(self.bits.bit_length()) if self.bits >> i & 1)
        return [date.fromordinal(_EPOCH + self.newest - i) for i in offsets]

    def both(self, other: Active) -> Active:
        if not (self.bits and other.bits):
            return self if self.bits else other
        newer, older = (self, other) if self.newest >= other.newest else (other, self)
        back = newer.newest - older.newest
        return Active(newer.newest, (newer.bits | older.bits << back) & _BITS)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is remembered of a learner, whole or in one course."""

    days: Mapping[int, Day] = field(default_factory=dict)
    active: Active = Active()
    scores: tuple[Score, ...] = ()
    visits: tuple[Visit, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """P5.2 for one learner on one day. A visit is open until `open_until`, if nothing more comes."""

    last_active: date | None
    session_started_at: datetime | None
    session_last_at: datetime | None
    open_until: datetime | None  # None: the session was ended
    lessons_today: int
    exercises_today: int
    minutes_today: float
    high_scores_today: int
    activities_week: int
    mean_score_week: float | None
    active_days_week: int
    achievements_week: int
    milestones_week: int
    levels_week: int
    streak: int
    momentum: Momentum
    recent_scores: tuple[float, ...]  # newest first
    struggling: bool


def number_of(day: date) -> int:
    return day.toordinal() - _EPOCH


# ---- how facts grow --------------------------------------------------------------------------------------


def newest_scores(scores: Iterable[Score]) -> tuple[Score, ...]:
    return tuple(heapq.nlargest(SCORES, scores))


def joined(visits: Iterable[Visit]) -> tuple[Visit, ...]:
    """Pieces of visits as whole ones, those that matter, the newest first."""
    pieces = sorted(visits, key=lambda v: (v.session_id, v.started_at))
    runs: list[Visit] = []
    for piece in pieces:
        last = runs[-1] if runs else None
        if last and last.session_id == piece.session_id and piece.started_at <= last.ended_at + _IDLE:
            ended_at = max(last.ended_at, piece.ended_at)
            runs[-1] = Visit(ended_at, last.started_at, last.session_id, last.closed or piece.closed)
        else:
            runs.append(piece)
    runs.sort(reverse=True)
    border = runs[0].ended_at - VISIT_DAYS * _DAY if runs else 0
    return tuple(v for v in runs[:MOST_VISITS] if v.ended_at > border)


def merged(facts: Sequence[Facts]) -> Facts:
    if len(facts) == 1:
        return facts[0]
    days: dict[int, Day] = {}
    active = Active()
    for each in facts:
        active = active.both(each.active)
        for number, day in each.days.items():
            days[number] = _added(days[number], day) if number in days else day
    return Facts(
        days,
        active,
        newest_scores(score for each in facts for score in each.scores),
        joined(visit for each in facts for visit in each.visits),
    )


def _added(one: Day, other: Day) -> Day:
    return Day(
        one.lessons + other.lessons,
        one.exercises + other.exercises,
        one.activities + other.activities,
        one.scores + other.scores,
        one.high_scores + other.high_scores,
        one.achievements + other.achievements,
        one.milestones + other.milestones,
        one.levels + other.levels,
        one.learning_s + other.learning_s,
        one.score_sum + other.score_sum,
    )


# ---- what facts say --------------------------------------------------------------------------------------


def standing(of: Facts, today: date, free: Collection[date]) -> Standing:
    """`free`: weekends and holidays. What bears a later day than `today` does not count yet."""
    now = number_of(today)
    week = [day for number, day in of.days.items() if now - WEEK_DAYS < number <= now]
    scores = sum(day.scores for day in week)
    active = [day for day in of.active.days() if 0 <= (today - day).days < HISTORY_DAYS]
    last = active[0] if active else None
    today_ = of.days.get(now, Day())
    visit = _last_visit(of.visits, now)
    recent = recent_scores(of.scores, today)
    return Standing(
        last_active=last,
        session_started_at=_moment(visit.started_at) if visit else None,
        session_last_at=_moment(visit.ended_at) if visit else None,
        open_until=_moment(visit.ended_at + _IDLE) if visit and not visit.closed else None,
        lessons_today=today_.lessons,
        exercises_today=today_.exercises,
        minutes_today=today_.learning_s / 60,
        high_scores_today=today_.high_scores,
        activities_week=sum(day.activities for day in week),
        mean_score_week=sum(day.score_sum for day in week) / scores if scores else None,
        active_days_week=sum((today - day).days < WEEK_DAYS for day in active),
        achievements_week=sum(day.achievements for day in week),
        milestones_week=sum(day.milestones for day in week),
        levels_week=sum(day.levels for day in week),
        streak=streak(active, free, today).current,
        momentum=_momentum(last, today, today_.lessons),
        recent_scores=recent,
        struggling=struggling(recent),
    )


def _last_visit(visits: Sequence[Visit], now: int) -> Visit | None:
    return visits[0] if visits and visits[0].ended_at >= (now - VISIT_DAYS) * _DAY else None


def recent_scores(scores: Iterable[Score], today: date) -> tuple[float, ...]:
    """By the UTC day, which no school's zone can be needed for: two weeks are not that exact."""
    since = (number_of(today) - SCORE_DAYS) * _DAY
    return tuple(score.score for score in scores if score.at >= since)


def struggling(recent: Sequence[float]) -> bool:
    return len(recent) >= FEWEST_SCORES and all(score < LOW_SCORE for score in recent)


def _momentum(last: date | None, today: date, lessons_today: int) -> Momentum:
    days = None if last is None else (today - last).days
    if days == 0 and lessons_today:
        return "high"
    if days is not None and days <= 1:
        return "medium"
    return "low" if days is not None and days <= 3 else "stalled"


def _moment(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


# ---- a batch as facts ------------------------------------------------------------------------------------

_WHO = ("organisation_id", "learner_id", "course_id")


def changes(batch: pa.Table) -> pa.Table:
    """What a batch adds, column by column: one row for each learner, course, day and piece of a visit.
    Pieces are cut at half hours, so that none can have a gap in it."""
    kind, score = batch["event_type"], _scores(batch)
    scored = pc.is_valid(score)
    at = batch["occurred_at"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    values = {
        "lessons": pc.equal(kind, "lesson_complete"),
        "exercises": pc.equal(kind, "exercise_complete"),
        "activities": _among(kind, ACTIVITIES),
        "scores": scored,
        "high_scores": pc.fill_null(pc.greater_equal(score, HIGH_SCORE), False),
        "achievements": pc.equal(kind, "achievement_unlocked"),
        "milestones": pc.equal(kind, "milestone_reached"),
        "levels": pc.equal(kind, "level_complete"),
        "learning_s": pc.if_else(_among(kind, LEARNING), _on_grid(batch["duration_s"]), 0.0),
        "score_sum": _on_grid(score),
        "closed": pc.equal(kind, "session_end"),
    }
    keys = {
        "organisation_id": batch["organisation_id"],
        "learner_id": batch["learner_id"],
        "course_id": pc.fill_null(batch["course_id"].cast(pa.string()), ""),
        "day": batch["day"].cast(pa.int32()),
        "session_id": batch["session_id"],
        "piece": pc.divide(at, _IDLE),
    }
    sums = [(name, "sum") for name in (*COUNTS, *SUMS)]
    table = pa.table({**keys, **values, "started_at": at, "ended_at": at})
    found = table.group_by(list(keys), use_threads=False).aggregate(
        [*sums, ("closed", "max"), ("started_at", "min"), ("ended_at", "max")]
    )
    names = {f"{name}_{how}": name for name, how in sums}
    names |= {"closed_max": "closed", "started_at_min": "started_at", "ended_at_max": "ended_at"}
    return found.rename_columns([names.get(name, name) for name in found.column_names]).drop_columns("piece")


def scored(batch: pa.Table) -> pa.Table:
    """The batch's scores: who, in which course, and the fields of Score."""
    score = _scores(batch)
    rows = batch.append_column("_score", score).filter(pc.is_valid(score))
    return pa.table(
        {
            "organisation_id": rows["organisation_id"],
            "learner_id": rows["learner_id"],
            "course_id": pc.fill_null(rows["course_id"].cast(pa.string()), ""),
            "at": rows["occurred_at"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()),
            "sequence": pc.fill_null(rows["sequence"], -1),
            "event_id": rows["event_id"].cast(pa.string()),
            "score": rows["_score"],
        }
    )


def _scores(batch: pa.Table) -> pa.ChunkedArray:
    return pc.if_else(_among(batch["event_type"], SCORING), batch["score"], pa.scalar(None, pa.float64()))


def _among(kind: pa.ChunkedArray, types: tuple[str, ...]) -> pa.ChunkedArray:
    return pc.is_in(kind, pa.array(types, kind.type))


def _on_grid(value: pa.ChunkedArray) -> pa.ChunkedArray:
    """As the roll-ups do it: sums that do not depend on their order."""
    known = pc.min_element_wise(pc.fill_null(value, 0.0), _LARGEST)
    return pc.divide(pc.floor(pc.add(pc.multiply(known, GRID), 0.5)), GRID)


def facts_of(changes: pa.Table, scores: pa.Table) -> dict[tuple[int, int, str], Facts]:
    """Facts by organisation, learner and course. Row by row: for tests, and for few learners."""
    found: dict[tuple[int, int, str], list[Facts]] = {}
    for row in changes.to_pylist():
        day = Day(*(row[f.name] for f in fields(Day)))
        visit = Visit(row["ended_at"], row["started_at"], row["session_id"], bool(row["closed"]))
        facts = Facts({row["day"]: day}, Active().on(row["day"]), (), (visit,))
        found.setdefault(_key(row), []).append(facts)
    for row in scores.to_pylist():
        score = Score(row["at"], row["sequence"], row["event_id"], row["score"])
        found.setdefault(_key(row), []).append(Facts(scores=(score,)))
    return {key: merged(each) for key, each in found.items()}


def _key(row: Mapping[str, object]) -> tuple[int, int, str]:
    organisation_id, learner_id, course_id = (row[name] for name in _WHO)
    return organisation_id, learner_id, course_id  # type: ignore[return-value]
