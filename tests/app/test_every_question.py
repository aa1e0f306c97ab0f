"""Every question of the desk, by every role: nobody is told a row, an id or a number of somebody else's
learner, and what is denied looks like what is not there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest

from app.desk import LocalDesk
from app.door import Door
from app.looks import LOOKS
from app.metrics import Metrics
from compute.questions import QUESTIONS
from compute.release import WITHOUT_LEARNERS
from config.settings import read_settings
from connectors.metadata import Metadata, open_metadata
from models.ask import Ask, Where
from models.errors import BadQuestion, HeadwayError, NotFound
from models.scope import RowScope
from models.tables import TABLE
from tests.school import NOW, SECRET, UNTIL, FilledSchool

NAMES = tuple(question.name for question in QUESTIONS)
NEEDED = {"measures": ("events",), "learners": ("events",)}
ABOUT_ONE = {
    "video_curve": "video",
    "video_stretches": "video",
    "video_speeds": "video",
    "score_bins": "assessment",
    "item_choices": "item",
}
# What this small school has nothing of.
MAY_BE_EMPTY = (
    "leaderboard",
    "quality_batches",
    "quality_anomalies",
    "quality_offenders",
    "quality_rows",
    "mastery_model",
    "video_stretches",
)
NOBODY, NO_CLASS = 4242, "no-such-class"


@dataclass(frozen=True)
class Asker:
    desk: LocalDesk
    rows: RowScope
    sees_rows: bool
    learners: frozenset[int]  # worked out in plain Python from the rows the school was made of
    stranger: int  # somebody else's learner
    strange_class: str
    classes: frozenset[str]  # taught


@dataclass(frozen=True)
class Ways:
    metadata: Metadata
    askers: dict[str, Asker]
    everybody: frozenset[int]
    things: dict[str, str]

    def ask(self, name: str, *where: Where) -> Ask:
        kind = ABOUT_ONE.get(name)
        one = (Where(f"{kind}_id", "=", (self.things[kind],)),) if kind else ()
        by = ("learner_id",) if name == "measures" else ()
        return Ask(name, measures=NEEDED.get(name, ()), by=by, where=(*one, *where))


def _held(tables: dict[str, Any], metadata: Metadata, person: Any, rows: str) -> set[int]:
    mine = [one for one in tables["learner"] if one["organisation_id"] == person.organisation_id]
    related = {str(one.object) for one in metadata.relations.of(person.id, UNTIL)}
    if rows in ("own", "linked"):
        return {one["learner_id"] for one in mine if str(one["learner_id"]) in related}
    if rows == "taught":
        return {
            one["learner_id"]
            for one in tables["class_member"]
            if one["class_id"] in related
            and one["valid_from"] <= UNTIL
            and (one["valid_until"] or date.max) > UNTIL
        }
    if rows == "sponsored":
        return {one["learner_id"] for one in mine if one["sponsor_id"] in related}
    return {one["learner_id"] for one in mine} if rows == "organisation" else set()


def _strange_class(classes: list[Any], person: Any, rows: str, own: set[str]) -> str:
    others = (
        one
        for one in classes
        if (one["organisation_id"] != person.organisation_id) == (rows == "organisation")
    )
    return str(next(one["class_id"] for one in others if one["class_id"] not in own))


@pytest.fixture(scope="module")
def ways(filled_school: FilledSchool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    """Over a copy of the school's people: asking writes into the audit."""
    folder = tmp_path_factory.mktemp("ways")
    held, copy = (sqlite3.connect(at / "metadata.sqlite") for at in (filled_school.data, folder))
    held.backup(copy)
    copy.close()
    held.close()
    settings = read_settings({}, demo=True, data=folder, secret=SECRET)
    fetch = filled_school.warehouse.fetch
    tables = {
        name: fetch(TABLE[name].unbound).to_pylist()
        for name in ("learner", "class_member", "class", "video", "assessment", "item")
    }
    with open_metadata(str(folder / "metadata.sqlite"), SECRET, clock=lambda: NOW) as metadata:
        door = Door(filled_school.warehouse, metadata, settings, Metrics(), lambda: NOW)
        askers = {}
        for person in metadata.people.all():
            role = metadata.roles[person.roles[0]]
            held_by = _held(tables, metadata, person, role.rows)
            if role.name in askers or (not held_by and role.rows != "nothing"):
                continue
            secret = metadata.sessions.open(person.id)
            viewer = metadata.sessions.viewer(secret)
            assert viewer is not None
            strangers = sorted({one["learner_id"] for one in tables["learner"]} - held_by)
            taught = {str(one.object) for one in metadata.relations.of(person.id, UNTIL)}
            members = tables["class_member"] if role.rows != "taught" else []
            known = {one["class_id"] for one in members if one["learner_id"] in held_by}
            askers[role.name] = Asker(
                LocalDesk(door, viewer, secret),
                role.rows,
                role.sees_rows,
                frozenset(held_by),
                strangers[0],
                _strange_class(tables["class"], person, role.rows, taught | known),
                frozenset(taught),
            )
        # One that learners of the teacher have met, so that there is something to tell.
        taught_by = askers["teacher"].classes
        course = next(one["course_id"] for one in tables["class"] if one["class_id"] in taught_by)
        things = {
            kind: next(one[f"{kind}_id"] for one in tables[kind] if one["course_id"] == course)
            for kind in sorted({*ABOUT_ONE.values()})
        }
        everybody = frozenset(one["learner_id"] for one in tables["learner"])
        yield Ways(metadata, askers, everybody, things)
        door.close()


def test_the_askers_are_all_roles_that_sign_in(ways: Ways) -> None:
    assert {*ways.askers} == {*ways.metadata.roles.by_name} - {"machine"}
    assert len(ways.askers["teacher"].learners) > 5
    assert ways.askers["corporate_manager"].learners


def values(found: object) -> Iterator[object]:
    if isinstance(found, dict):
        for one in found.values():
            yield from values(one)
    elif isinstance(found, list | tuple):
        for one in found:
            yield from values(one)
    else:
        yield found


def named(ways: Ways, rows: Sequence[object]) -> set[int]:
    """All learners whose pseudonym is anywhere in the rows, as number or as text."""
    by_text = {str(learner): learner for learner in ways.everybody}
    return {by_text[str(value)] for value in values(list(rows)) if str(value) in by_text}


async def outcome(asker: Asker, ask: Ask) -> object:
    """Rows, or the refusal without the ids that were asked for."""
    try:
        return (await asker.desk.ask(ask)).rows()
    except HeadwayError as error:
        said = str(error)
        for where in ask.where:
            for value in where.values:
                said = said.replace(str(value), "...")
        return (type(error).__name__, said)


@pytest.mark.parametrize("name", NAMES)
async def test_nobody_is_told_of_anybody_else(ways: Ways, name: str) -> None:
    action = next(question.action for question in QUESTIONS if question.name == name)
    told = 0
    for role, asker in ways.askers.items():
        ask = ways.ask(name)
        if role == "administrator":
            continue  # the same rows as a data scientist's, and every answer is long
        if not asker.desk.viewer.may(action):
            assert await outcome(asker, ask) == (NotFound.__name__, str(NotFound())), role
            continue
        if not asker.sees_rows and name not in WITHOUT_LEARNERS:
            assert (await outcome(asker, ask))[0] == BadQuestion.__name__, role  # type: ignore[index]
            continue
        found = await outcome(asker, ask)
        if isinstance(found, list):
            told += len(found)
            assert named(ways, found) <= asker.learners, role
        # Somebody else's learner, and one who does not exist, are the same to ask for.
        pairs: list[tuple[str, int | str, int | str]] = [("learner_id", asker.stranger, NOBODY)]
        if asker.rows == "taught":
            pairs.append(("class_id", asker.strange_class, NO_CLASS))
        for dimension, stranger, nobody in pairs:
            asked = [ways.ask(name, Where(dimension, "=", (one,))) for one in (stranger, nobody)]
            denied, missing = [await outcome(asker, one) for one in asked]
            assert denied == missing, (role, dimension)
        if role == "teacher":  # each form of a question costs its planning, so one role tries them
            others = await outcome(asker, ways.ask(name, Where("learner_id", "!=", (NOBODY,))))
            assert isinstance(others, tuple) or named(ways, others) <= asker.learners  # type: ignore[arg-type]
        peers = await outcome(asker, replace(ask, audience="peers"))
        assert isinstance(peers, tuple) or name in (*WITHOUT_LEARNERS, "leaderboard"), role
    assert told or name in MAY_BE_EMPTY, "an empty answer proves nothing"


@pytest.mark.parametrize("role", ["guardian", "teacher", "corporate_manager"])
async def test_each_learner_told_is_in_the_audit(ways: Ways, role: str) -> None:
    asker = ways.askers[role]
    for question in QUESTIONS:
        if question.rows != "learners" or not asker.desk.viewer.may(question.action):
            continue
        ask = replace(ways.ask(question.name), purpose=f"audit of {question.name} by {role}")
        found = named(ways, (await asker.desk.ask(ask)).rows())
        written = {
            row.entry.whose
            for row in ways.metadata.audit.read(who=asker.desk.viewer.person_id)
            if row.entry.why == ask.purpose
        }
        assert {str(learner) for learner in found} <= written, question.name


async def test_a_token_with_few_actions_reaches_no_row(ways: Ways) -> None:
    """Whoever made it may see rows; what it carries may not."""
    for role in ("student", "guardian", "teacher", "administrator", "data_scientist"):
        asker = ways.askers[role]
        few = replace(asker.desk.viewer, actions=frozenset({"ask-measures"}), via="token")
        narrow = replace(asker, desk=LocalDesk(asker.desk.door, few))
        for question in QUESTIONS:
            if question.name in WITHOUT_LEARNERS:
                continue
            found = await outcome(narrow, ways.ask(question.name))
            assert found[0] in (NotFound.__name__, BadQuestion.__name__), (role, question.name)  # type: ignore[index]
        assert await narrow.desk.names(sorted(asker.learners)) == {}, role
        for look, told in LOOKS.items():
            if told.action not in ("", "ask-measures"):
                with pytest.raises(NotFound):
                    await narrow.desk.look(look)
