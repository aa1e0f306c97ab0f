"""What core watches in threads of its own: a stop waits for the look that is under way."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from app import mastery, quality
from app.mastery import MasteryWatch
from app.metrics import Metrics
from app.quality import QualityWatch
from config.quality import quality_rules


@pytest.mark.parametrize("module", [mastery, quality])
async def test_a_stop_waits_for_the_look_under_way(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the warehouse would close under it."""
    monkeypatch.setattr(module, "FIRST_S", 0.0)
    warehouse: Any = None  # the look below asks nothing
    watch = (
        MasteryWatch(warehouse) if module is mastery else QualityWatch(warehouse, quality_rules(), Metrics())
    )
    begun, end = threading.Event(), threading.Event()
    looked: list[str] = []

    def look() -> None:
        begun.set()
        end.wait(10)
        looked.append("to the end")

    monkeypatch.setattr(watch, "look", look)
    watch.start()
    assert await asyncio.to_thread(begun.wait, 10)
    stopping = asyncio.ensure_future(watch.stop())
    await asyncio.sleep(0.05)
    assert not stopping.done()
    end.set()
    await stopping
    assert looked == ["to the end"]
