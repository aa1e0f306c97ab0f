"""A tap on a mark of a chart: it narrows the page, or it is answered all the same."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, cast

import orjson
import pyarrow as pa
import pytest

from models.ask import Answer, Ask, ColumnMeaning
from models.desk import Desk
from pages import about
from pages.cards import Card
from pages.me import Me
from pages.places import Page, Visit
from pages.sheet import Asking, Sheet, Slot
from pages.speech import Speech
from tests.pages.test_bad_hours import Away
from tests.pages.test_live import until


class Chart(Sheet):
    period = "28d"
    slots = (Slot("only"),)
    asked: ClassVar[list[tuple[date, date]]] = []

    async def only(self, ask: Asking) -> Card:
        self.asked.append((self.filters.since, self.filters.until))
        return Card("All is well")


class Courses(Chart):
    marks = ("course_id", "day")


class Slow(Chart):
    there: asyncio.Event

    async def only(self, ask: Asking) -> Card:
        card = await super().only(ask)
        await self.there.wait()
        return card


def page_of(view: type[Chart], *filters: str) -> Chart:
    view.asked.clear()
    page = Page("/chart", "page.teacher", "open-page:teacher", view, filters=filters)
    return view(Visit(cast(Desk, Away()), Me("A", "teacher"), Speech("en-GB"), page))


async def filled(page: Chart) -> int:
    await page._fill(page.slots)
    return page.stage.filled


def tap(page: Chart, **mark: Any) -> None:
    page.stage._handle_msg({"kind": "pick", "slot": "only", "mark": mark})


@pytest.mark.parametrize(
    "mark",
    [{}, {"low": 60}, {"day": "2026-03-03"}, {"lesson_id": "c1-l1"}, {"day": "9999-12-31"}, {"day": "x"}],
)
async def test_a_tap_that_means_nothing_here_is_answered(mark: dict[str, Any]) -> None:
    """Else the browser waits for ever: it has said that the page is busy."""
    page = page_of(Chart, *(["period"] if mark.get("day", "")[:4] != "2026" else []))
    before = await filled(page)
    tap(page, **mark)
    await until(lambda: page.stage.filled > before)
    assert len(Chart.asked) == 1, "nothing was asked again"
    page.leave()


@pytest.mark.parametrize("query", [None, {str(n): "x" for n in range(40)}])
async def test_an_address_that_is_not_believed_is_answered(query: Any) -> None:
    page = page_of(Chart)
    before = await filled(page)
    page.stage._handle_msg({"kind": "place", "query": query})
    assert page.stage.filled > before
    page.leave()


async def test_a_tap_that_means_nothing_does_not_end_the_wait_for_a_round_under_way() -> None:
    page = cast(Slow, page_of(Slow))
    page.there = asyncio.Event()
    page.there.set()
    before = await filled(page)
    page.there.clear()
    page.place({"period": "90d"})
    await until(lambda: len(Chart.asked) == 2)
    tap(page)
    assert page.stage.filled == before
    page.there.set()
    await until(lambda: page.stage.filled > before)
    page.leave()


@pytest.mark.parametrize(("name", "days"), [("day", 1), ("week", 7)])
async def test_a_day_of_a_calendar_becomes_the_period_and_a_second_tap_widens_it_again(
    name: str, days: int
) -> None:
    page = page_of(Chart, "period")
    page.place({"period": "90d"})
    await until(lambda: len(Chart.asked) == 1)
    monday = date(2026, 3, 2)
    tap(page, **{name: monday.isoformat()})
    await until(lambda: len(Chart.asked) == 2)
    assert Chart.asked[1] == (monday, monday + timedelta(days=days))
    assert "since=2026-03-02" in page.stage.state
    tap(page, **{name: monday.isoformat()})
    await until(lambda: len(Chart.asked) == 3)
    assert Chart.asked[2] == Chart.asked[0]
    assert page.stage.state == "?period=90d"
    page.leave()


async def test_who_reads_the_chart_as_a_table_narrows_to_the_day_as_well() -> None:
    page = page_of(Chart, "period")
    day = ColumnMeaning("day", "dimension")
    answer = Answer(Ask(), pa.table({"day": [date(2026, 3, 3)]}), (day,), datetime.now(UTC), 1, "days")
    shown = about._table(page, answer)
    assert 'href="?since=2026-03-03&amp;until=2026-03-04&amp;period=own"' in shown


@pytest.mark.parametrize(
    ("view", "filters", "takes"),
    [
        (Chart, (), []),
        (Chart, ("child",), []),
        (Chart, ("child", "period"), ["day", "week"]),
        (Courses, ("period",), ["course_id", "day"]),
    ],
)
async def test_the_browser_is_told_which_marks_a_tap_may_name(
    view: type[Chart], filters: tuple[str, ...], takes: list[str]
) -> None:
    page = page_of(view, *filters)
    assert page.stage._data().takes == takes
    assert orjson.dumps(page.stage._data().takes)
    page.leave()
