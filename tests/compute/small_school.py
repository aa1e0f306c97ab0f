"""A small school in plain Python, and an attacker who asks for everything that is offered."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.optimize import linprog

from compute.disclosure import canonical, cells, protect
from compute.plan import behind
from compute.release import label
from models.ask import Ask, Where
from models.errors import BadQuestion
from models.scope import Scope

MONTHS = (date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1))
SUBJECT = {"C1": "maths", "C2": "maths", "C3": "maths", "C4": "art"}
COUNTRY = {"north": "FI", "south": "FI", "east": "SE", "west": "SE"}
GENDERS = ("f", "m")
EXECUTIVE = Scope(1, "organisation", date(2026, 4, 10))
AXES = {
    ("course_id", "subject"): tuple(SUBJECT.items()),
    ("region", "country"): tuple(COUNTRY.items()),
    ("gender",): tuple((each,) for each in GENDERS),
}
TYPES = {"events": pa.int64(), "lessons_completed": pa.int64(), "active_learners": pa.int64()}


@dataclass(frozen=True)
class Did:
    """What one learner did in one course in one month."""

    learner: int
    month: date
    course_id: str
    region: str
    gender: str
    events: int
    lessons_completed: int

    def value(self, dimension: str) -> object:
        match dimension:
            case "subject":
                return SUBJECT[self.course_id]
            case "country":
                return COUNTRY[self.region]
            case "month" | "quarter" | "year":
                return label(dimension, self.month)
            case "level":
                return None
        return getattr(self, dimension)


School = tuple[Did, ...]


def school(seed: int) -> School:
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet([0.7] * 4), rng.dirichlet([0.7] * 4), rng.dirichlet([1.0] * 2)
    found = []
    for learner in range(int(rng.integers(25, 160))):
        region = tuple(COUNTRY)[rng.choice(4, p=weights[1])]
        gender = GENDERS[rng.choice(2, p=weights[2])]
        for month, course in itertools.product(MONTHS, SUBJECT):
            if rng.random() < 0.8 * weights[0][tuple(SUBJECT).index(course)]:
                lessons = int(rng.integers(0, 4))
                found.append(
                    Did(learner, month, course, region, gender, lessons + int(rng.integers(1, 9)), lessons)
                )
    return tuple(found)


def takes(where: Where, value: object) -> bool:
    texts = [str(each) for each in where.values]
    return (str(value) in texts) is (where.op in ("=", "in"))


def meets(did: Did, ask: Ask) -> bool:
    inside = (ask.since is None or did.month >= ask.since) and (ask.until is None or did.month < ask.until)
    return inside and all(takes(where, did.value(where.dimension)) for where in ask.where)


def number(rows: Sequence[Did], measure: str) -> int:
    if measure == "active_learners":
        return len({did.learner for did in rows})
    return sum(getattr(did, measure) for did in rows)


def learners(rows: Sequence[Did], measure: str) -> int:
    column = "events" if measure == "active_learners" else measure
    return len({did.learner for did in rows if getattr(did, column)})


def answer(ask: Ask, rows: School) -> pa.Table:
    """What planner and engine would give."""
    groups: dict[tuple[object, ...], list[Did]] = defaultdict(list)
    if not ask.by:
        groups[()] = []
    for did in rows:
        if meets(did, ask):
            groups[tuple(did.value(name) for name in ask.by)].append(did)
    columns: dict[str, pa.Array] = {}
    for at, name in enumerate(ask.by):
        kind = pa.date32() if name in ("month", "quarter", "year") else pa.string()
        columns[name] = pa.array([key[at] for key in groups], kind)
    for name in ask.measures:
        columns[name] = pa.array([number(group, name) for group in groups.values()], TYPES[name])
        columns[behind(name)] = pa.array([learners(group, name) for group in groups.values()], pa.int64())
    return pa.table(columns)


class Desk:
    """Answers as the real one does: narrowed, computed, protected."""

    def __init__(self, rows: School, scope: Scope = EXECUTIVE) -> None:
        self.rows, self.scope = rows, scope
        self._kept: dict[Ask, pa.Table] = {}

    def ask(self, ask: Ask) -> tuple[Ask, pa.Table]:
        asked = canonical(ask, self.scope)
        canon = [self._canon(each.ask) for each in cells(asked, self.scope)]
        return asked, protect(answer(asked, self.rows), asked, self.scope, canon).table

    def _canon(self, ask: Ask) -> pa.Table:
        if ask not in self._kept:
            self._kept[ask] = answer(ask, self.rows)
        return self._kept[ask]


def views(measures: tuple[str, ...]) -> Iterator[Ask]:
    """All that is offered: breakdowns, single values, lists, all but some, ranges, by month and not."""
    ends = (*MONTHS[1:], None)
    spans = [(a, b) for a in MONTHS for b in ends if b is None or a < b]
    for names, groups in AXES.items():
        wheres: list[tuple[Where, ...]] = [()]
        for at, name in enumerate(names):
            values = tuple(dict.fromkeys(group[at] for group in groups))
            for size in range(1, len(values)):
                for some in itertools.combinations(values, size):
                    wheres.append((Where(name, "in" if size > 1 else "=", some),))
                wheres.append((Where(name, "!=", values[:1]),))
        bys = [by for size in range(len(names) + 1) for by in itertools.combinations(names, size)]
        for (since, until), where, by, time in itertools.product(spans, wheres, bys, ((), ("month",))):
            yield Ask(measures=measures, by=(*time, *by), where=where, since=since, until=until)


UNKNOWNS = tuple(itertools.product(MONTHS, SUBJECT, COUNTRY, GENDERS))


def _typical(unknown: tuple[date, str, str, str]) -> Did:
    return Did(0, *unknown, 0, 0)


class NaiveDesk(Desk):
    """Hides a number with few learners behind it, and nothing else."""

    def ask(self, ask: Ask) -> tuple[Ask, pa.Table]:
        found = answer(ask, self.rows)
        for name in ask.measures:
            enough = pc.greater_equal(found.column(behind(name)), 10)
            nothing = pc.equal(found.column(behind(name)), 0)
            at = found.schema.get_field_index(name)
            kept = pc.if_else(pc.or_(enough, nothing), found.column(name), pa.scalar(None, TYPES[name]))
            found = found.set_column(at, name, kept)
        return ask, found


class Attacker:
    """Knows the school's calendar and structure and every number shown; wants those of small groups.

    The unknown numbers are those of each month, course, region and gender; a number shown is a sum of
    some of them. A number is recovered where the sums leave it only one value that is not negative.
    """

    def __init__(self, measure: str, desk: Desk) -> None:
        self.rows, self.measure = desk.rows, measure
        known: dict[tuple[bool, ...], int] = {}
        self.refused = 0
        for ask in views((measure,)):
            try:
                told = desk.ask(ask)
            except BadQuestion:
                self.refused += 1
                continue
            for members, value in self._read(*told):
                assert known.setdefault(members, value) == value, "two answers disagree"
        self.sums = np.array([list(members) for members in known], dtype=float).reshape(-1, len(UNKNOWNS))
        self.values = np.array(list(known.values()), dtype=float)
        _, sizes, axes = np.linalg.svd(self.sums, full_matrices=False)
        self.span = axes[sizes > 1e-9]

    def _read(self, ask: Ask, table: pa.Table) -> Iterator[tuple[tuple[bool, ...], int]]:
        rows = {tuple(row[name] for name in ask.by): row[self.measure] for row in table.to_pylist()}
        typical = [_typical(unknown) for unknown in UNKNOWNS]
        keys = [tuple(each.value(name) for name in ask.by) if meets(each, ask) else None for each in typical]
        for key in {key for key in keys if key is not None}:
            value = rows.get(key, 0)  # no row: nobody was there
            if value is not None:
                yield tuple(each == key for each in keys), value

    def recovers(self, members: np.ndarray) -> bool:
        rest = members - self.span.T @ (self.span @ members)
        if np.abs(rest).max() < 1e-7:
            return True
        ends = [
            linprog(sign * members, A_eq=self.sums, b_eq=self.values, bounds=(0, None), method="highs").fun
            for sign in (1, -1)
        ]
        return None not in ends and abs(ends[0] + ends[1]) < 1e-6

    def small_groups(self) -> Iterator[np.ndarray]:
        """Every combination of values, offered or not, behind which stand one to nine learners."""
        names = ("month", "course_id", "subject", "region", "country", "gender")
        typical = [_typical(unknown) for unknown in UNKNOWNS]
        for size in range(1, 4):
            for by in itertools.combinations(names, size):
                groups: dict[tuple[object, ...], list[Did]] = defaultdict(list)
                for did in self.rows:
                    groups[tuple(did.value(name) for name in by)].append(did)
                for key, group in groups.items():
                    if 1 <= learners(group, self.measure) <= 9:
                        yield np.array(
                            [tuple(t.value(name) for name in by) == key for t in typical], dtype=float
                        )

    def finds(self) -> int:
        return sum(1 for members in self.small_groups() if self.recovers(members))
