"""`./headway import`: events from files, through the same gate and writer as all others."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.commands.options import PLACE
from models.errors import NotFound, TooMany

if TYPE_CHECKING:
    from app.commands.import_report import FileReport
    from app.commands.way_in import WayIn
    from config.settings import Settings
    from connectors.sources.files.parts import Part, Reading

SOME_REFUSED = 10
BROKEN = 11
INTERRUPTED = 130
Moved = Callable[[int, int], None]


@click.command(short_help="Take in events from CSV, NDJSON or Parquet files.")
@click.argument("files", nargs=-1, required=True, type=PLACE)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "ndjson", "parquet"]),
    help="What the files are; by their ending without it.",
)
@click.option("--map", "map_file", type=PLACE, help="A map.toml: which column is which field.")
@click.option("--as", "login", help="Act for this person's organisation; see ./headway user list.")
@click.option("--organisation", type=int, help="Number of the organisation instead of --as.")
@click.option("--again", is_flag=True, help="From the beginning, also what was imported before.")
@click.option("--report", type=PLACE, help="Write the report there as JSON.")
@click.option("--token", envvar="TOKEN", help="API token for a Headway that runs elsewhere.")
@click.option("--url", help="Where its API answers; this machine without it.")
@click.option("--data", type=PLACE, help="Folder of the school; .headway/demo without it.")
def command(files: tuple[Path, ...], report: Path | None, **given: Any) -> int:
    """Take in events from files, also while Headway runs. Files may be packed (.gz, .zst).

    An interrupted import goes on where it stopped when it is called again; nothing is stored twice.
    docs/sources.md describes the map. Ends with 0 when every row went in, with 10 when some were refused,
    with 11 when what was stored breaks the contract of its table, which would be Headway's own fault.
    """
    from app.commands.choosing import school_settings
    from app.commands.import_report import FileReport, told, written
    from app.commands.way_in import way_in
    from connectors.sources.files import SOURCE

    settings = school_settings(given["data"])
    login = given["login"] or _somebody_of(settings, given["organisation"])
    reports: list[FileReport] = []
    began = datetime.now(UTC)
    with way_in(settings, url=given["url"], token=given["token"], login=login, source=SOURCE) as way:
        for reading in [_reading(file, given["form"], given["map_file"]) for file in files]:
            reports.append(FileReport.of(reading))
            _import(way, reading, reports[-1], again=given["again"])
            told(reports[-1])
            if reports[-1].interrupted:
                break
        is_whole = not any(one.accepted for one in reports) or _keeps_contract(way, began)
    if report:
        report.write_bytes(written(reports))
    if any(one.interrupted for one in reports):
        return INTERRUPTED
    if not is_whole:
        return BROKEN
    return SOME_REFUSED if any(one.refused for one in reports) else 0


def _keeps_contract(way: WayIn, began: datetime) -> bool:
    broken = way.broken_since(began)
    for rule in broken:
        click.echo(
            f"headway: what was stored breaks the contract of events, {rule}. Please report it.", err=True
        )
    return not broken


def _somebody_of(settings: Settings, organisation: int | None) -> str | None:
    """Whoever may send for it: the way in knows people, not numbers."""
    if organisation is None:
        return None
    from connectors.metadata import metadata_of

    with metadata_of(settings) as metadata:
        found = [p for p in metadata.people.all(organisation) if "administrator" in p.roles]
    if not found:
        raise NotFound(
            f"Organisation {organisation} has no administrator; see ./headway organisation list and user add."
        )
    return found[0].login


def _reading(file: Path, form: Any, map_file: Path | None) -> Reading:
    from config.taxonomy import taxonomy
    from connectors.sources.files.mapping import read_map
    from connectors.sources.files.opening import format_of
    from connectors.sources.files.parts import reading
    from connectors.sources.files.values import kinds_of

    return reading(file, form or format_of(file), read_map(map_file, kinds_of(taxonomy())))


def _import(way: WayIn, reading: Reading, report: FileReport, *, again: bool) -> None:
    from connectors.sources.files.rows import Place, read_place

    start = Place() if again else read_place(way.position(reading.key))
    report.began(start)
    if start.done:
        return
    with _progress(reading) as moved, ThreadPoolExecutor(1) as sender:
        under_way: _Sending | None = None
        try:
            for part in reading.parts(start):  # the next part is read while the last one is stored
                if under_way:
                    under_way.into(report, moved)
                under_way = _Sending(part, sender.submit(_sent, way, reading, part))
        except KeyboardInterrupt:
            report.interrupted = True
        if under_way:
            under_way.into(report, moved)
    report.ended(reading)


@dataclass(frozen=True, slots=True)
class _Sending:
    part: Part
    answer: Future[dict[str, Any]]

    def into(self, report: FileReport, moved: Moved) -> None:
        report.add(self.part, self.answer.result())
        moved(self.part.reached, report.rows)


def _sent(way: WayIn, reading: Reading, part: Part) -> dict[str, Any]:
    from connectors.sources.files.rows import written_place

    while True:
        try:
            return way.send(part.ndjson, file=reading.key, position=written_place(part.after))
        except TooMany as full:
            time.sleep(full.retry_after_s)


@contextmanager
def _progress(reading: Reading) -> Iterator[Moved]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    began = time.monotonic()
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as shown:
        task = shown.add_task(reading.path.name, total=reading.size, rows=0, rate=0.0)

        def moved(place: int, rows: int) -> None:
            rate = rows / max(time.monotonic() - began, 0.001)
            shown.update(task, completed=place, rows=rows, rate=rate)

        yield moved
