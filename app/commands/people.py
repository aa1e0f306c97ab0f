"""`./headway organisation`, `user`, `token`, `audit`: who is here, what they may do, and the record of it."""

from __future__ import annotations

import dataclasses
import json
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, available_timezones

import click

from app.commands.choosing import school_metadata, school_settings
from app.commands.options import PLACE
from models.errors import BadQuestion, NotFound, unknown

if TYPE_CHECKING:
    from connectors.metadata import Metadata, Organisation, Person, Relation, Token

TERMINAL = "terminal"  # who did it, as the audit says: whoever holds the machine and its secret
DATA = click.option("--data", type=PLACE, help="Folder of the school; .headway/demo without it.")
_JSON = click.option("--json", "as_json", is_flag=True, help="As JSON, for scripts.")


@click.group(short_help="List and add organisations.")
def organisation() -> None:
    """The schools of this installation. They see nothing of each other."""


@organisation.command("list")
@_JSON
@DATA
def list_organisations(as_json: bool, data: Path | None) -> None:
    """All organisations."""
    with school_metadata(data) as metadata:
        rows = [dataclasses.asdict(found) for found in metadata.organisations.all()]
    _show(rows, ("id", "name", "zone", "locale", "currency"), as_json)


@organisation.command("add")
@click.argument("name")
@click.option("--zone", required=True, help="Its time zone, such as Europe/Berlin.")
@click.option("--locale", default="en", show_default=True)
@click.option("--currency", default="EUR", show_default=True)
@DATA
def add_organisation(name: str, zone: str, locale: str, currency: str, data: Path | None) -> None:
    """Add an organisation and print its id."""
    if zone not in available_timezones():
        raise unknown("time zone", zone, available_timezones())
    ZoneInfo(zone)
    with school_metadata(data, new=True) as metadata:
        organisation_id = metadata.organisations.add(name, zone, locale, currency=currency)
        metadata.audit.write(TERMINAL, "organisation-added", organisation_id=organisation_id)
    click.echo(organisation_id)


@click.group(short_help="List, add, link and erase people.")
def user() -> None:
    """The people of this installation."""


@user.command("list")
@click.option("--organisation", "organisation_id", type=int, help="Only those of this organisation's id.")
@click.option("--role", help="Only those with this role.")
@_JSON
@DATA
def list_users(organisation_id: int | None, role: str | None, as_json: bool, data: Path | None) -> None:
    """Everybody with login, role and relations. The audit notes that you looked."""
    with school_metadata(data) as metadata:
        if role is not None:
            role = metadata.roles[role].name
        organisations = {found.id: found for found in metadata.organisations.all()}
        people = [p for p in metadata.people.all(organisation_id) if role is None or role in p.roles]
        relations = _relations(metadata, people)
        rows = [_user(p, organisations[p.organisation_id], relations.get(p.id, [])) for p in people]
        metadata.audit.write(TERMINAL, "people-listed", organisation_id=organisation_id)
    _show(rows, ("login", "role", "name", "organisation"), as_json)


def _relations(metadata: Metadata, people: list[Person]) -> dict[str, list[Relation]]:
    found: dict[str, list[Relation]] = {}
    for relation in metadata.relations.of_all([person.id for person in people]):
        found.setdefault(relation.person_id, []).append(relation)
    return found


def _user(person: Person, organisation: Organisation, relations: list[Relation]) -> dict[str, Any]:
    return {
        "login": person.login,
        "name": person.name,
        "role": person.roles[0] if person.roles else None,
        "roles": person.roles,
        "organisation_id": organisation.id,
        "organisation": organisation.name,
        "relations": [_relation(relation) for relation in relations],
    }


def _relation(relation: Relation) -> dict[str, str | None]:
    until = relation.valid_until
    return {
        "kind": relation.kind,
        "object": relation.object,
        "valid_from": relation.valid_from.isoformat(),
        "valid_until": None if until is None else until.isoformat(),
    }


@user.command("add")
@click.argument("login")
@click.option("--name", required=True)
@click.option("--role", required=True, help="A role of config/roles.toml.")
@click.option("--email")
@click.option("--student-id", help="The school's own id of the learner who this person is.")
@click.option("--birth-date", type=click.DateTime(["%Y-%m-%d"]))
@click.option("--organisation", "organisation_id", type=int, help="Its id; needed where there are several.")
@click.option("--password/--no-password", default=True, help="Asked for twice, or read from a pipe.")
@DATA
def add_user(
    login: str,
    role: str,
    organisation_id: int | None,
    password: bool,
    data: Path | None,
    birth_date: Any,
    **said: str | None,
) -> None:
    """Add a person who signs in with LOGIN."""
    from connectors.metadata import NewPerson

    with school_metadata(data) as metadata:
        born: date | None = birth_date and birth_date.date()
        person = NewPerson(
            login,
            str(said["name"]),
            said["email"],
            metadata.roles[role].name,
            asked_password() if password else None,
            born,
            said["student_id"],
        )
        home = _organisation(metadata, organisation_id)
        [person_id] = metadata.people.add_many(home, [person])
        metadata.audit.write(TERMINAL, "person-added", person_id, organisation_id=home, detail=person.role)
    click.echo(f"Added {login} as {role}.")


@user.command("erase")
@click.argument("login")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_JSON
@DATA
def erase_user(login: str, yes: bool, as_json: bool, data: Path | None) -> None:
    """Destroy name, login, e-mail, date of birth, ids and links of LOGIN, for good, and say what stays.

    Beside a running Headway it is done there, as the organisation's privacy officer.
    """
    from app.commands.erasing import erased

    settings = school_settings(data)
    with school_metadata(data) as metadata:
        person = person_with(metadata, login)
        if not yes:
            click.confirm("This cannot be undone. Erase this person?", abort=True)
        metadata.audit.write(TERMINAL, "erasure-asked-for", person.id, organisation_id=person.organisation_id)
        told = erased(settings, metadata, person, login)
    if as_json:
        click.echo(json.dumps(told))
        return
    click.echo("Erased: name, login, e-mail, date of birth, ids, password, sessions, settings, links.")
    click.echo(f"{told['letters']} dead letters were deleted.")
    click.echo(f"What stays: {told['events']} events under a pseudonym, the audit, and backups made before.")


def person_with(metadata: Metadata, login: str) -> Person:
    person = metadata.people.by_login(login)
    if person is None:
        raise NotFound("There is nobody with this login. See ./headway user list.")
    return person


def asked_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return asked


def _organisation(metadata: Metadata, organisation_id: int | None) -> int:
    if organisation_id is not None:
        return metadata.organisations.get(organisation_id).id
    everyone = metadata.organisations.all()
    if len(everyone) != 1:
        said = "several organisations" if everyone else "no organisation yet"
        raise BadQuestion(f"There are {said}: see ./headway organisation --help, then say --organisation ID.")
    return everyone[0].id


@click.group(short_help="Create, list and revoke API tokens.")
def token() -> None:
    """API tokens act for a person and may do less than the person, never more."""


@token.command("create")
@click.option("--as", "login", required=True, help="The login of the person for whom it acts.")
@click.option(
    "--actions", required=True, help="What it may do, separated by commas: ask-measures,send-events"
)
@click.option("--days", type=float, default=90, show_default=True, help="Days until it ends.")
@DATA
def create_token(login: str, actions: str, days: float, data: Path | None) -> None:
    """Print a new token. It is shown this once and stored as a hash only."""
    wanted = [action.strip() for action in actions.split(",") if action.strip()]
    with school_metadata(data) as metadata:
        made = metadata.tokens.create(login, wanted, days)
        person = metadata.people.by_login(login)
        assert person is not None
        metadata.audit.write(
            TERMINAL,
            "token-created",
            person.id,
            organisation_id=person.organisation_id,
            detail=",".join(wanted),
        )
    click.echo(made)


@token.command("list")
@click.option("--as", "login", help="Only those of this person.")
@_JSON
@DATA
def list_tokens(login: str | None, as_json: bool, data: Path | None) -> None:
    """All tokens, without what they were created as."""
    with school_metadata(data) as metadata:
        person = metadata.people.by_login(login) if login else None
        if login and person is None:
            raise NotFound("There is nobody with this login. See ./headway user list.")
        logins = {p.id: p.login for p in ([person] if person else metadata.people.all())}
        rows = [_token(t, logins) for t in metadata.tokens.all(person.id if person else None)]
    _show(rows, ("id", "login", "role", "actions", "ends_at", "revoked_at"), as_json)


def _token(token: Token, logins: dict[str, str]) -> dict[str, Any]:
    return {
        "id": token.id,
        "login": logins.get(token.person_id),
        "role": token.role,
        "actions": ",".join(token.actions),
        "created_at": token.created_at.isoformat(timespec="seconds"),
        "ends_at": token.ends_at.isoformat(timespec="seconds"),
        "revoked_at": token.revoked_at and token.revoked_at.isoformat(timespec="seconds"),
    }


@token.command("revoke")
@click.argument("token_id")
@DATA
def revoke_token(token_id: str, data: Path | None) -> None:
    """End a token at once, in every running process. TOKEN_ID is what `token list` shows."""
    with school_metadata(data) as metadata:
        metadata.tokens.revoke(token_id)
        metadata.audit.write(TERMINAL, "token-revoked", token_id)
    click.echo(f"Revoked {token_id}.")


@click.group(short_help="Verify the record of who saw and did what.")
def audit() -> None:
    """The audit is append only and chained; its head lies apart from it."""


@audit.command("verify")
@_JSON
@DATA
def verify_audit(as_json: bool, data: Path | None) -> int:
    """Find any change, deletion, swap or truncation. Exit code 1 when there is one."""
    with school_metadata(data) as metadata:
        report = metadata.audit.verify()
    if as_json:
        click.echo(json.dumps({"rows": report.rows, "whole": report.whole, "problems": report.problems}))
    else:
        for problem in report.problems[:50]:
            click.echo(problem)
        click.echo(f"{report.rows} rows: {'whole' if report.whole else 'TAMPERED WITH'}.")
    return 0 if report.whole else 1


def _show(rows: list[dict[str, Any]], columns: tuple[str, ...], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, box=None, header_style="bold")
    for row in rows:
        table.add_row(*("" if row[column] is None else str(row[column]) for column in columns))
    Console(soft_wrap=True).print(table)
