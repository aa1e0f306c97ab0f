"""The taxonomy holds every event type of the product, and its file cannot be wrong without being told."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.taxonomy import read_taxonomy, taxonomy
from connectors.intake.personal import KINDS
from models.errors import BadSettings
from models.event import PERSONAL
from models.tables import EVENTS

# Written out from PRODUCT.md P3.1, on purpose not derived from the file under test.
PRODUCT = {
    "session": "session_start P0, session_end P0",
    "course": "course_enroll P0, course_unenroll P1, course_complete P1",
    "lesson": "lesson_start P0, lesson_complete P0, reading_progress P2",
    "video": "video_play P0, video_pause P1, video_seek P2, video_rate_change P2, video_progress P2,"
    " video_buffer P2, video_complete P1",
    "assessment": "quiz_start P0, quiz_answer P2, quiz_submit P0, assignment_start P1, assignment_submit P0,"
    " exercise_complete P0",
    "discussion": "post_create P1, post_reply P1, post_vote P2",
    "live": "live_join P1, live_leave P1",
    "product use": "page_view P2, feature_used P2, search P2",
    "motivation": "achievement_unlocked P1, streak_extended P2, streak_broken P1, milestone_reached P1,"
    " level_complete P1",
    "commerce": "order_paid P0, order_refunded P0, subscription_started P0, subscription_renewed P0,"
    " subscription_cancelled P0",
    "experiment": "experiment_exposure P0",
    "recommendation": "recommendation_shown P1, recommendation_accepted P1, recommendation_modified P1,"
    " recommendation_rejected P1, recommendation_completed P1, recommendation_rated P1",
    "AI": "prediction_served P1, prediction_outcome P1, ai_feedback P1, safety_flag P0",
    "consent": "consent_granted P0, consent_withdrawn P0",
}
GOOD = """
[field.score]
kind = "float"
column = "score"
meaning = "Points."
[field.grade]
kind = "float"
column = "score"
meaning = "Points too."
[event.quiz_submit]
category = "assessment"
priority = "P0"
meaning = "Handed in."
needs = ["course_id"]
required = ["score"]
[event.exam_submit]
category = "assessment"
priority = "P0"
meaning = "Handed in."
optional = ["grade"]
"""


def test_every_type_of_the_product_is_declared_with_its_category_and_priority() -> None:
    wanted = {
        (name, category, priority)
        for category, line in PRODUCT.items()
        for name, priority in (pair.split() for pair in line.split(","))
    }
    assert {(t.name, t.category, t.priority) for t in taxonomy().values()} == wanted
    assert len(wanted) == 52


def test_fields_go_to_columns_that_exist_and_never_two_to_one() -> None:
    columns = set(EVENTS.names())
    for kind in taxonomy().values():
        used = [f.column for f in kind.fields if f.column]
        assert set(used) <= columns and len(used) == len(set(used)), kind.name


# Texts that the gate takes as they are, each with its reason.
NOT_SEARCHED = {
    "variant": "one of the experiment's own few, and compared with them",
    "version": "the school's own numbering; four numbers with dots are no address there",
    "currency": "three letters of ISO 4217",
}


def test_whatever_may_hold_anything_is_searched_for_personal_data() -> None:
    fields = {f.name: f for t in taxonomy().values() for f in t.fields}
    open_to_all = {n for n, f in fields.items() if f.kind in ("string", "object", "list") and not f.among}
    marked = {n for n, f in fields.items() if f.may_hold_personal_data}
    assert marked == open_to_all - NOT_SEARCHED.keys()
    assert NOT_SEARCHED.keys() <= open_to_all
    assert {"text", "query", "reason", "path", "referrer", "choice", "inputs"} <= marked
    assert fields["text"].personal == PERSONAL and "ip" in fields["path"].personal
    assert {kind.name for kind in KINDS} | {"name"} == set(PERSONAL), "what is told is what is looked for"


def test_a_field_is_required_where_its_event_says_so_and_nowhere_else() -> None:
    required = {(t.name, f.name) for t in taxonomy().values() for f in t.fields if f.required}
    assert ("quiz_submit", "score") in required
    assert ("assignment_submit", "score") not in required
    assert taxonomy()["lesson_start"].needs == ("course_id", "lesson_id")


@pytest.mark.parametrize(
    ("good", "wrong", "told"),
    [
        ('priority = "P0"', 'priority = "P7"', "priority 'P7'"),
        ('kind = "float"', 'kind = "flaot"', "kind 'flaot'"),
        ('column = "score"', 'column = "choice"', "does not fit column 'choice'"),
        ('column = "score"', 'column = "mark"', "does not fit column 'mark'"),
        ('needs = ["course_id"]', 'needs = ["school_id"]', "no context has"),
        ('required = ["score"]', 'required = ["score", "grade"]', "two fields into one column"),
        ('required = ["score"]', 'required = ["score", "score"]', "twice"),
        ('optional = ["grade"]', 'optional = ["grad"]', "undeclared field"),
        ('optional = ["grade"]', "", "no event uses field grade"),
        ('optional = ["grade"]', 'optionl = ["grade"]', "unknown key optionl"),
        ('meaning = "Points."', "", "has no meaning"),
        ('meaning = "Points."', 'meaning = "Points."\nlow = 2\nhigh = 1', "low above high"),
        ('meaning = "Handed in."', 'meaning = "Handed in.', "cannot be read"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, good: str, wrong: str, told: str) -> None:
    file = tmp_path / "events.toml"
    file.write_text(GOOD)
    assert set(read_taxonomy(file)) == {"quiz_submit", "exam_submit"}
    file.write_text(GOOD.replace(good, wrong, 1))
    with pytest.raises(BadSettings, match=told):
        read_taxonomy(file)
