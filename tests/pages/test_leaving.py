"""What a closed tab leaves behind: nothing."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from bokeh.document import Document
from panel.io.state import state

import app.mount
from pages.sheet import Sheet
from tests.pages.elm import Elm
from tests.pages.mounted import Mounted, Tab, mounted

TABS = 100
AT_ONCE = 10
PATIENCE = 50  # tenths of a second


def left(mount: Mounted) -> dict[str, int]:
    gc.collect()  # only while nobody asks: objects that other threads are making must not be looked at
    things = [type(thing) for thing in gc.get_objects()]
    applications = mount.server._tornado._applications.values()
    return {
        "sessions": sum(len(application._sessions) for application in applications),
        "documents": sum(issubclass(kind, Document) for kind in things),
        "pages": sum(issubclass(kind, Sheet) for kind in things),
        "views": len(state._views),
        "watchers": len(watchers()),
        "listeners": len(mount.school.door.telling),
    }


def grown(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {what: n - before[what] for what, n in after.items() if n > before[what]}


def watchers() -> list[Any]:
    found = state.param.watchers.values() if isinstance(state.param.watchers, dict) else []
    return [watcher for by_what in found for watchers in by_what.values() for watcher in watchers]


async def test_a_hundred_opened_and_closed_pages_leave_nothing(
    school: Elm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.mount, "LINGER_MS", 1)
    async with mounted(school) as mount:
        people = [mount.session(f"p{n}") for n in range(1, 5)]
        listening = len(school.door.telling)
        await _come_and_go(mount, [people[n % len(people)] for n in range(AT_ONCE)])
        before = left(mount)
        assert (before["sessions"], before["listeners"]) == (0, listening)
        for start in range(0, TABS, AT_ONCE):
            await _come_and_go(mount, [people[n % len(people)] for n in range(start, start + AT_ONCE)])
        for _ in range(PATIENCE):  # what is still on its way out may finish
            if not (more := grown(before, left(mount))):
                break
            await asyncio.sleep(0.1)
        assert more == {}


async def _come_and_go(mount: Mounted, people: list[str]) -> None:
    tabs: list[Tab] = [await mount.open("/student", secret) for secret in people]
    for tab in tabs:
        await tab.close()
    await mount.swept()
