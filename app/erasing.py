"""A person is erased: what can be read of them is destroyed, and it is said what stays.

Sealed under the person's own key lie name, login, e-mail, date of birth and the school's id: the key goes,
and with it every copy of them in this database. Events stay under their pseudonym; to delete those as well
is a case of its own, with its clock and its legal holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.metadata import Consent, Metadata, Person
from connectors.metadata.consents import PURPOSES
from connectors.warehouse import Warehouse
from connectors.warehouse.deadletters import DeadLetters
from connectors.warehouse.stored import events_of
from models.errors import BadQuestion, NotFound

if TYPE_CHECKING:
    from app.looks import Caller


@dataclass(frozen=True, slots=True)
class Erased:
    person_id: str  # stays in the audit, and names nobody
    learner_id: int | None  # the pseudonym
    letters: int  # dead letters that went
    events: int  # that stay


def erase(
    metadata: Metadata,
    warehouse: Warehouse,
    person: Person,
    who: str,
    at: datetime,
    settle: Callable[[], None],
) -> Erased:
    """`settle` waits for what came before. Afterwards whoever holds something in memory is told:
    `Door.forget`."""
    organisation = person.organisation_id
    learner = None
    letters = events = 0
    if person.student_id is not None:
        learner = metadata.organisations.pseudonyms(organisation).learner(person.student_id)
        # First: from the next event on nothing of this learner is taken in.
        ends = [Consent(learner, "withdrawn", at, purpose=purpose) for purpose in PURPOSES]
        metadata.consents.grant_many(organisation, ends)
        settle()
        letters = DeadLetters(warehouse).forget(organisation, learner)
        events = events_of(warehouse, organisation, learner)
    metadata.people.forget(person.id)
    metadata.audit.write(
        who,
        "person-erased",
        person.id,
        organisation_id=organisation,
        detail=f"{letters} dead letters deleted, {events} events stay under a pseudonym",
    )
    return Erased(person.id, learner, letters, events)


def erase_person(caller: Caller, login: str) -> dict[str, Any]:
    """Of the own organisation; tells what stays."""
    door, viewer = caller.door, caller.viewer
    person = door.metadata.people.by_login(login)
    if person is None or person.organisation_id != viewer.organisation_id:
        raise NotFound("There is nobody with this login.")
    if person.id == viewer.person_id:
        raise BadQuestion("Nobody erases themselves: somebody else has to do it.")
    erased = erase(door.metadata, door.warehouse, person, viewer.person_id, door.clock(), door.settle)
    door.forget(person.organisation_id, erased.learner_id)
    told = asdict(erased)
    return told | {"learner_id": None if erased.learner_id is None else str(erased.learner_id)}
