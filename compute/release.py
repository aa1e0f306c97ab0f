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
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from datetime import date, timedelta

from compute.dimensions import DIMENSION, dimension, first_day, following
from compute.measures import MEASURE, MEASURES, measure
from compute.measures.measure import Measure
from models.ask import Ask
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
