from __future__ import annotations

import io
import json
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete

from app.__main__ import main
from config.settings import Settings, read_settings
from connectors.metadata import Metadata, metadata_of, open_metadata
from connectors.metadata.schema import AUDIT
from tests.hill import CHEAP, PASSWORD, SECRET, School, found


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No HEADWAY_* of the one who runs the tests, and no school of theirs."""
    for name in ("HEADWAY_SECRET", "HEADWAY_SECRET_FILE", "HEADWAY_DEMO", "HEADWAY_DATA", "CALLED_FROM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings({}, demo=True, data=tmp_path / "school")


@pytest.fixture
def school(settings: Settings) -> School:
    with open_metadata(
        settings.metadata, settings.secret, audit_head=settings.audit_head, hasher=CHEAP
    ) as metadata:
        metadata.migrate()
        return found(metadata)


def opened(settings: Settings) -> Metadata:
    metadata = metadata_of(settings)
    metadata.migrate()
    return metadata


def run(capsys: pytest.CaptureFixture[str], settings: Settings, *words: str) -> tuple[int, str]:
    code = main([*words, "--data", str(settings.data)])
    said = capsys.readouterr()
    return code, said.out + said.err


def audited(settings: Settings) -> list[str]:
    with opened(settings) as metadata:
        return [row.entry.what for row in metadata.audit.read()]


def test_users_are_listed_with_role_and_relations(
    settings: Settings, school: School, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = run(capsys, settings, "user", "list", "--json")
    people = {person["login"]: person for person in json.loads(said)}
    assert code == 0 and set(people) == set(school.people)
    assert people["ada"]["role"] == "student" and people["ada"]["organisation"] == "Hill School"
    guarded = {relation["object"] for relation in people["guardian"]["relations"]}
    assert guarded == {str(school.learners["S1"]), str(school.learners["S2"])}
    assert people["teacher"]["relations"] == [
        {"kind": "teaches", "object": "K1", "valid_from": "1970-01-01", "valid_until": None}
    ]
    assert audited(settings) == ["people-listed"]


def test_users_are_listed_by_role(
    settings: Settings, school: School, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = run(capsys, settings, "user", "list", "--role", "student", "--json")
    assert code == 0 and [person["login"] for person in json.loads(said)] == ["ada", "bo", "cy"]
    code, said = run(capsys, settings, "user", "list", "--role", "teecher")
    assert code == 2 and "did you mean 'teacher'" in said
    code, said = run(capsys, settings, "user", "list")
    assert code == 0 and "Hill School" in said and "guardian Person" in said


def test_a_token_is_printed_once_and_works_until_it_is_revoked(
    settings: Settings, school: School, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("token", "create", "--as", "administrator", "--actions", "ask-measures, send-events")
    code, token = run(capsys, settings, *words, "--days", "2")
    assert code == 0 and token.startswith("hw_") and len(token.split()) == 1
    with opened(settings) as metadata:
        viewer = metadata.tokens.viewer(token.strip())
    assert viewer is not None and viewer.actions == {"ask-measures", "send-events"}
    code, listed = run(capsys, settings, "token", "list", "--json")
    [row] = json.loads(listed)
    assert row["login"] == "administrator" and token.strip() not in listed
    assert run(capsys, settings, "token", "revoke", row["id"])[0] == 0
    with opened(settings) as metadata:
        assert metadata.tokens.viewer(token.strip()) is None
    assert run(capsys, settings, "token", "revoke", row["id"])[0] == 4
    assert sorted(audited(settings)) == ["token-created", "token-revoked"]


@pytest.mark.parametrize(
    ("login", "actions", "code", "said"),
    [
        ("nobody", "ask-measures", 4, "user list"),
        ("teacher", "manage-people", 2, "may not"),
        ("teacher", "ask-mesures", 2, "did you mean 'ask-measures'"),
        ("teacher", " , ", 2, "at least one action"),
    ],
)
def test_a_token_that_cannot_be_is_refused_in_one_line(
    settings: Settings,
    school: School,
    capsys: pytest.CaptureFixture[str],
    login: str,
    actions: str,
    code: int,
    said: str,
) -> None:
    got, line = run(capsys, settings, "token", "create", "--as", login, "--actions", actions)
    assert got == code and said in line and line.count("\n") == 1


def test_the_audit_is_verified_and_a_missing_row_is_told(
    settings: Settings, school: School, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        run(capsys, settings, "user", "list")
    assert run(capsys, settings, "audit", "verify") == (0, "3 rows: whole.\n")
    with opened(settings) as metadata, metadata._store.write() as connection:
        connection.execute(delete(AUDIT).where(AUDIT.c.seq == 2))
    code, said = run(capsys, settings, "audit", "verify")
    assert code == 1 and "rows between 1 and 3 are gone" in said and "TAMPERED WITH" in said
    code, said = run(capsys, settings, "audit", "verify", "--json")
    assert code == 1 and json.loads(said)["whole"] is False


def test_an_own_school_begins_with_an_organisation_and_a_person(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWAY_SECRET", SECRET.decode())
    settings = read_settings({"HEADWAY_SECRET": SECRET.decode()}, data=tmp_path / "own")
    assert run(capsys, settings, "user", "list")[0] == 4
    code, said = run(capsys, settings, "organisation", "add", "Lake School", "--zone", "Europe/Berln")
    assert code == 2 and "did you mean 'Europe/Berlin'" in said
    code, said = run(capsys, settings, "organisation", "add", "Lake School", "--zone", "Europe/Berlin")
    assert (code, said) == (0, "1\n")
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
    words = ("user", "add", "kim", "--name", "Kim Example", "--role", "administrator")
    code, said = run(capsys, settings, *words)
    assert (code, said) == (0, "Added kim as administrator.\n"), said
    with opened(settings) as metadata:
        person = metadata.people.by_login("kim")
        assert person is not None and metadata.passwords.check("kim", PASSWORD) == person.id
    code, said = run(
        capsys, settings, "user", "add", "kim", "--name", "K", "--role", "teacher", "--no-password"
    )
    assert code == 2 and "taken" in said
    code, said = run(capsys, settings, "organisation", "list", "--json")
    assert [row["name"] for row in json.loads(said)] == ["Lake School"]


def test_without_any_school_the_way_to_one_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["user", "list", "--data", str(tmp_path / "none")])
    said = capsys.readouterr().err
    assert code == 4 and "./headway demo" in said and "Traceback" not in said
    assert not (tmp_path / "none").exists()


def guarded(settings: Settings, school: School, login: str, on: date) -> set[int]:
    """Whose page the person may open on that day, as every question is told."""
    with opened(settings) as metadata:
        secret = metadata.sessions.open(school.people[login])
        viewer = metadata.sessions.viewer(secret)
        assert viewer is not None
        return set(metadata.scope_of(viewer, on).learners)


def test_a_link_holds_from_its_day_until_it_ends(
    settings: Settings, school: School, capsys: pytest.CaptureFixture[str]
) -> None:
    third, others = school.learners["S3"], {school.learners["S1"], school.learners["S2"]}
    words = ("guardian", "guards", "S3")
    code, said = run(capsys, settings, "user", "link", *words, "--from", "2026-02-02")
    assert code == 0 and said == "guardian guards S3 from 2026-02-02.\n"
    assert guarded(settings, school, "guardian", date(2026, 2, 1)) == others
    assert guarded(settings, school, "guardian", date(2026, 2, 2)) == {*others, third}
    code, said = run(capsys, settings, "user", "link", *words, "--from", "2026-02-05")
    assert code == 2 and "there already" in said
    assert run(capsys, settings, "user", "unlink", *words, "--on", "2026-02-09")[0] == 0
    assert guarded(settings, school, "guardian", date(2026, 2, 8)) == {*others, third}
    assert guarded(settings, school, "guardian", date(2026, 2, 9)) == others
    assert run(capsys, settings, "user", "unlink", *words, "--on", "2026-02-10")[0] == 4
    assert run(capsys, settings, "user", "link", *words, "--from", "2026-03-01")[0] == 0
    assert guarded(settings, school, "guardian", date(2026, 3, 1)) == {*others, third}
    assert run(capsys, settings, "user", "unlink", *words, "--on", "2026-03-01")[0] == 0
    code, said = run(capsys, settings, "user", "link", *words, "--from", "2026-03-01")
    assert code == 2 and "another day" in said
    assert sorted(audited(settings)) == ["relation-added"] * 2 + ["relation-ended"] * 2


def test_a_teacher_takes_over_a_class_today(
    settings: Settings, school: School, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, settings, "user", "link", "teacher", "teaches", "K2")[0] == 0
    with opened(settings) as metadata:
        (there, *_) = metadata.organisations.all()  # whose day may be another than ours
        today = datetime.now(ZoneInfo(there.zone)).date()
        mine = {r.object for r in metadata.relations.of(school.people["teacher"], today)}
    assert mine == {"K1", "K2"}


def test_a_role_and_a_password_are_changed_and_end_what_was_open(
    settings: Settings, school: School, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(settings) as metadata:
        secret = metadata.sessions.open(school.people["teacher"])
    assert run(capsys, settings, "user", "role", "teacher", "administrator") == (
        0,
        "teacher is administrator now.\n",
    )
    with opened(settings) as metadata:
        assert metadata.sessions.viewer(secret) is None
        fresh = metadata.sessions.open(school.people["teacher"])
        viewer = metadata.sessions.viewer(fresh)
        assert viewer is not None and viewer.role == "administrator"
    monkeypatch.setattr("sys.stdin", io.StringIO("a new long password\n"))
    assert run(capsys, settings, "user", "password", "teacher")[0] == 0
    with opened(settings) as metadata:
        assert metadata.sessions.viewer(fresh) is None
        assert metadata.passwords.check("teacher", "a new long password") == school.people["teacher"]
    assert sorted(audited(settings)) == ["password-changed", "role-changed"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("link", "nobody", "guards", "S1"), 4, "user list"),
        (("link", "guardian", "guards", "S9"), 4, "no learner with this id"),
        (("link", "guardian", "adores", "S1"), 2, "guards"),
        (("link", "guardian", "guards", "S3", "--from", "2026-03-02", "--until", "2026-03-02"), 2, "--until"),
        (("role", "teacher", "teecher"), 2, "did you mean 'teacher'"),
        (("password", "nobody"), 4, "user list"),
    ],
)
def test_a_change_that_cannot_be_is_refused_and_changes_nothing(
    settings: Settings,
    school: School,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    got, line = run(capsys, settings, "user", *words)
    assert got == code and said in line
    assert audited(settings) == []
