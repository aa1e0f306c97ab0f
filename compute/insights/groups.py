"""The same for a class or a course: did its learners, each against themselves, move together?

Learners are compared in pairs with their own earlier weeks, so that a class in which one worked for all
is no finding. What drives it is the part of the learners that moved most.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from compute.dimensions import dimension
from compute.forms import Form, shared, values_in
from compute.insights import chance, reading
from compute.insights.finding import FEWEST_EARLIER, FEWEST_RECENT, NOTHING, SURE, school_days
from compute.insights.reading import Span
from compute.plan import Plan
from compute.scoping import Tables
from models.ask import Ask, ColumnMeaning

FEWEST_LEARNERS = 8
FEWEST_OF_PART = 3  # learners of a part that can drive a finding
_PARTS = ("segment", "grade_level", "region")
Row = Mapping[str, Any]
_MEANINGS = {
    "group_kind": ("", "Class or course."),
    "group_id": ("", "Which."),
    "group_title": ("", "Its title."),
    "rank": ("", "1 is told first: sure and large."),
    "kind": ("", "What was found; not_enough where too few learners can be compared."),
    "sureness": ("share", "1 less the share of such findings that is expected to be chance."),
    "p": ("", "How often chance alone would make as large a difference, this comparison taken alone."),
    "q": ("", "The same corrected for all comparisons of the answer, after Benjamini and Hochberg."),
    "before": ("", "The mean over learners in the eight weeks before."),
    "after": ("", "The mean over learners in the last two weeks."),
    "amount": ("", "After less before."),
    "n": ("learners", "Learners compared with themselves."),
    "moved": ("learners", "Of them, how many moved that way."),
    "driver_kind": ("", "Segment, grade or region."),
    "driver_id": ("", "The part of the learners that moved most."),
    "driver_share": ("share", "Its part of the whole change."),
    "driver_learners": ("share", "Its part of the learners."),
    "enough": ("", "Are there enough learners to judge?"),
    "have": ("learners", "Learners who can be compared."),
    "need": ("learners", "Learners needed."),
    "compared": ("", "How many comparisons the answer made."),
}
_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("group_kind", "group_id", "group_title")),
        ("rank", pa.int64()),
        ("kind", pa.string()),
        *((name, pa.float64()) for name in ("sureness", "p", "q", "before", "after", "amount")),
        ("n", pa.int64()),
        ("moved", pa.int64()),
        ("driver_kind", pa.string()),
        ("driver_id", pa.string()),
        ("driver_share", pa.float64()),
        ("driver_learners", pa.float64()),
        ("enough", pa.bool_()),
        *((name, pa.int64()) for name in ("have", "need", "compared")),
    ]
)


@dataclass(frozen=True, slots=True)
class Moved:
    """One learner in one measure: before and after."""

    learner_id: int
    before: float
    after: float


def group_plan(ask: Ask, tables: Tables) -> Plan:
    span, asked = reading.span_of(ask, tables), reading.asked_of(ask)
    return Plan(
        parts=(
            shared(reading.learners, asked, tables),
            shared(reading.free_days, asked, tables, span),
            shared(reading.courses, asked, tables, span),
            shared(_classes, asked, tables),
            shared(reading.titles, Ask(), tables, "course", "course_id"),
        ),
        columns=tuple(
            ColumnMeaning(name, "dimension" if name == "group_id" else "detail", unit, meaning)
            for name, (unit, meaning) in _MEANINGS.items()
        ),
        source="learner_course_day",
        join=functools.partial(_join, span=span),
    )


def _classes(tables: Tables, form: Form) -> ir.Table:
    """learner_id, class_id, course_id, title of those in the scope's classes on its day."""
    held = tables["class"]
    for where in form.where:
        if where.dimension == "class_id":
            held = held.filter(held.class_id.isin(values_in(where, dimension("class_id"))))
    members, on = tables["class_member"], tables.today
    now = members.filter(members.valid_from <= on, members.valid_until.isnull() | (members.valid_until > on))
    held = held.select("class_id", "course_id", "title")
    return now.select("class_id", "learner_id").distinct().inner_join(held, "class_id")


def _join(parts: tuple[pa.Table, ...], span: Span) -> pa.Table:
    learners, free, courses, classes = (part.to_pylist() for part in parts[:4])
    titles = dict(zip(*parts[4].to_pydict().values(), strict=True))
    terms = school_days(span, [row["day"] for row in free], [row["joined_on"] for row in learners])
    days = {row["learner_id"]: term for row, term in zip(learners, terms, strict=True)}
    about = {row["learner_id"]: row for row in learners}
    windows: dict[tuple[int, str], dict[bool, Row]] = defaultdict(dict)
    for row in courses:
        windows[row["learner_id"], row["course_id"]][row["is_recent"]] = row
    groups: dict[tuple[str, str, str], list[tuple[int, str]]] = defaultdict(list)
    for row in classes:
        if row["learner_id"] in days:
            groups["class", row["class_id"], row["title"]].append((row["learner_id"], row["course_id"]))
    for learner, course in windows:
        if course:
            groups["course", course, titles.get(course, course)].append((learner, course))
    return _told({g: _measured(members, windows, days) for g, members in groups.items()}, about)


def _measured(
    members: Sequence[tuple[int, str]],
    windows: Mapping[tuple[int, str], Mapping[bool, Row]],
    days: Mapping[int, Mapping[bool, int]],
) -> dict[str, list[Moved]]:
    made: dict[str, list[Moved]] = {"activity": [], "pace": [], "score": []}
    for learner, course in sorted(set(members)):
        term, window = days[learner], windows.get((learner, course), {})
        now, then = window.get(True, NOTHING), window.get(False, NOTHING)
        if term[True] < FEWEST_RECENT or term[False] < FEWEST_EARLIER:
            continue
        for kind, name, times in (("activity", "active", 1.0), ("pace", "lessons_completed", 5.0)):
            before, after = (
                times * (row.get(name) or 0) / term[w] for row, w in ((then, False), (now, True))
            )
            if then or now:
                made[kind].append(Moved(learner, before, after))
        if now.get("scores") and then.get("scores"):
            made["score"].append(
                Moved(learner, then["score_sum"] / then["scores"], now["score_sum"] / now["scores"])
            )
    return made


def _told(
    groups: Mapping[tuple[str, str, str], Mapping[str, list[Moved]]], about: Mapping[int, Row]
) -> pa.Table:
    tried = [
        (group, kind, moved)
        for group, kinds in sorted(groups.items())
        for kind, moved in kinds.items()
        if len(moved) >= FEWEST_LEARNERS
    ]
    p = [chance.pairs(_differences(moved)) for _, _, moved in tried]
    q = chance.benjamini_hochberg(p)
    rows: list[dict[str, Any]] = []
    for group, kinds in sorted(groups.items()):
        have = max((len(moved) for moved in kinds.values()), default=0)
        named = dict(zip(("group_kind", "group_id", "group_title"), group, strict=True))
        base = named | {"have": have, "need": FEWEST_LEARNERS, "compared": len(tried)}
        if have < FEWEST_LEARNERS:
            rows.append(base | {"rank": 1, "kind": "not_enough", "enough": False})
            continue
        mine = [
            (_row(kind, moved, p[i], float(q[i]), about), moved)
            for i, (of, kind, moved) in enumerate(tried)
            if of == group and q[i] <= SURE
        ]
        mine.sort(key=lambda pair: -pair[0]["sureness"] * _size(pair[1]))
        rows += [base | row | {"rank": rank, "enough": True} for rank, (row, _) in enumerate(mine, 1)]
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def _differences(moved: Sequence[Moved]) -> Any:
    return np.array([each.after - each.before for each in moved])


def _size(moved: Sequence[Moved]) -> float:
    differences = _differences(moved)
    return float(min(1.0, abs(differences.mean()) / max(float(differences.std()), 1e-9)))


def _row(kind: str, moved: Sequence[Moved], p: float, q: float, about: Mapping[int, Row]) -> dict[str, Any]:
    before = float(np.mean([each.before for each in moved]))
    after = float(np.mean([each.after for each in moved]))
    sign = 1 if after > before else -1
    return {
        "kind": f"{kind}_{'rose' if sign > 0 else 'fell'}",
        "sureness": 1 - q,
        "p": p,
        "q": q,
        "before": before,
        "after": after,
        "amount": after - before,
        "n": len(moved),
        "moved": sum(sign * (each.after - each.before) > 0 for each in moved),
        **_driver(moved, about),
    }


def _driver(moved: Sequence[Moved], about: Mapping[int, Row]) -> dict[str, Any]:
    """The part of the learners whose share of the change is furthest above its share of the learners."""
    whole = float(sum(each.after - each.before for each in moved))
    best: tuple[float, dict[str, Any]] = (0.0, {"driver_kind": "", "driver_id": ""})
    for kind in _PARTS:
        parts: dict[str, list[Moved]] = defaultdict(list)
        for each in moved:
            value = about.get(each.learner_id, NOTHING).get(kind)
            if value:
                parts[value].append(each)
        for value, some in sorted(parts.items()):
            if not FEWEST_OF_PART <= len(some) < len(moved):
                continue
            share = float(sum(each.after - each.before for each in some)) / whole
            learners = len(some) / len(moved)
            if share - learners > best[0]:
                named = {"driver_kind": kind, "driver_id": value}
                best = (share - learners, named | {"driver_share": share, "driver_learners": learners})
    return best[1]
