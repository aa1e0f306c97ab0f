"""`./headway tour`: every page as every role, looked at in Chromium."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import click

from app import chromium
from app.commands.options import PLACE
from app.commands.serve import say
from app.tour import SIZES, THEMES, Place, Seen, Size, Walker, demo, places, walker
from app.tour.report import write
from app.tour.school import make

_KEPT = Path(".headway/tour")
_SIZE = ("--learners", "400", "--courses", "16", "--days", "120")


@click.command(short_help="Look at every page as every role in Chromium; pictures and a report.")
@click.option("--out", type=PLACE, help="Folder for pictures and report; .headway/tour/pictures without it.")
@click.option("--at", help="Address of a running demo school; one of its own is started without it.")
@click.option("--page", help="Only the page of this path, such as /teacher.")
def command(out: Path | None, at: str | None, page: str | None) -> int:
    """Open every page as every role, at both sizes and in both themes, with the network closed.

    Writes one picture each, report.json and report.html; exit code 1 says that something was not clean.
    """
    chromium.obtain(say)
    folder = (out or _KEPT / "pictures").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if at is not None:
        seen = asyncio.run(tour(at.rstrip("/"), folder, page, say))
    else:
        say("Making a school to look at (once a day) ...")
        data = (_KEPT / "school").resolve()
        make(data, _SIZE)
        with demo(data) as running:
            seen = asyncio.run(tour(running.address, folder, page, say))
    write(seen, folder)
    clean = sum(one.clean for one in seen)
    click.echo(f"{clean} of {len(seen)} looks are clean: {folder / 'report.html'}")
    return 0 if clean == len(seen) else 1


async def tour(address: str, folder: Path, page: str | None, say: Callable[[str], None]) -> list[Seen]:
    async with walker(address) as walks:
        return [
            await _look(walks, place, size, theme, folder, say)
            for place in places()
            if page in (None, place.path)
            for size in SIZES
            for theme in THEMES
        ]


async def _look(
    walks: Walker, place: Place, size: Size, theme: str, folder: Path, say: Callable[[str], None]
) -> Seen:
    seen = await walks.look(place, size, theme, folder)
    say(f"{seen.name}: {'clean' if seen.clean else seen.told()} ({seen.complete_ms:.0f} ms)")
    return seen
