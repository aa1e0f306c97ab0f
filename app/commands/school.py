"""`./headway generate`: a demo school with a known truth."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import click

from app.commands.options import PLACE
from models.errors import AlreadyThere, BadQuestion

if TYPE_CHECKING:
    from config.settings import Settings
    from connectors.demo import Filled, Size

EVENTS_A_LEARNER_DAY = 6.1  # at the ordinary pace: how --events alone becomes a number of learners
MEMORY_MIB = 2048  # enough at any size; DuckDB alone would take most of the machine
MAKING = "being-made"  # stands while the school is not whole, so that an interrupted one may be replaced
FEWEST_LEARNERS, FEWEST_COURSES, FEWEST_DAYS = 40, 4, 28


@click.command(short_help="Make a demo school with a known truth.")
@click.option("--learners", type=click.IntRange(FEWEST_LEARNERS), help="2,000 without it.")
@click.option("--courses", type=click.IntRange(FEWEST_COURSES), default=40, show_default=True)
@click.option("--days", type=click.IntRange(FEWEST_DAYS), default=182, show_default=True)
@click.option("--events", type=click.IntRange(1), help="About so many; sets learners, or with them the pace.")
@click.option("--seed", type=int, help="The same number gives the same school.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Its last day; today without it.")
@click.option("--data", type=PLACE, help="Folder for it; .headway/demo without it.")
@click.option("--force", is_flag=True, help="Replace the school that is there.")
def generate(
    learners: int | None,
    courses: int,
    days: int,
    events: int | None,
    seed: int | None,
    until: datetime | None,
    data: Path | None,
    force: bool,
) -> int:
    """Make two organisations with learners, teachers, guardians and months of events.

    What is planted in them, for tests to find, stands in truth.json beside the data.
    """
    from app.parts import alone_in
    from config.settings import read_settings
    from connectors.demo import Size

    settings = read_settings(os.environ, demo=True, data=data, seed=seed)
    size = Size(
        until=until.date() if until else datetime.now(UTC).date(),
        now=datetime.now(UTC),
        learners=learners or learners_of(events, days),
        courses=courses,
        days=days,
        events=events,
        seed=settings.seed,
    )
    _refuse_future(size.until)
    with alone_in(settings.data):
        filled = make_school(settings, size, force)
    click.echo(f"{filled.events:,} events, {filled.people:,} people. The truth: {filled.truth}")
    return 0


def make_school(settings: Settings, size: Size, force: bool = False) -> Filled:
    """Fills the databases of the settings and shows how far it is. The caller is alone in the folder."""
    from app.quality import check_days
    from compute.rollups import DELTAS
    from config.quality import quality_rules
    from connectors.demo import fill
    from connectors.metadata import metadata_of
    from connectors.warehouse import open_warehouse

    if force:
        _clear(settings)
    if "://" not in settings.warehouse and not Path(settings.warehouse).exists():
        (settings.data / MAKING).touch()
    limits = {"memory_mib": settings.memory_mib or MEMORY_MIB, "threads": settings.threads}
    with metadata_of(settings) as metadata, Progress() as progress:
        metadata.migrate()
        warehouse = open_warehouse(settings.warehouse, DELTAS, **limits)
        try:
            warehouse.migrate()
            filled = fill(size, warehouse, metadata, settings.data, progress.tell)
            check_days(warehouse, quality_rules())
            (settings.data / MAKING).unlink(missing_ok=True)
            return filled
        finally:
            warehouse.close()


class Progress:
    """A bar per kind of work, on standard error."""

    def __init__(self) -> None:
        from rich import progress
        from rich.console import Console

        self._bars = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.TextColumn("{task.completed:,.0f}"),
            progress.TimeElapsedColumn(),
            console=Console(stderr=True),
        )
        self._tasks: dict[str, object] = {}

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def tell(self, what: str, done: int, expected: int) -> None:
        task = self._tasks.get(what)
        if task is None:
            task = self._tasks[what] = self._bars.add_task(what, total=expected)
        self._bars.update(task, completed=done, total=expected)  # type: ignore[arg-type]


def learners_of(events: int | None, days: int) -> int:
    if events is None:
        return 2000
    return max(round(events / days / EVENTS_A_LEARNER_DAY), FEWEST_LEARNERS)


def _refuse_future(until: date) -> None:
    if until > datetime.now(UTC).date():
        raise BadQuestion(f"--until {until} lies ahead; a school can only remember days that have been.")


def _clear(settings: Settings) -> None:
    """Only files that Headway made itself; a database server is nothing to empty by a flag."""
    for address in (settings.warehouse, settings.metadata):
        if "://" in address:
            raise AlreadyThere("--force replaces files only; empty the Postgres database yourself first.")
    generated = any((settings.data / name).exists() for name in ("truth.json", MAKING))
    if Path(settings.warehouse).exists() and not generated:
        raise AlreadyThere(f"{settings.data} holds a school that no generator made; --force leaves it alone.")
    made = [
        Path(settings.warehouse),
        Path(settings.metadata),
        settings.audit_head,
        settings.data / "truth.json",
    ]
    for path in made:
        for ending in ("", ".wal", "-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
    if settings.journal and settings.journal.exists():
        shutil.rmtree(settings.journal)
