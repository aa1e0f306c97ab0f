"""Events by minute: for each organisation, type and course, of the last hour. And the minutes that may
be shown to who sees no rows: whole ones, each told once, with small groups hidden (P4.5)."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from compute.release import Group, hidden
from models.scope import SMALLEST_GROUP

KEPT = 60
MOST_GROUPS = 5_000  # types times courses in one minute; what is beyond counts under no course
GRACE = 2  # minutes after which a minute is over: later events are in no told minute
_MINUTE = 60_000_000


@dataclass(frozen=True, slots=True)
class Told:
    """A minute for those who see no rows. A type that is not there was hidden, or nobody's."""

    minute: int
    events: int | None  # None: hidden
    types: Mapping[str, int]


class Minutes:
    def __init__(self) -> None:
        self._counts: dict[tuple[int, int], Counter[tuple[str, str]]] = {}

    def add(self, batch: pa.Table, now: int) -> None:
        rows = batch.select(["organisation_id", "event_type"])
        rows = rows.append_column("course_id", pc.fill_null(batch["course_id"], ""))
        rows = rows.append_column("minute", minute_of(batch))
        found = rows.filter(pc.greater(rows["minute"], now - KEPT)).group_by(
            rows.column_names, use_threads=False
        )
        self.add_counted(found.aggregate([([], "count_all")]).rename_columns([*rows.column_names, "n"]))
        self._drop(now)

    def add_counted(self, rows: pa.Table) -> None:
        for row in rows.to_pylist():
            counts = self._counts.setdefault((row["organisation_id"], row["minute"]), Counter())
            group = (row["event_type"], row["course_id"])
            if group not in counts and len(counts) >= MOST_GROUPS:
                group = (row["event_type"], "")
            counts[group] += row["n"]

    def _drop(self, now: int) -> None:
        for key in [key for key in self._counts if key[1] <= now - KEPT]:
            del self._counts[key]

    def told(
        self, organisation_id: int, now: int, types: Collection[str], courses: Collection[str]
    ) -> dict[int, dict[str, int]]:
        """Counts by minute and type; no types or courses means all of them."""
        found: dict[int, dict[str, int]] = {}
        for (organisation, minute), counts in sorted(self._counts.items()):
            if organisation != organisation_id or minute <= now - KEPT:
                continue
            by_type: Counter[str] = Counter()
            for (kind, course), n in counts.items():
                if (not types or kind in types) and (not courses or course in courses):
                    by_type[kind] += n
            if by_type:
                found[minute] = dict(by_type)
        return found


class WholeMinutes:
    """Kept only while somebody who sees no rows listens: from the first minute that begins after."""

    def __init__(self) -> None:
        self._since: int | None = None
        self._open: defaultdict[tuple[int, int], list[pa.Table]] = defaultdict(list)
        self._told: defaultdict[int, deque[Told]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._closed = 0

    def listen(self, now: int) -> None:
        if self._since is None:
            self._since = self._closed = now

    def rest(self) -> None:
        self._since = None
        self._open.clear()
        self._told.clear()

    def add(self, batch: pa.Table) -> None:
        if self._since is None:
            return
        rows = batch.select(["organisation_id", "event_type", "learner_id"])
        rows = rows.append_column("minute", minute_of(batch))
        rows = rows.filter(pc.greater(rows["minute"], self._closed))
        counted = rows.group_by(rows.column_names, use_threads=False).aggregate([([], "count_all")])
        for key in counted.group_by(["organisation_id", "minute"]).aggregate([]).to_pylist():
            mine = pc.and_(
                pc.equal(counted["organisation_id"], key["organisation_id"]),
                pc.equal(counted["minute"], key["minute"]),
            )
            self._open[key["organisation_id"], key["minute"]].append(counted.filter(mine))

    def close(self, now: int) -> None:
        if self._since is None or now - GRACE <= self._closed:
            return
        self._closed = now - GRACE
        for organisation, minute in sorted(key for key in self._open if key[1] <= self._closed):
            told = _protected(minute, pa.concat_tables(self._open.pop((organisation, minute))))
            self._told[organisation].append(told)

    def after(self, organisation_id: int, minute: int) -> list[Told]:
        return [told for told in self._told[organisation_id] if told.minute > minute]


def _protected(minute: int, rows: pa.Table) -> Told:
    by_type = rows.group_by("event_type").aggregate([("count_all", "sum"), ("learner_id", "count_distinct")])
    counts = dict(zip(by_type["event_type"].to_pylist(), by_type["count_all_sum"].to_pylist(), strict=True))
    behind = by_type["learner_id_count_distinct"].to_pylist()
    groups: dict[Group, int] = {(kind,): n for kind, n in zip(counts, behind, strict=True)}
    hidden_types = {str(group[0]) for group in hidden(groups, frozenset(), SMALLEST_GROUP, splits=False)}
    if pc.count_distinct(rows["learner_id"]).as_py() < SMALLEST_GROUP:
        return Told(minute, None, {})
    return Told(minute, sum(counts.values()), {k: n for k, n in counts.items() if k not in hidden_types})


def minute_of(batch: pa.Table) -> pa.ChunkedArray:
    return pc.divide(batch["occurred_at"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()), _MINUTE)
