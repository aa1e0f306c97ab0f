"""`learner_now`: where each learner of the scope stands today, asked of the warehouse."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date

import ibis.expr.types as ir
import pyarrow as pa

from compute import checks, now, planner
from compute.dimensions import dimension
from compute.forms import Form, apart, shared
from compute.now import Active, Day, Facts, Score, Standing, Visit
from compute.plan import Plan
from compute.recall import day_counts, lately, midnight, newest_scores
from compute.scoping import Tables
from models.ask import Ask, ColumnMeaning
from models.errors import BadQuestion
from models.tables import IDLE_S, LEARNER_COURSE_DAY, LEARNER_DAY, LEARNER_EVENT

_NARROWED_BY = ("learner_id", "class_id")
_TIME = pa.timestamp("us", "UTC")
_COLUMNS: Mapping[str, tuple[pa.DataType, str, str]] = {
    "last_active": (pa.date32(), "date", "The newest day with anything done, of the last 400."),
    "session_started_at": (_TIME, "", "Start of the newest visit, if it ended in the last two days."),
    "session_last_at": (_TIME, "", "The newest event of that visit."),
    "open_until": (
        _TIME,
        "",
        f"The visit is open until then if nothing more comes ({IDLE_S // 60} idle minutes); "
        "empty once it was ended.",
    ),
    "lessons_today": (pa.int64(), "lessons", "Lessons finished today."),
    "exercises_today": (pa.int64(), "exercises", "Exercises finished today."),
    "minutes_today": (pa.float64(), "min", "Minutes in finished work today."),
    "high_scores_today": (pa.int64(), "scores", f"Scores of {now.HIGH_SCORE:g} and above today."),
    "activities_week": (pa.int64(), "", "Lessons, quizzes, assignments, exercises of the last seven days."),
    "mean_score_week": (pa.float64(), "%", "Mean score of the last seven days."),
    "active_days_week": (pa.int64(), "days", "Days of the last seven with anything done."),
    "achievements_week": (pa.int64(), "", "Achievements of the last seven days."),
    "milestones_week": (pa.int64(), "", "Milestones reached in the last seven days."),
    "levels_week": (pa.int64(), "", "Levels completed in the last seven days."),
    "streak": (pa.int64(), "days", "Active school days in a row; free days neither break nor count."),
    "momentum": (
        pa.string(),
        "",
        "high: a lesson finished today; medium: active today or yesterday; low: in three days; else stalled.",
    ),
    "recent_scores": (
        pa.list_(pa.float64()),
        "%",
        f"The newest {now.SCORES} scores of the last {now.SCORE_DAYS} days, the newest first.",
    ),
    "struggling": (
        pa.bool_(),
        "",
        f"At least {now.FEWEST_SCORES} recent scores, and all below {now.LOW_SCORE:g}.",
    ),
}
SCHEMA = pa.schema([("learner_id", pa.int64()), *((name, kind) for name, (kind, _, _) in _COLUMNS.items())])

COLUMNS = (
    ColumnMeaning("learner_id", "dimension", "", dimension("learner_id").meaning),
    *(ColumnMeaning(name, "detail", unit, meaning) for name, (_, unit, meaning) in _COLUMNS.items()),
)


def learner_now(ask: Ask, tables: Tables) -> Plan:
    """One row for each learner, also those who did nothing. Today is the scope's day."""
    check(ask, tables)
    asked = replace(ask, purpose="")
    builds = (_roster, _active, _days, _scores, _visits, _free)
    return Plan(
        parts=tuple(shared(build, asked, tables) for build in builds),
        columns=COLUMNS,
        source="learner_event, learner_day, sessions",
        join=functools.partial(_join, on=tables.scope.on),
    )


def check(ask: Ask, tables: Tables) -> None:
    checks.refuse_single_learners(("learner_id",), tables)
    checks.check_options(ask, ())
    checks.check_limit(ask)
    wrong = [w.dimension for w in ask.where if w.dimension not in _NARROWED_BY or w.op not in ("=", "in")]
    if wrong or ask.by or ask.measures or ask.since or ask.until:
        named = ", ".join(dict.fromkeys(wrong)) or "measures, dimensions and days"
        raise BadQuestion(f"'learner_now' takes no {named}; narrow it by {', '.join(_NARROWED_BY)}.")


def row_of(learner_id: int, standing: Standing) -> dict[str, object]:
    return {"learner_id": learner_id, **{name: getattr(standing, name) for name in _COLUMNS}}


def table_of(standings: Mapping[int, Standing]) -> pa.Table:
    """In the order given."""
    return pa.Table.from_pylist([row_of(*each) for each in standings.items()], SCHEMA)


def _roster(tables: Tables, form: Form) -> ir.Table:
    roster = planner.of_learners(tables["learner"], form, tables).select("learner_id")
    return roster.order_by("learner_id").limit(form.limit) if form.limit else roster.order_by("learner_id")


@apart
def _active(tables: Tables, form: Form) -> ir.Table:
    """Days with any event, from the cheapest table that the scope can be narrowed in."""
    name = LEARNER_DAY.name if tables.offers(LEARNER_DAY.name) else LEARNER_COURSE_DAY.name
    rows = _since(tables[name], tables, now.HISTORY_DAYS)
    rows = rows.filter(rows.events > 0).semi_join(_roster(tables, form), "learner_id")
    return rows.select("learner_id", "day").distinct()


@apart
def _days(tables: Tables, form: Form) -> ir.Table:
    events = _since(tables[LEARNER_EVENT.name], tables, now.WEEK_DAYS)
    return day_counts(events.semi_join(_roster(tables, form), "learner_id"), ("learner_id", "day"))


@apart
def _scores(tables: Tables, form: Form) -> ir.Table:
    events = tables[LEARNER_EVENT.name].semi_join(_roster(tables, form), "learner_id")
    return newest_scores(events, tables.today, ("learner_id",))


@apart
def _visits(tables: Tables, form: Form) -> ir.Table:
    visits = tables["sessions"]
    visits = visits.filter(visits.ended_at >= midnight(tables.today, now.VISIT_DAYS))
    visits = visits.semi_join(_roster(tables, form), "learner_id")
    return visits.select("learner_id", "session_id", "started_at", "ended_at", closed=visits.ended)


def _free(tables: Tables, _: Form) -> ir.Table:
    days = _since(tables["school_day"], tables, now.HISTORY_DAYS)
    return days.filter(days.kind != "term").select("day")


def _since(rows: ir.Table, tables: Tables, days: int) -> ir.Table:
    """The last `days` days up to today."""
    return lately(rows, tables.today, days - 1).filter(lambda t: t.day <= tables.today)


def _join(found: tuple[pa.Table, ...], on: date) -> pa.Table:
    roster, active, days, scores, visits, free = found
    facts: defaultdict[int, list[Facts]] = defaultdict(list)
    for learner, each in _pieces(active, days, scores, visits):
        facts[learner].append(each)
    free_days = frozenset(free["day"].to_pylist())
    return table_of(
        {
            learner: now.standing(now.merged(facts.get(learner, [Facts()])), on, free_days)
            for learner in roster["learner_id"].to_pylist()
        }
    )


def _pieces(
    active: pa.Table, days: pa.Table, scores: pa.Table, visits: pa.Table
) -> Iterator[tuple[int, Facts]]:
    of_learner: defaultdict[int, list[int]] = defaultdict(list)
    for learner, number in zip(_column(active, "learner_id"), _numbers(active), strict=True):
        of_learner[learner].append(number)
    for learner, numbers in of_learner.items():
        # All of a learner's days at once: adding them one by one is most of what a class would cost.
        newest = max(numbers)
        bits = sum({1 << newest - n for n in numbers if newest - n < now.HISTORY_DAYS})
        yield learner, Facts(active=Active(newest, bits))
    for row, number in zip(days.to_pylist(), _numbers(days), strict=True):
        yield row["learner_id"], Facts({number: Day(**{n: row[n] for n in (*now.COUNTS, *now.SUMS)})})
    for row, at in zip(scores.to_pylist(), _micros(scores, "at"), strict=True):
        yield (
            row["learner_id"],
            Facts(scores=(Score(at, row["sequence"], str(row["event_id"]), row["score"]),)),
        )
    times = zip(_micros(visits, "ended_at"), _micros(visits, "started_at"), strict=True)
    for row, (ended, started) in zip(visits.to_pylist(), times, strict=True):
        yield row["learner_id"], Facts(visits=(Visit(ended, started, row["session_id"], row["closed"]),))


def _column(table: pa.Table, name: str) -> Iterable[int]:
    values: list[int] = table[name].to_pylist()
    return values


def _numbers(table: pa.Table) -> Iterable[int]:
    values: list[int] = table["day"].cast(pa.date32()).cast(pa.int32()).to_pylist()
    return values


def _micros(table: pa.Table, name: str) -> Iterable[int]:
    values: list[int] = table[name].cast(_TIME).cast(pa.int64()).to_pylist()
    return values
