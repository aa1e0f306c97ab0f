"""What a learner sees and decides about the own data: what is known, on what basis it is used, who looked."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from app.purposes import CARE
from compute.scoping import Tables
from connectors.intake.school import AGE_OF_CONSENT, of_age
from connectors.metadata import Consent
from connectors.metadata.consents import PURPOSES, Purpose, standing
from connectors.metadata.keys import micros
from models.ask import Answer
from models.errors import BadQuestion, NotFound, unknown

if TYPE_CHECKING:
    from app.door import Door
    from app.looks import Caller

Row = dict[str, Any]
LOOKED_DAYS = 30
MOST_READ = 5_000  # rows of the audit that are counted
NEEDS: dict[str, Purpose] = {"recommendations": "personalisation"}  # question -> what it is asked for
_GIVEN = ("consent", "guardian-consent")  # what was given can be taken back
_ABOUT = ("grade_level", "region", "country", "language", "gender", "joined_on")


def consents(caller: Caller) -> list[Row]:
    """Of the own data, or of the children's: what it may be used for today, on what basis, since when."""
    if caller.scope.rows not in ("own", "linked"):
        return []
    if caller.scope.rows == "linked":
        caller.door.note(caller.viewer, "read consents", caller.scope.learners, CARE)
    return [
        {"learner_id": str(learner), "purposes": [_told(caller, learner, name) for name in PURPOSES]}
        for learner in caller.scope.learners
    ]


def _told(caller: Caller, learner: int, purpose: Purpose) -> Row:
    now = caller.door.clock()
    story = _story(caller, learner, purpose)
    holds = standing(story, now)
    ended = next((one for one in reversed(story) if one.basis == "withdrawn" and one.since <= now), None)
    mine = caller.scope.rows == "own" and _is_of_age(caller)
    return {
        "purpose": purpose,
        "basis": holds.basis if holds else None,
        "since": _day(caller, holds.since) if holds else None,
        "withdrawn_on": _day(caller, ended.since) if ended and not holds else None,
        "may_withdraw": mine and holds is not None and holds.basis in _GIVEN,
        "may_give": mine and holds is None and ended is not None,
    }


def without_refused(door: Door, organisation_id: int, question: str, answer: Answer) -> Answer:
    """For nobody who refused the purpose: whoever asks, and however, is told nothing of it."""
    purpose = NEEDS.get(question)
    refused = door.metadata.consents.refused(organisation_id, purpose) if purpose else frozenset()
    if not refused or "learner_id" not in answer.table.column_names:
        return answer
    told = pc.invert(pc.is_in(answer.table["learner_id"], pa.array(sorted(refused), pa.int64())))
    table = answer.table.filter(told)
    if table.num_rows == answer.table.num_rows:
        return answer
    return replace(answer, table=table, key=f"{answer.key}-{table.num_rows}")


def withdraw_consent(caller: Caller, purpose: str) -> None:
    """From the next event on. What rests on something else than consent is not the learner's to end."""
    learner, known = _mine(caller, purpose)
    now = caller.door.clock()
    holds = standing(_story(caller, learner, known), now)
    if holds is None or holds.basis not in _GIVEN:
        raise BadQuestion("There is no consent to this that could be taken back.")
    _record(caller, Consent(learner, "withdrawn", now, purpose=known))


def give_consent(caller: Caller, purpose: str) -> None:
    """Again, after it was withdrawn."""
    learner, known = _mine(caller, purpose)
    now = caller.door.clock()
    story = _story(caller, learner, known)
    if standing(story, now) is not None or not any(one.basis == "withdrawn" for one in story):
        raise BadQuestion("This consent was not withdrawn.")
    _record(caller, Consent(learner, "consent", now, purpose=known))


def own_data(caller: Caller) -> Row:
    """What is held of the asker besides events, and how many people looked at it of late."""
    learner = _learner(caller)
    person = caller.door.metadata.people.get(caller.viewer.person_id)
    if person is None:
        raise NotFound
    held = Tables(caller.scope)["learner"].select(*_ABOUT)
    rows = caller.door.warehouse.fetch(held).to_pylist()
    known = {"name": person.name, "login": person.login, "email": person.email, "born_on": person.birth_date}
    known |= {"student_id": person.student_id, "spoken": person.locale}
    return {
        "known": {**known, **(rows[0] if rows else {})},
        "settings": len(caller.door.metadata.settings.all(person.id)),
        "looked_days": LOOKED_DAYS,
        "looked": _who_looked(caller, learner),
    }


def _who_looked(caller: Caller, learner: int) -> list[Row]:
    """By role, from the audit: people, and on how many days. Nobody is named: a role says what for."""
    door, since = caller.door, caller.door.clock() - timedelta(days=LOOKED_DAYS)
    zone = _zone(caller)
    read = door.metadata.audit.read(caller.viewer.organisation_id, whose=str(learner), limit=MOST_READ)
    seen: dict[str, set[date]] = {}
    for row in read:
        who = row.entry.who
        if row.at >= since and who and who != caller.viewer.person_id:
            seen.setdefault(who, set()).add(row.at.astimezone(zone).date())
    people: Counter[str] = Counter()
    days: dict[str, set[date]] = {}
    for who, on in seen.items():
        person = door.metadata.people.get(who)
        role = person.roles[0] if person and person.roles else ""
        people[role] += 1
        days.setdefault(role, set()).update(on)
    return [{"role": role, "people": n, "days": len(days[role])} for role, n in people.most_common()]


def _mine(caller: Caller, purpose: str) -> tuple[int, Purpose]:
    learner = _learner(caller)
    known = next((name for name in PURPOSES if name == purpose), None)
    if known is None:
        raise unknown("purpose", purpose, PURPOSES)
    if not _is_of_age(caller):
        raise BadQuestion(f"Under {AGE_OF_CONSENT} a parent or guardian decides this.")
    return learner, known


def _learner(caller: Caller) -> int:
    if caller.scope.rows != "own" or len(caller.scope.learners) != 1:
        raise NotFound
    return caller.scope.learners[0]


def _is_of_age(caller: Caller) -> bool:
    """As the gate judges it: whose birthday nobody knows may speak for themselves."""
    person = caller.door.metadata.people.get(caller.viewer.person_id)
    if person is None or person.birth_date is None:
        return person is not None
    return of_age({0: person.birth_date})[0] <= micros(caller.door.clock())


def _story(caller: Caller, learner: int, purpose: Purpose) -> list[Consent]:
    kept = caller.door.metadata.consents.of(caller.viewer.organisation_id, learner)
    return [one for one in kept if one.purpose == purpose]


def _record(caller: Caller, consent: Consent) -> None:
    caller.door.metadata.consents.grant_many(caller.viewer.organisation_id, [consent])


def _zone(caller: Caller) -> ZoneInfo:
    return ZoneInfo(caller.door.metadata.organisations.get(caller.viewer.organisation_id).zone)


def _day(caller: Caller, at: datetime) -> date:
    return at.astimezone(_zone(caller)).date()
