"""A door that remembers answers as one that has just been opened, whatever happened in between.

Answers are kept while nothing changed that they are made of, queries of several learners are run as one,
and the live stream knows where learners stand: all of it together, beside a door that knows nothing.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import pytest

from app import shelf
from app.core import Core
from app.door import Door
from app.local import LocalDoorway
from app.metrics import Metrics
from compute.questions import QUESTIONS
from connectors.metadata import NewRelation
from models.ask import Ask, Where
from models.errors import HeadwayError
from tests.app.conftest import Hill
from tests.builders import Row, dimension, event, events

NEEDED = {"measures": ("events", "lessons_completed"), "learners": ("lessons_completed", "mean_score")}
LOGINS = ("ada", "guardian", "teacher", "administrator", "data_scientist", "corporate_manager", "executive")
KINDS = ("lesson_complete", "quiz_answer", "quiz_submit", "video_progress", "page_view", "post_create")
STEPS, ASKED, POOL = 14, 6, 16  # few pairs, so that each is asked again after something happened


@dataclass
class World:
    core: Core
    hill: Hill
    dice: random.Random

    @property
    def door(self) -> Door:
        return self.hill.door

    def learner(self) -> int:
        return self.hill.school.learners[self.dice.choice(("S1", "S2", "S3"))]

    # ---- what may happen

    def learned(self) -> None:
        """As the writer does it: stored, told to the door and to the stream."""
        batch = events([self.row() for _ in range(self.dice.randint(1, 4))])
        appended = self.door.warehouse.append(batch)
        self.door.touched.add(batch, appended.watermark)
        self.core.live.publish(batch, appended)

    def row(self) -> Row:
        kind = self.dice.choice(KINDS)
        at = self.hill.clock.now - timedelta(
            days=self.dice.choice((0, 0, 1, 3, 40)), minutes=self.dice.randint(0, 300)
        )
        scored = kind in ("quiz_submit", "quiz_answer")
        return event(
            kind,
            at,
            learner_id=self.learner(),
            course_id=self.dice.choice(("c1", "c2")),
            lesson_id=self.dice.choice(("l1", "l2")),
            assessment_id="a1" if scored else None,
            item_id="i1" if kind == "quiz_answer" else None,
            skill_id="s1" if kind == "quiz_answer" else None,
            correct=self.dice.random() < 0.5 if kind == "quiz_answer" else None,
            score=float(self.dice.randint(0, 100)) if kind == "quiz_submit" else None,
            duration_s=float(self.dice.randint(1, 900)),
        )

    def stored_elsewhere(self) -> None:
        """By a way that tells nobody."""
        self.door.warehouse.append(events([self.row()]))

    def renamed(self) -> None:
        title = {"course_id": self.dice.choice(("c1", "c2")), "title": f"Title {self.dice.random()}"}
        self.door.warehouse.write("course", dimension("course", title))

    def moved_class(self) -> None:
        until = self.dice.choice((None, self.hill.clock.now.date()))
        member = {
            "class_id": self.dice.choice(("K1", "K2")),
            "learner_id": self.learner(),
            "valid_from": date(2026, 1, 7),
            "valid_until": until,
        }
        self.door.warehouse.write("class_member", dimension("class_member", member))

    def sponsored(self) -> None:
        row = {"learner_id": self.learner(), "sponsor_id": self.dice.choice(("C1", "C2", None))}
        self.door.warehouse.write("learner", dimension("learner", row))

    def related(self) -> None:
        relations, people = self.hill.metadata.relations, self.hill.school.people
        relation = self.dice.choice(
            (
                NewRelation(people["guardian"], "guards", self.hill.school.learners["S3"]),
                NewRelation(people["guardian"], "guards", self.hill.school.learners["S1"]),
                NewRelation(people["teacher"], "teaches", "K2"),
                NewRelation(people["teacher"], "teaches", "K1"),
            )
        )
        today = self.hill.clock.now.date()
        if str(relation.object) in {str(one.object) for one in relations.of(relation.person_id, today)}:
            relations.end(relation.person_id, relation.kind, relation.object, today)
        else:
            relations.add_many([relation])

    def holiday(self) -> None:
        day = self.hill.clock.now.date() - timedelta(days=self.dice.randint(0, 5))
        self.door.warehouse.write("school_day", dimension("school_day", {"day": day, "kind": "holiday"}))

    def night(self) -> None:
        self.hill.clock.forward(days=1)

    def folded(self) -> None:
        self.door.warehouse.compact()

    def happens(self) -> Callable[[], None]:
        rare = (
            self.stored_elsewhere,
            self.renamed,
            self.moved_class,
            self.sponsored,
            self.related,
            self.holiday,
            self.night,
            self.folded,
        )
        return self.learned if self.dice.random() < 0.6 else self.dice.choice(rare)

    # ---- what is asked

    def ask(self) -> Ask:
        question = self.dice.choice(QUESTIONS).name
        measures = NEEDED.get(question, ())
        by = self.dice.choice(((), ("course_id",), ("learner_id",))) if question == "measures" else ()
        where: tuple[Where, ...] = ()
        if self.dice.random() < 0.3:
            where = (
                self.dice.choice(
                    (Where("course_id", "=", ("c1",)), Where("learner_id", "=", (self.learner(),)))
                ),
            )
        return Ask(question, measures=measures, by=by, where=where)


async def told(doorway: LocalDoorway, secret: str, ask: Ask) -> object:
    desk = await doorway.desk(secret)
    assert desk is not None
    try:
        return (await desk.ask(ask)).table.to_pylist()
    except HeadwayError as error:
        return type(error).__name__, error.detail


@pytest.mark.parametrize("seed", [1, 2])
async def test_what_is_remembered_is_what_is_so(
    core: Core, hill: Hill, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    # Nothing may be told because it is young: only because it is still so.
    monkeypatch.setattr(shelf, "OLDEST_S", {"live": 0.0, "near": 0.0, "batch": 0.0})
    world = World(core, hill, random.Random(seed))
    secrets = {login: hill.session(login) for login in LOGINS}
    remembering = LocalDoorway(hill.door)
    pool = [(world.dice.choice(LOGINS[:3] if n % 2 else LOGINS), world.ask()) for n in range(POOL)]
    answered = 0
    for step in range(STEPS):
        happening = world.happens()
        happening()
        if happening == world.night:
            secrets = {login: hill.session(login) for login in LOGINS}
        pairs = world.dice.sample(pool, ASKED)
        found = await asyncio.gather(*(told(remembering, secrets[login], ask) for login, ask in pairs))
        fresh = Door(hill.door.warehouse, hill.metadata, hill.settings, Metrics(), hill.clock)
        try:
            for (login, ask), one in zip(pairs, found, strict=True):
                expected = await told(LocalDoorway(fresh), secrets[login], ask)
                assert one == expected, (step, happening.__name__, login, ask)
                answered += isinstance(expected, list) and bool(expected)
        finally:
            fresh.close()
    assert answered > STEPS, "empty answers prove nothing"
