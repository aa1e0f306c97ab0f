from __future__ import annotations

from pathlib import Path

import pytest

from config.roles import FILE, OPEN_PAGE, read_roles
from models.errors import BadQuestion, BadSettings

ROLES = read_roles()

# P1, said again by hand: (rows, sees the rows, sees the names).
P1 = {
    "student": ("own", True, True),
    "guardian": ("linked", True, True),
    "teacher": ("taught", True, True),
    "administrator": ("organisation", True, True),
    "executive": ("organisation", False, False),
    "corporate_manager": ("sponsored", True, False),
    "data_scientist": ("organisation", True, False),
    "operator": ("nothing", False, False),
    "privacy_officer": ("nothing", False, False),
    "machine": ("organisation", False, False),
}


def test_roles_see_what_the_product_says() -> None:
    assert {r.name: (r.rows, r.sees_rows, r.sees_names) for r in ROLES.by_name.values()} == P1


def test_who_sees_no_names_has_no_action_for_them() -> None:
    for role in ROLES.by_name.values():
        assert ("see-names" in role.actions) == role.sees_names, role.name
        assert ("ask-learners" in role.actions) == role.sees_rows, role.name


def test_a_sponsor_sees_progress_and_studies_nobody() -> None:
    close = {role.name for role in ROLES.by_name.values() if "study-learners" in role.actions}
    assert close == {r.name for r in ROLES.by_name.values() if r.sees_rows} - {"corporate_manager"}


def test_a_guardian_changes_nothing_but_own_preferences() -> None:
    changing = ("send", "manage", "save", "intervene", "replay", "handle", "export")
    assert not [a for a in ROLES["guardian"].actions if a.startswith(changing)]
    assert "own-preferences" in ROLES["guardian"].actions


def test_a_machine_opens_no_page() -> None:
    assert not [a for a in ROLES["machine"].actions if a.startswith(OPEN_PAGE)]


def test_every_action_is_meant_for_somebody() -> None:
    held = {a for role in ROLES.by_name.values() for a in role.actions}
    assert [a for a in ROLES.actions if a not in held] == []


def test_an_unknown_role_is_told_the_nearest() -> None:
    with pytest.raises(BadQuestion, match="did you mean 'teacher'"):
        ROLES["teecher"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('rows = "own"', 'rows = "everything"', "row scope"),
        (
            '"ask-measures", "ask-learners", "study-learners", "see-names", "own-pref',
            '"ask-mesures", "own-pref',
            "did you mean",
        ),
        ("sees_rows = true", "sees_row = true", "unknown field"),
        ('meaning = "Sees own progress', "meaning = Sees", "not TOML"),
        ('title = "Student"', "", "lacks 'title'"),
    ],
)
def test_a_bad_roles_file_is_refused_in_one_sentence(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = FILE.read_text()
    assert old in text
    (tmp_path / "roles.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(BadSettings, match=said):
        read_roles(tmp_path / "roles.toml")


def test_a_school_adds_a_role_without_code(tmp_path: Path) -> None:
    more = '\n[roles.mentor]\ntitle = "Mentor"\nmeaning = "Reads along."\nrows = "taught"\n'
    more += 'sees_rows = true\nsees_names = false\nactions = ["ask-measures", "open-page:mentor"]\n'
    (tmp_path / "roles.toml").write_text(FILE.read_text() + more)
    assert read_roles(tmp_path / "roles.toml")["mentor"].rows == "taught"
