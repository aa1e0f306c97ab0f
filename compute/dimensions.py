"""What a measure may be broken down by, and how each table comes to have it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Literal

import ibis.expr.types as ir

from compute.scoping import Tables
from models.errors import unknown

Kind = Literal["string", "int", "date"]


@dataclass(frozen=True, slots=True)
class Label:
    """Where people read the name of an id."""

    table: str
    column: str = "title"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a table lacks and can be given, where it has `needs`."""

    name: str
    needs: tuple[str, ...]
    attach: Callable[[ir.Table, Tables], ir.Table]


@dataclass(frozen=True, slots=True)
class Dimension:
    name: str
    meaning: str
    kind: Kind
    label: Label | None = None
    attached: Column | None = None  # None: the table's own column
    step: Literal["day", "week", "month", "quarter", "year"] | None = None  # a calendar has no gaps

    @property
    def needs(self) -> tuple[str, ...]:
        return self.attached.needs if self.attached else (self.name,)


def _from_day(name: str, value: Callable[[ir.DateValue], ir.Value]) -> Column:
    return Column(name, ("day",), lambda t, _: t.mutate(**{name: value(t.day)}))


def _named(t: ir.Table, _: Tables) -> ir.Table:
    # '' is a roll-up's way to say that an event belongs to no course.
    return t.mutate(course_id=t.course_id.nullif(""))


def _looked_up(name: str, key: str, table: str, column: str = "") -> Column:
    """The column of the dimension table's row with the same key."""

    def attach(t: ir.Table, tables: Tables) -> ir.Table:
        found = tables[table]
        rows = found.select(found[key].name("_key"), found[column or name].name(name))
        return t.left_join(rows, t[key] == rows["_key"]).drop("_key")

    return Column(name, (key,), attach)


def _class(t: ir.Table, tables: Tables) -> ir.Table:
    """A learner in two classes of a course counts in both; without a course, in every class."""
    members = tables.memberships
    rows = members.select(
        members.learner_id.name("_learner"),
        members.course_id.name("_course"),
        members.valid_from.name("_from"),
        members.valid_until.name("_until"),
        "class_id",
    )
    return t.left_join(rows, in_class(t, rows)).drop("_learner", "_course", "_from", "_until")


def in_class(t: ir.Table, rows: ir.Table) -> list[ir.BooleanValue]:
    met = [t.learner_id == rows["_learner"], t.day >= rows["_from"], t.day < rows["_until"]]
    return [*met, t.course_id == rows["_course"]] if "course_id" in t.columns else met


def _trainer(t: ir.Table, tables: Tables) -> ir.Table:
    product, course = tables["product"], tables["course"]
    sold = product.select(product.product_id.name("_sold"), product.trainer_id.name("_seller"))
    given = course.select(course.course_id.name("_given"), course.trainer_id.name("_giver"))
    t = t.left_join(sold, t.product_id == sold["_sold"])
    t = t.left_join(given, t.course_id == given["_given"])
    return t.mutate(trainer_id=t["_seller"].coalesce(t["_giver"])).drop(
        "_sold", "_seller", "_given", "_giver"
    )


def _commission(t: ir.Table, tables: Tables) -> ir.Table:
    product, trainer = tables["product"], tables["trainer"]
    rates = product.join(trainer, product.trainer_id == trainer.trainer_id).select(
        product.product_id.name("_sold"), trainer.commission.name("_rate")
    )
    t = t.left_join(rates, t.product_id == rates["_sold"])
    return t.mutate(commission_rate=t["_rate"].fill_null(0.0)).drop("_sold", "_rate")


def _course_lessons(t: ir.Table, tables: Tables) -> ir.Table:
    lesson = tables["lesson"]
    sizes = lesson.group_by(_sized=lesson.course_id).agg(course_lessons=lesson.count())
    return t.left_join(sizes, t.course_id == sizes["_sized"]).drop("_sized")


def _course_lesson(t: ir.Table, tables: Tables) -> ir.Table:
    """The lesson, if the course still has it."""
    lesson = tables["lesson"]
    known = lesson.select(lesson.lesson_id.name("course_lesson_id"), lesson.course_id.name("_of"))
    met = [t.finished_lesson_id == known.course_lesson_id, t.course_id == known["_of"]]
    return t.left_join(known, met).drop("_of")


# What measures need and nobody breaks down by.
HELP = {
    column.name: column
    for column in (
        Column("commission_rate", ("product_id",), _commission),
        Column("course_lessons", ("course_id",), _course_lessons),
        Column("course_lesson_id", ("course_id", "finished_lesson_id"), _course_lesson),
    )
}

_OF_LEARNER = {
    "region": "Where the learner lives, as the school names it.",
    "country": "The learner's country.",
    "language": "The learner's language.",
    "gender": "The learner's gender, where it was given.",
    "grade_level": "The learner's grade.",
    "sponsor_id": "The company that pays for the learner.",
    "segment": "The learner's segment.",
    "acquired_by": "How the learner came: search, referral, school and so on.",
}


def _day(name: str, meaning: str, step: Literal["week", "month", "quarter", "year"], unit: str) -> Dimension:
    return Dimension(
        name, meaning, "date", None, _from_day(name, lambda d: d.truncate(unit).cast("date")), step
    )


DIMENSIONS: tuple[Dimension, ...] = (
    Dimension("day", "The day, in the school's own zone.", "date", step="day"),
    _day("week", "The week, named by its Monday.", "week", "W"),
    _day("month", "The month, named by its first day.", "month", "M"),
    _day("quarter", "The quarter, named by its first day.", "quarter", "Q"),
    _day("year", "The year, named by its first day.", "year", "Y"),
    Dimension(
        "weekday",
        "The day of the week: 1 is Monday, 7 is Sunday.",
        "int",
        None,
        _from_day("weekday", lambda d: (d.day_of_week.index() + 1).cast("int16")),
    ),
    Dimension("hour", "The hour of the day, 0 to 23, in the school's own zone.", "int"),
    Dimension(
        "day_kind",
        "Whether the school's calendar calls the day term, weekend or holiday.",
        "string",
        None,
        _looked_up("day_kind", "day", "school_day", "kind"),
    ),
    Dimension(
        "course_id", "The course.", "string", Label("course"), Column("course_id", ("course_id",), _named)
    ),
    Dimension(
        "subject", "The course's subject.", "string", None, _looked_up("subject", "course_id", "course")
    ),
    Dimension("level", "The course's level.", "string", None, _looked_up("level", "course_id", "course")),
    Dimension(
        "class_id",
        "The class in which the learner was on that day, in the class's course.",
        "string",
        Label("class"),
        Column("class_id", ("learner_id", "course_id", "day"), _class),
    ),
    Dimension("learner_id", "The single learner, by pseudonym.", "int"),
    *(
        Dimension(name, meaning, "string", None, _looked_up(name, "learner_id", "learner"))
        for name, meaning in _OF_LEARNER.items()
    ),
    Dimension("device_type", "Desktop, mobile or tablet.", "string"),
    Dimension("os", "The device's operating system.", "string"),
    Dimension("browser", "The browser.", "string"),
    Dimension("event_type", "What kind of event it was.", "string"),
    Dimension("source", "The way in by which the event came.", "string"),
    Dimension("lesson_id", "The lesson.", "string", Label("lesson")),
    Dimension("video_id", "The video.", "string", Label("video")),
    Dimension("bucket", "The place in the video, in steps of ten seconds from 0.", "int"),
    Dimension("assessment_id", "The quiz, assignment, exam or exercise.", "string", Label("assessment")),
    Dimension("item_id", "The single question.", "string", Label("item")),
    Dimension("skill_id", "The skill practised.", "string", Label("skill")),
    Dimension("product_id", "The product sold.", "string", Label("product")),
    Dimension(
        "trainer_id",
        "The trainer of the product sold, else of the course.",
        "string",
        None,
        Column("trainer_id", ("product_id", "course_id"), _trainer),
    ),
)
DIMENSION = {dimension.name: dimension for dimension in DIMENSIONS}


def dimension(name: str) -> Dimension:
    try:
        return DIMENSION[name]
    except KeyError:
        raise unknown("dimension", name, DIMENSION) from None


def first_day(step: str, day: date) -> date:
    """The first day of the calendar step that holds `day`."""
    match step:
        case "week":
            return date.fromordinal(day.toordinal() - day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=day.month - (day.month - 1) % 3, day=1)
        case "year":
            return day.replace(month=1, day=1)
    return day


_AT_MOST = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}


def following(step: str, day: date) -> date:
    """The first day of the next step; `day` is the first day of its own."""
    return first_day(step, date.fromordinal(day.toordinal() + _AT_MOST[step]))
