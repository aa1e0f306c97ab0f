"""`./headway serve`: core and ui on the school's own data."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click

from app.commands.options import PLACE
from app.parts import alone_in, day, parts, refuse_taken_ports
from app.supervisor import Supervisor
from config.settings import Settings, read_settings


@click.command(short_help="Start Headway on your own data.")
@click.option("--host", help="Address to listen on; 127.0.0.1 without it.")
@click.option(
    "--port", type=click.IntRange(1, 65534), help="Port of the pages; API and ingest take the next."
)
@click.option("--data", type=PLACE, help="Folder for what is stored; .headway/school without it.")
@click.option("--single", is_flag=True, default=None, help="One process and one event loop.")
def command(host: str | None, port: int | None, data: Path | None, single: bool | None) -> int:
    """Start core and pages, watch over them, stop them with Ctrl-C.

    HEADWAY_SECRET must hold at least 32 random bytes; ./headway doctor says what else is set.
    """
    settings = read_settings(os.environ, host=host, port=port, data=data, single=single)
    refuse_taken_ports(settings)
    with alone_in(settings.data):
        return start(settings, f"Headway is up: {address(settings)}  (Ctrl-C stops it)")


def start(settings: Settings, greeting: str) -> int:
    """Until Ctrl-C; the exit code says how it went."""
    live = [day(settings)] if settings.demo and settings.live else []
    if settings.single:
        from app.processes import run
        from app.processes.single import serve_both

        return run(settings, serve_both(settings, greeting, live))
    return asyncio.run(Supervisor([*parts(settings), *live], say).run(lambda: click.echo(greeting)))


def address(settings: Settings) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104
    return f"http://{host}:{settings.port}"


def say(line: str) -> None:
    click.echo(line, err=True)
