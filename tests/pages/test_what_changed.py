"""Where nothing stands out, the card shows what was looked at, in numbers that plain Python finds too."""

from __future__ import annotations

from datetime import timedelta

from tests.pages.elm import (
    AWAY,
    PUPILS,
    TOMORROW,
    Elm,
    card_of,
    count,
    duration,
    figures_of,
    mean,
    minutes,
    percent,
    scores,
    text_of,
    within,
)

SINCE = TOMORROW - timedelta(days=14)
BEFORE = SINCE - timedelta(days=56)


async def test_what_was_looked_at_is_what_happened(school: Elm) -> None:
    seen = 0
    for n in range(1, PUPILS + 1):
        card = await card_of(await school.sheet(f"p{n}", "/student"), "changed")
        assert card
        if "figures" not in str(card.body):
            continue
        rows = school.of(f"S{n}")
        now, then = within(rows, SINCE, TOMORROW), within(rows, BEFORE, SINCE)
        shown = figures_of(card)
        days = len({row["day"] for row in now})
        assert shown["Days with learning"][0] == f"{days} day{'' if days == 1 else 's'}"
        usual = duration(minutes(then) / 4)
        assert shown["Learning time"] == (duration(minutes(now)), f"usually {usual}")
        assert shown["Finished lessons"][0] == str(count(now, "lesson_complete"))
        if scores(now) and scores(then):
            expected = (percent(mean(scores(now))), f"usually {percent(mean(scores(then)))}")
            assert shown["Mean result"] == expected
        else:
            assert "Mean result" not in shown
        if days:
            assert "Nothing stands out" in text_of(card.body)
        seen += 1
    assert seen


async def test_who_was_away_is_not_told_that_all_went_as_before(school: Elm) -> None:
    assert not within(school.of(AWAY), SINCE, TOMORROW)
    card = await card_of(await school.sheet(f"p{AWAY[1:]}", "/student"), "changed")
    told = text_of(f"{card and card.body} {card and card.empty}")
    assert "Nothing stands out" not in told
