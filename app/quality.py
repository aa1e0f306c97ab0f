"""Looks at whole days for the quality that single batches cannot tell, and tells Prometheus the scores."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

import pyarrow as pa

from app.metrics import Metrics
from compute import quality_checks, quality_spreads
from compute.quality import lately
from connectors.warehouse import Warehouse
from models.errors import HeadwayError
from models.quality import DIMENSIONS, QualityRules

log = logging.getLogger("headway.quality")
EVERY_S = 300.0
FIRST_S = 5.0
_DAYS_AT_ONCE = 14
_EVENTS_AT_ONCE = 200_000  # of a small school whole months are looked at in one go: each look has its price
_MOST_AT_ONCE = 2_000_000  # of a large one a few days or one: what is compared lies in memory meanwhile
_SCORED = timedelta(days=7)
Day = tuple[int, date, int]  # organisation, day, events


def check_days(
    warehouse: Warehouse,
    rules: QualityRules,
    *,
    days_at_once: int = _DAYS_AT_ONCE,
    rest: Callable[[], None] = lambda: None,
) -> int:
    """Looks at every day that got events since it was looked at; returns how many days that were.
    `rest` comes before each look but the first: after an import there are many."""
    waiting = warehouse.fetch(quality_checks.stored_days()).to_pylist()
    days_of = [(d["organisation_id"], d["day"], d["now"]) for d in waiting]
    for number, days in enumerate(together(days_of, days_at_once)):
        if number:
            rest()
        warehouse.write("quality_check", _checked(warehouse, rules, days))
    return len(waiting)


def _checked(warehouse: Warehouse, rules: QualityRules, days: Sequence[Day]) -> pa.Table:
    since, until = days[0][1], days[-1][1] + timedelta(days=1)
    found = warehouse.fetch(quality_checks.consistency(rules.consistency, since, until))
    twice = warehouse.fetch(quality_checks.repeats(since, until))
    spread = warehouse.fetch(quality_spreads.spreads(since, until))
    checked = quality_checks.rows(rules.consistency, found, twice, days)
    return pa.concat_tables([checked, quality_spreads.rows(spread, checked.schema)])


def together(days: Sequence[Day], most: int) -> Iterator[list[Day]]:
    """Runs of days that lie within so many days and do not hold too many events, or that hold few together
    and have no long gap between them: one look at the events for all of them."""
    part: list[Day] = []
    events = 0
    for _, same in groupby(days, key=lambda day: day[1]):
        of_day = list(same)
        events += sum(count for _, _, count in of_day)
        if part and not _near(part, of_day[0][1], events, most):
            yield part
            part, events = [], sum(count for _, _, count in of_day)
        part += of_day
    if part:
        yield part


def _near(part: Sequence[Day], day: date, events: int, most: int) -> bool:
    first, last = part[0][1], part[-1][1]
    if events <= _EVENTS_AT_ONCE:
        return (day - last).days < most
    return events <= _MOST_AT_ONCE and (day - first).days < most


def show(warehouse: Warehouse, metrics: Metrics, now: datetime) -> None:
    """The scores of the last seven days, of all organisations of this core together."""
    found = warehouse.fetch(lately(now.date() - _SCORED)).to_pylist()[0]
    for name in ("score", *DIMENSIONS):
        if found[name] is not None:
            metrics.quality.labels("overall" if name == "score" else name).set(found[name])


def look(
    warehouse: Warehouse, rules: QualityRules, metrics: Metrics, rest: Callable[[], None] = lambda: None
) -> None:
    """A day that nothing was added to costs nothing."""
    try:
        check_days(warehouse, rules, rest=rest)
        show(warehouse, metrics, datetime.now(UTC))
    except HeadwayError as error:
        log.warning("data quality was not looked at: %s", error.detail)
