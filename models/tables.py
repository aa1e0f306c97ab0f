"""Every table of the warehouse, declared once: the DDL of both engines, the Arrow and Ibis schemas
and the pandera contracts are derived from here.

Types are Ibis type names. `string` ids are the school's own; learners, guardians and sessions are
keyed pseudonyms, 64 bits of an HMAC, so that roll-ups group by integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import ibis
import ibis.expr.types as ir

Merge = Literal["key", "sum", "min", "max", "last"]


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    nullable: bool = False
    low: float | None = None
    high: float | None = None
    among: tuple[str, ...] = ()
    merge: Merge | None = None  # roll-ups: how two rows with the same key become one


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    kind: Literal["events", "dimension", "rollup", "state"]
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def schema(self) -> ibis.Schema:
        return ibis.schema({c.name: ibis.dtype(c.type, nullable=c.nullable) for c in self.columns})

    @property
    def unbound(self) -> ir.Table:
        """The table as an expression without an engine: compute builds on this."""
        return ibis.table(self.schema, name=self.name)

    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)


def _text(name: str, nullable: bool = False, among: tuple[str, ...] = ()) -> Column:
    return Column(name, "string", nullable, among=among)


def _count(*names: str) -> tuple[Column, ...]:
    return tuple(Column(n, "int64", low=0, merge="sum") for n in names)


_ORG = Column("organisation_id", "int32", low=1)
_LEARNER = Column("learner_id", "int64")
_TIME = "timestamp('UTC')"

# What happened. `day` and `hour` are the organisation's local ones, fixed when the event is stored:
# a school's Monday is a Monday in its own zone, whoever looks at it from wherever.
EVENTS = Table(
    "events",
    "events",
    ("organisation_id", "event_id"),
    (
        _ORG,
        Column("event_id", "uuid"),
        _text("event_type"),
        Column("occurred_at", _TIME),
        Column("received_at", _TIME),
        Column("day", "date"),
        Column("hour", "int16", low=0, high=23),
        _LEARNER,
        Column("session_id", "int64"),
        Column("sequence", "int32", nullable=True),
        _text("source"),
        _text("course_id", True),
        _text("lesson_id", True),
        _text("video_id", True),
        _text("assessment_id", True),
        _text("item_id", True),
        _text("skill_id", True),
        _text("object_id", True),  # the other thing acted on: thread, product, experiment, model ...
        _text("choice", True),  # chosen option, experiment variant, rating word
        _text("device_type", True, ("desktop", "mobile", "tablet")),
        _text("os", True),
        _text("browser", True),
        Column("position_s", "float64", True, low=0),
        Column("duration_s", "float64", True, low=0),
        Column("score", "float64", True),  # per cent of the possible points
        Column("correct", "boolean", True),
        Column("amount_cents", "int64", True),
        _text("currency", True),
        Column("payload", "string", True),  # JSON: every field without a column of its own
    ),
)

# What an event adds to a day. Raw events, seen as contributions, have exactly these columns too,
# so one measure reads any of them.
_ADDS = (
    *_count(
        "events",
        "lessons_started",
        "lessons_completed",
        "videos_started",
        "videos_completed",
        "answers",
        "answers_correct",
        "assessments_started",
        "scores",
        "posts",
        "replies",
        "votes",
        "live_joins",
        "enrolments",
        "unenrolments",
        "completions",
        "page_views",
        "searches",
        "achievements",
        "orders",
        "refunds",
        "subscriptions_started",
        "subscriptions_renewed",
        "subscriptions_cancelled",
        "recommendations_shown",
        "recommendations_accepted",
    ),
    Column("score_sum", "float64", merge="sum"),
    Column("score_squares", "float64", merge="sum"),
    Column("score_low", "float64", True, merge="min"),
    Column("score_high", "float64", True, merge="max"),
    Column("video_s", "float64", merge="sum"),  # seconds of video watched
    Column("learning_s", "float64", merge="sum"),  # seconds in finished lessons, quizzes, exercises, live
    Column("revenue_cents", "int64", merge="sum"),  # paid, before refunds
    Column("refunded_cents", "int64", merge="sum"),
    Column("first_at", _TIME, merge="min"),
    Column("last_at", _TIME, merge="max"),
)


def _keys(*columns: Column) -> tuple[Column, ...]:
    return tuple(Column(c.name, c.type, c.nullable, c.low, c.high, c.among, "key") for c in columns)


_DAY = Column("day", "date")
_COURSE = _text("course_id")  # '' where an event belongs to no course: a key is never null

LEARNER_DAY = Table(
    "learner_day",
    "rollup",
    ("organisation_id", "learner_id", "day"),
    (*_keys(_ORG, _LEARNER, _DAY), *_ADDS, *_count("sessions"), Column("session_s", "float64", merge="sum")),
)
LEARNER_COURSE_DAY = Table(
    "learner_course_day",
    "rollup",
    ("organisation_id", "learner_id", "course_id", "day"),
    (*_keys(_ORG, _LEARNER, _COURSE, _DAY), *_ADDS),
)
COURSE_DAY = Table(
    "course_day",
    "rollup",
    ("organisation_id", "course_id", "day"),
    (*_keys(_ORG, _COURSE, _DAY), *_ADDS),
)
VIDEO_BUCKET_DAY = Table(
    "video_bucket_day",
    "rollup",
    ("organisation_id", "course_id", "video_id", "bucket", "day"),
    (
        *_keys(_ORG, _COURSE, _text("video_id"), Column("bucket", "int32", low=0), _DAY),
        *_count("plays", "views", "seeks", "pauses"),  # views: video_progress events in this bucket
    ),
)
BUCKET_S = 10  # seconds of video in one bucket

# What only single events could tell: who finished which lesson, who watched which video, what was sold,
# each single score. '' where an event names none.
LEARNER_LESSON_DAY = Table(
    "learner_lesson_day",
    "rollup",
    ("organisation_id", "learner_id", "course_id", "lesson_id", "day"),
    (
        *_keys(_ORG, _LEARNER, _COURSE, _text("lesson_id"), _DAY),
        *_count("lessons_started", "lessons_completed"),
    ),
)
LEARNER_VIDEO_DAY = Table(
    "learner_video_day",
    "rollup",
    ("organisation_id", "learner_id", "course_id", "video_id", "day"),
    (
        *_keys(_ORG, _LEARNER, _COURSE, _text("video_id"), _DAY),
        *_count("plays", "views", "seeks", "pauses", "videos_started", "videos_completed"),
        Column("video_s", "float64", merge="sum"),
    ),
)
SALE_DAY = Table(
    "sale_day",
    "rollup",
    ("organisation_id", "learner_id", "course_id", "product_id", "day"),
    (
        *_keys(_ORG, _LEARNER, _COURSE, _text("product_id"), _DAY),
        *_count(
            "orders",
            "refunds",
            "subscriptions_started",
            "subscriptions_renewed",
            "subscriptions_cancelled",
        ),
        Column("revenue_cents", "int64", merge="sum"),
        Column("refunded_cents", "int64", merge="sum"),
    ),
)
# A row for each scored result: a median needs them all, and raw events are not kept for ever.
RESULT = Table(
    "result",
    "rollup",
    ("organisation_id", "learner_id", "day", "event_id"),
    (
        *_keys(_ORG, _LEARNER, _DAY, Column("event_id", "uuid")),
        Column("course_id", "string", merge="min"),
        Column("lesson_id", "string", True, merge="min"),
        Column("assessment_id", "string", True, merge="min"),
        Column("skill_id", "string", True, merge="min"),
        Column("score", "float64", merge="min"),
    ),
)

# What single learners' pages read of events, kept by learner: answers, results, finished work, videos begun
# and gone back in, help sought, rewards, steps shown and taken. Most events are none of these.
LEARNER_EVENT = Table(
    "learner_event",
    "rollup",
    ("organisation_id", "learner_id", "day", "event_id"),
    (
        *_keys(_ORG, _LEARNER, _DAY, Column("event_id", "uuid")),
        Column("event_type", "string", merge="min"),
        Column("occurred_at", _TIME, merge="min"),
        Column("sequence", "int32", True, merge="min"),
        *(
            Column(name, "string", True, merge="min")
            for name in (
                "course_id",
                "lesson_id",
                "video_id",
                "assessment_id",
                "item_id",
                "skill_id",
                "object_id",
                "choice",
            )
        ),
        *(Column(name, "float64", True, merge="min") for name in ("position_s", "duration_s", "score")),
        Column("correct", "boolean", True, merge="min"),
        Column("payload", "string", True, merge="min"),
    ),
)

# Where a learner stands. The newest event wins the `last_` columns: by time, then sequence, then id.
LEARNER_NOW = Table(
    "learner_now",
    "rollup",
    ("organisation_id", "learner_id"),
    (
        *_keys(_ORG, _LEARNER),
        Column("first_at", _TIME, merge="min"),
        Column("last_at", _TIME, merge="max"),
        Column("last_sequence", "int32", merge="last"),
        Column("last_event_id", "uuid", merge="last"),
        Column("last_type", "string", merge="last"),
        Column("last_session_id", "int64", merge="last"),
        Column("last_course_id", "string", merge="last"),
        Column("last_lesson_id", "string", merge="last"),
        *_count("events", "lessons_completed", "completions", "scores"),
        Column("score_sum", "float64", merge="sum"),
        Column("learning_s", "float64", merge="sum"),
    ),
)
# A session is a run of one session id's events with no gap over IDLE_S. Late events can join two
# runs into one, so a session's row is replaced when its session id gets another event.
SESSIONS = Table(
    "sessions",
    "rollup",
    ("organisation_id", "learner_id", "session_id", "started_at"),
    (
        _ORG,
        _LEARNER,
        Column("session_id", "int64"),
        Column("started_at", _TIME),
        Column("ended_at", _TIME),
        Column("day", "date"),  # local day of the start
        Column("events", "int64", low=1),
        Column("ended", "boolean"),  # a session_end was seen
        _text("device_type", True),
    ),
)
IDLE_S = 1800

_NAME = _text("title")
ORGANISATION = Table(
    "organisation",
    "dimension",
    ("organisation_id",),
    (_ORG, _text("name"), _text("zone"), _text("locale"), _text("country", True), _text("currency")),
)
LEARNER = Table(
    "learner",
    "dimension",
    ("organisation_id", "learner_id"),
    (
        _ORG,
        _LEARNER,
        Column("joined_on", "date"),
        _text("grade_level", True),
        _text("region", True),
        _text("country", True),
        _text("language", True),
        _text("gender", True),
        _text("acquired_by", True),  # how they came: search, referral, school ...
        _text("sponsor_id", True),
        _text("segment", True),
    ),
)
CLASS = Table(
    "class",
    "dimension",
    ("organisation_id", "class_id"),
    (_ORG, _text("class_id"), _text("course_id"), _NAME, _text("term", True)),
)
CLASS_MEMBER = Table(
    "class_member",
    "dimension",
    ("organisation_id", "class_id", "learner_id", "valid_from"),
    (_ORG, _text("class_id"), _LEARNER, Column("valid_from", "date"), Column("valid_until", "date", True)),
)
GUARDIAN_LINK = Table(
    "guardian_link",
    "dimension",
    ("organisation_id", "guardian_id", "learner_id", "valid_from"),
    (
        _ORG,
        Column("guardian_id", "int64"),
        _LEARNER,
        Column("valid_from", "date"),
        Column("valid_until", "date", True),
    ),
)
COURSE = Table(
    "course",
    "dimension",
    ("organisation_id", "course_id"),
    (
        _ORG,
        _text("course_id"),
        _NAME,
        _text("subject"),
        _text("level", True),
        _text("trainer_id", True),
        _text("product_id", True),
        Column("starts_on", "date", True),
        Column("ends_on", "date", True),
    ),
)
LESSON = Table(
    "lesson",
    "dimension",
    ("organisation_id", "lesson_id"),
    (
        _ORG,
        _text("lesson_id"),
        _text("course_id"),
        Column("position", "int32", low=1),
        _NAME,
        _text("skill_id", True),
        Column("expected_s", "float64", True, low=0),
    ),
)
SKILL = Table(
    "skill",
    "dimension",
    ("organisation_id", "skill_id"),
    (_ORG, _text("skill_id"), _NAME, _text("subject"), _text("requires_skill_id", True)),
)
VIDEO = Table(
    "video",
    "dimension",
    ("organisation_id", "video_id"),
    (
        _ORG,
        _text("video_id"),
        _text("course_id"),
        _text("lesson_id", True),
        _NAME,
        Column("length_s", "float64", low=0),
    ),
)
ASSESSMENT = Table(
    "assessment",
    "dimension",
    ("organisation_id", "assessment_id"),
    (
        _ORG,
        _text("assessment_id"),
        _text("course_id"),
        _text("lesson_id", True),
        _text("kind", among=("quiz", "assignment", "exam", "exercise")),
        _NAME,
        Column("due_on", "date", True),
    ),
)
ITEM = Table(
    "item",
    "dimension",
    ("organisation_id", "item_id"),
    (
        _ORG,
        _text("item_id"),
        _text("assessment_id"),
        _text("course_id"),
        _text("skill_id", True),
        Column("position", "int32", low=1),
        _NAME,
        _text("right_choice", True),
        Column("choices", "int32", True, low=2),
    ),
)
PRODUCT = Table(
    "product",
    "dimension",
    ("organisation_id", "product_id"),
    (
        _ORG,
        _text("product_id"),
        _NAME,
        _text("kind", among=("course", "programme", "subscription")),
        _text("trainer_id", True),
        Column("price_cents", "int64", low=0),
        _text("currency"),
    ),
)
TRAINER = Table(
    "trainer",
    "dimension",
    ("organisation_id", "trainer_id"),
    (_ORG, _text("trainer_id"), Column("joined_on", "date"), Column("commission", "float64", low=0, high=1)),
)
# What is usual in a skill (compute.tracing), fitted by core in the background on the answers of at least ten
# learners; '' is all skills together. It tells of nobody, so every scope may read it.
SKILL_MODEL = Table(
    "skill_model",
    "dimension",
    ("organisation_id", "skill_id"),
    (
        _ORG,
        _text("skill_id"),
        *(
            Column(name, "float64", low=0, high=1)
            for name in ("known", "learns", "forgets", "guesses", "slips", "mean")
        ),
        *_count("answers", "learners"),
    ),
)
MASTERY_MODEL = Table(
    "mastery_model",
    "dimension",
    ("organisation_id",),
    (
        _ORG,
        Column("fitted_at", _TIME),
        *_count("answers", "learners", "held_back"),
        Column("auc", "float64", True, low=0, high=1),
        Column("baseline_auc", "float64", True, low=0, high=1),
        Column("forgetting", "boolean"),
        _text("weights"),  # JSON
    ),
)
SCHOOL_DAY = Table(
    "school_day",
    "dimension",
    ("organisation_id", "day"),
    (_ORG, _DAY, _text("kind", among=("term", "weekend", "holiday")), _text("label", True)),
)

# What the way in could not accept, without personal data: ids are pseudonyms, texts are cleaned.
DEAD_LETTER = Table(
    "dead_letter",
    "state",
    ("organisation_id", "letter_id"),
    (
        _ORG,
        _text("letter_id"),
        Column("kept_at", _TIME),
        _text("kind", among=("refused", "quarantined")),
        _text("status", among=("waiting", "replayed", "repeated")),  # repeated: stored by now all the same
        _text("source"),
        _text("code"),
        _text("detail"),
        _text("event_type", True),
        _text("event_id", True),
        Column("learner_id", "int64", True),
        _text("body", True),  # JSON, ready to be sent again
    ),
)

# How good the data was, counted by the rules of models/quality.py. A group's own row has dimension and
# rule '' and says how many events arrived, and how many fields they ought to have filled; a row with a
# rule says how often it was broken. Added to by every commit and merged like a roll-up, but not made from
# stored events: what was refused or repeated counts too.
_QUALITY_KEYS = (
    _ORG,
    _DAY,
    _text("source"),
    _text("event_type"),  # '' where the event had none that is known
    _text(
        "dimension",
        among=("", "completeness", "validity", "uniqueness", "timeliness", "consistency", "spread"),
    ),
    _text("rule"),
)
_QUALITY_COUNTS = _count("arrived", "fields", "related", "broken")
QUALITY_DAY = Table(
    "quality_day",
    "rollup",
    tuple(c.name for c in _QUALITY_KEYS),
    (*_keys(*_QUALITY_KEYS), *_QUALITY_COUNTS),
)
# What only whole days can tell: consistency with what else is known, and the same thing sent twice under
# two ids. Replaced whenever a day is looked at again.
QUALITY_CHECK = Table(
    "quality_check",
    "state",
    QUALITY_DAY.key,
    (*_QUALITY_KEYS, *_QUALITY_COUNTS),
)
# Batches under the target, as they came: which delivery brought it.
QUALITY_BATCH = Table(
    "quality_batch",
    "state",
    ("organisation_id", "batch_id", "source"),
    (
        _ORG,
        _text("batch_id"),
        Column("received_at", _TIME),
        _text("source"),
        *_count("arrived"),
        *(
            Column(name, "float64", True, low=0, high=100)
            for name in ("score", "completeness", "validity", "uniqueness", "timeliness")
        ),
    ),
)

ROLLUPS = (
    LEARNER_DAY,
    LEARNER_COURSE_DAY,
    COURSE_DAY,
    VIDEO_BUCKET_DAY,
    LEARNER_LESSON_DAY,
    LEARNER_VIDEO_DAY,
    SALE_DAY,
    RESULT,
    LEARNER_EVENT,
    LEARNER_NOW,
    SESSIONS,
)
DIMENSION_TABLES = (
    ORGANISATION,
    LEARNER,
    CLASS,
    CLASS_MEMBER,
    GUARDIAN_LINK,
    COURSE,
    LESSON,
    SKILL,
    VIDEO,
    ASSESSMENT,
    ITEM,
    PRODUCT,
    TRAINER,
    SCHOOL_DAY,
    SKILL_MODEL,
    MASTERY_MODEL,
)
TABLES = (EVENTS, *ROLLUPS, *DIMENSION_TABLES, DEAD_LETTER, QUALITY_DAY, QUALITY_CHECK, QUALITY_BATCH)
TABLE = {table.name: table for table in TABLES}
