"""How long one learner's state, a class of 200, a student's page, dashboards and insights of 2,000 take."""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import date

from app.door import Door
from app.live.hub import Hub
from app.local import LocalDoorway
from app.metrics import Metrics
from bench.boards import boards
from bench.report import Report, peak_mib, percentile, report, show
from bench.schools import NOW, SECRET, school
from compute.checks import MOST_VALUES
from compute.questions import question
from compute.rollups import DELTAS
from config.settings import read_settings
from connectors.metadata import open_metadata
from connectors.warehouse import open_warehouse
from models.ask import Ask, Where
from models.scope import Scope
from pages import PAGES
from pages.me import Me
from pages.places import Visit
from pages.sheet import Asking, Sheet
from pages.speech import Speech

ORGANISATION = 1
CLASS, BATCH = 200, 2_000
MEMORY_MIB = 3072  # for the engine, so that all fits 4 GiB
_TODAY: date = NOW.date()


def student(learner: int) -> Scope:
    return Scope(ORGANISATION, "own", _TODAY, learners=(learner,), sees_rows=True)


SCHOOL = Scope(ORGANISATION, "organisation", _TODAY, sees_rows=True)


async def state(door: Door, scope: Scope, where: tuple[Where, ...] = ()) -> None:
    await door.answer(question("learner_now"), Ask("learner_now", where=where), scope)


async def page(door: Door, secret: str) -> None:
    """Every card of the student's page, as the page asks for them; drawing in a browser is `bench pages`."""
    desk = await LocalDoorway(door).desk(secret)
    assert desk is not None
    place = next(p for p in PAGES if p.path == "/student")
    view = place.view(Visit(desk, Me.read(await desk.look("me")), Speech("en-GB", "Europe/Berlin"), place))
    assert isinstance(view, Sheet)
    await view.prepare()
    await asyncio.gather(*(getattr(view, slot.name)(Asking(view)) for slot in view.slots))


async def insights(door: Door, learners: Sequence[int]) -> None:
    for start in range(0, len(learners), MOST_VALUES):
        where = (Where("learner_id", "in", tuple(learners[start : start + MOST_VALUES])),)
        await door.answer(question("insights"), Ask("insights", where=where), SCHOOL)


async def timed(work: Callable[[], Awaitable[None]]) -> float:
    began = time.perf_counter()
    await work()
    return (time.perf_counter() - began) * 1000


def opened(events: int) -> tuple[Door, int]:
    made = school(events)
    settings = read_settings({}, demo=True, data=made.folder, secret=SECRET, port=0, api_port=0)
    metadata = open_metadata(settings.metadata, SECRET)
    metadata.migrate()
    warehouse = open_warehouse(str(made.warehouse), DELTAS, memory_mib=MEMORY_MIB)
    warehouse.migrate()
    return Door(warehouse, metadata, settings, Metrics(), lambda: NOW), made.events


async def measured(events: int, times: int, with_insights: bool) -> Report:
    door, stored = opened(events)
    everybody = await door.answer(question("learners"), Ask("learners", ("events",)), SCHOOL)
    active = [r["learner_id"] for r in everybody.table.to_pylist() if r["events"]]
    chosen = random.Random(5).sample(active, min(len(active), BATCH))
    await state(door, student(chosen[0]))  # compiled, as it is from the second learner on
    states = [await timed(lambda n=n: state(door, student(n))) for n in chosen[1 : times + 1]]  # type: ignore[misc]
    groups = [random.Random(n).sample(active, min(len(active), CLASS)) for n in range(times)]
    asked = [(Where("learner_id", "in", tuple(group)),) for group in groups]
    await state(door, SCHOOL, asked[0])
    classes = [await timed(lambda w=w: state(door, SCHOOL, w)) for w in asked[1:]]  # type: ignore[misc]
    figures: dict[str, float] = {
        "events": stored,
        "learners": len(active),
        "warehouse_state_p95_ms": percentile(states, 0.95),
        "warehouse_class_p95_ms": percentile(classes, 0.95),
    }
    hub = Hub(door.warehouse, door.clock)
    figures["live_start_s"] = await timed(lambda: asyncio.to_thread(hub.open)) / 1000
    door.standings = hub  # as in core: where learners stand is told from memory
    door.shelf.clear()
    await state(door, student(chosen[0]))
    states = [await timed(lambda n=n: state(door, student(n))) for n in chosen[1 : times + 1]]  # type: ignore[misc]
    door.shelf.clear()
    classes = [await timed(lambda w=w: state(door, SCHOOL, w)) for w in asked]  # type: ignore[misc]
    figures |= {
        "state_p95_ms": percentile(states, 0.95),
        "state_p50_ms": percentile(states, 0.5),
        "class_p95_ms": percentile(classes, 0.95),
        **await _pages(door, times),
        **await boards(door, ORGANISATION, times),
    }
    hub.close()
    if with_insights:
        figures["insights_s"] = await timed(lambda: insights(door, chosen)) / 1000
        figures["insights_learners"] = len(chosen)
    figures["peak_mib"] = peak_mib()
    floor = {"floor_ms": percentile([await timed(lambda: _floor(door)) for _ in range(times)], 0.5)}
    notes = (
        f"{times} different learners, classes and people; each answer is computed, none is kept",
        "warehouse_*: the same without the memory of the live stream",
        "floor: the smallest question there is, through the same door",
    )
    return report("learners", figures, floor, notes)


async def _floor(door: Door) -> None:
    from compute.scoping import Tables

    await asyncio.to_thread(door.warehouse.fetch, Tables(SCHOOL)["organisation"].select("zone"))


async def _pages(door: Door, times: int) -> dict[str, float]:
    Sheet.today = property(lambda _: _TODAY)  # type: ignore[assignment,method-assign]
    people = [p for p in door.metadata.people.all(ORGANISATION) if p.student_id][: times + 1]
    secrets = [door.metadata.sessions.open(person.id) for person in people]
    first = await timed(lambda: page(door, secrets[0]))
    taken = [await timed(lambda s=s: page(door, s)) for s in secrets[1:]]  # type: ignore[misc]
    return {"student_page_ms": percentile(taken, 0.95), "student_page_first_ms": first}


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./headway bench learners", description=__doc__)
    parser.add_argument("--events", type=int, default=2_000_000, help="size of the school (2000000)")
    parser.add_argument("--times", type=int, default=40, help="how many learners, classes, students (40)")
    parser.add_argument("--no-insights", action="store_true", help="leave the batch of insights out")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args(argv)
    told = asyncio.run(measured(given.events, given.times, not given.no_insights))
    print(show(told, given.json))
    return 0
