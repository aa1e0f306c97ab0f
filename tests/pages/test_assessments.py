"""The page about quizzes, questions and skills: its numbers again in plain Python."""

from __future__ import annotations

import csv
import io
import statistics
from collections import Counter, defaultdict

import pytest

from compute.mastery import USUAL, trace
from pages import frame
from pages.about import csv_of
from pages.cards import Card
from tests.pages.content_school import CHOICES, HOSTILE, ITEMS, QUIZZES, RIGHT, in_order, of
from tests.pages.elm import SKILLS, Elm, Row, card_of, text_of

Paths = dict[str, dict[int, list[bool]]]


async def shown(school: Elm, slot: str, login: str = "teacher", locale: str = "en-GB", **query: str) -> Card:
    card = await card_of(await school.sheet(login, "/assessments", locale, **query), slot)
    assert card is not None
    return card


def newest(rows: list[Row], quiz: str) -> list[float]:
    scored = [r for r in of(rows, "quiz_submit", assessment_id=quiz) if 0 <= r["score"] <= 100]
    return list({r["learner_id"]: r["score"] for r in sorted(scored, key=in_order)}.values())


def passed(scores: list[float]) -> float:
    return sum(score >= 60 for score in scores) / len(scores)


async def test_results_are_each_learners_newest(taught: Elm) -> None:
    card = await shown(taught, "results")
    rows = {row["assessment_id"]: row for row in card.answers[0].rows()}
    for quiz in QUIZZES:
        scores = newest(taught.rows, quiz)
        assert rows[quiz]["learners"] == len(scores)
        assert rows[quiz]["median"] == statistics.median(scores)
        assert rows[quiz]["pass_share"] == pytest.approx(passed(scores))
    lowest = min(QUIZZES, key=lambda quiz: passed(newest(taught.rows, quiz)))
    share = round(100 * passed(newest(taught.rows, lowest)))
    assert text_of(card.title) == f"Quiz {lowest[1]} is passed least: by {share} %"
    assert text_of(card.after).startswith("1 result is under 0 or over 100 %")  # the 640
    assert "Essay" not in text_of(card.body)  # nobody has handed it in


async def test_the_spread_is_of_all_or_of_the_one_in_the_address(taught: Elm) -> None:
    for quizzes, query in ((QUIZZES, {}), (("a2",), {"assessment_id": "a2"})):
        card = await shown(taught, "spread", **query)
        scores = [score for quiz in quizzes for score in newest(taught.rows, quiz)]
        steps = Counter(min(9, int(score // 10)) for score in scores)
        assert [row["learners"] for row in card.answers[0].rows()] == [steps[n] for n in range(10)]
        share = round(100 * passed(scores))
        assert text_of(card.title) == f"{share} % of {len(scores)} results are 60 % and more"
        assert ("Quiz 2" in card.sub) == bool(query)
    low, middle, high = statistics.quantiles(newest(taught.rows, "a2"), n=4, method="inclusive")
    half = f"between {low:.0f} and {high:.0f} %, the middle one at {middle:.0f} %"
    assert half in text_of(card.after)


def first_answers(rows: list[Row]) -> dict[tuple[int, str], Row]:
    told = sorted(of(rows, "quiz_answer"), key=in_order, reverse=True)
    return {(r["learner_id"], r["item_id"]): r for r in told}


async def test_questions_are_counted_by_first_answers(taught: Elm) -> None:
    answers = first_answers(taught.rows)
    by_item: defaultdict[str, list[bool]] = defaultdict(list)
    for (_, item), row in answers.items():
        by_item[item].append(row["correct"])
    card = await shown(taught, "questions")
    rows = {row["item_id"]: row for row in card.answers[0].rows()}
    assert set(rows) == set(ITEMS)
    for item in ITEMS:
        assert rows[item]["answers"] == len(by_item[item])
        if by_item[item]:
            assert rows[item]["difficulty"] == pytest.approx(statistics.fmean(by_item[item]))
    assert ITEMS["nobody"] not in text_of(card.body)  # without an answer there is nothing to judge
    found = await shown(taught, "found")
    assert found.title == "No question works against the strong"
    assert found.sub.startswith(f"0 of {len(ITEMS)} questions")  # a class of 14 judges none
    asked = await shown(taught, "map", assessment_id="a2")
    assert {row["item_id"] for row in asked.answers[0].rows()} == {f"a2-{n}" for n in range(4)}
    assert asked.drawing is not None and "A map of 4 questions" in asked.drawing.alternative


async def test_the_question_in_the_address_is_told_with_what_was_chosen(taught: Elm) -> None:
    card = await shown(taught, "item", item_id="chosen")
    assert card.title == "Not enough answers yet to judge this question"
    assert card.sub == f"{ITEMS['chosen']}, Quiz 4: {len(CHOICES)} learners' first answers"
    rows = {row["choice"]: row for row in card.answers[0].rows()}
    others = {who for who, item in first_answers(taught.rows) if item != "chosen"}
    wanted = Counter(choice for s, choice in CHOICES.items() if taught.learners[s] in others)
    assert {choice: row["learners"] for choice, row in rows.items()} == wanted
    assert [choice for choice, row in rows.items() if row["right"]] == [RIGHT]
    body = text_of(card.body)
    assert f"{RIGHT} (right)" in body and HOSTILE in body and "<img" not in str(card.body)
    other = await shown(taught, "item", item_id="a2-1")
    assert other.sub.startswith(ITEMS["a2-1"])
    gone = await shown(taught, "item", item_id="taken-away")  # of an old bookmark: said, with a way on
    assert "a question that is not here" in text_of(gone.body) and not gone.sub
    for slot, mark in (("spread", "assessment_id"), ("missing", "skill_id")):
        none = await shown(taught, slot, **{mark: "taken-away"})
        assert "that is not here" in text_of(none.body) and mark not in str(none.body), slot


def paths(rows: list[Row]) -> Paths:
    found: Paths = {skill.lower(): defaultdict(list) for skill in SKILLS.values()}
    for row in sorted(of(rows, "quiz_answer"), key=in_order):
        if row["skill_id"]:
            found[row["skill_id"]][row["learner_id"]].append(row["correct"])
    return found


def lacking(each: dict[int, list[bool]]) -> dict[int, float]:
    """Who has answered four times and more and probably does not know it."""
    known = {who: trace(USUAL, path)[-1] for who, path in each.items() if len(path) >= 4}
    return {who: share for who, share in known.items() if share < 0.5}


async def test_skills_and_who_lacks_them_are_traced_answer_by_answer(taught: Elm) -> None:
    by_skill = paths(taught.rows)
    card = await shown(taught, "skills")
    rows = {row["skill_id"]: row for row in card.answers[0].rows()}
    assert set(rows) == set(by_skill)
    for skill, each in by_skill.items():
        judged = {who: trace(USUAL, path)[-1] for who, path in each.items() if len(path) >= 4}
        assert rows[skill]["learners"] == len(judged)
        assert rows[skill]["gaps"] == len(lacking(each))
        assert rows[skill]["mastered"] == sum(share >= 0.95 for share in judged.values())
    worst = max(by_skill, key=lambda skill: (len(lacking(by_skill[skill])), skill))
    assert f"{len(lacking(by_skill[worst]))} of {rows[worst]['learners']}" in card.title
    missing = await shown(taught, "missing", skill_id="lines")
    gaps = lacking(by_skill["lines"])
    assert taught.learners["S3"] in gaps
    assert [row["learner_id"] for row in missing.answers[0].rows() if row["skill_id"] != "lines"] == []
    names = {f"Pupil{s[1:]} Elm" for s, n in taught.learners.items() if n in gaps}
    body = text_of(missing.body)
    assert {f"Pupil{n} Elm" for n in range(1, 15) if f"Pupil{n} Elm" in body} == names
    third = by_skill["lines"][taught.learners["S3"]]
    assert f"Pupil3 Elm : {sum(third)} of {len(third)} answers right" in body
    unmarked = await shown(taught, "missing")
    assert unmarked.answers[0].rows()[0]["skill_id"] == worst


async def test_an_empty_class_a_course_without_questions_and_no_class_have_their_sentences(
    taught: Elm,
) -> None:
    for login, query in (("newcomer", {}), ("head", {"course": "c2"}), ("tutor", {}), ("idle", {})):
        for name, card in (await taught.cards(login, "/assessments", **query)).items():
            if name == "questions":
                assert card is None
            else:
                assert card is not None and card.empty and card.drawing is None, (login, name)


async def test_hostile_titles_are_text_no_name_in_an_address_and_each_card_has_its_file(taught: Elm) -> None:
    query = {"item_id": "a1-0"}
    sheet = await taught.sheet("teacher", "/assessments", **query)
    seen = set()
    for slot in sheet.slots:
        card = await card_of(sheet, slot.name)
        assert card is not None
        whole = str(frame.card(sheet, slot, card))
        assert "<img" not in whole and 'onerror="' not in whole
        if HOSTILE in text_of(whole):
            seen.add(slot.name)
        assert f'href="/download/assessments/{slot.name}.csv?' in whole
        assert not [part for part in whole.split('href="')[1:] if "Pupil" in part.split('"')[0]]
        again = await taught.sheet("teacher", "/assessments", **query)
        answer = (await again.answers_of(slot.name))[0]
        lines = list(csv.reader(io.StringIO(csv_of(answer).decode("utf-8-sig"))))
        assert lines[0] == answer.table.column_names and len(lines) == answer.table.num_rows + 1
    assert seen == {"item", "questions"}


async def test_it_speaks_german(taught: Elm) -> None:
    english = await taught.cards("teacher", "/assessments")
    german = await taught.cards("teacher", "/assessments", "de-DE")
    for name, card in german.items():
        other = english[name]
        assert card is not None and other is not None
        assert card.title != other.title and card.sub != other.sub and not card.empty
