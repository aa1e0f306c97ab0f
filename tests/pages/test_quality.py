from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.quality import check_days
from config.quality import quality_rules
from config.roles import read_roles
from connectors.intake.codes import CODES
from connectors.intake.losses import Kind, Losses
from connectors.intake.quality import Judge, Tally
from models.tables import EVENTS
from pages.quality import _picked
from pages.quality.words import rule, runs
from pages.speech import Speech
from pages.texts import LANGUAGES, has_text
from tests.builders import events
from tests.pages.elm import TODAY, Elm, drawn, figures_of, text_of

RULES = quality_rules()
BAD = TODAY - timedelta(days=9)


@pytest.fixture(scope="module")
def judged(standing_school: Elm) -> Iterator[Elm]:
    """The school's events as the way in would have counted them: web, and an app that lost its devices
    on one day."""
    rows: list[dict[str, Any]] = []
    for n, row in enumerate(standing_school.rows):
        device: dict[str, Any] = {"device_type": "mobile", "os": "ios", "browser": "safari", "sequence": n}
        if row["day"] == BAD:
            device["os"] = None
        rows.append({**row, **device, "source": "app"})
    tally = Tally(Judge(RULES))
    tally.stored(events(rows))
    warehouse = standing_school.door.warehouse
    warehouse.append(events([]), also={"quality_day": tally.rows()})
    check_days(warehouse, RULES)
    standing_school.door.shelf.clear()  # an answer from before, told for some minutes more, has no such days
    yield standing_school
    for name in ("quality_day", "quality_check"):
        empty(warehouse, name)
    standing_school.door.shelf.clear()


def empty(warehouse: Any, name: str) -> None:
    from models.tables import TABLE

    keys = warehouse.fetch(TABLE[name].unbound.select(*TABLE[name].key).distinct())
    warehouse.delete(name, keys)


async def test_scores_unusual_days_and_offenders_are_told(judged: Elm, school: Elm) -> None:
    cards = await school.cards("head", "/quality")
    glance = figures_of(cards["glance"])
    assert list(glance) == ["Completeness", "Validity", "Uniqueness", "Timeliness", "Consistency"]
    since = TODAY - timedelta(days=89)
    expected = missing = 0
    for row in school.rows:
        if since <= row["day"] <= TODAY:
            asked = RULES.types[row["event_type"]].expected
            device = {"device_type", "browser", "sequence"} | (set() if row["day"] == BAD else {"os"})
            expected += len(asked)
            missing += sum(row.get(name) is None and name not in device for name in asked)
    shown = float(glance["Completeness"][0])
    assert shown == pytest.approx(min(99.9, round(100 * (1 - missing / expected), 1)), abs=0.051)
    offenders = cards["offenders"]
    assert offenders is not None
    assert "operating system missing" in text_of(offenders.body)
    history = cards["history"]
    assert history is not None
    assert len(drawn(history.drawing, "points")["x"]) > 5


async def test_the_rows_are_shown_on_asking_and_to_those_who_may(judged: Elm, school: Elm) -> None:
    sheet = await school.sheet("head", "/quality")
    wish = f"completeness|os|||{BAD}|{BAD}"
    assert await sheet.do_show(wish) == ["behind"]
    assert sheet.asked_for == ("completeness", "os", "", "", BAD, BAD)
    assert await sheet.do_show("anything") == ["behind"]
    assert sheet.asked_for is None


async def test_what_was_shed_and_refused_is_told_of_the_own_school_alone(
    judged: Elm, school: Elm, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = (await school.cards("head", "/quality"))["lost"]
    assert card is not None
    assert "no way in is open" in str(card.empty)
    losses = Losses(lambda: datetime(2026, 3, 1, 7, 30, tzinfo=UTC))
    monkeypatch.setattr(judged.door, "losses", losses)
    own = (await school.visit("head", "/quality")).desk.viewer.organisation_id
    losses.add(own + 1, {Kind("shed", "page_view", "P2"): 4711})
    card = (await school.cards("head", "/quality"))["lost"]
    assert card is not None
    assert "1 Mar" in str(card.empty)
    assert "nothing was shed" in str(card.empty)
    losses.add(own, {Kind("shed", "video_seek", "P2"): 1234, Kind("refused", "", "", "not-json"): 5})
    card = (await school.cards("head", "/quality"))["lost"]
    assert card is not None
    assert card.title == "1,234 events were shed under overload"
    told = text_of(card.body)
    for words in ("video seek", "P2", "1,234", "shed under overload", "no JSON", "refused"):
        assert words in told
    assert "4,711" not in told


@pytest.mark.parametrize("wish", ["", "a|b|c|d|e|f", "a|b|c|d|2026-03-04|2026-03-01", "a|b|c"])
def test_a_wish_that_makes_no_sense_is_no_wish(wish: str) -> None:
    assert _picked(wish) is None


def unusual(day: date, **given: Any) -> dict[str, Any]:
    row = {"day": day, "kind": "broken", "source": "web", "dimension": "timeliness", "rule": "late"}
    return {**row, "severity": "serious", "deviations": 9.0, "value": 0.5, "expected": 0.0} | given


def test_days_that_follow_each_other_are_one_finding_the_gravest_first() -> None:
    days = [TODAY - timedelta(days=n) for n in (9, 8, 7, 3)]
    rows = [unusual(day) for day in days]
    rows[1] = unusual(days[1], severity="severe", deviations=20.0)
    found = runs([*rows, unusual(days[3], source="ios", severity="notable", deviations=5.0)])
    assert [(run.first, run.last, run.worst["source"]) for run in found] == [
        (days[0], days[2], "web"),
        (days[3], days[3], "web"),
        (days[3], days[3], "ios"),
    ]
    assert found[0].worst["severity"] == "severe"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_is_told_in_words(language: str) -> None:
    speech = Speech(f"{language}-{'GB' if language == 'en' else 'DE'}", "Europe/Berlin")
    declared = {("consistency", r.name) for r in RULES.consistency}
    declared |= {("validity", b.column) for b in RULES.bounds} | {("validity", n) for n in RULES.among}
    declared |= {("completeness", name) for kind in RULES.types.values() for name in kind.expected}
    declared |= {
        (RULES.refusals.get(c) or "validity", c) for c in CODES if RULES.refusals.get(c, "") is not None
    }
    declared |= {("timeliness", "late"), ("uniqueness", "repeated-id"), ("uniqueness", "repeated-content")}
    for dimension, name in declared:
        told = rule(speech, dimension, name)
        assert told != name, (dimension, name)
        if name in EVENTS.names():
            assert has_text(language, f"quality.field_{name}"), name


def test_who_may_open_the_page_may_see_quality() -> None:
    for name, role in read_roles().by_name.items():
        if "open-page:quality" in role.actions:
            assert "see-quality" in role.actions, name
