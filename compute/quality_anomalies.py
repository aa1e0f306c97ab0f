"""Days on which a source's data was unusual: how much came, what was missing or wrong, of what kinds it was.

Judged by the robust seasonal baseline (compute.baseline), which compares a day with earlier days of its
kind, so that a holiday is no anomaly. A day that is not over is not judged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Literal

import pyarrow as pa

from compute import checks
from compute.baseline import DayValue, Severity, Unusual, shift, unusual_days
from compute.plan import Plan
from compute.quality import rows_of
from compute.scoping import Tables
from compute.sources import judged
from models.ask import Ask, ColumnMeaning
from models.quality import SPREAD

HISTORY = timedelta(days=84)  # looked at before the first day asked for
SPAN = timedelta(days=90)  # asked for where the question names no first day
_LIKE_DAYS = 8
_VISIT = "session_start"
_SMALLEST_SHARE = 0.02  # a share moved by less is nothing to act on
_SMALLEST_DAY = 20  # events; fewer have no shares to speak of
_KINDS_SHOWN = 0.25  # population stability index; beyond it the mix is another one

Kind = Literal["volume", "broken", "mix", "values"]
Shares = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Anomaly:
    """`dimension` and `rule` for what was broken; for a mix, `rule` is the type that moved most, for values
    their field."""

    day: date
    kind: Kind
    source: str
    dimension: str
    rule: str
    value: float
    expected: float
    low: float
    high: float
    deviations: float
    severity: Severity


_SCHEMA = pa.schema(
    [
        ("day", pa.date32()),
        *((name, pa.string()) for name in ("kind", "source", "dimension", "rule")),
        *((name, pa.float64()) for name in ("value", "expected", "low", "high", "deviations")),
        ("severity", pa.string()),
    ]
)
_MEANINGS = {
    "day": "The day, in the school's own zone.",
    "kind": "volume: how much came; broken: how often a rule was; mix: of what types it was; values: how "
    "scores or durations were spread.",
    "source": "The way in by which the events came.",
    "dimension": "What part of quality the broken rule belongs to.",
    "rule": "The field, the refusal's code, the rule; of a mix the type that moved most, of values a field.",
    "value": "Events of the day, the share of them that broke the rule, or the mix's distance.",
    "expected": "What days like it had.",
    "low": "The least that would have been usual.",
    "high": "The most that would have been usual.",
    "deviations": "How many robust deviations from what was expected.",
    "severity": "notable, serious or severe.",
}


def anomalies(ask: Ask, tables: Tables) -> Plan:
    """The newest first. Days before `since` are the baseline."""
    checks.check_options(ask, ())
    until = min(ask.until or tables.scope.on, tables.scope.on)
    since = ask.since or until - SPAN
    rows = rows_of(replace(ask, since=min(since, until) - HISTORY, until=ask.until), tables, judged(tables))
    rows = rows.filter(rows.day < until)
    kinds = rows.group_by("day", "source", "event_type").agg(arrived=rows.arrived.sum().cast("int64"))
    broken = rows.filter(rows.broken > 0)
    rules = broken.group_by("day", "source", "dimension", "rule").agg(
        broken=broken.broken.sum().cast("int64")
    )
    days = tables["school_day"]
    spread = rows.filter(rows.dimension == SPREAD)
    spreads = spread.group_by("day", "source", "rule").agg(values=spread.related.sum().cast("int64"))
    return Plan(
        parts=(kinds.filter(kinds.arrived > 0), rules, days.select("day", "kind"), spreads),
        columns=tuple(ColumnMeaning(name, "detail", "", meaning) for name, meaning in _MEANINGS.items()),
        source="quality_day, quality_check, school_day",
        join=lambda found: _table(found, since, until, ask.limit),
    )


def _table(found: tuple[pa.Table, ...], since: date, until: date, limit: int | None) -> pa.Table:
    calendar = {row["day"]: row["kind"] for row in found[2].to_pylist()}
    unusual = find(found[0].to_pylist(), found[1].to_pylist(), calendar, until, found[3].to_pylist())
    asked = sorted(
        (a for a in unusual if since <= a.day), key=lambda a: (-a.day.toordinal(), -abs(a.deviations), a.rule)
    )
    return pa.Table.from_pylist([asdict(a) for a in asked[:limit]], _SCHEMA)


def find(
    kinds: Sequence[Mapping[str, object]],
    rules: Sequence[Mapping[str, object]],
    calendar: Mapping[date, str],
    until: date,
    spreads: Sequence[Mapping[str, object]] = (),
) -> Iterator[Anomaly]:
    """`kinds`: day, source, event_type, arrived. `rules`: day, source, dimension, rule, broken. `spreads`:
    day, source, rule (field and bin), values."""
    mixes: dict[str, dict[date, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in kinds:
        mixes[str(row["source"])][_day(row)][str(row["event_type"])] = float(str(row["arrived"]))
    breaks: dict[tuple[str, str, str], dict[date, float]] = defaultdict(dict)
    for row in rules:
        key = (str(row["source"]), str(row["dimension"]), str(row["rule"]))
        breaks[key][_day(row)] = float(str(row["broken"]))
    for source, mix in mixes.items():
        arrived = {day: sum(parts.values()) for day, parts in mix.items()}
        visit = _events_a_visit(mix.values())
        yield from _volumes(source, arrived, calendar, until, visit)
        mixed = list(_mixes("mix", source, mix, calendar, visit))
        yield from mixed
        for field, values in _values_of(source, spreads).items():
            # A class answers the same quiz together: chance moves more than one visit's values at once.
            each = 2.0 * max(1.0, sum(map(_sum, values.values())) * visit / sum(arrived.values()))
            for one in _mixes("values", source, values, calendar, each):
                # Other kinds of events have other values: that is told as the mix.
                if one.day not in {other.day for other in mixed}:
                    yield replace(one, rule=field)
        for (of, dimension, rule), counts in breaks.items():
            if of == source:
                yield from _broken(source, dimension, rule, arrived, counts, calendar)


def _events_a_visit(mixes: Iterable[Shares]) -> float:
    """Events come in visits, of very different lengths: chance moves whole visits, not single events."""
    days = list(mixes)
    visits = sum(parts.get(_VISIT, 0.0) for parts in days)
    return max(1.0, sum(sum(parts.values()) for parts in days) / visits) if visits else 1.0


def _volumes(
    source: str, arrived: Mapping[date, float], calendar: Mapping[date, str], until: date, visit: float
) -> Iterator[Anomaly]:
    """Counted in visits, and those as unlike each other as their mean is long. A day without any event
    is one with none."""
    unit = 2.0 * visit
    days = [DayValue(day, arrived.get(day, 0.0) / unit) for day in _days(min(arrived), until)]
    for one in unusual_days(days, calendar):
        yield _anomaly("volume", source, "", "", _times(one, unit))


def _broken(
    source: str,
    dimension: str,
    rule: str,
    arrived: Mapping[date, float],
    counts: Mapping[date, float],
    calendar: Mapping[date, str],
) -> Iterator[Anomaly]:
    days = [
        DayValue(day, counts.get(day, 0.0) / events, events)
        for day, events in arrived.items()
        if events >= _SMALLEST_DAY
    ]
    # How often a rule is broken does not depend on whether it is a holiday.
    for one in unusual_days(days):
        if one.value - one.expected >= _SMALLEST_SHARE:
            yield _anomaly("broken", source, dimension, rule, one)


def _values_of(
    source: str, spreads: Sequence[Mapping[str, object]]
) -> dict[str, dict[date, dict[str, float]]]:
    """By field, day and bin; days with few values have no shape to speak of."""
    found: dict[str, dict[date, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in spreads:
        if row["source"] == source:
            field, _, bin_ = str(row["rule"]).partition(":")
            found[field][_day(row)][bin_] = float(str(row["values"]))
    return {
        field: {day: bins for day, bins in days.items() if _sum(bins) >= _SMALLEST_DAY}
        for field, days in found.items()
    }


def _sum(bins: Shares) -> float:
    return sum(bins.values())


def _mixes(
    kind: Literal["mix", "values"],
    source: str,
    mix: Mapping[date, Shares],
    calendar: Mapping[date, str],
    visit: float,
) -> Iterator[Anomaly]:
    """Each day's types of events, or bins of values, against those of the days like it before."""
    usual: dict[str, list[Shares]] = defaultdict(list)
    for day in sorted(mix):
        like = usual[calendar.get(day, "term")]
        found = _shifted(like[-_LIKE_DAYS:], mix[day], visit)
        if found is None:
            like.append(mix[day])
        else:
            index, limit, worst = found
            size = index / limit
            grade: Severity = "severe" if size >= 4 else "serious" if size >= 2 else "notable"
            yield Anomaly(day, kind, source, "", worst, index, 0.0, 0.0, limit, size, grade)


def _shifted(like: Sequence[Shares], now: Shares, visit: float) -> tuple[float, float, str] | None:
    if len(like) < _LIKE_DAYS:
        return None
    before: dict[str, float] = defaultdict(float)
    for parts in like:
        for kind, events in parts.items():
            before[kind] += events
    # Few visits differ by chance alone: by about so much for each type there is.
    chance = len(before.keys() | now.keys()) * visit * (1 / sum(now.values()) + 1 / sum(before.values()))
    limit = _KINDS_SHOWN + chance
    moved = shift(before, now, limit=limit)
    return (moved.index, limit, moved.worst or "") if moved and moved.drifted else None


def _times(one: Unusual, unit: float) -> Unusual:
    return replace(
        one, value=one.value * unit, expected=one.expected * unit, low=one.low * unit, high=one.high * unit
    )


def _anomaly(kind: Kind, source: str, dimension: str, rule: str, one: Unusual) -> Anomaly:
    return Anomaly(
        one.day,
        kind,
        source,
        dimension,
        rule,
        one.value,
        one.expected,
        max(one.low, 0.0),
        one.high,
        one.deviations,
        one.severity,
    )


def _days(first: date, until: date) -> Iterator[date]:
    while first < until:
        yield first
        first += timedelta(days=1)


def _day(row: Mapping[str, object]) -> date:
    day = row["day"]
    assert isinstance(day, date)
    return day
