"""`./headway deadletters`: what was not accepted, and sending it again."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from app.commands.options import PLACE

if TYPE_CHECKING:
    from app.commands.way_in import WayIn

F = TypeVar("F", bound=Callable[..., Any])
_MOST = 1000


def reaching(command: F) -> F:
    """Options of every command that goes through the way in."""
    for option in reversed(
        (
            click.option(
                "--as", "login", help="Act for this person's organisation; see ./headway user list."
            ),
            click.option("--token", envvar="TOKEN", help="API token for a Headway that runs elsewhere."),
            click.option("--url", help="Where its API answers; this machine without it."),
            click.option("--data", type=PLACE, help="Folder of the school; .headway/demo without it."),
        )
    ):
        command = option(command)
    return command


def choosing(command: F) -> F:
    for option in reversed(
        (
            click.option("--kind", type=click.Choice(["refused", "quarantined"])),
            click.option("--code", help="Only those refused with this code."),
            click.option("--type", "event_type", help="Only events of this type."),
            click.option("--limit", type=click.IntRange(1, _MOST), help="At most so many."),
        )
    ):
        command = option(command)
    return command


@click.group(short_help="Events that were not accepted: list, show, replay.")
def deadletters() -> None:
    """Events that were refused or are of an unknown type. They are kept without personal data for
    30 days and can be sent again once what was wrong is put right."""


@deadletters.command("list")
@choosing
@click.option("--status", type=click.Choice(["waiting", "replayed", "repeated", "any"]), default="waiting")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@reaching
def list_(as_json: bool, **given: Any) -> int:
    """The newest first."""
    with _way_in(given) as way:
        letters = way.letters(**_which(given))
    if as_json:
        click.echo(json.dumps(letters, default=str, indent=1))
        return 0
    for letter in letters:
        kind = letter["event_type"] or "-"
        click.echo(f"{letter['letter_id']}  {letter['code']:<20} {kind:<24} {letter['detail']}")
    click.echo(f"{len(letters)} dead letters" if letters else "No dead letters.", err=True)
    return 0


@deadletters.command()
@click.argument("letter_id")
@reaching
def show(letter_id: str, **given: Any) -> int:
    """One of them as JSON, with its cleaned content."""
    with _way_in(given) as way:
        click.echo(json.dumps(way.letter(letter_id), default=str, indent=1))
    return 0


@deadletters.command()
@choosing
@reaching
def replay(**given: Any) -> int:
    """Send those that wait again, through the same checks. What was stored meanwhile stays once."""
    with _way_in(given) as way:
        done = way.replay(**_which(given))
    click.echo(
        f"{done['replayed']} replayed, {done['repeated']} known already, {done['waiting']} still waiting"
    )
    return 0


def _which(given: dict[str, Any]) -> dict[str, Any]:
    return {k: given.get(k) for k in ("kind", "code", "event_type", "status", "limit") if given.get(k)}


def _way_in(given: dict[str, Any]) -> AbstractContextManager[WayIn]:
    from app.commands.choosing import school_settings
    from app.commands.way_in import way_in

    settings = school_settings(given["data"])
    return way_in(settings, url=given["url"], token=given["token"], login=given["login"], source="cli")
