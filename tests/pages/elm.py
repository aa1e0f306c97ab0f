"""A small class whose every number can be counted by hand, and its pages opened without a browser."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import orjson

from app.door import Door
from app.local import LocalDoorway
from connectors.metadata import Metadata, NewPerson, NewRelation
from connectors.warehouse import Warehouse
from pages import PAGES
from pages.cards import Card, Drawing
from pages.filters import checked
from pages.me import Me
from pages.places import Visit
from pages.sheet import Asking, Sheet
from pages.speech import Speech
from tests.builders import dimension, event, events

TODAY = date(2026, 3, 4)  # a Wednesday
MONDAY, TOMORROW = date(2026, 3, 2), date(2026, 3, 5)
WEEK = timedelta(days=7)
NOW = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)
FIRST = TODAY - timedelta(days=60)
HOLIDAY = [date(2026, 2, 16) + timedelta(days=n) for n in range(5)]
LESSONS = {"c1": [f"c1-l{n}" for n in range(1, 11)], "c2": [f"c2-l{n}" for n in range(1, 6)]}
TITLES = {"c1": "Algebra", "c2": "Drawing"}
SKILLS = {"a1": "Lines", "a2": "Angles", "a3": "Areas", "a4": "Volumes"}  # each quiz asks for one
PUPILS = 14
AWAY, NEVER, ADULT = "S12", "S13", "S14"
LEARNING = ("lesson_complete", "quiz_submit")

Row = dict[str, Any]


@dataclass
class Elm:
    door: Door
    people: Mapping[str, str]
    learners: Mapping[str, int]
    rows: list[Row] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)

    def of(self, student: str) -> list[Row]:
        return [row for row in self.rows if row["learner_id"] == self.learners[student]]

    def secret(self, login: str) -> str:
        """Of a session that lives: other tests sign in as well, and a person has only so many at once."""
        sessions, held = self.door.metadata.sessions, self.secrets.get(login)
        if held is None or sessions.viewer(held) is None:
            held = self.secrets[login] = sessions.open(self.people[login])
        return held

    async def visit(self, login: str, path: str, locale: str = "en-GB", **query: str) -> Visit:
        desk = await LocalDoorway(self.door).desk(self.secret(login))
        assert desk is not None
        page = next(page for page in PAGES if page.path == path)
        me = Me.read(await desk.look("me"))
        return Visit(desk, me, Speech(locale, "Europe/Berlin"), page, query)

    async def cards(
        self, login: str, path: str, locale: str = "en-GB", **query: str
    ) -> dict[str, Card | None]:
        sheet = await self.sheet(login, path, locale, **query)
        return {slot.name: await card_of(sheet, slot.name) for slot in sheet.slots}

    async def sheet(self, login: str, path: str, locale: str = "en-GB", **query: str) -> Any:
        visit = await self.visit(login, path, locale, **query)
        sheet: Any = visit.page.view(visit)
        await sheet.prepare()
        sheet.filters = checked(sheet.filters, sheet.offered)
        return sheet


async def card_of(sheet: Sheet, slot: str) -> Card | None:
    """As the sheet does it, but what goes wrong is raised."""
    asking = Asking(sheet)
    card: Card | None = await getattr(sheet, slot)(asking)
    return replace(card, answers=card.answers or tuple(asking.answers)) if card else None


def found(metadata: Metadata, warehouse: Warehouse) -> tuple[dict[str, str], dict[str, int]]:
    organisation = metadata.organisations.add("Elm School", "Europe/Berlin", "en", demo=True)
    pupils = [
        NewPerson(f"p{n}", f"Pupil{n} Elm", None, "student", None, date(2012, 5, 6), f"S{n}")
        for n in range(1, PUPILS + 1)
    ]
    others = [
        NewPerson(name, f"{name} Elm", None, role)
        for name, role in {
            "mother": "guardian",
            "stranger": "guardian",
            "teacher": "teacher",
            "newcomer": "teacher",
            "father": "guardian",
            "idle": "teacher",
            "tutor": "teacher",
            "head": "administrator",
        }.items()
    ]
    ids = metadata.people.add_many(organisation, [*pupils, *others])
    people = {p.login: i for p, i in zip([*pupils, *others], ids, strict=True)}
    pseudonyms = metadata.organisations.pseudonyms(organisation)
    learners = {f"S{n}": pseudonyms.learner(f"S{n}") for n in range(1, PUPILS + 1)}
    metadata.relations.add_many(
        [
            NewRelation(people["mother"], "guards", learners["S1"]),
            NewRelation(people["mother"], "guards", learners["S2"]),
            NewRelation(people["father"], "guards", learners["S2"]),
            NewRelation(people["father"], "guards", learners["S1"], FIRST, TODAY - timedelta(days=3)),
            NewRelation(people["teacher"], "teaches", "k1"),
            NewRelation(people["newcomer"], "teaches", "empty"),
            NewRelation(people["tutor"], "teaches", "single"),
        ]
    )
    _dimensions(warehouse, organisation, learners)
    return people, learners


def _dimensions(warehouse: Warehouse, organisation: int, learners: Mapping[str, int]) -> None:
    own = {"organisation_id": organisation}
    classes = {"k1": "c1", "empty": "c1", "single": "c2"}
    members = [("k1", student) for student in learners] + [("single", "S1")]
    days = [FIRST + timedelta(days=n) for n in range(130)]
    kind = {d: "holiday" if d in HOLIDAY else "weekend" if d.weekday() > 4 else "term" for d in days}
    tables: dict[str, list[Row]] = {
        "learner": [{"learner_id": n, "joined_on": FIRST} for n in learners.values()],
        "course": [{"course_id": c, "title": t} for c, t in TITLES.items()],
        "class": [{"class_id": k, "course_id": c, "title": f"Class {k}"} for k, c in classes.items()],
        "class_member": [{"class_id": k, "learner_id": learners[s], "valid_from": FIRST} for k, s in members],
        "lesson": [
            {"course_id": c, "lesson_id": one, "position": n, "title": f"Lesson {one}", "expected_s": 600.0}
            for c, lessons in LESSONS.items()
            for n, one in enumerate(lessons, 1)
        ],
        "assessment": [
            {"assessment_id": f"a{n}", "course_id": "c1", "title": f"Quiz {n}"} for n in range(1, 5)
        ]
        + [
            {"assessment_id": "due", "course_id": "c1", "title": "Essay", "due_on": TODAY + timedelta(days=2)}
        ],
        "skill": [{"skill_id": s.lower(), "title": s, "subject": "maths"} for s in SKILLS.values()],
        "school_day": [
            {"day": d, "kind": kind[d], "label": "Winter break" if kind[d] == "holiday" else None}
            for d in days
        ],
    }
    for name, rows in tables.items():
        warehouse.write(name, dimension(name, *({**own, **row} for row in rows)))


def happened(organisation: int, learners: Mapping[str, int]) -> list[Row]:
    """Two months, the same every time: everybody a little different, one away, one never there."""
    dice = random.Random(7)
    rows: list[Row] = []

    def add(kind: str, student: str, day: date, **more: Any) -> None:
        at = datetime(day.year, day.month, day.day, dice.randint(7, 14), dice.randint(0, 59), tzinfo=UTC)
        given = {"organisation_id": organisation, "learner_id": learners[student], **more}
        rows.append(event(kind, at, **given))

    for n, student in enumerate(learners):
        if student == NEVER:
            continue
        for course in ("c1", "c2") if n % 3 else ("c1",):
            add("course_enroll", student, FIRST, course_id=course)
        open_ = {course: iter(lessons) for course, lessons in LESSONS.items()}
        for step in range((TODAY - FIRST).days + 1):
            day = FIRST + timedelta(days=step)
            late = student == AWAY and day > TODAY - timedelta(days=25)
            if late or day.weekday() > 4 or day in HOLIDAY or dice.random() > 0.35 + 0.04 * n:
                continue
            add("page_view", student, day)
            course = "c1" if n % 3 == 0 or dice.random() < 0.7 else "c2"
            lesson = next(open_[course], None) if dice.random() < 0.4 else None
            if lesson:
                spent = float(dice.randint(120, 1500))
                add("lesson_complete", student, day, course_id=course, lesson_id=lesson, duration_s=spent)
                if lesson == LESSONS[course][-1]:
                    add("course_complete", student, day, course_id=course)
            if dice.random() < 0.5:
                score = float(dice.randint(30 + n, 100))
                quiz = f"a{dice.randint(1, 4)}"
                add(
                    "quiz_submit",
                    student,
                    day,
                    course_id="c1",
                    assessment_id=quiz,
                    score=score,
                    duration_s=240.0,
                )
            if dice.random() < 0.05:
                add(
                    "order_paid",
                    student,
                    day,
                    course_id="c1",
                    object_id="p1",
                    amount_cents=4900,
                    currency="EUR",
                )
    return rows + practised(rows)


def practised(rows: list[Row]) -> list[Row]:
    """The single answers of each quiz, and what was reached: on the days and in the visits of `rows`."""
    dice, more, lessons = random.Random(11), [], dict[int, int]()

    def add(kind: str, like: Row, **given: Any) -> None:
        about = {name: like[name] for name in ("organisation_id", "learner_id", "course_id")}
        more.append(event(kind, like["occurred_at"], **about, **given))

    for row in rows:
        if row["event_type"] == "quiz_submit":
            for n in range(4):
                add(
                    "quiz_answer",
                    row,
                    assessment_id=row["assessment_id"],
                    item_id=f"{row['assessment_id']}-{n}",
                    skill_id=SKILLS[row["assessment_id"]].lower(),
                    correct=dice.random() * 100 < row["score"] + 10,
                )
        if row["event_type"] == "lesson_complete":
            lessons[row["learner_id"]] = lessons.get(row["learner_id"], 0) + 1
            if lessons[row["learner_id"]] in (1, 10):
                add("achievement_unlocked", row, object_id=f"lessons-{lessons[row['learner_id']]}")
    return more


def settle(warehouse: Warehouse, rows: list[Row]) -> None:
    warehouse.append(events(rows))


# ---- what stands on a card ------------------------------------------------------------------------------


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def text_of(html: object) -> str:
    reader = _Text()
    reader.feed(str(html))
    return re.sub(r"\s+", " ", " ".join(reader.parts)).strip()


def figures_of(card: Card | None) -> dict[str, tuple[str, str]]:
    """Label -> (value, what it is compared with)."""
    assert card is not None
    found = re.findall(r'<div class="figure">(.*?)</div>', str(card.body), re.DOTALL)
    out = {}
    for one in found:
        label = re.search(r"<dt>(.*?)</dt>", one, re.DOTALL)
        value = re.search(r'<dd class="value[^"]*">(.*?)</dd>', one, re.DOTALL)
        compared = re.search(r"<dd class=compared>(.*?)</dd>", one, re.DOTALL)
        assert label and value
        out[text_of(label[1])] = (text_of(value[1]), text_of(compared[1]) if compared else "")
    return out


def drawn(drawing: Drawing | None, source: str) -> dict[str, list[Any]]:
    """The columns of one data source of a drawing."""
    assert drawing is not None
    hit = _find(orjson.loads(drawing.text), source)
    assert hit is not None, f"no source {source}"
    entries = hit["data"]["entries"] if isinstance(hit["data"], dict) else hit["data"]
    return dict(entries)


def _find(part: Any, name: str) -> Any:
    if isinstance(part, dict):
        if part.get("name") == name and "data" in part:
            return part
        part = list(part.values())
    if isinstance(part, list):
        return next((hit for one in part if (hit := _find(one, name)) is not None), None)
    return None


# ---- the same numbers in plain Python -------------------------------------------------------------------

Test = Callable[[Row], bool]


def within(rows: list[Row], since: date, until: date) -> list[Row]:
    return [row for row in rows if since <= row["day"] < until]


def minutes(rows: list[Row]) -> float:
    return float(sum(row["duration_s"] for row in rows if row["event_type"] in LEARNING)) / 60


def duration(total: float) -> str:
    hours, rest = divmod(round(total), 60)
    return " ".join([f"{hours} h"] * bool(hours) + [f"{rest} min"] * bool(rest or not hours))


def count(rows: list[Row], kind: str) -> int:
    return sum(row["event_type"] == kind for row in rows)


def scores(rows: list[Row]) -> list[float]:
    return [row["score"] for row in rows if row["event_type"] == "quiz_submit"]


def mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def percent(value: float | None) -> str:
    return "not known" if value is None else f"{round(value)} %"


def done(rows: list[Row], course: str) -> set[str]:
    return {
        row["lesson_id"]
        for row in rows
        if row["event_type"] == "lesson_complete" and row["course_id"] == course
    }


def current_streak(rows: list[Row]) -> int:
    """Backwards from today, school day by school day."""
    active, run, day = {row["day"] for row in rows}, 0, TODAY
    while day >= FIRST:
        if day in active:
            run += 1
        elif day != TODAY and day.weekday() < 5 and day not in HOLIDAY:
            break
        day -= timedelta(days=1)
    return run
