"""Pages that stay open while the school learns: what an update a second costs, and when it is seen.

Each update is one commit with a lesson finished by every tenth pupil whose page is open, so each pupil's
page changes every tenth second, and a delay longer than a second cannot be taken for the next update's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from app.mount import COOKIE
from app.tour.places import Place
from app.tour.walker import walker
from bench.load import Load
from bench.report import ROOT, Report, percentile, report, show
from bench.running import Guest, School, school
from bench.visitors import Tab
from compute.now import SCORES
from config.settings import read_settings
from connectors.metadata import metadata_of

PUPIL = "mia"  # whose page is open in Chromium, and who learns in every update
PATH = "/student"
TURNS = 10  # updates until a pupil's turn comes again
OPENING_AT_ONCE = 8
STRUGGLING = 10  # pupils who get low scores only, one after the other
LONGEST_S = 30.0
BATCH = 500  # events a request of what comes in beside it
# Notes when what a reader sees of the page changes: after the browser has drawn it.
_WATCH = """() => {
  window.drawnAt = []
  let before = document.querySelector('#card-glance').innerText
  new MutationObserver(() => requestAnimationFrame(() => {
    const now = document.querySelector('#card-glance').innerText
    if (now !== before) { before = now; window.drawnAt.push(Date.now()) }
  })).observe(document.querySelector('#stage'), {subtree: true, childList: true, characterData: true})
}"""


@dataclass
class Watched:
    """A page of the socket client, and since when it waits for an update of its own."""

    guest: Guest
    tab: Tab
    since: float | None = None
    delays_s: list[float] = field(default_factory=list)

    def heard(self, text: str, at: float) -> None:
        if self.since is not None and '"attr":"s' in text:
            self.delays_s.append(at - self.since)
            self.since = None


async def lived(where: School, pages: int, seconds: int, rate: int) -> dict[str, float]:
    pupils = await asyncio.to_thread(_heard, where)
    watched = [_page(where, pupils[n % len(pupils)]) for n in range(pages - 1)]
    empty_mib = where.mib("ui")
    await _opened(watched)
    full_mib = where.mib("ui")
    async with (
        walker(where.running.address) as looker,
        looker.open(Place(PUPIL, "student", PATH)) as seen,
    ):
        await asyncio.sleep(2.0)
        await seen.page.evaluate(_WATCH)
        load = await _loaded(where, rate, seconds + 5.0) if rate else None
        before, began = where.cpu_s(), time.perf_counter()
        sent = await _updates(where, watched, seconds)
        await asyncio.sleep(5.0)
        spent = {name: now - before[name] for name, now in where.cpu_s().items()}
        took = time.perf_counter() - began
        raised_ms = await asyncio.to_thread(_struggles, where, pupils[:STRUGGLING])
        beside = await _told(load) if load else {}
        drawn: list[float] = await seen.page.evaluate("() => window.drawnAt")
    missed = sum(one.since is not None for one in watched)
    await asyncio.gather(*(one.tab.close() for one in watched), return_exceptions=True)
    delays = [delay * 1000 for one in watched for delay in one.delays_s]
    pixels = _matched(sent, drawn)
    every = delays + pixels
    n = f"n{pages}"
    return {
        f"{n}_cpu_share": sum(spent.values()) / took,
        f"{n}_ui_cpu_share": spent["ui"] / took,
        f"{n}_core_cpu_share": spent["core"] / took,
        f"{n}_mib_per_session": (full_mib - empty_mib) / max(len(watched), 1),
        f"{n}_pixel_p50_ms": statistics.median(every) if every else -1.0,
        f"{n}_pixel_p99_ms": percentile(every, 0.99) if every else -1.0,
        f"{n}_chromium_p50_ms": statistics.median(pixels) if pixels else -1.0,
        f"{n}_changes": len(every),
        f"{n}_missed": missed + len(sent) - len(pixels),
        f"{n}_raised_p50_ms": statistics.median(raised_ms),
        f"{n}_raised_max_ms": max(raised_ms),
        **{f"{n}_{name}": value for name, value in beside.items()},
    }


def _struggles(where: School, pupils: Sequence[Guest]) -> list[float]:
    """From sending low scores until somebody is asked to look, for one pupil after the other."""
    found = []
    with metadata_of(read_settings({}, demo=True, data=where.data)) as metadata:
        for pupil in pupils:
            learner = metadata.organisations.pseudonyms(pupil.organisation_id).learner(str(pupil.student_id))
            place = learner, where.lesson["course_id"]
            began = time.perf_counter()
            told = _sent(where, [_low(where, pupil, n) for n in range(SCORES)])  # better ones lie before them
            if told["rejected"]:
                raise SystemExit(f"scores were refused: {told}")
            while not metadata.interventions.of(pupil.organisation_id, [place]):
                if time.perf_counter() > began + LONGEST_S:
                    raise SystemExit("nobody was asked to look at low scores")
                time.sleep(0.005)
            found.append((time.perf_counter() - began) * 1000)
    return found


def _low(where: School, pupil: Guest, number: int) -> dict[str, Any]:
    context = {"course_id": where.lesson["course_id"], "assessment_id": f"bench-{number}"}
    return _event(pupil.student_id, "quiz_submit", context, {"score": 20 + number})


async def _loaded(where: School, rate: int, seconds: float) -> asyncio.subprocess.Process:
    """So many events a second of the other school: what is seen of the pages is their own updates."""
    port = int(where.running.api.rpartition(":")[2])
    load = Load(str(where.data), port, (where.token, where.other_token), rate, seconds, BATCH, place=1)
    command = [sys.executable, "-m", "bench.load", json.dumps(asdict(load))]
    started = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, limit=1 << 26
    )
    assert started.stdout
    await started.stdout.readline()  # its warm-up is over
    return started


async def _told(load: asyncio.subprocess.Process) -> dict[str, float]:
    assert load.stdout
    told = json.loads(await load.stdout.readline())
    await load.wait()
    return {
        "acked_per_s": told["accepted"] / told["seconds"],
        "ack_p99_ms": percentile(told["latencies_ms"], 0.99),
    }


def _page(where: School, guest: Guest) -> Watched:
    tab = Tab(where.running.address, PATH, f"{COOKIE}={guest.secret}", cold=False)
    one = Watched(guest, tab)
    tab.heard = one.heard
    return one


async def _opened(watched: Sequence[Watched]) -> None:
    room = asyncio.Semaphore(OPENING_AT_ONCE)

    async def open_one(one: Watched) -> None:
        async with room:
            await one.tab.open()

    await asyncio.gather(*(open_one(one) for one in watched))


async def _updates(where: School, watched: Sequence[Watched], seconds: int) -> list[float]:
    """One commit a second, in open loop; the moments (since 1970) at which Chromium's pupil learned."""
    began, moments = time.perf_counter(), []
    for number in range(seconds):
        await asyncio.sleep(max(0.0, began + number - time.perf_counter()))
        turn = [one for n, one in enumerate(watched) if n % TURNS == number % TURNS]
        own = number % TURNS == 0
        ids = [one.guest.student_id for one in turn] + [_own_id(where)] * own
        if own:
            moments.append(time.time() * 1000)
        for one in turn:
            one.since = time.perf_counter() if one.since is None else one.since
        await asyncio.to_thread(_send, where, [str(i) for i in ids])
    return moments


def _heard(where: School) -> list[Guest]:
    """Pupils of whose learning Headway may know; each has an event of today from here on."""
    pupils = [one for one in where.guests["student"] if one.student_id and one.login != PUPIL]
    mine = [one for one in pupils if one.organisation_id == pupils[0].organisation_id]
    told = _post(where, [str(one.student_id) for one in mine])
    refused = {one["index"] for one in told["rejected"]}
    return [one for n, one in enumerate(mine) if n not in refused]


def _own_id(where: School) -> str:
    return next(str(one.student_id) for one in where.guests["student"] if one.login == PUPIL)


def _send(where: School, students: Sequence[str]) -> None:
    told = _post(where, students)
    if told["rejected"]:
        raise SystemExit(f"events were refused: {told}")


def _post(where: School, students: Sequence[str]) -> dict[str, Any]:
    finished = {"duration_s": 600}
    return _sent(where, [_event(one, "lesson_complete", where.lesson, finished) for one in students])


def _event(
    student: str | None, kind: str, context: Mapping[str, str], payload: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "event_id": str(uuid.uuid4()),
        "event_type": kind,
        "timestamp": datetime.now(UTC).isoformat(),
        "student_id": student,
        "session_id": str(uuid.uuid4()),
        "context": context,
        "payload": payload,
    }


def _sent(where: School, events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    request = urllib.request.Request(
        where.running.api + "/api/v1/events",
        json.dumps(events).encode(),
        {"Authorization": f"Bearer {where.token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        told: dict[str, Any] = json.loads(answer.read())
    return told


def _matched(sent: Sequence[float], drawn: Sequence[float]) -> list[float]:
    """The first change on screen after each update, if it came before the next one."""
    ends = [*sent[1:], float("inf")]
    found = []
    for at, end in zip(sent, ends, strict=True):
        later = [moment - at for moment in drawn if at <= moment < end]
        found += later[:1]
    return found


def measured(sizes: Sequence[int], seconds: int, rate: int = 0) -> Report:
    figures: dict[str, float] = {}
    for size in sizes:
        with school() as where:  # a fresh one each, so that memory is its own
            figures |= asyncio.run(lived(where, size, seconds, rate))
    beside = (f"beside it {rate:,} events a second of the other school come in",) if rate else ()
    notes = (
        *beside,
        f"pupils' pages, all open for {seconds} s; one commit a second with an event of every tenth pupil; "
        "cpu_share: 1 is a whole core",
        "a delay counts from the moment the events were sent (their commit is part of it) until the changed "
        "card arrived at the socket client; one page in real Chromium, until its changed text was drawn, is "
        "among them",
        "missed: changes that had not come after ten seconds",
        "raised: from sending low scores until the intervention is in the metadata database",
    )
    return report("live", figures, notes=notes)


def main(options: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./headway bench live", description=__doc__)
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[50, 200, 500], help="open pages (50 200 500)"
    )
    parser.add_argument("--seconds", type=int, default=20, help="of updates, each size (20)")
    parser.add_argument("--rate", type=int, default=0, help="events a second that come in beside it (0)")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args(options)
    print(show(measured(given.sizes, given.seconds, given.rate), given.json))
    return 0
