"""`./headway demo`: a school that is simply there, with its day going on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

from app.commands.options import PLACE
from app.commands.school import MAKING
from app.commands.serve import address, say, start
from app.parts import alone_in, environment, refuse_taken_ports
from config.settings import Settings, read_settings
from models.errors import HeadwayError

_WHOLE = "truth.json"  # written last: with it the school is whole


@click.command(short_help="Start a demo school and keep its day running.")
@click.option(
    "--port", type=click.IntRange(1, 65534), help="Port of the pages (8080); the API takes the next."
)
@click.option("--data", type=PLACE, help="Folder for the school; .headway/demo without it.")
@click.option("--seed", type=int, help="Another number makes another school.")
@click.option("--live/--no-live", default=None, help="Keep a simulated school day running.")
@click.option("--single", is_flag=True, default=None, help="One process and one event loop.")
def command(
    port: int | None, data: Path | None, seed: int | None, live: bool | None, single: bool | None
) -> int:
    """Make a demo school if there is none yet, start Headway on it, print its address.

    It listens on this machine only and needs no passwords: pick a person on the first page.
    """
    settings = read_settings(
        os.environ,
        demo=True,
        port=port,
        data=data,
        seed=seed,
        live=live,
        single=single,
        log_level=_log_level(),
    )
    refuse_taken_ports(settings)
    make_if_missing(settings)
    with alone_in(settings.data):
        return start(settings, f"Headway's demo school is up: {address(settings)}  (Ctrl-C stops it)")


def make_if_missing(settings: Settings) -> None:
    """In a process of its own, whose memory goes with it."""
    if (settings.data / _WHOLE).exists():
        return
    settings.data.mkdir(parents=True, exist_ok=True)
    unfinished = settings.data / MAKING
    again = ["--force"] if unfinished.exists() else []
    if not list(settings.data.glob("*.duckdb")):
        unfinished.touch()
    say(f"Making the demo school in {settings.data} (once, about half a minute) ...")
    command = [sys.executable, "-m", "app", "generate", *again]
    made = subprocess.run(command, env=environment(settings, "all"), check=False)  # noqa: S603
    if made.returncode:
        raise NotMade(made.returncode)
    unfinished.unlink(missing_ok=True)


class NotMade(HeadwayError):
    """The generator has said why in its own line."""

    def __init__(self, exit_code: int) -> None:
        super().__init__("The demo school could not be made.")
        self.exit_code = exit_code


def _log_level() -> str | None:
    """A terminal is for the address; what goes wrong still shows."""
    return None if "HEADWAY_LOG_LEVEL" in os.environ else "warning"
