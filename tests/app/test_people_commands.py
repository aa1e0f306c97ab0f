from __future__ import annotations

import io
import json
from pathlib import Path

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
