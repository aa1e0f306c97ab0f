from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from connectors.metadata import Metadata
from connectors.metadata.interventions import INTERVENTIONS, STEPS
from models.errors import BadQuestion, NotFound
from tests.hill import Clock, School, found

CANARY = "Zebedee hides behind the bicycle shed"
AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def school(metadata: Metadata) -> School:
    return found(metadata)


def rows(metadata: Metadata) -> tuple[int, int]:
    with metadata._store.read() as connection:
        counts = [connection.execute(select(func.count()).select_from(t)) for t in (INTERVENTIONS, STEPS)]
        return counts[0].scalar_one(), counts[1].scalar_one()


def test_an_intervention_tells_its_steps_in_their_order(
    metadata: Metadata, school: School, clock: Clock
) -> None:
    done, teacher = metadata.interventions, school.people["teacher"]
    ada = school.learners["S1"]
    made = done.make(school.id, ada, "C1", teacher, "talk", "  asked how it goes ")
    clock.forward(hours=1)
    done.assign(made, teacher, school.people["administrator"])
    done.follow_up(made, teacher, date(2026, 3, 9))
    done.note(made, teacher, CANARY)
    (one,) = done.of(school.id, [(ada, "C1")])
    assert (one.id, one.learner_id, one.course_id, one.origin, one.made_at) == (
        made,
        ada,
        "C1",
        "person",
        AT,
    )
    assert [s.kind for s in one.steps] == ["made", "assigned", "follow_up", "note"]
    assert one.steps[0].said == {"plan": "talk", "text": "asked how it goes"}
    assert one.steps[3].said["text"] == CANARY and one.steps[3].at == AT + timedelta(hours=1)
    assert one.newest("follow_up", "on") == "2026-03-09"
    assert one.is_open
    done.close(made, teacher, "helped")
    (one,) = done.of(school.id, [(ada, "C1")])
    assert one.outcome == "helped" and not one.is_open


def test_only_the_learners_and_courses_asked_for_are_told(metadata: Metadata, school: School) -> None:
    done, teacher = metadata.interventions, school.people["teacher"]
    ada, bo = school.learners["S1"], school.learners["S2"]
    for learner, course in ((ada, "C1"), (ada, "C2"), (bo, "C1")):
        done.make(school.id, learner, course, teacher, "talk")
    assert [(one.learner_id, one.course_id) for one in done.of(school.id, [(ada, "C2")])] == [(ada, "C2")]
    assert done.of(school.id, [(bo, "C2")]) == []
    assert done.of(school.id + 1, [(ada, "C1")]) == []


def test_a_step_taken_back_is_gone_with_its_words(metadata: Metadata, school: School) -> None:
    done, teacher = metadata.interventions, school.people["teacher"]
    made = done.make(school.id, school.learners["S1"], "C1", teacher, "talk")
    note = done.note(made, teacher, CANARY)
    outcome = done.close(made, teacher, "worse")
    with pytest.raises(NotFound):
        done.undo(made, school.people["administrator"], note)  # not one's own
    done.undo(made, teacher, outcome)
    done.undo(made, teacher, note)
    (one,) = done.of(school.id, [(school.learners["S1"], "C1")])
    assert one.is_open and [s.kind for s in one.steps] == ["made"]
    with metadata._store.read() as connection:
        undone = connection.execute(select(STEPS).where(STEPS.c.id == note)).one()
        assert undone.sealed is None and undone.undone_at is not None
    with pytest.raises(NotFound):
        done.undo(made, teacher, note)
    done.undo(made, teacher, one.steps[0].id)
    assert rows(metadata) == (0, 1) or rows(metadata) == (0, 0)


def test_a_rule_speaks_once_until_it_was_answered_and_two_weeks_have_passed(
    metadata: Metadata, school: School
) -> None:
    done, ada = metadata.interventions, school.learners["S1"]

    def struggles(course: str, days: int) -> str | None:
        return done.raise_struggle(school.id, ada, course, [50, 40, 30], AT + timedelta(days=days))

    first = struggles("C1", 0)
    assert first is not None
    assert struggles("C1", 0) is None
    assert struggles("C1", 40) is None  # still open
    assert struggles("C2", 0) is not None  # another course has other teachers
    (one,) = done.of(school.id, [(ada, "C1")])
    assert one.origin == "rule" and one.steps[0].said["scores"] == [50, 40, 30]
    done.close(first, school.people["teacher"], "no_change")
    assert struggles("C1", 13) is None
    assert struggles("C1", 14) is not None


def test_two_who_see_the_same_struggle_raise_it_once(metadata: Metadata, school: School) -> None:
    with ThreadPoolExecutor(8) as pool:
        tried = [
            pool.submit(
                metadata.interventions.raise_struggle, school.id, school.learners["S1"], "C1", [1, 2, 3], AT
            )
            for _ in range(8)
        ]
    assert sum(one.result() is not None for one in tried) == 1


def test_what_makes_no_sense_is_refused(metadata: Metadata, school: School) -> None:
    done, teacher, ada = metadata.interventions, school.people["teacher"], school.learners["S1"]
    with pytest.raises(BadQuestion, match="one of talk"):
        done.make(school.id, ada, "C1", teacher, "shout")  # type: ignore[arg-type]
    made = done.make(school.id, ada, "C1", teacher, "talk")
    with pytest.raises(BadQuestion, match="2000"):
        done.note(made, teacher, "a" * 2001)
    with pytest.raises(BadQuestion, match="word"):
        done.note(made, teacher, "  ")
    with pytest.raises(BadQuestion, match="helped"):
        done.close(made, teacher, "cured")  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        done.note("nothing", teacher, "a note")


def test_forgetting_a_person_takes_what_was_done_for_them_and_nothing_else(
    metadata: Metadata, school: School
) -> None:
    done, teacher = metadata.interventions, school.people["teacher"]
    for student in ("S1", "S2"):
        done.note(done.make(school.id, school.learners[student], "C1", teacher, "talk"), teacher, CANARY)
    metadata.people.forget(school.people["ada"])
    left = done.of(school.id, [(n, "C1") for n in school.learners.values()])
    assert [one.learner_id for one in left] == [school.learners["S2"]]
    assert rows(metadata) == (1, 2)
    done.forget(school.id, school.learners["S2"])
    assert rows(metadata) == (0, 0)


def test_no_word_of_a_note_is_readable_in_the_file(
    metadata: Metadata, school: School, tmp_path: Path
) -> None:
    if not metadata._store.path:
        pytest.skip("the bytes of Postgres are looked at in test_metadata_people")
    made = metadata.interventions.make(
        school.id, school.learners["S1"], "C1", school.people["teacher"], "talk"
    )
    metadata.interventions.note(made, school.people["teacher"], CANARY)
    raw = b"".join(p.read_bytes() for p in sorted(tmp_path.glob("metadata.sqlite*")))
    assert made.encode() in raw and b"bicycle" not in raw
