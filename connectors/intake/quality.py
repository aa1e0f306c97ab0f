"""How good a batch is, counted by the declared rules: a few vector operations a column, no event looked at
by itself. The counts are stored with the batch and add up to days; what only whole days can tell comes later.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.intake.submission import OWN
from models.quality import LATE, REPEATED_ID, UNKNOWN_TYPE, Bounds, Dimension, QualityRules
from models.tables import QUALITY_BATCH, QUALITY_DAY

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Counts = tuple[int, int, int]  # arrived, fields, broken
SCHEMA = QUALITY_DAY.schema.to_pyarrow()
BATCH_SCHEMA = QUALITY_BATCH.schema.to_pyarrow()
_DENSE = 1 << 13  # so many possible groups are counted without sorting


@dataclass(frozen=True, slots=True)
class Refused:
    """Events of one organisation, source, day and type that got the same code."""

    organisation_id: int
    source: str
    day: date
    event_type: str
    code: str
    events: int


class Judge:
    """The rules, laid out for whole columns: an array a rule, indexed by the number of the type."""

    def __init__(self, rules: QualityRules) -> None:
        self.rules = rules
        kinds = tuple(rules.types.values())
        self.names = pa.array([kind.name for kind in kinds], pa.string())
        self.labels = pa.array([*(kind.name for kind in kinds), ""], pa.string())
        nobody = [False]  # the last place is that of types nobody declared
        columns = dict.fromkeys(name for kind in kinds for name in kind.expected)
        self.expected: dict[str, Mask] = {
            name: np.array([name in kind.expected for kind in kinds] + nobody) for name in columns
        }
        self.fields = np.array([len(kind.expected) for kind in kinds] + [0], np.float64)
        late = [kind.late_after_s for kind in kinds] + [max((k.late_after_s for k in kinds), default=0.0)]
        self.late_us = (np.array(late) * 1e6).astype(np.int64)

    def against(self, code: str) -> Dimension | None:
        """What a refusal counts against; None for one that says nothing about the data."""
        if code == UNKNOWN_TYPE:
            return "validity"
        return self.rules.refusals.get(code, "validity")


class Tally:
    """The counts of one commit."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._parts: list[pa.Table] = []

    def stored(self, events: pa.Table) -> None:
        if len(events):
            groups = _Groups(self._judge, events)
            groups.arrived(self._judge.fields)
            self._missing(groups, events)
            self._invalid(groups, events)
            late = _micros(events["received_at"]) - _micros(events["occurred_at"])
            groups.broken("timeliness", LATE, late > self._judge.late_us[groups.types])
            self._parts.append(groups.rows())

    def repeated(self, events: pa.Table) -> None:
        """Rows whose ids were known: not stored, but they arrived."""
        if len(events):
            groups = _Groups(self._judge, events)
            groups.arrived(np.zeros_like(self._judge.fields))
            groups.broken("uniqueness", REPEATED_ID, np.ones(len(events), np.bool_))
            self._parts.append(groups.rows())

    def refused(self, refusals: Iterable[Refused]) -> None:
        rows: list[dict[str, object]] = []
        for one in refusals:
            against = self._judge.against(one.code)
            if against is None:
                continue
            known = one.event_type if one.event_type in self._judge.rules.types else ""
            where = {
                "organisation_id": one.organisation_id,
                "day": one.day,
                "source": one.source,
                "event_type": known,
                "related": 0,
            }
            own = {"dimension": "", "rule": "", "arrived": one.events, "fields": 0, "broken": 0}
            broken = {"dimension": against, "rule": one.code, "arrived": 0, "broken": one.events}
            # A field that is asked for and absent is one that ought to have been filled.
            asked = one.events if against == "completeness" else 0
            rows += [where | own | {"fields": asked}, where | broken | {"fields": 0}]
        if rows:
            self._parts.append(pa.Table.from_pylist(rows, SCHEMA))

    def rows(self) -> pa.Table:
        return pa.concat_tables(self._parts) if self._parts else SCHEMA.empty_table()

    def _missing(self, groups: _Groups, events: pa.Table) -> None:
        for name, expected in self._judge.expected.items():
            column = events[name]
            if column.null_count:
                absent = column.is_null().to_numpy(zero_copy_only=False)
                groups.broken("completeness", name, absent & expected[groups.types])

    def _invalid(self, groups: _Groups, events: pa.Table) -> None:
        for bounds in self._judge.rules.bounds:
            outside = _outside(events[bounds.column], bounds)
            if outside is not None:
                groups.broken("validity", bounds.column, outside)
        for name, words in self._judge.rules.among.items():
            column = events[name]
            known = pc.is_in(column, value_set=pa.array([*words, None], column.type))
            if not pc.all(known).as_py():
                groups.broken("validity", name, ~known.to_numpy(zero_copy_only=False))


class _Groups:
    """Rows by organisation, source, day and type."""

    def __init__(self, judge: Judge, events: pa.Table) -> None:
        self._judge = judge
        types = pc.index_in(events["event_type"], value_set=judge.names)
        self.types = _ints(pc.fill_null(types, len(judge.names)))
        source = events["source"].combine_chunks().dictionary_encode()
        self._sources = source.dictionary
        organisation, day = _ints(events["organisation_id"]), _ints(events["day"].cast(pa.int32()))
        self._least = (int(organisation.min()), int(day.min()))
        sizes = (int(organisation.max()) - self._least[0] + 1, len(source.dictionary))
        self._shape = (*sizes, int(day.max()) - self._least[1] + 1, len(judge.names) + 1)
        axes = (organisation - self._least[0], _ints(source.indices), day - self._least[1], self.types)
        codes = np.ravel_multi_index(axes, self._shape)
        if int(np.prod(self._shape)) > max(_DENSE, 4 * len(codes)):
            self._codes, self._number = np.unique(codes, return_inverse=True)
        else:
            self._codes, self._number = np.arange(int(codes.max()) + 1), codes
        self._found: list[_Found] = []

    def arrived(self, fields_of_type: npt.NDArray[np.float64]) -> None:
        """Each group's own row; a type always expects the same fields, so the group does."""
        arrived = np.bincount(self._number)
        groups = np.flatnonzero(arrived)
        fields = np.bincount(self._number, fields_of_type[self.types])[groups].astype(np.int64)
        nothing = np.zeros(len(groups), np.int64)
        self._found.append(_Found("", "", groups, (arrived[groups], fields, nothing)))

    def broken(self, dimension: Dimension, rule: str, which: Mask) -> None:
        """How many rows of each group `which` marks."""
        if which.any():
            counts = np.bincount(self._number[which])
            groups = np.flatnonzero(counts)
            nothing = np.zeros(len(groups), np.int64)
            self._found.append(_Found(dimension, rule, groups, (nothing, nothing, counts[groups])))

    def rows(self) -> pa.Table:
        groups = np.concatenate([found.groups for found in self._found])
        arrived, fields, broken = (np.concatenate([f.counts[at] for f in self._found]) for at in range(3))
        codes = self._codes[groups]
        organisation, source, day, kind = np.unravel_index(codes, self._shape)
        sizes = [len(found.groups) for found in self._found]
        columns = [
            pa.array((organisation + self._least[0]).astype(np.int32)),
            pa.array((day + self._least[1]).astype(np.int32)).cast(pa.date32()),
            self._sources.take(pa.array(source)),
            self._judge.labels.take(pa.array(kind)),
            _spread([found.dimension for found in self._found], sizes),
            _spread([found.rule for found in self._found], sizes),
            *(pa.array(counts) for counts in (arrived, fields, np.zeros_like(arrived), broken)),
        ]
        return pa.Table.from_arrays(columns, schema=SCHEMA)


@dataclass(frozen=True, slots=True)
class _Found:
    dimension: str
    rule: str
    groups: Ints
    counts: tuple[Ints, Ints, Ints]  # arrived, fields, broken


def not_own(repeated: pa.Table) -> pa.Table:
    return repeated.filter(pc.not_equal(repeated["source"], OWN)) if len(repeated) else repeated


def under_target(rows: pa.Table, rules: QualityRules) -> pa.Table:
    """What one batch brought, by source, where its score is under the target."""
    now, batch_id = datetime.now(UTC), str(uuid.uuid4())
    found = []
    by_source: dict[tuple[int, str], dict[str, Counts]] = {}
    names = ("organisation_id", "source", "dimension", "arrived", "fields", "broken")
    # By hand: there are a few dozen rows, and to group them in Arrow takes longer than to insert them.
    for organisation, source, dimension, *more in zip(*(rows[n].to_pylist() for n in names), strict=True):
        parts = by_source.setdefault((organisation, source), {})
        before = parts.get(dimension, (0, 0, 0))
        parts[dimension] = (before[0] + more[0], before[1] + more[1], before[2] + more[2])
    for (organisation_id, source), parts in by_source.items():
        scores = _scores(parts)
        known = [score for score in scores.values() if score is not None]
        score = sum(known) / len(known) if known else 100.0
        if score < rules.target:
            arrived = parts[""][0]
            where = {"organisation_id": organisation_id, "batch_id": batch_id, "source": source}
            found.append({**where, "received_at": now, "arrived": arrived, "score": score, **scores})
    return pa.Table.from_pylist(found, BATCH_SCHEMA)


def _scores(parts: Mapping[str, Counts]) -> dict[str, float | None]:
    """0 to 100 for each dimension that a batch by itself can tell."""
    arrived, fields, _ = parts[""]

    def score(dimension: str) -> float | None:
        of = fields if dimension == "completeness" else arrived
        broken = parts.get(dimension, (0, 0, 0))[2]
        return max(0.0, 100 * (1 - broken / of)) if of else None

    return {name: score(name) for name in ("completeness", "validity", "uniqueness", "timeliness")}


def _spread(words: list[str], sizes: list[int]) -> pa.Array:
    return pa.array(words, pa.string()).take(pa.array(np.repeat(np.arange(len(words)), sizes)))


def _outside(column: pa.ChunkedArray, bounds: Bounds) -> Mask | None:
    least, most = pc.min_max(column).as_py().values()
    too_low = least is not None and bounds.low is not None and least < bounds.low
    too_high = most is not None and bounds.high is not None and most > bounds.high
    if not (too_low or too_high):
        return None
    values = column.cast(pa.float64()).to_numpy()
    low = -np.inf if bounds.low is None else bounds.low
    high = np.inf if bounds.high is None else bounds.high
    with np.errstate(invalid="ignore"):
        outside: Mask = (values < low) | (values > high)
    return outside


def _ints(column: pa.ChunkedArray | pa.Array) -> Ints:
    return np.asarray(column.to_numpy(), np.int64)


def _micros(times: pa.ChunkedArray) -> Ints:
    return _ints(times.cast(pa.timestamp("us", "UTC")).cast(pa.int64()))
