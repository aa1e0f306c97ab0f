"""The teacher finds who most needs help, and why, in two clicks."""

from __future__ import annotations

import csv
import io

import pytest

from app.tour import Place, Walker

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
HOME = Place("hartmann", "teacher", "/teacher")


async def test_three_names_and_why_are_two_clicks_away(walks: Walker) -> None:
    async with walks.open(HOME) as opened:  # the first click is the person on the first page
        await opened.complete()
        page = opened.page
        links = page.locator("[data-slot=needs] h3 a, #t-needs ~ .tiles h3 a")
        names = [name.strip() for name in await links.all_inner_texts()]
        tiles = await page.locator("#t-needs ~ .tiles .tile").all_inner_texts()
        assert 1 <= len(names) <= 3
        reasons = ("Not seen", "Not yet active", "fell by", "average", "behind", "in a row")
        assert all(any(word in tile for word in reasons) for tile in tiles), tiles
        # They are those whom the rules speak of most in the list of all: the file says so, too.
        file = await page.request.get(f"{walks.address}/download/teacher/everybody.csv")
        rows = list(csv.DictReader(io.StringIO((await file.text()).lstrip("\ufeff"))))
        risks = sorted((float(row["risk"]) for row in rows), reverse=True)
        shown = [float(row["risk"]) for row in rows if row["learner"] in names]
        assert sorted(shown, reverse=True) == pytest.approx(risks[: len(names)])
        await links.first.click()  # the second click: the learner, with the whole story
        await page.wait_for_url("**/learner?child=*")
        await page.wait_for_function("() => document.documentElement.dataset.ready === 'complete'")
        assert names[0] in await page.inner_text("main")
        assert names[0] not in page.url
