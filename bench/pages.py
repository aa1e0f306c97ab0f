"""What each page costs: in Chromium until it stands, on the server in processor time, on the wire in KiB."""

from __future__ import annotations

import argparse
import asyncio
import statistics
from collections.abc import Sequence
from typing import Any

from app.mount import COOKIE
from app.tour.places import DESKTOP, Place, places
from app.tour.walker import PATIENCE_MS, TIMES, Walker, walker
from bench.bare import PATH, bare
from bench.report import Report, report, show
from bench.running import School, cpu_s, school
from bench.visitors import Tab
from pages import PAGES

VISITS = 6  # without a browser, each by somebody else where there are so many
LOOKS = 3  # in Chromium
Figures = dict[str, float]


async def measured(only: Sequence[str]) -> Report:
    with school() as where, bare() as (bare_address, bare_process):
        bare_ms = await _bare_ms(bare_address, bare_process)
        async with walker(where.running.address) as looker:
            found: dict[str, Figures] = {}
            for place in _places():
                if only and place.path not in only:
                    continue
                exact = await looker.found(place)
                figures = await _in_chromium(looker, exact)
                cpu = await _cpu_ms(where, place.role, exact)
                found[place.path.strip("/")] = {**figures, **cpu, "bare_cpu_ms": bare_ms}
    names = next(iter(found.values()))
    worst = {name: max(page[name] for page in found.values()) for name in names}
    notes = (
        f"Chromium, {DESKTOP.width}x{DESKTOP.height}, on the same cores; median of {LOOKS} looks with an "
        "empty cache, *_warm_ms and kib_warm with a full one; KiB count what comes over the socket, too",
        "cpu_ms: ui and core together, for page, socket, document and every card's questions; mean of "
        f"{VISITS} visits after one, each by another person of the role where there are so many; "
        "bare_cpu_ms: the same of one line of HTML on stock Panel",
    )
    return report("pages", worst, {"bare_cpu_ms": bare_ms}, notes, found)


def _places() -> list[Place]:
    """Each page once, as the first role that may open it."""
    homes = {page.path: page.home_of for page in PAGES}
    ranked = sorted(places(), key=lambda place: place.role not in homes[place.path])
    return list({place.path: place for place in reversed(ranked)}.values())[::-1]


async def _in_chromium(looker: Walker, place: Place) -> Figures:
    cold, warm = [], []
    for _ in range(LOOKS):
        async with looker.context(place.login) as context:
            cold.append(await _look(context, looker.address + place.path))
            warm.append(await _look(context, looker.address + place.path))
    return {
        "frame_ms": statistics.median(one["frame"] for one in cold),
        "complete_ms": statistics.median(one["complete"] for one in cold),
        "frame_warm_ms": statistics.median(one["frame"] for one in warm),
        "complete_warm_ms": statistics.median(one["complete"] for one in warm),
        "kib_cold": statistics.median(one["bytes"] for one in cold) / 1024,
        "kib_warm": statistics.median(one["bytes"] for one in warm) / 1024,
    }


async def _look(context: Any, address: str) -> Figures:
    page = await context.new_page()
    over_socket = 0

    def came(part: str | bytes) -> None:
        nonlocal over_socket
        over_socket += len(part)

    page.on("websocket", lambda socket: socket.on("framereceived", came))
    await page.goto(address, wait_until="commit", timeout=PATIENCE_MS)
    await page.wait_for_function("() => document.documentElement.dataset.ready === 'complete'")
    times: Figures = await page.evaluate(TIMES)
    await page.close()
    return times | {"bytes": times["bytes"] + over_socket}


async def _cpu_ms(where: School, role: str, place: Place) -> Figures:
    """An address that names a learner is the one person's who may see them."""
    guests = where.take(role, VISITS + 1)
    if "?" in place.path:
        guests = [one for one in where.guests[role] if one.login == place.login] * (VISITS + 1)
    await _visited(where.running.address, place.path, f"{COOKIE}={guests[0].secret}")
    before = where.cpu_s()
    for guest in guests[1:]:
        await _visited(where.running.address, place.path, f"{COOKIE}={guest.secret}")
    spent = {name: (now - before[name]) * 1000 / VISITS for name, now in where.cpu_s().items()}
    return {"cpu_ms": sum(spent.values()), "ui_cpu_ms": spent["ui"]}


async def _bare_ms(address: str, process: int) -> float:
    await _visited(address, PATH, "", until_filled=False)
    before = cpu_s(process)
    for _ in range(VISITS):
        await _visited(address, PATH, "", until_filled=False)
    return (cpu_s(process) - before) * 1000 / VISITS


async def _visited(address: str, path: str, cookie: str, until_filled: bool = True) -> None:
    tab = Tab(address, path, cookie, cold=False, until_filled=until_filled)
    await tab.open()
    await tab.close()
    await asyncio.sleep(0.1)  # so that what closing costs is counted, too


def main(options: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./headway bench pages", description=__doc__)
    parser.add_argument("--only", nargs="+", default=(), help="paths, such as /student; all without it")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args(options)
    print(show(asyncio.run(measured(given.only)), given.json))
    return 0
