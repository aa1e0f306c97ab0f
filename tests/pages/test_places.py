"""Where learners are, on tiles; and every learner as a point, behind a button that is audited."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from pages.about import csv_of
from pages.regions import region_name, regions, tile_map
from pages.speech import Speech
from tests.pages.elm import TODAY, Elm, card_of, drawn, mean, minutes, scores, text_of, within

SPAN = timedelta(days=28)


@pytest.mark.parametrize("country", sorted(regions()))
def test_no_two_tiles_of_a_country_lie_on_each_other(country: str) -> None:
    listed = regions()[country]
    assert len({(one.column, one.row) for one in listed}) == len(listed)
    assert len({one.name for one in listed}) == len({one.short for one in listed}) == len(listed)


def test_countries_have_all_their_regions() -> None:
    """ISO 3166-2 counts them so; of the United Kingdom its nations, and London."""
    assert {country: len(listed) for country, listed in regions().items()} == {
        "DE": 16,
        "AT": 9,
        "PL": 16,
        "CA": 13,
        "US": 51,
        "GB": 5,
    }


def test_a_map_tells_every_number_once_the_most_first_and_loses_no_unknown_place() -> None:
    counts = {"DE-BE": 20, "DE-BY": 4, "DE-XX": 1, "AT-9": 6, "FR-75": 2}
    shown = tile_map(Speech("de-DE"), counts, "aktive Lernende")
    told = re.findall(r'<span class="unseen">(.*?): (\d+) aktive Lernende</span>', str(shown))
    numbers = {name: int(n) for name, n in told if n != "0"}
    assert numbers == {"Berlin": 20, "Bayern": 4, "DE-XX": 1, "Wien": 6, "FR-75": 2}
    assert re.findall(r"<h3>(.*?)</h3>", str(shown)) == ["Deutschland", "Österreich", "Frankreich"]
    assert [name for name, _ in told][:3] == ["Berlin", "Bayern", "DE-XX"]
    darkness = {name: step for step, name in re.findall(r'class="step(\d)"[^>]*title="(.*?)"', str(shown))}
    assert (darkness["Berlin"], darkness["Wien"], darkness["Bayern"], darkness["Hessen"]) == (
        "3",
        "2",
        "2",
        "0",
    )
    assert darkness["DE-XX"] == "1"


def test_a_hostile_region_is_text() -> None:
    shown = tile_map(Speech(), {"<img src=x onerror=alert(1)>": 3}, "learners")
    assert "<img" not in str(shown) and region_name("DE-HH") == "Hamburg"


async def test_a_school_without_regions_says_so(school: Elm) -> None:
    card = await card_of(await school.sheet("head", "/admin"), "where")
    assert card and card.empty == "The school has told no regions of its learners."


def expected(school: Elm) -> list[tuple[float, float]]:
    """Learning time and mean result of each who has both, in plain Python."""
    found = []
    for student in school.learners:
        rows = within(school.of(student), TODAY + timedelta(days=1) - SPAN, TODAY + timedelta(days=1))
        result = mean(scores(rows))
        if result is not None:
            found.append((round(minutes(rows), 3), round(result, 3)))
    return sorted(found)


async def test_points_are_asked_for_and_are_nobody(school: Elm) -> None:
    sheet: Any = await school.sheet("head", "/admin")
    closed = await card_of(sheet, "points")
    assert closed and closed.drawing is None and not closed.answers
    audit = school.door.metadata.audit
    before = Counter(row.entry.whose for row in audit.read(limit=100_000))
    assert await sheet.do_points("open") == ["points"]
    card = await card_of(sheet, "points")
    assert card
    points = drawn(card.drawing, "points")
    shown = sorted((round(x, 3), round(y, 3)) for x, y in zip(points["x"], points["y"], strict=True))
    assert shown == expected(school)
    assert card.title == f"{len(shown)} learners by their time and their results"
    written = Counter(row.entry.whose for row in audit.read(limit=100_000)) - before
    told = {str(n) for n in school.learners.values()} & set(written)
    assert len(told) >= len(shown)
    file = list(csv.reader(io.StringIO(csv_of(card.answers[0]).decode("utf-8-sig"))))
    assert "learner_id" not in file[0]
    text = text_of(f"{card.drawing and card.drawing.text} {card.body}")
    assert not any(str(n) in text for n in school.learners.values())
    await sheet.do_points("close")
    again = await card_of(sheet, "points")
    assert again and again.drawing is None
