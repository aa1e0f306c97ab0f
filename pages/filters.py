"""The filter bar: period, course, class and child. Its state lives in the URL and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from urllib.parse import urlencode

from compute.dimensions import DIMENSION
from models.ask import Ask, Where
from pages.me import Offered
from pages.speech import Speech

PERIODS = ("week", "last-week", "month", "28d", "90d", "year")
FRAMES = ("day", "week", "month", "quarter", "year")  # how long each step of a development is
LONGEST_DAYS = 3 * 366
EARLIEST = date(2000, 1, 1)  # no event is older: the way in takes none


@dataclass(frozen=True, slots=True)
class Filters:
    """What the page looks at. `since` included, `until` excluded, days of the school."""

    today: date
    period: str
    since: date
    until: date
    course: str | None = None
    class_: str | None = None
    child: str | None = None
    marks: Mapping[str, str] = field(default_factory=dict)  # what was clicked: dimension -> value
    frame: str = "week"
    problems: tuple[str, ...] = ()  # keys of texts: what in the URL could not be understood

    @property
    def running(self) -> bool:
        """Does the period include today, so that it is not over?"""
        return self.since <= self.today < self.until

    @property
    def before(self) -> Filters:
        """The span just before: as much of it as has passed of this one, so that the two compare."""
        passed = min(self.until, self.today + timedelta(days=1)) - self.since
        whole = self.until - self.since
        since = self.since - whole
        return replace(self, since=since, until=since + passed)

    @property
    def where(self) -> tuple[Where, ...]:
        chosen = {"course_id": self.course, "class_id": self.class_, "learner_id": self.child, **self.marks}
        return tuple(Where(name, "=", (_scalar(name, value),)) for name, value in chosen.items() if value)

    def narrow(self, ask: Ask) -> Ask:
        """`ask` within the filters; what the question says itself wins."""
        named = {where.dimension for where in ask.where}
        return replace(
            ask,
            where=ask.where + tuple(w for w in self.where if w.dimension not in named),
            since=ask.since or self.since,
            until=ask.until or self.until,
        )

    def link(self, **changes: str | None) -> str:
        """The query of this page with something changed: an href that narrows or widens it."""
        state: dict[str, str | None] = {
            "period": self.period,
            "course": self.course,
            "class": self.class_,
            "child": self.child,
            "frame": self.frame if self.frame != "week" else None,
            **dict(self.marks),
            **changes,
        }
        if state["period"] == "own":
            state = {"since": self.since.isoformat(), "until": self.until.isoformat(), **state}
        return "?" + urlencode({k: v for k, v in state.items() if v})


def _scalar(name: str, value: str) -> str | int:
    return int(value) if name == "learner_id" else value


def span_of(period: str, today: date, first_weekday: int = 0) -> tuple[date, date]:
    monday = today - timedelta(days=(today.weekday() - first_weekday) % 7)
    tomorrow = today + timedelta(days=1)
    if period == "week":
        return monday, monday + timedelta(days=7)
    if period == "last-week":
        return monday - timedelta(days=7), monday
    if period == "month":
        first = today.replace(day=1)
        return first, (first + timedelta(days=32)).replace(day=1)
    if period == "year":
        return tomorrow - timedelta(days=365), tomorrow
    return tomorrow - timedelta(days=int(period.removesuffix("d"))), tomorrow


def read_filters(
    query: Mapping[str, str], today: date, speech: Speech, default: str = "week", marks: Sequence[str] = ()
) -> Filters:
    """From the URL. What cannot be understood falls back, and `problems` says so."""
    problems = []
    period = query.get("period", default)
    if period not in (*PERIODS, "own"):
        problems.append("filter.unknown_period")
        period = default
    since, until = span_of(default if period == "own" else period, today, speech.first_weekday)
    if period == "own":
        try:
            since, until = date.fromisoformat(query["since"]), date.fromisoformat(query["until"])
        except (KeyError, ValueError):
            problems.append("filter.unknown_period")
            period = default
    wrong = _wrong(since, until, today)
    if wrong:
        problems.append(wrong)
        period, (since, until) = default, span_of(default, today, speech.first_weekday)
    frame = query.get("frame", "week")
    if frame not in FRAMES:
        problems.append("filter.unknown_period")
        frame = "week"
    child = query.get("child") or None
    if child and not _is_id(child):
        problems.append("filter.unknown_choice")
        child = None
    clicked = {name: query[name] for name in marks if query.get(name)}
    known = {name: value for name, value in clicked.items() if _is_value(name, value)}
    if len(known) < len(clicked):
        problems.append("filter.unknown_mark")
    return Filters(
        today=today,
        period=period,
        since=since,
        until=until,
        course=query.get("course") or None,
        class_=query.get("class") or None,
        child=child,
        marks=known,
        frame=frame,
        problems=tuple(problems),
    )


def _wrong(since: date, until: date, today: date) -> str:
    """Why a span cannot be looked at: the text that says so. One that begins today or earlier has a span
    before it to compare with."""
    if not timedelta(0) < until - since <= timedelta(days=LONGEST_DAYS):
        return "filter.wrong_span"
    if since > today:
        return "filter.future_span"
    return "filter.early_span" if since < EARLIEST else ""


def _is_id(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and len(text) < 21 and abs(int(text)) < 2**63


def _is_value(name: str, text: str) -> bool:
    """May it be a value of the dimension? Days are days, numbers numbers; of texts the desk knows more."""
    kind = DIMENSION[name].kind if name in DIMENSION else "string"
    if kind == "int":
        return _is_id(text)
    if kind != "date":
        return True
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def checked(filters: Filters, offered: Offered) -> Filters:
    """What the viewer cannot choose is not asked for, and the page says so."""
    allowed = {
        "course": offered.courses,
        "class_": offered.classes,
        "child": offered.children,
    }
    wrong = {
        name: None
        for name, choices in allowed.items()
        if getattr(filters, name) not in {None, *(choice.value for choice in choices)}
    }
    courses = {choice.value for choice in offered.courses}
    marks = {n: v for n, v in filters.marks.items() if n != "course_id" or v in courses}
    if not wrong and len(marks) == len(filters.marks):
        return filters
    problems = (*filters.problems, "filter.unknown_choice")
    return replace(filters, problems=problems, marks=marks, **wrong)  # type: ignore[arg-type]
