"""Item analysis as questions: each item of the courses looked at, by the learners' first answers to it."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from compute.content.assessments import first_answers
from compute.content.narrow import (
    NUMBER,
    TEXT,
    WHOLE,
    YES,
    Meanings,
    all_of,
    check,
    known,
    meanings_of,
    schema_of,
)
from compute.forms import Form, shared
from compute.items import ENOUGH, Answers, Curve, Item, curves_of, items_of
from compute.plan import Plan
from compute.scoping import Tables
from models.ask import Ask

_OWN = ("assessment_id", "item_id", "skill_id")
FEWEST_LEARNERS = 20  # of a course; fewer draw no curve

ITEMS: Meanings = {
    "item_id": (TEXT, "", "The question."),
    "title": (TEXT, "", "Its title; its id where the school has taken it away."),
    "assessment_id": (TEXT, "", "The assessment it belongs to."),
    "assessment": (TEXT, "", "That assessment's title."),
    "course_id": (TEXT, "", "The course."),
    "skill_id": (TEXT, "", "The skill it practises."),
    "position": (WHOLE, "", "Its place in the assessment."),
    "answers": (WHOLE, "learners", "Learners who answered it; each counts once, by the first answer."),
    "correct": (WHOLE, "learners", "Of them, those who were right."),
    "difficulty": (NUMBER, "share", "Right of all; low is hard."),
    "discrimination": (
        NUMBER,
        "",
        "Correlation with the share right on the course's other items: high tells strong from weak.",
    ),
    "verdict": (
        TEXT,
        "",
        f"good, too easy, too hard, weak, misleading, or not enough answers (under {ENOUGH}).",
    ),
    "slope": (NUMBER, "", "Two-parameter model: how sharply it parts strong and weak; 1 is usual."),
    "slope_error": (NUMBER, "", "Standard error of the slope."),
    "place": (
        NUMBER,
        "",
        "Two-parameter model: the ability at which half are right; 0 is the middle.",
    ),
    "place_error": (NUMBER, "", "Standard error of the place."),
    "worst_choice": (TEXT, "", "The wrong choice that was taken most."),
    "worst_share": (NUMBER, "share", "Its share of the answers."),
}
ITEM_CHOICES: Meanings = {
    "item_id": (TEXT, "", "The question."),
    "choice": (TEXT, "", "What was chosen."),
    "right": (YES, "", "Is it the right one?"),
    "learners": (WHOLE, "learners", "Learners who chose it at first."),
    "share": (NUMBER, "share", "Of all who chose."),
    "rest": (NUMBER, "share", "Mean share right on the course's other items of who chose it."),
}


def items(ask: Ask, tables: Tables) -> Plan:
    return _planned(ask, tables, ITEMS, _items)


def item_choices(ask: Ask, tables: Tables) -> Plan:
    return _planned(ask, tables, ITEM_CHOICES, _choices)


def _planned(ask: Ask, tables: Tables, columns: Meanings, told: Any) -> Plan:
    """The whole course is read, whatever single item is asked for: the others say who is strong."""
    check(ask, _OWN)
    wide = [w for w in ask.where if w.dimension not in _OWN]
    whole = Ask(question=ask.question, where=tuple(wide), since=ask.since, until=ask.until)
    about = ("item_id", "title", "assessment_id", "course_id", "skill_id", "position", "right_choice")
    return Plan(
        parts=(
            shared(known, whole, tables, "item", about),
            shared(all_of, Ask(), tables, "assessment", ("assessment_id", "title")),
            shared(_answers, whole, tables),
        ),
        columns=meanings_of(columns),
        source="learner_event",
        join=functools.partial(_table, ask=ask, columns=columns, told=told),
    )


def _answers(tables: Tables, form: Form) -> ir.Table:
    return first_answers(tables, form).select(
        "item_id", "learner_id", "correct", "choice", "course_id", "assessment_id", "skill_id"
    )


def _table(found: tuple[pa.Table, ...], ask: Ask, columns: Meanings, told: Any) -> pa.Table:
    titled = {row["item_id"]: row for row in found[0].to_pylist()}
    titles = dict(zip(*(found[1][n].to_pylist() for n in ("assessment_id", "title")), strict=True))
    rows = [
        {"assessment": titles.get(row.get("assessment_id"), row.get("assessment_id")), **row}
        for row in told(titled, found[2])
        if _asked(row, ask)
    ]
    return pa.Table.from_pylist(rows[: ask.limit], schema_of(columns))


def _asked(row: Mapping[str, Any], ask: Ask) -> bool:
    return all(
        str(row.get(where.dimension)) in {str(v) for v in where.values}
        for where in ask.where
        if where.dimension in _OWN
    )


def _items(known: dict[str, Any], answers: pa.Table) -> list[dict[str, Any]]:
    rows = []
    for about, item, curve in _analysed(known, answers):
        right = about.get("right_choice")
        wrong = [d for d in item.distractors if d[0] != right] if right else []
        worst = max(wrong, key=lambda d: d[1], default=None)
        rows.append(
            {
                **about,
                "answers": item.answers,
                "correct": round((item.difficulty or 0) * item.answers),
                "difficulty": item.difficulty,
                "discrimination": item.discrimination,
                "verdict": item.verdict,
                "slope": curve and curve.slope,
                "slope_error": curve and curve.slope_error,
                "place": curve and curve.place,
                "place_error": curve and curve.place_error,
                "worst_choice": worst and worst[0],
                "worst_share": worst and worst[1],
            }
        )
    rows.sort(key=lambda r: (str(r["course_id"]), str(r["assessment_id"]), r["position"] or 0, r["item_id"]))
    return rows


def _choices(known: dict[str, Any], answers: pa.Table) -> list[dict[str, Any]]:
    return [
        {
            **about,
            "choice": choice,
            "right": choice == about["right_choice"] if about.get("right_choice") else None,
            "learners": round(share * item.chose),
            "share": share,
            "rest": rest,
        }
        for about, item, _ in _analysed(known, answers, curves=False)
        for choice, share, rest in item.distractors
    ]


def _analysed(
    known: dict[str, Any], answers: pa.Table, *, curves: bool = True
) -> Iterator[tuple[dict[str, Any], Item, Curve | None]]:
    """Course by course: who is strong in one need not be in another."""
    frame = answers.to_pandas()
    unheard = set(frame["item_id"]) - known.keys()
    of_them = frame[frame["item_id"].isin(unheard)].sort_values(["item_id", "course_id", "assessment_id"])
    for row in of_them.drop_duplicates("item_id").to_dict("records"):
        name = str(row["item_id"])  # taken away since: what was answered was answered
        about = {n: _text(row[n]) for n in ("assessment_id", "course_id", "skill_id")}
        known[name] = {"item_id": name, "title": name, "position": None, "right_choice": None, **about}
    frame["course"] = [known[item]["course_id"] for item in frame["item_id"]]
    courses: dict[str, list[str]] = {}
    for item, about in known.items():
        courses.setdefault(about["course_id"], []).append(item)
    by_course = dict(list(frame.groupby("course")))
    for course, names in courses.items():
        some = by_course.get(course, frame.iloc[:0])
        of = _columns(some, names)
        analysed = items_of(of)
        fitted = _curves(of) if curves else {}
        for one in analysed:
            yield dict(known[one.item_id]), one, fitted.get(one.item_id)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None  # pandas has nan for nothing


def _columns(frame: Any, names: list[str]) -> Answers:
    place = {name: n for n, name in enumerate(names)}
    learners = np.unique(frame["learner_id"].to_numpy(np.int64), return_inverse=True)[1]
    choices = sorted({str(c) for c in frame["choice"] if isinstance(c, str)})
    at = {choice: n for n, choice in enumerate(choices)}
    return Answers(
        item=np.array([place[name] for name in frame["item_id"]], np.int64),
        learner=learners.astype(np.int64),
        right=frame["correct"].to_numpy(dtype=np.float64),
        choice=np.array([at.get(c, -1) for c in frame["choice"]], np.int64),
        items=tuple(names),
        choices=tuple(choices),
    )


def _curves(of: Answers) -> dict[str, Curve]:
    """Of the items that were answered, where there are learners enough to tell them apart."""
    answered = np.unique(of.item)
    if not len(of.learner) or of.learner.max() + 1 < FEWEST_LEARNERS or len(answered) < 3:
        return {}
    renumbered = np.searchsorted(answered, of.item)
    names = tuple(of.items[i] for i in answered)
    found = curves_of(Answers(renumbered, of.learner, of.right, of.choice, names))
    return {curve.item_id: curve for curve in found}
