"""`./headway ask`: a line of text in, a table out, through the same door as every page."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.commands.options import PLACE
from models.errors import BadQuestion, NotFound, Unavailable

if TYPE_CHECKING:
    from app.doorway import Doorway
    from config.settings import Settings
    from models.ask import Answer, Ask

_USUAL = "administrator"  # whom the demo asks as, where nobody is named


@click.command(short_help="Ask for measures: a table, --json or --csv.")
@click.argument("question", nargs=-1, required=True)
@click.option("--as", "login", help="Ask as this person of the demo; see ./headway user list.")
@click.option("--token", envvar="TOKEN", help="Ask a running Headway with this API token.")
@click.option("--url", help="Where its API answers; this machine without it.")
@click.option("--json", "form", flag_value="json", help="As the API's JSON.")
@click.option("--csv", "form", flag_value="csv", help="As CSV.")
@click.option("--data", type=PLACE, help="Folder of the school; .headway/demo without it.")
def command(
    question: tuple[str, ...],
    login: str | None,
    token: str | None,
    url: str | None,
    form: str | None,
    data: Path | None,
) -> int:
    """Ask a question of the catalogue.

    ./headway ask "active_learners, mean_score by week where course_id in C1|C2 since 2026-03-01"

    It goes to the Headway that is running, or straight to the files where none is.
    """
    from app.commands.choosing import school_settings
    from compute.grammar import parse

    ask = parse(" ".join(question))
    if token:
        from app.token_desk import over_http

        show(over_http(ask, token, url or _own_url(data)), form)
        return 0
    show(asyncio.run(_answer(ask, school_settings(data), login)), form)
    return 0


def _own_url(data: Path | None) -> str:
    from app.commands.choosing import school_settings

    settings = school_settings(data)
    return f"http://127.0.0.1:{settings.api_port}"


async def _answer(ask: Ask, settings: Settings, login: str | None) -> Answer:
    async with _running(settings) as running:
        if running is not None:
            return await _as(running, ask, login, settings)
    with _files(settings) as files:
        return await _as(files, ask, login, settings)


@asynccontextmanager
async def _running(settings: Settings) -> AsyncIterator[Doorway | None]:
    """The Headway that has the files open, if there is one."""
    from app.remote import Line

    try:
        _, writer = await asyncio.open_unix_connection(str(settings.socket))
        writer.close()
    except OSError:
        yield None
        return
    line = Line(settings.socket)
    await line.start()
    try:
        yield line
    finally:
        await line.close()


@contextmanager
def _files(settings: Settings) -> Iterator[Doorway]:
    from app.door import Door
    from app.local import LocalDoorway
    from app.metrics import Metrics
    from compute.rollups import DELTAS
    from connectors.metadata import metadata_of
    from connectors.warehouse import open_warehouse

    if "://" not in settings.warehouse and not Path(settings.warehouse).exists():
        raise NotFound(f"There is no school in {settings.data}. Make one with ./headway demo.")
    with metadata_of(settings) as metadata:
        metadata.migrate()
        warehouse = open_warehouse(settings.warehouse, DELTAS)
        warehouse.migrate()
        door = Door(warehouse, metadata, settings, Metrics())
        try:
            yield LocalDoorway(door)
        finally:
            door.close()
            warehouse.close()


async def _as(doorway: Doorway, ask: Ask, login: str | None, settings: Settings) -> Answer:
    if not settings.demo:
        raise BadQuestion("Outside the demo a question needs --token; see ./headway token create.")
    secret = await doorway.become(login or await _usual(doorway))
    try:
        desk = await doorway.desk(secret)
        if desk is None:
            raise Unavailable("The session ended at once. Try again.")
        return await desk.ask(ask)
    finally:
        await doorway.sign_out(secret)


async def _usual(doorway: Doorway) -> str:
    for persona in await doorway.personas():
        if persona.role == _USUAL:
            return persona.login
    raise NotFound(f"The demo has no {_USUAL}. Name a person with --as; see ./headway user list.")


def show(answer: Answer, form: str | None) -> None:
    from app.rest.answers import body_of, csv_of

    if form == "json":
        import orjson

        click.echo(orjson.dumps(body_of(answer), default=str, option=orjson.OPT_INDENT_2).decode())
    elif form == "csv":
        click.echo(csv_of(answer).replace("\r\n", "\n"), nl=False)
    else:
        _table(answer)


def _table(answer: Answer) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from app.rest.answers import rows_of

    kinds = {column.name: column for column in answer.columns}
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in answer.table.column_names:
        measured = name in kinds and kinds[name].kind == "measure"
        unit = kinds[name].unit if measured else ""
        table.add_column(f"{name}\n{unit}", justify="right" if measured else "left", overflow="fold")
    for row in rows_of(answer.table):
        table.add_row(*(Text(_cell(value)) for value in row.values()))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 400).print(table)
    for line in _beside(answer):
        click.echo(line, err=True)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


def _beside(answer: Answer) -> list[str]:
    hidden = f", {answer.suppressed} hidden" if answer.suppressed else ""
    return [f"{answer.table.num_rows} rows as of {answer.as_of:%Y-%m-%d %H:%M} UTC{hidden}", *answer.notes]
