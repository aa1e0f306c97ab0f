from __future__ import annotations

from pathlib import Path

import pytest

from config.quality import FILE, quality_rules, read_quality
from config.taxonomy import taxonomy
from models.errors import BadSettings


def test_what_the_taxonomy_requires_is_expected_too() -> None:
    quiz = quality_rules().types["quiz_submit"]
    assert set(quiz.expected) >= {"course_id", "assessment_id", "score", "device_type"}
    assert quiz.late_after_s == 12 * 3600


def test_ranges_are_the_taxonomy_s() -> None:
    assert {(b.column, b.low, b.high) for b in quality_rules().bounds} >= {("score", 0, 100)}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("target = 95", "target = 950", "target"),
        ("late_after_h = 12", "late_after_h = 0", "late_after_h"),
        ("[event.quiz_submit]", "[event.quiz_sumbit]", "unknown event quiz_sumbit"),
        ('expected = ["duration_s"]', 'expected = ["duration"]', "a column that events do not have"),
        ('check = "after"', 'check = "later"', "has check 'later'"),
        ('of = "course"\n', 'of = "events"\n', "no dimension table"),
        ('limit = "length_s"', 'limit = "length"', "column that table 'video'"),
        ('earlier = "lesson_start"', 'earlier = "lesson_begin"', "unknown event"),
        ("look_back_days = 60\n", "", "lacks look_back_days"),
        ("[refusals]\n", '[refusals]\nbeauty = ["ugly"]\n', "unknown key beauty"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = FILE.read_text()
    assert old in text
    wrong = tmp_path / "quality.toml"
    wrong.write_text(text.replace(old, new))
    with pytest.raises(BadSettings, match=said):
        read_quality(wrong, taxonomy())
