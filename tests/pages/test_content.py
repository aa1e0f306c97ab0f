"""The page about lessons, films and threads: its numbers again in plain Python."""

from __future__ import annotations

import csv
import io
import re

import pytest

from pages import frame
from pages.about import csv_of
from pages.cards import Card
from tests.pages.content_school import FILMS, HOSTILE, LENGTH, PLACE, STOPS, THREAD, WHOLE, in_order, of
from tests.pages.elm import LESSONS, TODAY, Elm, Row, card_of, figures_of, text_of

DAY_S = 86_400


async def shown(school: Elm, slot: str, login: str = "teacher", locale: str = "en-GB", **query: str) -> Card:
    card = await card_of(await school.sheet(login, "/content", locale, **query), slot)
    assert card is not None
    return card


async def test_how_far_learners_come_is_what_the_events_say(taught: Elm) -> None:
    card = await shown(taught, "lessons")
    furthest: dict[int, int] = {}
    for row in of(taught.rows, "lesson_complete", course_id="c1"):
        place = LESSONS["c1"].index(row["lesson_id"])
        furthest[row["learner_id"]] = max(place, furthest.get(row["learner_id"], 0))
    reached = [sum(place >= n for place in furthest.values()) for n in range(len(LESSONS["c1"]))]
    rows = card.answers[0].rows()
    assert [row["reached"] for row in rows] == reached
    assert [row["title"] for row in rows] == [f"Lesson {one}" for one in LESSONS["c1"]]
    assert card.title.startswith(f"{reached[-1]} of {reached[0]} learners")
    assert card.sub.startswith("Algebra: ")
    assert card.drawing is not None
    assert f"{reached[0]} learners came to the first, {reached[-1]} to the last" in card.drawing.alternative


def film_by_hand(rows: list[Row]) -> dict[str, float]:
    inside = [r for r in of(rows, "video_progress", "video_complete", video_id="film") if past(r) <= 0]
    far = {r["learner_id"]: 0.0 for r in inside}
    for row in inside:
        far[row["learner_id"]] = max(far[row["learner_id"]], row["position_s"])
    came = sum(place >= PLACE[0] for place in far.values())
    left = sum(PLACE[0] <= place < PLACE[1] for place in far.values())
    whole = sum(place >= 0.9 * LENGTH for place in far.values())
    return {"audience": len(far), "completion": whole / len(far), "drop_share": left / came, "came": came}


def past(row: Row) -> float:
    return float(row["position_s"] - LENGTH)


async def test_a_film_that_loses_people_in_one_place_is_named_first_with_its_numbers(taught: Elm) -> None:
    told = film_by_hand(taught.rows)
    assert told["audience"] == len(STOPS) + len(WHOLE)
    lost = f"{round(told['drop_share'] * 100)} % of {told['came']} stop for good between 1:40 and 1:45"
    losses = await shown(taught, "losses")
    assert losses.title == "One place loses more people than the rest"
    assert lost in text_of(losses.body)
    films = await shown(taught, "videos")
    assert films.title == "One video loses people in one place"
    rows = {row["video_id"]: row for row in films.answers[0].rows()}
    assert rows["film"]["audience"] == told["audience"]
    assert rows["film"]["completion"] == pytest.approx(told["completion"])
    assert rows["film"]["drop_share"] == pytest.approx(told["drop_share"])
    assert (rows["calm"]["audience"], rows["calm"]["completion"], rows["calm"]["p"]) == (3, 1.0, None)
    body = text_of(films.body)
    assert body.index(HOSTILE) < body.index(FILMS["calm"]) and FILMS["unseen"] not in body
    beyond = [r for r in of(taught.rows, "video_progress", video_id="film") if past(r) > 0]
    assert text_of(films.after).startswith(f"{len(beyond)} event lies past its video's end")


async def test_a_mark_in_the_address_chooses_the_film_and_narrows_nothing_else(taught: Elm) -> None:
    film, calm = await shown(taught, "curve"), await shown(taught, "curve", video_id="calm")
    share = round(film_by_hand(taught.rows)["drop_share"] * 100)
    assert film.sub.startswith(HOSTILE) and text_of(film.title) == f"{share} % stop between 1:40 and 1:45"
    assert calm.sub.startswith("Proofs: 3 viewers") and "no place loses more" in calm.title
    assert "too few to tell a habit from a story" in text_of(calm.after)
    assert len(calm.answers[0].rows()) == LENGTH
    marked = await shown(taught, "videos", video_id="calm")
    assert len(marked.answers[0].rows()) == len(FILMS)
    unseen = await shown(taught, "curve", video_id="unseen")
    assert unseen.empty and unseen.drawing is None
    gone = await shown(taught, "curve", video_id="taken-away")  # of an old bookmark: said, with a way on
    assert "a video that is not here" in text_of(gone.body) and gone.drawing is None
    assert "video_id" not in re.findall(r'href="([^"]*)"', str(gone.body))[0]


async def test_threads_wait_until_somebody_else_replies(taught: Elm) -> None:
    posts = of(taught.rows, "post_create", "post_reply")
    opens = {r["object_id"]: r for r in sorted(of(posts, "post_create"), key=in_order, reverse=True)}
    replies = {
        name: [r for r in of(posts, "post_reply", object_id=name) if r["learner_id"] != first["learner_id"]]
        for name, first in opens.items()
    }
    open_ = [name for name, others in replies.items() if not others]
    talk = await shown(taught, "talk")
    told = figures_of(talk)
    assert told["Threads"][0] == str(len(opens)) == "3"
    assert told["Without an answer"] == (
        str(len(open_)),
        f"{round(100 * len(open_) / len(opens))} % of the threads",
    )
    wait = (replies[THREAD][0]["occurred_at"] - opens[THREAD]["occurred_at"]).total_seconds()
    assert told["Until the first reply"][0] == f"about {round(wait / DAY_S)} days"
    waiting = await shown(taught, "waiting")
    assert waiting.title == f"{len(open_)} threads wait for an answer"
    body = text_of(waiting.body)
    for name in open_:
        last = max(r["day"] for r in posts if r["object_id"] == name)
        assert f"{(TODAY - last).days} days: Algebra, thread {name}, since" in body
    assert HOSTILE not in body


async def test_an_empty_class_a_course_without_content_and_no_class_have_their_sentences(taught: Elm) -> None:
    for login, query in (("newcomer", {}), ("head", {"course": "c2"}), ("idle", {})):
        cards = await taught.cards(login, "/content", **query)
        for name, card in cards.items():
            assert card is not None, name
            if name == "lessons" and query:
                assert card.sub.startswith("Drawing: ")
            elif name != "losses" and name != "lessons":
                assert card.empty and card.drawing is None, (login, name)
        assert "stands out" in cards["losses"].title  # type: ignore[union-attr]


async def test_hostile_titles_are_text_and_each_card_has_its_file(taught: Elm) -> None:
    sheet = await taught.sheet("teacher", "/content", video_id="film")
    seen = 0
    for slot in sheet.slots:
        card = await card_of(sheet, slot.name)
        assert card is not None
        whole = str(frame.card(sheet, slot, card))
        assert "<img" not in whole and 'onerror="' not in whole
        seen += HOSTILE in text_of(whole)
        assert f'href="/download/content/{slot.name}.csv?' in whole
        again = await taught.sheet("teacher", "/content", video_id="film")
        answer = (await again.answers_of(slot.name))[0]
        lines = list(csv.reader(io.StringIO(csv_of(answer).decode("utf-8-sig"))))
        assert lines[0] == answer.table.column_names and len(lines) == answer.table.num_rows + 1 > 1
    assert seen == 3  # what loses people, the list of films, the chosen film


async def test_it_speaks_german(taught: Elm) -> None:
    english, german = (
        await taught.cards("teacher", "/content"),
        await taught.cards("teacher", "/content", "de-DE"),
    )
    for name, card in german.items():
        other = english[name]
        assert card is not None and other is not None
        assert card.title != other.title and not card.empty
    assert "67 %" in text_of(german["curve"].title)  # type: ignore[union-attr]
