from __future__ import annotations

from pathlib import Path

import pytest

from app.signin import PER_ROLE, SignIn
from config.settings import read_settings
from connectors.metadata import Metadata, NewPerson
from models.errors import NotFound, NotSignedIn, TooMany
from tests.hill import PASSWORD, SECRET, found


@pytest.fixture
def signing(metadata: Metadata, tmp_path: Path) -> SignIn:
    return SignIn(metadata, read_settings({}, demo=True, data=tmp_path, secret=SECRET))


@pytest.fixture
def strict(metadata: Metadata, tmp_path: Path) -> SignIn:
    return SignIn(metadata, read_settings({"HEADWAY_SECRET": SECRET.decode()}, data=tmp_path))


def told(metadata: Metadata) -> list[tuple[str, str, str]]:
    rows = [row.entry for row in metadata.audit.read()]
    return [(entry.what, entry.who, entry.whence) for entry in reversed(rows)]


def test_signing_in_and_out_is_told_to_the_audit(metadata: Metadata, strict: SignIn) -> None:
    ada = found(metadata).people["ada"]
    secret = strict.sign_in("ada", PASSWORD, "203.0.113.9")
    assert metadata.sessions.viewer(secret) is not None
    strict.sign_out(secret)
    assert metadata.sessions.viewer(secret) is None
    strict.sign_out(secret)
    assert told(metadata) == [("sign-in", ada, "203.0.113.9"), ("sign-out", ada, "")]


def test_signing_in_gives_a_new_secret_and_ends_the_one_before(metadata: Metadata, strict: SignIn) -> None:
    found(metadata)
    before = strict.sign_in("ada", PASSWORD)
    after = strict.sign_in("ada", PASSWORD, was=before)
    assert after != before
    assert metadata.sessions.viewer(before) is None and metadata.sessions.viewer(after) is not None


def test_a_wrong_password_is_told_without_the_login_and_a_lock_writes_nothing(
    metadata: Metadata, strict: SignIn
) -> None:
    found(metadata)
    for _ in range(5):
        with pytest.raises(NotSignedIn, match=r"Login or password is wrong\."):
            strict.sign_in("ada", "wrong password", "203.0.113.9")
    with pytest.raises(TooMany):
        strict.sign_in("ada", PASSWORD, "203.0.113.9")
    assert told(metadata) == [("sign-in-refused", "", "203.0.113.9")] * 5


def test_nobody_is_picked_without_a_password_outside_demo_mode(metadata: Metadata, strict: SignIn) -> None:
    found(metadata)
    assert strict.personas() == []
    with pytest.raises(NotFound):
        strict.sign_in_as("ada")


def test_only_people_of_a_demo_school_are_picked(metadata: Metadata, signing: SignIn) -> None:
    found(metadata)
    real = metadata.organisations.add("Real School", "UTC", "en")
    metadata.people.add_many(real, [NewPerson("real", "Real Person", None, "teacher")])
    assert metadata.sessions.viewer(signing.sign_in_as("ada")) is not None
    for login in ("real", "nobody"):
        with pytest.raises(NotSignedIn):
            signing.sign_in_as(login)
    assert "real" not in [persona.login for persona in signing.personas()]


def test_the_picker_offers_a_few_of_each_role_that_has_pages(metadata: Metadata, signing: SignIn) -> None:
    school = found(metadata)
    more = [NewPerson(f"t{n}", f"T {n}", None, "teacher") for n in range(PER_ROLE + 2)]
    metadata.people.add_many(school.id, more)
    roles = [persona.role for persona in signing.personas()]
    assert set(roles) == set(metadata.roles.by_name) - {"machine"}
    assert roles.count("teacher") == PER_ROLE and roles.count("student") == 3
    assert all(persona.name and persona.about for persona in signing.personas())
