"""What may be asked of the desk. Every question gets tables that are already narrowed to the asker."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import ibis.expr.types as ir

from compute import assembly, checks, planner, quality, quality_anomalies, quality_rows
from compute.content import CONTENT
from compute.courses import courses
from compute.forms import Form, shared
from compute.insights import group_plan, insights
from compute.leaderboard import leaderboard
from compute.learners.anomalies import learner_anomalies
from compute.learners.observing import learner_habits
from compute.learners.over_time import learner_periods, learner_trends
from compute.learners.profile import learner_profile
from compute.learners.record import own_events, own_record
from compute.learners.skills import learner_skills
from compute.measures import measure
from compute.plan import Plan
from compute.recommendations import recommendations
from compute.rewards import rewards
from compute.schooldays import school_days
from compute.scoping import Tables
from compute.standings import learner_now
from models.ask import Ask, ColumnMeaning, Freshness
from models.errors import BadQuestion, unknown

# What is known of a learner besides what the learner did.
_ABOUT = ("joined_on", "grade_level", "region", "segment")


@dataclass(frozen=True, slots=True)
class Question:
    """`rows` "learners": one row is one learner, so the asker needs rows, and reading is audited."""

    name: str
    meaning: str
    action: str
    freshness: Freshness
    rows: Literal["aggregate", "learners"]
    plan: Callable[[Ask, Tables], Plan]
    remembered: bool = False  # may the memory of the live stream know it (compute/remembered.py)?


def question(name: str) -> Question:
    found = next((q for q in QUESTIONS if q.name == name), None)
    if found is None:
        raise unknown("question", name, (q.name for q in QUESTIONS))
    return found


def _learners(ask: Ask, tables: Tables) -> Plan:
    """Every learner of the scope, also those who did nothing, beside the asked measures."""
    checks.refuse_single_learners(("learner_id",), tables)
    if ask.by:
        raise BadQuestion("'learners' has one row for each learner; leave 'by' out, or ask for measures.")
    wanted = replace(ask, by=("learner_id",), limit=None, options=())
    checks.check_limit(ask)
    measured = planner.plan(wanted, tables)
    roster = shared(_roster, replace(ask, limit=None, options=()), tables)
    asked = tuple(measure(name) for name in dict.fromkeys(ask.measures))
    return Plan(
        parts=(roster, *measured.parts),
        columns=(
            *measured.columns[:1],
            *(ColumnMeaning(name, "detail") for name in _ABOUT),
            *measured.columns[1:],
        ),
        source=measured.source,
        join=lambda found: assembly.nothing_is_zero(
            found[0].join(measured.join(found[1:]), "learner_id", join_type="left outer"), asked
        ),
        finish=functools.partial(assembly.ordered, ask=replace(wanted, limit=ask.limit)),
    )


def _roster(tables: Tables, form: Form) -> ir.Table:
    rows = tables["learner"]
    return planner.of_learners(rows, form, tables).select("learner_id", *_ABOUT)


QUESTIONS: tuple[Question, ...] = (
    Question(
        "measures",
        "Measures of the catalogue, broken down by dimensions.",
        "ask-measures",
        "live",
        "aggregate",
        planner.plan,
    ),
    Question(
        "learners",
        "One row for each learner, also those who did nothing, with measures of the catalogue.",
        "ask-learners",
        "live",
        "learners",
        _learners,
    ),
    Question(
        "courses",
        "Where each learner stands in each course: finished lessons, the next one, what is due.",
        "ask-learners",
        "live",
        "learners",
        courses,
    ),
    Question(
        "learner_now",
        "Where each learner stands today: visit, today's work, the week, streak, momentum, recent scores.",
        "study-learners",
        "live",
        "learners",
        learner_now,
        remembered=True,
    ),
    Question(
        "rewards",
        "What each learner has reached: achievements, milestones, levels, courses, with the day.",
        "study-learners",
        "live",
        "learners",
        rewards,
    ),
    Question(
        "leaderboard",
        "This week's finished lessons of those classmates who take part, by nickname.",
        "study-learners",
        "near",
        "aggregate",
        leaderboard,
    ),
    Question(
        "learner_periods",
        "Each learner by day, week, month, quarter or year: work, minutes, scores, engagement.",
        "ask-learners",
        "near",
        "learners",
        learner_periods,
    ),
    Question(
        "learner_trends",
        "Where each learner's accuracy, scores, velocity, minutes and engagement are going, and how sure.",
        "study-learners",
        "near",
        "learners",
        learner_trends,
    ),
    Question(
        "learner_profile",
        "Half a year of each learner in one row: regularity, preferred times, strengths, weaknesses.",
        "study-learners",
        "near",
        "learners",
        learner_profile,
    ),
    Question(
        "learner_skills",
        "How far each learner has come in each skill.",
        "study-learners",
        "near",
        "learners",
        learner_skills,
    ),
    Question(
        "learner_habits",
        "How each learner learns, as far as it was observed, with the rows that show it.",
        "study-learners",
        "near",
        "learners",
        learner_habits,
    ),
    Question(
        "learner_anomalies",
        "What was unusual for a learner, against the learner's own past.",
        "study-learners",
        "near",
        "learners",
        learner_anomalies,
    ),
    Question(
        "insights",
        "What changed for each learner: ranked findings, corrected for all comparisons made.",
        "study-learners",
        "near",
        "learners",
        insights,
    ),
    Question(
        "group_insights",
        "What changed in each class and course, its learners compared with themselves.",
        "study-learners",
        "near",
        "learners",
        group_plan,
    ),
    Question(
        "recommendations",
        "The next best steps of each learner, with the reason and what can be expected of each.",
        "study-learners",
        "near",
        "learners",
        recommendations,
    ),
    Question(
        "own_record",
        "What is held about oneself: how many events of which kind, since when.",
        "own-data",
        "near",
        "learners",
        own_record,
    ),
    Question(
        "own_events",
        "Every event that is held about oneself, with all its fields: a copy to take along.",
        "own-data",
        "near",
        "learners",
        own_events,
    ),
    Question(
        "school_days",
        "The school's calendar: which days are term, weekend or holiday.",
        "ask-measures",
        "near",
        "aggregate",
        school_days,
    ),
    Question(
        "quality_scores",
        "How good the data is, 0 to 100, in five dimensions, by day, week, month, source or event type.",
        "see-quality",
        "near",
        "aggregate",
        quality.scores,
    ),
    Question(
        "quality_offenders",
        "Which rule was broken most often, by source and event type.",
        "see-quality",
        "near",
        "aggregate",
        quality.offenders,
    ),
    Question(
        "quality_anomalies",
        "Days on which a source's volume, broken rules or mix of events was unusual.",
        "see-quality",
        "near",
        "aggregate",
        quality_anomalies.anomalies,
    ),
    Question(
        "quality_batches",
        "Batches whose quality was under the target.",
        "see-quality",
        "near",
        "aggregate",
        quality.batches,
    ),
    Question(
        "quality_rows",
        "The events that break a rule of data quality, without the persons behind them.",
        "see-events",
        "near",
        "aggregate",
        quality_rows.offending,
    ),
    *(Question(*entry) for entry in CONTENT),
)
