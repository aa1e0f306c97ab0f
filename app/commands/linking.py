"""`./headway user link`, `unlink`, `role`, `password`: what a person may see and do from now on.

A running Headway obeys with the next question: it sees that the metadata database was changed.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

import click

from app.commands.choosing import school_metadata
from app.commands.people import DATA, TERMINAL, asked_password, person_with, user
from models.errors import BadQuestion, NotFound

if TYPE_CHECKING:
    from connectors.metadata import Metadata, Person
    from connectors.metadata.relations import Kind

_KIND = click.Choice(["guards", "teaches", "sponsors"])
_DAY = click.DateTime(["%Y-%m-%d"])


@user.command("link")
@click.argument("login")
@click.argument("kind", type=_KIND)
@click.argument("whom")
@click.option("--from", "since", type=_DAY, help="The first day on which it holds; today without it.")
@click.option("--until", type=_DAY, help="The first day on which it no longer holds.")
@DATA
def link(
    login: str, kind: str, whom: str, since: datetime | None, until: datetime | None, data: Path | None
) -> None:
    """LOGIN guards a learner, teaches a class or sponsors: WHOM is the school's own id of that."""
    from connectors.metadata import NewRelation

    with school_metadata(data) as metadata:
        person = person_with(metadata, login)
        begins = since.date() if since else _today(metadata, person)
        ends = until and until.date()
        if ends is not None and ends <= begins:
            raise BadQuestion("It would end before it begins: say an --until after --from.")
        found = _object(metadata, person, kind, whom)
        relation = NewRelation(person.id, cast("Kind", kind), found, begins, ends)
        held = metadata.relations.of(person.id)
        mine = [r for r in held if (r.kind, r.object) == (kind, str(found))]
        if any(r.valid_until is None or r.valid_until > begins for r in mine):
            raise BadQuestion("This link is there already. See ./headway user list --json.")
        if any(r.valid_from == begins for r in mine):
            raise BadQuestion(f"This link began and ended on {begins}. Say another day with --from.")
        metadata.relations.add_many([relation])
        _note(metadata, "relation-added", person, f"{kind} {found} from {begins}")
    click.echo(f"{login} {kind} {whom} from {begins}{f' until {ends}' if ends else ''}.")


@user.command("unlink")
@click.argument("login")
@click.argument("kind", type=_KIND)
@click.argument("whom")
@click.option("--on", "on", type=_DAY, help="The first day on which it no longer holds; today without it.")
@DATA
def unlink(login: str, kind: str, whom: str, on: datetime | None, data: Path | None) -> None:
    """End what `link` began. What was recorded meanwhile stays."""
    with school_metadata(data) as metadata:
        person = person_with(metadata, login)
        ends = on.date() if on else _today(metadata, person)
        found = _object(metadata, person, kind, whom)
        metadata.relations.end(person.id, cast("Kind", kind), found, ends)
        _note(metadata, "relation-ended", person, f"{kind} {found} on {ends}")
    click.echo(f"{login} no longer {kind} {whom} from {ends} on.")


@user.command("role")
@click.argument("login")
@click.argument("role")
@DATA
def set_role(login: str, role: str, data: Path | None) -> None:
    """The one role LOGIN has from now on. Sessions and tokens in another one end."""
    with school_metadata(data) as metadata:
        person, wanted = person_with(metadata, login), metadata.roles[role].name
        metadata.people.set_role(person.id, wanted)
        _note(metadata, "role-changed", person, wanted)
    click.echo(f"{login} is {wanted} now.")


@user.command("password")
@click.argument("login")
@DATA
def set_password(login: str, data: Path | None) -> None:
    """A new password for LOGIN, asked for twice or read from a pipe. Open sessions end."""
    with school_metadata(data) as metadata:
        person = person_with(metadata, login)
        metadata.people.set_password(person.id, asked_password())
        _note(metadata, "password-changed", person, "")
    click.echo(f"{login} has a new password.")


def _object(metadata: Metadata, person: Person, kind: str, whom: str) -> str | int:
    """A learner under the name that the warehouse knows; classes and sponsors are called there as here."""
    if kind != "guards":
        return whom
    if metadata.people.by_student_id(person.organisation_id, whom) is None:
        raise NotFound("There is no learner with this id of the school. See ./headway user add --student-id.")
    return metadata.organisations.pseudonyms(person.organisation_id).learner(whom)


def _today(metadata: Metadata, person: Person) -> date:
    """The school's own day."""
    return datetime.now(ZoneInfo(metadata.organisations.get(person.organisation_id).zone)).date()


def _note(metadata: Metadata, what: str, person: Person, detail: str) -> None:
    metadata.audit.write(TERMINAL, what, person.id, organisation_id=person.organisation_id, detail=detail)
