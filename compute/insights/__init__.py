"""Ranked findings about learners: never without enough data, and corrected for all comparisons made."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from compute.forms import shared
from compute.insights import reading
from compute.insights.finding import FEWEST_DAYS, Finding, Known, found, school_days, told
from compute.insights.groups import group_plan
from compute.insights.reading import Span
from compute.plan import Plan
from compute.scoping import Tables
from models.ask import Ask, ColumnMeaning

Row = Mapping[str, Any]
_MEANINGS = {
    "rank": ("", "1 is told first: sure and large."),
    "kind": ("", "What was found; not_enough where too little is known to judge."),
    "sureness": ("share", "1 less the share of such findings that is expected to be chance."),
    "p": ("", "How often chance alone would make as large a difference, this comparison taken alone."),
    "q": ("", "The same corrected for all comparisons of the answer, after Benjamini and Hochberg."),
    "before": ("", "The eight weeks before; for a skill, all other skills."),
    "after": ("", "The last two weeks; for a skill, this skill."),
    "amount": ("", "After less before."),
    "n": ("", "School days, lessons, results or answers behind the newer number."),
    "driver_kind": ("", "Course or skill."),
    "driver_id": ("", "The part that moved most the same way."),
    "driver_title": ("", "Its title."),
    "driver_share": ("share", "Its part of all that moved that way."),
    "enough": ("", "Is enough known of the learner to judge at all?"),
    "have": ("days", "Active days known."),
    "need": ("days", "Active days needed."),
    "compared": ("", "How many comparisons the answer made."),
}
_SCHEMA = pa.schema(
    [
        ("learner_id", pa.int64()),
        ("rank", pa.int64()),
        ("kind", pa.string()),
        ("sureness", pa.float64()),
        ("p", pa.float64()),
        ("q", pa.float64()),
        ("before", pa.float64()),
        ("after", pa.float64()),
        ("amount", pa.float64()),
        ("n", pa.int64()),
        ("driver_kind", pa.string()),
        ("driver_id", pa.string()),
        ("driver_title", pa.string()),
        ("driver_share", pa.float64()),
        ("enough", pa.bool_()),
        ("have", pa.int64()),
        ("need", pa.int64()),
        ("compared", pa.int64()),
    ]
)
NOT_ENOUGH = "not_enough"


def insights(ask: Ask, tables: Tables) -> Plan:
    """Of every learner of the scope: the last two weeks against the eight before."""
    span, asked = reading.span_of(ask, tables), reading.asked_of(ask)
    return Plan(
        parts=(
            shared(reading.learners, asked, tables),
            shared(reading.free_days, asked, tables, span),
            shared(reading.whole, asked, tables, span),
            shared(reading.courses, asked, tables, span),
            shared(reading.answers, asked, tables, span),
            shared(reading.titles, Ask(), tables, "course", "course_id"),
            shared(reading.titles, Ask(), tables, "skill", "skill_id"),
        ),
        columns=(
            ColumnMeaning("learner_id", "dimension", "", "The learner's pseudonym."),
            *(ColumnMeaning(name, "detail", unit, meaning) for name, (unit, meaning) in _MEANINGS.items()),
        ),
        source="learner_course_day, learner_event",
        join=functools.partial(_join, span=span),
    )


def known_of(parts: Sequence[pa.Table], span: Span) -> list[Known]:
    learners, free, whole, courses, answers = (part.to_pylist() for part in parts[:5])
    terms = school_days(span, [row["day"] for row in free], [row["joined_on"] for row in learners])
    active: dict[int, dict[bool, int]] = defaultdict(lambda: {True: 0, False: 0})
    for row in whole:
        active[row["learner_id"]][row["is_recent"]] = row["active"]
    by_course, by_skill = _windows(courses, "course_id"), _windows(answers, "skill_id")
    return [
        Known(
            row["learner_id"],
            term,
            active[row["learner_id"]],
            by_course[row["learner_id"]],
            by_skill[row["learner_id"]],
        )
        for row, term in zip(learners, terms, strict=True)
    ]


def _windows(rows: Sequence[Row], part: str) -> dict[int, dict[str, dict[bool, Row]]]:
    made: dict[int, dict[str, dict[bool, Row]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        made[row["learner_id"]][row[part]][row["is_recent"]] = row
    return made


def _join(parts: tuple[pa.Table, ...], span: Span) -> pa.Table:
    known = known_of(parts, span)
    tried = found(known)
    titles = {
        "course": dict(zip(*parts[5].to_pydict().values(), strict=True)),
        "skill": dict(zip(*parts[6].to_pydict().values(), strict=True)),
    }
    by_learner: dict[int, list[Finding]] = defaultdict(list)
    for finding in told(tried):
        by_learner[finding.learner_id].append(finding)
    rows = []
    for one in known:
        base = {"learner_id": one.learner_id, "have": one.days, "need": FEWEST_DAYS, "compared": len(tried)}
        if not one.enough:
            rows.append(base | {"rank": 1, "kind": NOT_ENOUGH, "enough": False})
        for rank, finding in enumerate(by_learner[one.learner_id], 1):
            rows.append(base | _row(finding, rank, titles))
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def _row(finding: Finding, rank: int, titles: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    return {
        "rank": rank,
        "kind": finding.kind,
        "sureness": 1 - finding.q,
        "p": finding.p,
        "q": finding.q,
        "before": finding.before,
        "after": finding.after,
        "amount": finding.after - finding.before,
        "n": finding.n,
        "driver_kind": finding.driver_kind,
        "driver_id": finding.driver_id,
        "driver_title": titles.get(finding.driver_kind, {}).get(finding.driver_id, finding.driver_id),
        "driver_share": finding.driver_share,
        "enough": True,
    }


def ranked(rows: Sequence[Row], judged: Mapping[str, Sequence[int]]) -> list[Row]:
    """As this reader finds them useful: what was called useful of its kind comes up, the other goes down.
    Two votes either way are taken for granted, so that one click moves a finding and does not bury it."""

    def worth(row: Row) -> float:
        useful, not_useful = (*judged.get(row["kind"], ()), 0, 0)[:2]
        return float(2 * (useful + 2) / (useful + not_useful + 4) / (row["rank"] + 1))

    return sorted(rows, key=lambda row: (-worth(row), row["rank"]))


__all__ = ["NOT_ENOUGH", "group_plan", "insights", "ranked"]
