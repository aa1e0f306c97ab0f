from __future__ import annotations

import re
import statistics
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from scipy.stats import ttest_1samp

from compute.contrast import runs
from compute.matched import Done, TooFew, fared
from models.errors import NotFound
from pages.sheet import Asking
from pages.teacher.why import flag
from tests.pages import elm
from tests.pages.elm import (
    AWAY,
    HOLIDAY,
    LESSONS,
    MONDAY,
    NEVER,
    TODAY,
    TOMORROW,
    WEEK,
    Elm,
    Row,
    card_of,
    count,
    done,
    figures_of,
    mean,
    percent,
    scores,
    text_of,
    within,
)


def in_class(school: Elm, rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["course_id"] == "c1"]


async def test_the_glance_is_what_the_events_of_the_classs_course_say(school: Elm) -> None:
    shown = figures_of((await school.cards("teacher", "/teacher"))["glance"])
    now = in_class(school, within(school.rows, MONDAY, TOMORROW))
    then = in_class(school, within(school.rows, MONDAY - WEEK, TOMORROW - WEEK))
    active = {r["learner_id"] for r in now}
    assert shown["Active learners"][0] == f"{len(active)} of {len(school.learners)}"
    assert shown["Active learners"][1].startswith(f"{len({r['learner_id'] for r in then})} ")
    assert shown["Finished lessons"][0] == str(count(now, "lesson_complete"))
    assert shown["Finished lessons"][1].startswith(f"{count(then, 'lesson_complete')} ")
    assert shown["Mean score"][0] == percent(mean(scores(now)))


def facts(school: Elm, student: str) -> dict[str, Any]:
    rows = in_class(school, school.of(student))
    recent = scores(within(rows, TOMORROW - 2 * WEEK, TOMORROW))
    earlier = scores(within(rows, TOMORROW - 6 * WEEK, TOMORROW - 2 * WEEK))
    last = max((r["day"] for r in rows), default=None)
    start = last or min(r["day"] for r in school.rows)
    day, missed = start + timedelta(days=1), 0
    while day < TODAY:
        missed += day.weekday() < 5 and day not in HOLIDAY
        day += timedelta(days=1)
    return {
        "last": last,
        "progress": len(done(rows, "c1")) / len(LESSONS["c1"]),
        "recent": recent,
        "earlier": earlier,
        "missed": missed,
    }


def average(values: list[float]) -> float:
    return sum(values) / len(values)


def flags(school: Elm, student: str) -> set[str]:
    """The rules again, by hand."""
    own = facts(school, student)
    ranked = sorted(facts(school, s)["progress"] for s in school.learners)
    middle = (ranked[len(ranked) // 2] + ranked[(len(ranked) - 1) // 2]) / 2
    found = set()
    if own["missed"] >= 5 and own["progress"] < 1:
        found.add("not seen" if own["last"] else "not yet here")
    if len(own["recent"]) >= 3:
        if average(own["recent"]) < 60:
            found.add("low results")
        if len(own["earlier"]) >= 3 and average(own["earlier"]) - average(own["recent"]) >= 10:
            found.add("falling")
    if middle - own["progress"] >= 0.15:
        found.add("behind")
    return found


async def test_every_row_of_the_list_is_what_the_learners_events_say(school: Elm) -> None:
    sheet = await school.sheet("teacher", "/teacher")
    roster = await sheet.roster(Asking(sheet))
    assert {one.learner_id for one in roster.learners} == set(school.learners.values())
    student_of = {n: s for s, n in school.learners.items()}
    for one in roster.learners:
        student = student_of[one.learner_id]
        own = facts(school, student)
        assert one.name == f"Pupil{student[1:]} Elm"
        assert one.last_active == own["last"]
        assert one.progress == pytest.approx(own["progress"])
        assert one.mean == (
            pytest.approx(mean(own["recent"] + own["earlier"])) if own["recent"] + own["earlier"] else None
        )
        weekly = in_class(school, school.of(student))
        assert one.trend == tuple(
            count(within(weekly, MONDAY - n * WEEK, MONDAY - (n - 1) * WEEK), "lesson_complete")
            for n in range(7, -1, -1)
        )
        assert {flag(sheet, r) for r in one.reasons} == flags(school, student), student


async def test_on_track_is_whoever_no_rule_speaks_of(school: Elm) -> None:
    cards = await school.cards("teacher", "/teacher")
    fine = sum(not flags(school, student) for student in school.learners)
    assert figures_of(cards["glance"])["On track"][0] == f"{fine} of {len(school.learners)}"
    assert cards["needs"] is not None
    assert f"{len(school.learners) - fine} of {len(school.learners)}" in text_of(cards["needs"].after)


async def test_who_was_away_and_who_never_came_are_named_first_with_why(school: Elm) -> None:
    assert "not seen" in flags(school, AWAY)
    card = (await school.cards("teacher", "/teacher"))["needs"]
    assert card is not None
    names = re.findall(r"<h3><a [^>]*>(.*?)</a>", str(card.body))
    assert len(names) == 3
    assert {f"Pupil{AWAY[1:]} Elm", f"Pupil{NEVER[1:]} Elm"} <= set(names)
    assert f"Not seen for {facts(school, AWAY)['missed']} school days" in text_of(card.body)


async def test_no_name_stands_in_an_address(school: Elm) -> None:
    cards = await school.cards("teacher", "/teacher")
    hrefs = [h for c in cards.values() if c for h in re.findall(r'href="(.*?)"', str(c.body))]
    assert hrefs
    assert not [h for h in hrefs if "Pupil" in h or "Elm" in h]


async def test_the_list_as_a_file_has_the_rows_of_the_screen(school: Elm) -> None:
    sheet = await school.sheet("teacher", "/teacher")
    answers = await sheet.answers_of("everybody")
    rows = answers[0].rows()
    assert len(rows) == len(school.learners)
    assert {row["learner"] for row in rows} == {f"Pupil{s[1:]} Elm" for s in school.learners}


async def test_an_empty_class_one_learner_and_no_class_have_their_sentences(school: Elm) -> None:
    empty = await school.cards("newcomer", "/teacher")
    assert empty["needs"] is not None
    assert "Nobody is in this class yet" in empty["needs"].title
    assert empty["glance"] is None
    assert empty["everybody"] is None
    single = await school.cards("tutor", "/teacher")
    assert single["everybody"] is not None
    assert "no class to compare with" in single["everybody"].sub
    none = await school.cards("idle", "/teacher")
    assert none["needs"] is not None
    assert "no class at present" in none["needs"].title


async def test_a_learners_page_opens_for_the_class_and_for_nobody_else(school: Elm) -> None:
    cards = await school.cards("teacher", "/learner", child=str(school.learners["S4"]))
    assert cards["who"] is not None
    assert "Pupil4 Elm" in text_of(cards["who"].body)
    rows = in_class(school, within(school.of("S4"), TOMORROW - 4 * WEEK, TOMORROW))
    shown = figures_of(cards["glance"])
    assert shown["Active days"][0].split()[0] == str(len({r["day"] for r in rows}))
    assert shown["Mean score"][0] == percent(mean(scores(rows)))
    for login, child in (("tutor", "S4"), ("teacher", ""), ("newcomer", "S4")):
        with pytest.raises(NotFound):
            await school.cards(login, "/learner", child=str(school.learners.get(child, "")))


def engaged(school: Elm, student: str) -> float:
    """Of the last school days, those with anything done in the course."""
    since = TOMORROW - 2 * WEEK
    days = [since + timedelta(days=n) for n in range(13)]  # today is not over
    term = sum(day.weekday() < 5 and day not in HOLIDAY for day in days)
    own = in_class(school, school.of(student))
    return min(1.0, len({r["day"] for r in within(own, since, TOMORROW)}) / term)


async def test_each_dot_of_the_matrix_is_a_learner_as_often_here_as_the_events_say(school: Elm) -> None:
    sheet = await school.sheet("teacher", "/teacher")
    card = await card_of(sheet, "risks")
    roster = await sheet.roster(Asking(sheet))
    student_of = {n: s for s, n in school.learners.items()}
    for one in roster.learners:
        assert one.engagement == pytest.approx(engaged(school, student_of[one.learner_id]))
    assert card is not None
    dots = re.findall(r'<a href="/learner\?child=(-?\d+)" class="dot (\w+)', str(card.body))
    assert {int(n) for n, _ in dots} == set(school.learners.values())
    calm = {int(n) for n, kind in dots if kind == "good"}
    assert calm == {school.learners[s] for s in school.learners if not flags(school, s)}
    middle = statistics.median(engaged(school, s) for s in school.learners)
    seldom = sum(bool(flags(school, s)) and engaged(school, s) < middle for s in school.learners)
    assert seldom and card.title.startswith(f"{seldom} learner")


async def test_a_plan_is_begun_and_taken_back_from_the_first_card(school: Elm) -> None:
    sheet = await school.sheet("teacher", "/teacher")
    before = await card_of(sheet, "needs")
    assert before is not None
    value = re.search(r'data-do="plan" value="([^"]+)"', str(before.body))
    assert value is not None
    assert await sheet.do_plan(value[1]) == ("needs",)
    planned = await card_of(sheet, "needs")
    assert planned is not None and "Talk, since" in text_of(planned.body)
    back = re.search(r'data-do="take_back" value="([^"]+)"', str(planned.body))
    assert back is not None
    await sheet.do_take_back(back[1])
    again = await card_of(sheet, "needs")
    assert again is not None and "Talk, since" not in text_of(again.body)


async def test_what_a_rule_raised_stands_first_until_somebody_takes_it_up(school: Elm) -> None:
    store, learner = school.door.metadata.interventions, school.learners["S4"]
    organisation = school.door.metadata.organisations.all()[0].id
    raised = store.raise_struggle(organisation, learner, "c1", [41.0, 52.0, 33.0], elm.NOW)
    assert raised is not None
    try:
        sheet = await school.sheet("teacher", "/teacher")
        card = await card_of(sheet, "needs")
        assert card is not None
        names = re.findall(r"<h3><a [^>]*>(.*?)</a>", str(card.body))
        assert names[0] == "Pupil4 Elm"
        assert "Results of 41, 52, 33 in a row" in text_of(card.body)
        store.note(raised, school.people["teacher"], "talked")
        sheet = await school.sheet("teacher", "/teacher")
        card = await card_of(sheet, "needs")
        assert card is not None
        assert "Results of 41, 52, 33 in a row" not in text_of(card.body) or "since" in text_of(card.body)
        other = await school.cards("tutor", "/teacher")  # who teaches another course sees nothing of it
        assert other["needs"] is not None and "41" not in text_of(other["needs"].body)
    finally:
        store.forget(organisation, learner)


async def test_a_learners_page_keeps_what_was_done_and_its_line_of_time(school: Elm) -> None:
    organisation, store = school.door.metadata.organisations.all()[0].id, school.door.metadata.interventions
    learner = school.learners["S4"]
    try:
        sheet = await school.sheet("teacher", "/learner", child=str(learner))
        assert "Nothing was begun yet" in text_of((await card_of(sheet, "done")).body)  # type: ignore[union-attr]
        await sheet.do_plan(f"{learner} practice")
        (row,) = await sheet.plans(str(learner))
        await sheet.do_note(f"{row['id']}\nten minutes <b>a day</b>")
        await sheet.do_outcome(f"{row['id']} helped")
        shown = await card_of(sheet, "done")
        assert shown is not None
        assert "ten minutes <b>a day</b>" in text_of(shown.body) and "<b>" not in str(shown.body)
        assert "It helped" in text_of(shown.body)
        line = await card_of(sheet, "line")
        assert line is not None
        rows = in_class(school, within(school.of("S4"), TODAY - timedelta(days=55), TOMORROW))
        told = ("lesson_complete", "quiz_submit", "course_complete")
        days = {r["day"] for r in rows if r["event_type"] in told} | {TODAY}  # today the plan was begun
        assert f"on {len(days)} of the last 56 days" in line.title
        newest = max(r["day"] for r in rows if r["event_type"] == "quiz_submit")
        score = mean(scores([r for r in rows if r["day"] == newest]))
        assert percent(score) in text_of(line.body)
        head = await school.cards("head", "/learner", child=str(learner))  # no teacher of the class
        assert head["done"] is None and "Extra practice" not in text_of(head["line"].body)  # type: ignore[union-attr]
    finally:
        store.forget(organisation, learner)


async def test_how_learners_fared_is_what_their_weeks_say(school: Elm) -> None:
    organisation, store = school.door.metadata.organisations.all()[0].id, school.door.metadata.interventions
    began = MONDAY - 4 * WEEK
    chosen = ["S2", "S4", "S6", "S8", "S10", "S11"]
    held, store._clock = store._clock, lambda: datetime(began.year, began.month, began.day, 9, tzinfo=UTC)
    try:
        for student in chosen:
            store.make(organisation, school.learners[student], "c1", school.people["teacher"], "talk")
        store._clock = held
        sheet = await school.sheet("teacher", "/interventions")
        card = await card_of(sheet, "came")
        assert card is not None
        weeks = [MONDAY - n * WEEK for n in range(31)]

        def counted(student: str, kind: str) -> dict[date, float]:
            rows = {w: in_class(school, within(school.of(student), w, w + WEEK)) for w in weeks}
            if kind == "active_days":
                return {w: float(len({r["day"] for r in some})) for w, some in rows.items()}
            return {w: float(count(some, "lesson_complete")) for w, some in rows.items()}

        # The comparison itself is proved by hand in tests/compute/test_matched.py; here its numbers.
        done = [Done(school.learners[student], began) for student in chosen]
        for measure in ("active_days", "lessons_completed"):
            weekly = {n: counted(s, measure) for s, n in school.learners.items()}
            expected = fared(done, weekly, MONDAY)
            if isinstance(expected, TooFew):
                assert measure != "active_days" or f"{expected.have} of 5" in card.empty
                continue
            (told,) = [row for row in card.answers[0].rows() if row["measure"] == measure]
            for name in ("before", "after", "alike_before", "alike_after", "effect", "low", "high"):
                assert told[name] == pytest.approx(getattr(expected, name)), (measure, name)
            assert "no proof" in text_of(card.after)
        opened = await card_of(sheet, "open")
        assert opened is not None and f"{len(chosen)} things are under way" in opened.title
        listed = opened.answers[0].rows()  # as a file
        assert {row["learner"] for row in listed} == {f"Pupil{s[1:]} Elm" for s in chosen}
        assert {row["begun"] for row in listed} == {began}
        (first, *_) = await sheet.plans()
        await sheet.do_outcome(f"{first['id']} no_change")
        closed = await card_of(sheet, "closed")
        assert closed is not None and closed.title == "1 is closed; 0 helped"
        assert [row["outcome"] for row in closed.answers[0].rows()] == ["no_change"]
    finally:
        store._clock = held
        for student in chosen:
            store.forget(organisation, school.learners[student])


@pytest.mark.parametrize(
    ("locale", "title", "alike", "few"),
    [
        ("en-GB", "No clear difference", "no difference", "not enough yet: 0 of 5 learners"),
        ("de-DE", "Kein klarer Unterschied", "kein Unterschied", "noch nicht genug: 0 von 5 Lernenden"),
    ],
)
async def test_a_class_in_which_nobody_did_anything_is_not_too_small(
    school: Elm, locale: str, title: str, alike: str, few: str
) -> None:
    span = {"period": "own", "since": "2024-01-01", "until": "2024-01-08"}
    sides = (await school.cards("teacher", "/compare", locale, **span))["sides"]
    assert sides is not None
    assert sides.title == title
    rows = [text_of(row) for row in str(sides.body).split("<tr>")[2:]]
    assert [row.endswith(f" {alike}") for row in rows] == [True, True, True, False]
    assert few in rows[3]  # of results there are none
    single = (await school.cards("tutor", "/compare", locale, **span))["sides"]
    assert single is not None
    assert alike not in text_of(single.body)
    assert single.title != title


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [(0, 2, "2 more for everybody alike"), (5, 2, "3 less for everybody alike"), (3, 3, "no difference")],
)
async def test_where_all_changed_alike_chance_is_not_spoken_of(
    school: Elm, before: float, after: float, said: str
) -> None:
    sheet = await school.sheet("teacher", "/compare")
    found = runs(dict.fromkeys(range(28), float(after)), dict.fromkeys(range(28), float(before)))
    assert sheet._difference({"measure": "active_days", "found": found}).startswith(said)


async def test_a_class_is_compared_with_its_own_weeks_before(school: Elm) -> None:
    sheet = await school.sheet("teacher", "/compare", period="28d")
    card = await card_of(sheet, "sides")
    assert card is not None
    rows = {r["measure"]: r for r in card.answers[0].rows()}
    now = (TOMORROW - 4 * WEEK, TOMORROW)
    then = (now[0] - 4 * WEEK, now[0])

    def days(student: str, span: tuple[date, date]) -> int:
        return len({r["day"] for r in in_class(school, within(school.of(student), *span))})

    differences = [days(s, now) - days(s, then) for s in school.learners]
    expected = ttest_1samp(differences, 0).confidence_interval()
    assert rows["active_days"]["difference"] == pytest.approx(sum(differences) / len(differences))
    assert rows["active_days"]["low"] == pytest.approx(expected.low)
    assert rows["active_days"]["high"] == pytest.approx(expected.high)
    assert rows["active_days"]["learners"] == len(school.learners)
    scored = {
        s: mean(scores(in_class(school, within(school.of(s), *now))))
        for s in school.learners
        if scores(in_class(school, within(school.of(s), *now)))
        and scores(in_class(school, within(school.of(s), *then)))
    }
    assert rows["mean_score"]["one"] == pytest.approx(mean([v for v in scored.values() if v is not None]))


async def test_a_teacher_without_a_class_finds_a_friendly_word_everywhere(school: Elm) -> None:
    for path in ("/interventions", "/compare"):
        cards = await school.cards("idle", path)
        first = next(iter(cards.values()))
        assert first is not None and "no class at present" in first.title
        assert all(card is None for card in list(cards.values())[1:])


async def test_useful_or_not_is_asked_counted_and_taken_back(school: Elm) -> None:
    sheet = await school.sheet("teacher", "/learner", child=str(school.learners["S4"]))
    for deed, expected in (
        ("do_insight_useful", [1, 0]),
        ("do_insight_undo", [0, 0]),
        ("do_insight_not", [0, 1]),
    ):
        assert await getattr(sheet, deed)("score_fell") == ("changed",)
        saved = await sheet.visit.desk.look("settings")
        assert saved["insights.judged"]["score_fell"] == expected
    await sheet.do_insight_undo("score_fell")
