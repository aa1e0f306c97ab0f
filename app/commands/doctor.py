"""`./headway doctor`: what is configured, reachable, missing, and how to fix it."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from app.commands.options import PLACE
from models.errors import BadSettings, HeadwayError

if TYPE_CHECKING:
    from config.settings import Settings

_LEAST_FREE_GIB = 2
Mark = Literal["good", "note", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    mark: Mark
    subject: str
    said: str


@click.command(short_help="Say what is configured, reachable, missing, and how to fix it.")
@click.option("--data", type=PLACE, help="Folder of the school; .headway/demo without it.")
def command(data: Path | None) -> int:
    """Look at everything Headway needs. The exit code is 0 when nothing is wrong."""
    wrong = 0
    for finding in findings(data):
        word = {"good": "good ", "note": "note ", "wrong": "WRONG"}[finding.mark]
        click.echo(f"{word}  {finding.subject}: {finding.said}")
        wrong += finding.mark == "wrong"
    click.echo("Nothing is wrong." if not wrong else f"{wrong} to fix.")
    return 1 if wrong else 0


def findings(data: Path | None) -> Iterator[Finding]:
    yield Finding("good", "Python", sys.version.split()[0])
    yield from _browser()
    try:
        yield from _school(data)
    except BadSettings as error:
        yield Finding("wrong", "settings", error.detail)


def _school(data: Path | None) -> Iterator[Finding]:
    from app.commands.choosing import school_settings
    from config.settings import read_settings

    try:
        settings = school_settings(data)
    except BadSettings:
        raise
    except HeadwayError as error:
        yield Finding("note", "school", error.detail)
        # No school, but what is configured for one can be looked at. The secret is never used.
        settings = read_settings(os.environ, demo=True, data=data, secret=b"doctor" + bytes(range(32)))
        yield from _configured(settings)
        yield from _ports(settings, taken="wrong")
        if "://" in settings.warehouse:
            yield _tried("warehouse", lambda: _open_warehouse(settings))
        return
    yield from _configured(settings)
    yield from _running(settings)


def _browser() -> Iterator[Finding]:
    from app import chromium

    found = chromium.find()
    missing = "none; the browser tests need one (Debian, Ubuntu: apt install chromium)"
    yield Finding("good" if found else "note", "Chromium", found or missing)


def _configured(settings: Settings) -> Iterator[Finding]:
    yield Finding("good", "mode", "demo, this machine only" if settings.demo else "school")
    set_here = sorted(name for name in os.environ if name.startswith("HEADWAY_"))
    yield Finding("good", "environment", ", ".join(set_here) or "no HEADWAY_ variable is set")
    yield _folder(settings.data)


def _folder(folder: Path) -> Finding:
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not os.access(there, os.W_OK):
        return Finding("wrong", "data", f"{folder} cannot be written to; choose another with --data.")
    free_gib = shutil.disk_usage(there).free / (1 << 30)
    if free_gib < _LEAST_FREE_GIB:
        return Finding("wrong", "data", f"{folder} has {free_gib:.1f} GiB left; free some space.")
    return Finding("good", "data", f"{folder}, {free_gib:.0f} GiB free")


def _running(settings: Settings) -> Iterator[Finding]:
    """The files have one owner: where Headway runs they are its, and it is asked instead."""
    why_not = _core_says(settings)
    if why_not is None:
        yield Finding("good", "core", "runs, and answers questions")
        yield from _ports(settings, taken="good")
        return
    yield Finding("note", "core", why_not)
    yield from _ports(settings, taken="wrong")
    yield _tried("metadata", lambda: _open_metadata(settings))
    yield _tried("warehouse", lambda: _open_warehouse(settings))


def _core_says(settings: Settings) -> str | None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(settings.socket))
        except OSError:
            return "does not run; start it with ./headway demo or ./headway serve"
    return None


def _ports(settings: Settings, taken: Mark) -> Iterator[Finding]:
    for name, port in (("pages", settings.port), ("API", settings.api_port)):
        with socket.socket() as probe:
            probe.settimeout(1)
            answers = probe.connect_ex(("127.0.0.1", port)) == 0
        if answers and taken == "wrong":
            yield Finding("wrong", name, f"port {port} is used by another program; choose one with --port.")
        elif answers:
            yield Finding("good", name, f"port {port} answers")
        else:
            yield Finding("note", name, f"port {port} is free")


def _tried(subject: str, work: Callable[[], str]) -> Finding:
    try:
        return Finding("good", subject, work())
    except HeadwayError as error:
        return Finding("wrong", subject, error.detail)


def _open_metadata(settings: Settings) -> str:
    from connectors.metadata import metadata_of

    if "://" not in settings.metadata and not Path(settings.metadata).exists():
        return "none yet; it is made at the first start"
    with metadata_of(settings) as metadata:
        metadata.migrate()
        schools = metadata.organisations.all()
        report = metadata.audit.verify()
    if not report.whole:
        raise HeadwayError(f"the audit is not whole: {report.problems[0]}. Restore it from a backup.")
    return f"{_kind(settings.metadata)}, {len(schools)} organisations, audit of {report.rows} rows whole"


def _open_warehouse(settings: Settings) -> str:
    from connectors.warehouse import open_warehouse

    if "://" not in settings.warehouse and not Path(settings.warehouse).exists():
        return "none yet; it is made at the first start"
    warehouse = open_warehouse(settings.warehouse)
    try:
        warehouse.migrate()
        mark = warehouse.watermark()
    finally:
        warehouse.close()
    return f"{_kind(settings.warehouse)}, last changed {mark.at:%Y-%m-%d %H:%M} UTC"


def _kind(address: str) -> str:
    """Never the address of a server: it may hold a password."""
    return "Postgres" if "://" in address else address
