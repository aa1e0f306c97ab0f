"""What only whole days can tell of data quality: whether events agree with what else is known, and whether
the same thing came twice under two ids. Looked at day by day, again whenever a day got more events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from models.quality import CHECKED, REPEATED_CONTENT, Consistency
from models.tables import COURSE_DAY, EVENTS, QUALITY_CHECK, TABLE

GROUP = ["organisation_id", "day", "source", "event_type"]
SCHEMA = QUALITY_CHECK.schema.to_pyarrow()
# Two events that agree in all of this are one thing that was sent twice.
CONTENT = (
    "learner_id",
    "session_id",
    "occurred_at",
    "sequence",
    "course_id",
    "lesson_id",
    "item_id",
    "object_id",
    "choice",
    "position_s",
)


def stored_days() -> ir.Table:
    """How many events each day has, beside how many it had when it was looked at last."""
    days = COURSE_DAY.unbound
    marks = QUALITY_CHECK.unbound
    now = days.group_by("organisation_id", "day").agg(now=days.events.sum().cast("int64"))
    seen = marks.filter(marks.rule == CHECKED).select(
        _organisation=marks.organisation_id, _day=marks.day, then=marks.related
    )
    met = [now.organisation_id == seen["_organisation"], now.day == seen["_day"]]
    both = now.left_join(seen, met).select("organisation_id", "day", "now", "then")
    return both.filter((both.then.isnull()) | (both.then != both.now)).order_by("day", "organisation_id")


def consistency(rules: Sequence[Consistency], since: date, until: date) -> ir.Table:
    """For each group of each day, and each rule by its place: how often it applied and was broken."""
    rows = _of_days(EVENTS.unbound, since, until)
    for at, rule in enumerate(rules):
        rows = judged(rows, rule, at, since, until)
    sums = {
        f"{what}_{at}": rows[f"{what}_{at}"] for at in range(len(rules)) for what in ("applies", "broken")
    }
    return rows.group_by(GROUP).agg(
        **{name: flag.ifelse(1, 0).sum().cast("int64") for name, flag in sums.items()}
    )


def repeats(since: date, until: date) -> ir.Table:
    events = _of_days(EVENTS.unbound, since, until)
    alike = events.group_by([*GROUP, *CONTENT]).agg(times=events.count())
    twice = alike.filter(alike.times > 1)
    return twice.group_by(GROUP).agg(broken=(twice.times - 1).sum().cast("int64"))


def rows(
    rules: Sequence[Consistency], found: pa.Table, twice: pa.Table, days: Sequence[tuple[int, date, int]]
) -> pa.Table:
    """Rows of QUALITY_CHECK. `days` says how many events each day had when it was looked at."""
    return pa.concat_tables([*_of_rules(rules, found), _of_repeats(twice), _marks(days)])


def _of_rules(rules: Sequence[Consistency], found: pa.Table) -> Iterator[pa.Table]:
    for at, rule in enumerate(rules):
        some = found.filter(pc.greater(found[f"applies_{at}"], 0))
        yield _shaped(some, "consistency", rule.name, some[f"applies_{at}"], some[f"broken_{at}"])


def _of_repeats(twice: pa.Table) -> pa.Table:
    nothing = pa.array([0] * len(twice), pa.int64())
    return _shaped(twice, "uniqueness", REPEATED_CONTENT, nothing, twice["broken"])


def _marks(days: Sequence[tuple[int, date, int]]) -> pa.Table:
    where = {"source": "", "event_type": "", "dimension": "", "rule": CHECKED}
    counts = {"arrived": 0, "fields": 0, "broken": 0}
    return pa.Table.from_pylist(
        [{"organisation_id": o, "day": d, **where, **counts, "related": n} for o, d, n in days], SCHEMA
    )


def _shaped(some: pa.Table, dimension: str, rule: str, related: pa.Array, broken: pa.Array) -> pa.Table:
    nothing = pa.array([0] * len(some), pa.int64())
    words = [pa.array([word] * len(some), pa.string()) for word in (dimension, rule)]
    columns = [*(some[name] for name in GROUP), *words, nothing, nothing, related, broken]
    named = pa.table(dict(zip(SCHEMA.names, columns, strict=True)))
    return named.cast(SCHEMA)


def _of_days(events: ir.Table, since: date, until: date) -> ir.Table:
    return events.filter(events.day >= ibis.literal(since), events.day < ibis.literal(until))


def judged(events: ir.Table, rule: Consistency, at: int, since: date, until: date) -> ir.Table:
    """The events with two more columns: where the rule applies, and where it is broken."""
    if rule.check == "after":
        return _after(events, rule, at, since, until)
    of = TABLE[rule.of].unbound
    own = rule.by or rule.column
    org, found, fact = f"_org_{at}", f"_found_{at}", f"_fact_{at}"
    told = {"belongs": rule.to, "within": rule.limit}.get(rule.check, own)
    there = of.select(**{org: of.organisation_id, found: of[own], fact: of[told]})
    events = events.left_join(there, [events.organisation_id == there[org], events[own] == there[found]])
    events = _known(events, rule, at) if rule.check == "known" else _told(events, rule, at)
    return events.drop(org, found, fact)


def _known(events: ir.Table, rule: Consistency, at: int) -> ir.Table:
    """A school that never told its courses cannot be measured by them."""
    some = TABLE[rule.of].unbound.select(_told=TABLE[rule.of].unbound.organisation_id).distinct()
    events = events.left_join(some, events.organisation_id == some["_told"])
    applies = events[rule.column].notnull() & events["_told"].notnull()
    return _marked(events, at, applies, events[f"_found_{at}"].isnull()).drop("_told")


def _told(events: ir.Table, rule: Consistency, at: int) -> ir.Table:
    fact = events[f"_fact_{at}"]
    value = events[rule.to if rule.check == "belongs" else rule.column]
    broken = value != fact if rule.check == "belongs" else value > fact.cast("float64") + rule.slack
    return _marked(events, at, fact.notnull() & value.notnull(), broken)


def _after(events: ir.Table, rule: Consistency, at: int, since: date, until: date) -> ir.Table:
    same = ("organisation_id", "learner_id", *rule.same)
    past = _of_days(EVENTS.unbound, since - timedelta(days=rule.look_back_days), until)
    past = past.filter(past.event_type == rule.earlier)
    first = past.group_by(**{f"_past_{n}": past[n] for n in same}).agg(_first=past.occurred_at.min())
    events = events.left_join(first, [events[n] == first[f"_past_{n}"] for n in same])
    applies = events.event_type == rule.event
    for name in rule.same:
        applies = applies & events[name].notnull()
    broken = events["_first"].isnull() | (events["_first"] > events.occurred_at)
    return _marked(events, at, applies, broken).drop("_first", *(f"_past_{n}" for n in same))


def _marked(events: ir.Table, at: int, applies: ir.BooleanValue, broken: ir.BooleanValue) -> ir.Table:
    return events.mutate(**{f"applies_{at}": applies, f"broken_{at}": applies & broken.fill_null(False)})
