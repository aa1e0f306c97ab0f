"""Puts a demo school where it belongs: people into the metadata, rows into the warehouse, truth beside."""

from __future__ import annotations

import hashlib
import heapq
import json
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pyarrow as pa

from config.quality import quality_rules
from connectors.demo.groups import class_tables
from connectors.demo.people import Guardian, Link, birth_dates, guardians, learners, staff, teachers
from connectors.demo.places import PLACES, Place
from connectors.demo.school import School, Size, build_school
from connectors.demo.standing import dimensions, table
from connectors.demo.truth import truth
from connectors.intake.quality import Judge, Tally
from connectors.metadata import Consent, Metadata, NewPerson, NewRelation
from connectors.metadata.board import LEADERBOARD
from connectors.warehouse import Warehouse
from models.errors import AlreadyThere
from models.nickname import drawn_nickname

TRUTH = "truth.json"
PEOPLE_AT_ONCE = 5_000
AGE_OF_CONSENT = 13
TAKES_PART = 0.55  # of the pupils, in the leaderboard
MOST_NICKNAMES = 20_000
STAYS_OUT = ("jonas", "leo")
Tell = Callable[[str, int, int], None]  # what is being done, how many are done, how many there will be


@dataclass(frozen=True, slots=True)
class Filled:
    events: int
    people: int
    truth: Path


def is_filled(data: Path) -> bool:
    """The truth is written last: with it the school is whole."""
    return (data / TRUTH).exists()


def fill(size: Size, warehouse: Warehouse, metadata: Metadata, data: Path, tell: Tell) -> Filled:
    """Both databases are migrated and empty."""
    if metadata.organisations.all():
        raise AlreadyThere(
            f"{data} already holds a school; --force replaces it, --data takes another folder."
        )
    schools = [_found(place, size, metadata) for place in PLACES]
    people = sum(_people(school, metadata, warehouse, tell) for school in schools)
    for school in schools:
        for name, rows in dimensions(school):
            warehouse.write(name, rows)
    events = _events(schools, warehouse, tell)
    for school in schools:
        for name, rows in class_tables(school):
            warehouse.write(name, rows)
    tell("tidying", 0, 1)
    warehouse.compact()
    warehouse.checkpoint()
    file = data / TRUTH
    file.write_text(json.dumps(truth(schools), indent=1) + "\n", encoding="utf-8")
    tell("tidying", 1, 1)
    return Filled(events, people, file)


def _found(place: Place, size: Size, metadata: Metadata) -> School:
    key = hashlib.sha256(f"headway demo {size.seed} {place.key}".encode()).digest()
    organisation_id = metadata.organisations.add(
        place.name,
        place.zone,
        place.locale,
        country=place.country,
        currency=place.currency,
        demo=True,
        pseudonym_key=key,
    )
    return build_school(
        place, size, organisation_id, metadata.organisations.pseudonyms(organisation_id).learner
    )


def _events(schools: Sequence[School], warehouse: Warehouse, tell: Tell) -> int:
    """One chunk is drawn while the one before is stored."""
    expected, done = sum(school.expected_events() for school in schools), 0
    chunks = heapq.merge(*(school.events() for school in schools), key=_first_day)
    judge = Judge(quality_rules())
    with ThreadPoolExecutor(1) as drawing:
        coming = drawing.submit(next, chunks, None)
        while (chunk := coming.result()) is not None:
            coming = drawing.submit(next, chunks, None)
            warehouse.append(chunk, ids_are_new=True, also={"quality_day": _counted(judge, chunk)})
            done += chunk.num_rows
            tell("events", done, max(expected, done))
    return done


def _counted(judge: Judge, chunk: pa.Table) -> pa.Table:
    """As the way in counts what it stores: the school's data quality has its history too."""
    tally = Tally(judge)
    tally.stored(chunk)
    return tally.rows()


def _first_day(chunk: pa.Table) -> date:
    day: date = chunk["day"][0].as_py()
    return day


def _people(school: School, metadata: Metadata, warehouse: Warehouse, tell: Tell) -> int:
    parents, guarding = guardians(school)
    taught, teaching = teachers(school)
    others, sponsoring = staff(school)
    pupils = learners(school)
    everybody = [*pupils, *parents, *taught, *others]
    person_ids: dict[str, str] = {}
    for some in _portions(everybody):
        added = metadata.people.add_many(school.organisation_id, some)
        person_ids |= zip((p.login for p in some), added, strict=True)
        tell(f"people of {school.place.name}", len(person_ids), len(everybody))
    _leaderboard(school, metadata, pupils, person_ids)
    links = [*teaching, *sponsoring, *_guards(school, guarding)]
    metadata.relations.add_many([_relation(link, person_ids) for link in links])
    metadata.consents.grant_many(school.organisation_id, _consents(school))
    if guarding:
        warehouse.write("guardian_link", _guardian_links(school, guarding, metadata))
    return len(everybody)


def _leaderboard(
    school: School, metadata: Metadata, pupils: Sequence[NewPerson], person_ids: dict[str, str]
) -> None:
    """The school has one, and about half of its pupils take part; the company has none."""
    if not school.place.has_terms:
        return
    settings = metadata.settings
    settings.put(settings.organisation(school.organisation_id), LEADERBOARD, True)
    dice = random.Random(f"leaderboard {school.size.seed} {school.place.key}")  # noqa: S311 - made up
    joined = [p.login for p in pupils if dice.random() < TAKES_PART and p.login not in STAYS_OUT]
    names: dict[str, None] = {}
    while len(names) < min(MOST_NICKNAMES, len(joined)):
        names[drawn_nickname(dice)] = None
    metadata.board.join_many(dict(zip((person_ids[login] for login in joined), names, strict=False)))


def _portions(people: Sequence[NewPerson]) -> Iterator[Sequence[NewPerson]]:
    for start in range(0, len(people), PEOPLE_AT_ONCE):
        yield people[start : start + PEOPLE_AT_ONCE]


def _guards(school: School, guarding: Sequence[Guardian]) -> Iterator[Link]:
    since = school.days[0].day
    for one in guarding:
        learner_id = int(school.learner_ids[one.learner])
        yield Link(one.login, "guards", learner_id, since, one.valid_until)


def _relation(link: Link, person_ids: dict[str, str]) -> NewRelation:
    return NewRelation(person_ids[link.login], link.kind, link.object, link.valid_from, link.valid_until)


def _consents(school: School) -> Iterator[Consent]:
    """A school's legitimate interest; a guardian's word for those too young to speak for themselves."""
    since = datetime.combine(school.days[0].day - timedelta(days=1), time(), UTC)
    born = birth_dates(school)
    for learner_id, birthday in zip(school.learner_ids, born, strict=True):
        young = (school.size.until - birthday).days < AGE_OF_CONSENT * 365.25
        yield Consent(int(learner_id), "guardian-consent" if young else "legitimate-interest", since)


def _guardian_links(school: School, guarding: Sequence[Guardian], metadata: Metadata) -> pa.Table:
    pseudonym = metadata.organisations.pseudonyms(school.organisation_id).guardian
    return table(
        "guardian_link",
        school,
        {
            "guardian_id": [pseudonym(one.guardian_key) for one in guarding],
            "learner_id": school.learner_ids[[one.learner for one in guarding]],
            "valid_from": [school.days[0].day] * len(guarding),
            "valid_until": [one.valid_until for one in guarding],
        },
    )
