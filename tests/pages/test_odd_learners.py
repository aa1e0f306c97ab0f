"""Learners of whom there is little or something odd: what they read is friendly, and true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.door import Door
from app.metrics import Metrics
from compute.rollups import DELTAS
from config.settings import read_settings
from connectors.warehouse import open_warehouse
from pages.sheet import Sheet
from tests.builders import event
from tests.hill import SECRET, Clock, open_school
from tests.pages import elm
from tests.pages.elm import Elm, figures_of, text_of

NOTHING, ONE, GAP, GONE, OVER, BACKWARDS = range(1, 7)
STUDENTS = ("/student", "/progress", "/achievements")
PARENTS = ("/parent", "/over-time", "/letter")


def happened(organisation: int, learners: dict[str, int]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []

    def add(pupil: int, day: date, kind: str = "page_view", hour: int = 9, **more: Any) -> None:
        at = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
        given = {"organisation_id": organisation, "learner_id": learners[f"S{pupil}"], **more}
        rows.append(event(kind, at, **given))

    def worked(pupil: int, day: date, course: str = "c1", score: float = 70.0) -> None:
        add(pupil, day, "lesson_complete", course_id=course, lesson_id=f"{course}-l1", duration_s=600.0)
        quiz = {"course_id": course, "assessment_id": "a1", "duration_s": 300.0}
        add(pupil, day, "quiz_submit", hour=10, score=score, **quiz)

    add(ONE, elm.TODAY - timedelta(days=2))
    worked(GAP, elm.TODAY - timedelta(days=380))
    worked(GAP, elm.TODAY - timedelta(days=1))
    worked(GONE, elm.TODAY - timedelta(days=3), "gone")
    add(GONE, elm.TODAY - timedelta(days=3), "milestone_reached", course_id="gone", object_id="half-course")
    for back, score in ((20, 130.0), (12, 105.0), (5, 250.0), (1, 120.0)):
        worked(OVER, elm.TODAY - timedelta(days=back), score=score)
    # A clock that ran backwards: a day ahead of the school's, then two days behind.
    for ahead in (1, -2):
        worked(BACKWARDS, elm.TODAY + timedelta(days=ahead))
    return rows


@pytest.fixture(scope="module")
def odd_school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elm]:
    folder = tmp_path_factory.mktemp("odd")
    settings = read_settings({}, demo=True, data=folder, secret=SECRET, port=0, api_port=0)
    clock = Clock(elm.NOW)
    metadata = open_school(settings.metadata, folder, clock)
    metadata.migrate()
    warehouse = open_warehouse(settings.warehouse, DELTAS, threads=2)
    warehouse.migrate()
    people, learners = elm.found(metadata, warehouse)
    rows = happened(metadata.organisations.all()[0].id, learners)
    elm.settle(warehouse, rows)
    door = Door(warehouse, metadata, settings, Metrics(), clock)
    yield Elm(door, people, learners, rows)
    door.close()
    warehouse.close()
    metadata.close()


@pytest.fixture
def odd(odd_school: Elm, monkeypatch: pytest.MonkeyPatch) -> Elm:
    monkeypatch.setattr(Sheet, "today", property(lambda sheet: elm.TODAY))
    return odd_school


@pytest.mark.parametrize("pupil", range(1, 7))
@pytest.mark.parametrize("path", STUDENTS)
@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
async def test_every_card_is_a_sentence_or_a_number(odd: Elm, pupil: int, path: str, locale: str) -> None:
    for name, card in (await odd.cards(f"p{pupil}", path, locale)).items():
        if card is None:
            continue
        shown = text_of(f"{card.title} {card.sub} {card.body} {card.after} {card.empty}")
        assert shown, name
        assert not re.search(r"\{|\}|\bNone\b|\bnan\b|\binf\b|-\d+ (min|h|%)", shown), (name, shown)


@pytest.mark.parametrize("path", PARENTS)
@pytest.mark.parametrize("child", [NOTHING, ONE])
async def test_parents_of_who_did_little_read_it_calmly(odd: Elm, child: int, path: str) -> None:
    cards = await odd.cards("mother", path, child=str(odd.learners[f"S{child}"]))
    assert all(card is None or card.title or card.body for card in cards.values())


async def test_who_did_nothing_has_no_momentum_and_no_made_up_number(odd: Elm) -> None:
    cards = await odd.cards(f"p{NOTHING}", "/student")
    assert "Right now" not in figures_of(cards["glance"])
    assert (await odd.cards(f"p{NOTHING}", "/progress"))["words"].empty  # type: ignore[union-attr]


async def test_one_event_is_one_day_and_nothing_is_judged(odd: Elm) -> None:
    cards = await odd.cards(f"p{ONE}", "/progress")
    assert cards["words"] is not None
    said = text_of(cards["words"].body)
    assert "You were here on 1 day." in said
    assert "That is too little to say more yet" in said
    for name in ("results", "time", "skills", "habits"):
        card = cards[name]
        assert card is not None
        assert card.empty, name
    assert cards["unusual"] is None


async def test_a_year_away_is_a_gap_and_no_streak(odd: Elm) -> None:
    shown = figures_of((await odd.cards(f"p{GAP}", "/student"))["glance"])
    assert shown["School days in a row"][0] == "1 day"
    cards = await odd.cards(f"p{GAP}", "/progress", frame="month")
    assert cards["time"] is not None
    assert cards["time"].drawing is not None


async def test_a_deleted_course_leaves_what_was_done(odd: Elm) -> None:
    cards = await odd.cards(f"p{GONE}", "/student", period="28d")
    assert figures_of(cards["glance"])["Learning time"][0] == "15 min"
    reached = (await odd.cards(f"p{GONE}", "/achievements"))["reached"]
    assert reached is not None
    assert "Half of a course done" in text_of(reached.body)


async def test_scores_over_a_hundred_are_shown_as_they_are(odd: Elm) -> None:
    card = (await odd.cards(f"p{OVER}", "/student"))["results"]
    assert card is not None
    assert "120" in card.title
    progress = (await odd.cards(f"p{OVER}", "/progress"))["results"]
    assert progress is not None
    values = elm.drawn(progress.drawing, "points")["y"]
    assert max(values) > 100


async def test_tomorrow_does_not_count_yet(odd: Elm) -> None:
    card = (await odd.cards(f"p{BACKWARDS}", "/student"))["glance"]
    assert figures_of(card)["Right now"][1] == "last here 2 days ago"
