"""Which views somebody who may not see rows is offered, and which groups are hidden in them (P4.5).

A hidden number must not follow from the others, whatever is asked. So nothing is decided on the
question asked. It is decided on canonical cells: a complete month of one axis, down to the axis's
finest groups, over all of the scope's learners. All that is ever shown is a union of cells that may be
shown, or a month's total, and so:

- one axis at a time. Dimensions that follow from each other (a course has one subject) share an axis,
  because the sum of a subject's courses is the subject. Tables of different axes meet in the totals only.
- complete months. Each month is decided by itself and for good; ranges are unions of months, so two
  ranges differ by months that are shown. An unfinished month would differ by one learner's last click.
- by column, not by measure. A measure is shown where every column it is made of may be shown, so that
  gross less net gives no refund away.
- what is hidden in a month is at least two cells with enough learners behind them together, because
  the total less what is shown is what is hidden.
- no extremes: the best score is one learner's.
- who is counted once is counted in one cell. Sums of cells tell no more than the cells do, but learners of
  two months less those of one are the few who came in the other month only, and so is their region.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache

import ibis
import ibis.expr.operations as ops

from compute.dimensions import DIMENSION, dimension, first_day, following
from compute.measures import MEASURE, MEASURES, measure
from compute.measures.measure import Measure
from models.ask import Ask, Where
from models.errors import BadQuestion
from models.scope import SMALLEST_GROUP, Scope

MONTH = "month"
TIMES = (MONTH, "quarter", "year")  # each a union of whole months
EVERYBODY = "active_learners"
# Events of clients that were offline still come in after midnight of the month's last day.
LATE_DAYS = 3
WITHOUT_LEARNERS = (
    "school_days",
    "quality_scores",
    "quality_offenders",
    "quality_anomalies",
    "quality_batches",
)  # questions whose answers come from no learner
_EXTREMES = {"score_low", "score_high"}  # and whatever is a day: the newest one is one learner's


@dataclass(frozen=True, slots=True)
class Axis:
    """Dimensions that are decided together. `splits_learners`: a learner is in one group only."""

    dimensions: tuple[str, ...]
    splits_learners: bool


TOTAL = Axis((), True)
COURSES = Axis(("course_id", "subject", "level"), False)
# What was sold is decided apart, as sales and learning have no column in common.
SALES = Axis(("course_id", "subject", "level", "product_id", "trainer_id"), False)
AXES: tuple[Axis, ...] = (
    COURSES,
    SALES,
    Axis(("region", "country"), True),
    *(
        Axis((name,), True)
        for name in ("language", "gender", "grade_level", "segment", "acquired_by", "sponsor_id")
    ),
    Axis(("device_type",), False),
    Axis(("weekday", "day_kind"), False),
    Axis(("hour",), False),
)
OFFERED = (*TIMES, *dict.fromkeys(name for axis in AXES for name in axis.dimensions))


def is_restricted(ask: Ask, scope: Scope) -> bool:
    if ask.question in WITHOUT_LEARNERS:
        return False
    return ask.audience == "peers" or not scope.sees_rows


def smallest(ask: Ask, scope: Scope) -> int:
    """Who compares with peers knows the own rows (a guardian: each child's) and could subtract them."""
    return SMALLEST_GROUP + (max(1, len(scope.learners)) if ask.audience == "peers" else 0)


def closed_until(on: date) -> date:
    return (on - timedelta(days=LATE_DAYS)).replace(day=1)


def canonical(ask: Ask, scope: Scope) -> Ask:
    """What is really answered: the same question over complete months, or a sentence why not."""
    if not is_restricted(ask, scope):
        return ask
    if ask.question != "measures":
        raise BadQuestion(
            f"'{ask.question[:80]}' looks at single learners, whom you may not see. Ask for measures."
        )
    for name in ask.measures:
        if _EXTREMES & set(measure(name).needs) or measure(name).unit == "date":
            raise BadQuestion(
                f"'{name}' is one learner's result, which you may not see. Ask for 'mean_score'."
            )
    for name in {*ask.by, *(where.dimension for where in ask.where)}:
        _check_offered(name)
    for sold in (False, True):
        if any((measure(name).sensitivity == "business") is sold for name in ask.measures):
            axis_of(ask, sold)
    return _in_months(ask, closed_until(scope.on))


def _check_offered(name: str) -> None:
    if dimension(name).step and name not in TIMES:
        raise BadQuestion(f"'{name}' is too fine for who may not see rows. Ask by {', '.join(TIMES)}.")
    if name not in OFFERED:
        raise BadQuestion(f"'{name}' is not offered to who may not see rows. Offered: {', '.join(OFFERED)}.")


def axis_of(ask: Ask, sold: bool) -> Axis:
    asked = {*ask.by, *(where.dimension for where in ask.where)} - {*TIMES}
    if not asked:
        return TOTAL
    unfit = COURSES if sold else SALES
    for axis in AXES:
        if axis is not unfit and asked <= {*axis.dimensions}:
            return axis
    if asked <= {*SALES.dimensions}:
        raise BadQuestion("'product_id' and 'trainer_id' divide sales only. Ask for learning by course_id.")
    raise BadQuestion(
        f"Who may not see rows sees one breakdown at a time. Choose one of {', '.join(sorted(asked))}."
    )


def _in_months(ask: Ask, closed: date) -> Ask:
    since = None if ask.since is None else first_day(MONTH, ask.since)
    if since is not None and since >= closed:
        return replace(
            ask, since=since, until=following(MONTH, since)
        )  # not over: protect shows nothing of it
    if ask.until is None or ask.until >= closed:
        return replace(ask, since=since, until=closed)
    until = first_day(MONTH, ask.until)
    until = until if until == ask.until else following(MONTH, until)
    return replace(ask, since=since, until=until)


def supports(of: Measure) -> frozenset[str]:
    """The measures whose learners must be many, one for each column that `of` is made of."""
    columns = {*of.behind, *of.needs} & _COUNTED.keys()
    return frozenset({of.name, *(_COUNTED[column] for column in columns)})


def _counted() -> Mapping[str, str]:
    """For each column a measure of which the learners behind are the column's."""
    alone = [each for each in MEASURES if len(each.behind) == 1]
    alone.sort(key=lambda each: (each.per != (), len(each.needs), each.name))
    found: dict[str, str] = {}
    for each in alone:
        found.setdefault(each.behind[0], each.name)
    return found


_COUNTED = _counted()


@dataclass(frozen=True, slots=True)
class Cells:
    """The canonical table behind some of a question's measures."""

    ask: Ask
    axis: Axis
    measures: tuple[str, ...]


def cells(ask: Ask, scope: Scope) -> tuple[Cells, ...]:
    """What else must be fetched to decide what of `ask` may be shown: every complete month, unfiltered."""
    found = []
    for sold in (False, True):
        names = tuple(name for name in ask.measures if (MEASURE[name].sensitivity == "business") is sold)
        if not names or not is_restricted(ask, scope):
            continue
        axis = axis_of(ask, sold)
        needed = sorted({EVERYBODY}.union(*(supports(MEASURE[name]) for name in names)))
        whole = Ask(
            measures=tuple(needed),
            by=(MONTH, *axis.dimensions),
            until=closed_until(scope.on),
            audience=ask.audience,
            purpose=ask.purpose,
        )
        found.append(Cells(whole, axis, names))
    return tuple(found)


def is_told(name: str, ask: Ask) -> bool:
    """Could what `ask` says of this measure be taken from another answer, so that a few learners are left?"""
    once = _counted_once(name)
    if not once:
        return True
    sold = MEASURE[name].sensitivity == "business"
    return (once == "in a day" or _is_in_one_month(ask)) and _is_one_group(ask, axis_of(ask, sold))


@cache
def _counted_once(name: str) -> str:
    """What adds up from month to month and from group to group is not counted once; this says "".

    Learners' days add up from month to month only."""
    of = MEASURE[name]
    if of.sensitivity == "quality":
        return ""  # of days; the planner refuses it to who may not see rows
    if of.per:
        return "in a day" if "day" in of.per and not _is_distinct(of, of.per) else "at all"
    return "at all" if _is_distinct(of, ()) else ""


def _is_distinct(of: Measure, per: tuple[str, ...]) -> bool:
    columns = {"learner_id", "day", *of.needs, *per}
    table = ibis.table(dict.fromkeys(sorted(columns), "int64"), name="any")
    if of.first is not None:
        table = table.group_by(list(per)).agg(**of.first(table))
    return bool(of.value(table).op().find(ops.CountDistinct))


def _is_in_one_month(ask: Ask) -> bool:
    if MONTH in ask.by or any(w.dimension == MONTH and _is_one_value(w) for w in ask.where):
        return True
    return ask.since is not None and ask.until == following(MONTH, ask.since)


def _is_one_group(ask: Ask, axis: Axis) -> bool:
    """Groups that share no learner add up. Of the others each is told, and no union that somebody chose."""
    if axis.splits_learners or axis.dimensions[0] in ask.by:
        return True
    return all(_is_one_value(where) for where in ask.where if where.dimension in axis.dimensions)


def _is_one_value(where: Where) -> bool:
    return where.op in ("=", "in") and len(set(where.values)) == 1


Group = tuple[object, ...]  # an axis's values


def hidden(
    groups: Mapping[Group, int], nobody_told: Set[Group], least: int, splits: bool
) -> frozenset[Group]:
    """The groups of one month that are hidden. `groups` has how many learners stand behind each.

    Groups in `nobody_told` are hidden even when empty: that nobody of three was active tells of three.
    """
    small = {
        group for group, count in groups.items() if 0 < count < least or (count and group in nobody_told)
    }
    ranked = sorted(
        (count, repr(group), group) for group, count in groups.items() if count and group not in small
    )
    for _, _, group in ranked:
        if not small or _is_safe(small, groups, least, splits):
            break
        small.add(group)
    return frozenset(small | nobody_told)


def _is_safe(small: Iterable[Group], groups: Mapping[Group, int], least: int, splits: bool) -> bool:
    """Learners of two courses may be the same ones, so there only the largest group is sure."""
    counts = [groups[group] for group in small]
    return len(counts) >= 2 and (sum(counts) if splits else max(counts)) >= least


def label(name: str, month: date) -> date:
    """The quarter or year that holds a month."""
    return first_day(DIMENSION[name].step or MONTH, month)
