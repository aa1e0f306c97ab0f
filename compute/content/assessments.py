"""How assessments come out: one row for each, and how the results spread. Each learner counts once, by the
newest result; what is no per cent (under 0, over 100) is left out and counted."""

from __future__ import annotations

import functools

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from compute.content.narrow import (
    DAY,
    NUMBER,
    TEXT,
    WHOLE,
    Meanings,
    asked_of,
    check,
    events_of,
    first_of_each,
    known,
    meanings_of,
    newest_of_each,
    schema_of,
)
from compute.forms import Form, shared
from compute.measures.scores import PASS_MARK
from compute.plan import Plan
from compute.rollups import SCORING
from compute.scoping import Tables
from models.ask import Ask

BINS = 10
FEWEST = 10  # learners who answered every item; fewer make no reliability
_OWN = ("assessment_id", "lesson_id")

ASSESSMENTS: Meanings = {
    "assessment_id": (TEXT, "", "The assessment."),
    "title": (TEXT, "", "Its title; its id where the school has taken it away."),
    "kind": (TEXT, "", "quiz, assignment, exam or exercise."),
    "course_id": (TEXT, "", "The course it belongs to."),
    "lesson_id": (TEXT, "", "The lesson it belongs to."),
    "due_on": (DAY, "date", "The last day to hand it in."),
    "learners": (WHOLE, "learners", "Learners with a result; each counts once, by the newest."),
    "results": (WHOLE, "results", "Results, repeats included."),
    "mean": (NUMBER, "%", "Mean of the learners' newest results."),
    "median": (NUMBER, "%", "The result that half of the learners reach."),
    "low_quarter": (NUMBER, "%", "A quarter of the learners are below."),
    "high_quarter": (NUMBER, "%", "A quarter of the learners are above."),
    "spread": (NUMBER, "%", "Standard deviation."),
    "pass_share": (NUMBER, "share", f"Learners with {PASS_MARK:.0f} per cent and more."),
    "items": (WHOLE, "items", "Its questions."),
    "reliability": (
        NUMBER,
        "",
        "KR-20: 0 is chance, 1 is certain; from learners who answered every item, at least 10 of them.",
    ),
    "outside": (WHOLE, "results", "Results under 0 or over 100 per cent: left out."),
}
SCORE_BINS: Meanings = {
    "low": (NUMBER, "%", "From this result on."),
    "high": (NUMBER, "%", "Up to this one, which belongs to the next step (the last step includes 100)."),
    "learners": (WHOLE, "learners", "Learners whose newest result lies here."),
    "results": (WHOLE, "results", "Results that lie here, repeats included."),
}


def assessments(ask: Ask, tables: Tables) -> Plan:
    check(ask, _OWN)
    asked = asked_of(ask)
    about = ("assessment_id", "title", "kind", "course_id", "lesson_id", "due_on")
    return Plan(
        parts=(
            shared(known, asked, tables, "assessment", about),
            *(shared(build, asked, tables) for build in (_spread, _sizes, _reliability)),
        ),
        columns=meanings_of(ASSESSMENTS),
        source="learner_event",
        join=functools.partial(_table, limit=ask.limit),
    )


def _spread(tables: Tables, form: Form) -> ir.Table:
    scored = _scored(tables, form)
    outside = scored.group_by("assessment_id").agg(
        results=_sum(scored.within),
        outside=_sum(~scored.within),
        said_course=scored.course_id.max(),
        said_lesson=scored.lesson_id.max(),
    )
    newest = newest_of_each(scored.filter(scored.within), "assessment_id", "learner_id")
    spread = newest.group_by("assessment_id").agg(
        learners=newest.count(),
        mean=newest.score.mean(),
        median=newest.score.median(),
        low_quarter=newest.score.quantile(0.25),
        high_quarter=newest.score.quantile(0.75),
        spread=newest.score.std(how="sample"),
        pass_share=(newest.score >= PASS_MARK).ifelse(1.0, 0.0).mean(),
    )
    return outside.left_join(spread, "assessment_id").drop("assessment_id_right")


def _sizes(tables: Tables, _: Form) -> ir.Table:
    items = tables["item"]
    return items.group_by("assessment_id").agg(items=items.count())


def _scored(tables: Tables, form: Form) -> ir.Table:
    rows = events_of(form, tables, *SCORING)
    rows = rows.filter(rows.assessment_id.notnull(), rows.score.notnull())
    return rows.mutate(within=(rows.score >= 0) & (rows.score <= 100))


def _sum(holds: ir.BooleanValue) -> ir.IntegerScalar:
    return holds.ifelse(1, 0).sum()


def _reliability(tables: Tables, form: Form) -> ir.Table:
    """Kuder and Richardson's formula 20, over the first answers of learners who answered every item."""
    first = first_answers(tables, form)
    first = first.mutate(right=first.correct.ifelse(1.0, 0.0))
    items = first.group_by("assessment_id").agg(k=first.item_id.nunique())
    totals = first.group_by("assessment_id", "learner_id").agg(n=first.count(), total=first.right.sum())
    totals = totals.inner_join(items, "assessment_id")
    full = totals.filter(totals.n == totals.k, totals.k > 1)
    spread = full.group_by("assessment_id").agg(
        k=full.k.max(), people=full.count(), variance=full.total.var(how="pop")
    )
    answers = first.semi_join(full, ["assessment_id", "learner_id"])
    easy = answers.group_by("assessment_id", "item_id").agg(p=answers.right.mean())
    noise = easy.group_by("assessment_id").agg(noise=(easy.p * (1 - easy.p)).sum())
    both = spread.inner_join(noise, "assessment_id")
    both = both.filter(both.people >= FEWEST, both.variance > 0)
    k = both.k.cast("float64")
    return both.select("assessment_id", reliability=k / (k - 1) * (1 - both.noise / both.variance))


def first_answers(tables: Tables, form: Form) -> ir.Table:
    """Each learner's first answer to each item: later tries have seen the solution."""
    answers = events_of(form, tables, "quiz_answer")
    answers = answers.filter(answers.item_id.notnull(), answers.correct.notnull())
    return first_of_each(answers, "item_id", "learner_id")


def _table(found: tuple[pa.Table, ...], limit: int | None) -> pa.Table:
    titled = {row["assessment_id"]: row for row in found[0].to_pylist()}
    counted = {row["assessment_id"]: row for row in found[1].to_pylist()}
    sizes = dict(zip(found[2]["assessment_id"].to_pylist(), found[2]["items"].to_pylist(), strict=True))
    sure = dict(zip(found[3]["assessment_id"].to_pylist(), found[3]["reliability"].to_pylist(), strict=True))
    nothing = {"learners": 0, "results": 0, "outside": 0}
    rows = []
    for name in {**titled, **counted}:
        row = {**nothing, **counted.get(name, {})}
        about = titled.get(name) or {
            "assessment_id": name,
            "title": name,
            "course_id": row.get("said_course"),
            "lesson_id": row.get("said_lesson"),
        }
        row |= {"learners": row["learners"] or 0, "items": sizes.get(name, 0), "reliability": sure.get(name)}
        rows.append({**row, **about})
    rows.sort(key=lambda row: (str(row.get("course_id")), str(row["title"]), row["assessment_id"]))
    return pa.Table.from_pylist(rows[:limit], schema_of(ASSESSMENTS))


def score_bins(ask: Ask, tables: Tables) -> Plan:
    """Ten steps of ten per cent. Over several assessments a learner counts once in each."""
    check(ask, _OWN)
    builds = (_all_bins, _newest_bins)
    return Plan(
        parts=tuple(shared(build, asked_of(ask), tables) for build in builds),
        columns=meanings_of(SCORE_BINS),
        source="learner_event",
        join=_bins,
    )


def _all_bins(tables: Tables, form: Form) -> ir.Table:
    scored = _scored(tables, form)
    return _binned(scored.filter(scored.within))


def _newest_bins(tables: Tables, form: Form) -> ir.Table:
    scored = _scored(tables, form)
    return _binned(newest_of_each(scored.filter(scored.within), "assessment_id", "learner_id"))


def _binned(rows: ir.Table) -> ir.Table:
    step = (rows.score / (100 / BINS)).floor().cast("int32")
    rows = rows.mutate(step=ibis.least(step, BINS - 1))
    return rows.group_by("step").agg(n=rows.count())


def _bins(found: tuple[pa.Table, ...]) -> pa.Table:
    results, learners = (
        dict(zip(part["step"].to_pylist(), part["n"].to_pylist(), strict=True)) for part in found
    )
    size = 100 / BINS
    rows = [
        {
            "low": n * size,
            "high": (n + 1) * size,
            "learners": learners.get(n, 0),
            "results": results.get(n, 0),
        }
        for n in range(BINS)
    ]
    return pa.Table.from_pylist(rows if results else [], schema_of(SCORE_BINS))
