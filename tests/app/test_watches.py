"""What core watches in threads: again and again, and a stop waits for the look that is under way."""

from __future__ import annotations

import asyncio
import threading

from app.watch import Watch


async def test_a_stop_waits_for_the_look_under_way() -> None:
    """Else the warehouse would close under it."""
    begun, end = threading.Event(), threading.Event()
    looked: list[str] = []

    def look() -> None:
        begun.set()
        end.wait(10)
        looked.append("to the end")

    watch = Watch(look, first_s=0, every_s=3600)
    watch.start()
    assert await asyncio.to_thread(begun.wait, 10)
    stopping = asyncio.ensure_future(watch.stop())
    await asyncio.sleep(0.05)
    assert not stopping.done()
    end.set()
    await stopping
    assert looked == ["to the end"]


async def test_it_looks_again() -> None:
    third = threading.Event()
    looks = iter(range(10))

    def look() -> None:
        if next(looks) == 2:
            third.set()

    watch = Watch(look, first_s=0, every_s=0.01)
    watch.start()
    assert await asyncio.to_thread(third.wait, 10)
    await watch.stop()
