"""What core watches in threads: again and again, and a stop waits for the look that is under way."""

from __future__ import annotations

import asyncio
import threading

from app.watch import Watch, rest_while


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


async def test_a_look_gives_way_while_core_is_busy_but_not_for_ever() -> None:
    looked, asked = threading.Event(), threading.Event()

    def busy() -> bool:
        asked.set()
        return True

    patient = Watch(looked.set, first_s=0, every_s=3600, busy=busy, patience_s=3600, again_s=0.01)
    patient.start()
    assert await asyncio.to_thread(asked.wait, 10)
    asked.clear()
    assert await asyncio.to_thread(asked.wait, 10)  # it asks again and again, and does not look
    assert not looked.is_set()
    await patient.stop()
    hasty = Watch(looked.set, first_s=0, every_s=3600, busy=busy, patience_s=0.02, again_s=0.01)
    hasty.start()
    assert await asyncio.to_thread(looked.wait, 10)
    await hasty.stop()


async def test_it_looks_once_the_stream_is_over() -> None:
    looked = threading.Event()
    answers = iter([True, True, False])
    watch = Watch(looked.set, first_s=0, every_s=3600, busy=lambda: next(answers), again_s=0.01)
    watch.start()
    assert await asyncio.to_thread(looked.wait, 10)
    assert next(answers, None) is None
    await watch.stop()


def test_a_look_of_many_parts_rests_between_them_while_events_stream_in() -> None:
    asked: list[bool] = []

    def busy() -> bool:
        asked.append(len(asked) < 3)
        return asked[-1]

    rest_while(busy, again_s=0)
    assert asked == [True, True, True, False]
    rest_while(lambda: True, patience_s=0.05, again_s=0.01)  # in the end it is looked at all the same
