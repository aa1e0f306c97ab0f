from __future__ import annotations

import hashlib
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher, Type, extract_parameters

from connectors.metadata import LockRules, Metadata, SessionRules, open_metadata
from connectors.metadata.passwords import Hasher
from connectors.metadata.schema import PEOPLE, SESSIONS, TOKENS
from models.errors import BadQuestion, NotFound, NotSignedIn, TooMany
from tests.hill import CHEAP, PASSWORD, SECRET, Clock, found, open_school


def test_a_session_is_its_persons_until_it_is_closed(metadata: Metadata) -> None:
    school = found(metadata)
    secret = metadata.sessions.open(school.people["teacher"])
    viewer = metadata.sessions.viewer(secret)
    assert viewer is not None and viewer.person_id == school.people["teacher"]
    assert (viewer.role, viewer.organisation_id, viewer.via) == ("teacher", school.id, "session")
    assert viewer.actions == metadata.roles["teacher"].actions
    metadata.sessions.close(secret)
    assert metadata.sessions.viewer(secret) is None
    assert metadata.sessions.viewer("") is None and metadata.sessions.viewer("x" * 43) is None


def test_secrets_and_tokens_are_stored_as_hashes_only(metadata: Metadata) -> None:
    school = found(metadata)
    secret = metadata.sessions.open(school.people["teacher"])
    token = metadata.tokens.create("administrator", ["send-events"])
    with metadata._store.read() as connection:
        session, kept = connection.execute(SESSIONS.select()).one(), connection.execute(TOKENS.select()).one()
    assert bytes(session.hash) == hashlib.sha256(secret.encode()).digest()
    assert secret not in str(session) and token not in str(kept)
    assert len(secret) >= 43  # 32 random bytes


def test_a_session_ends_without_use_and_lives_with_it(metadata: Metadata, clock: Clock) -> None:
    secret = metadata.sessions.open(found(metadata).people["ada"])
    for _ in range(4):
        clock.forward(minutes=119)
        assert metadata.sessions.viewer(secret) is not None
    clock.forward(minutes=121)
    assert metadata.sessions.viewer(secret) is None


def test_a_session_ends_after_its_longest_time_however_it_is_used(metadata: Metadata, clock: Clock) -> None:
    secret = metadata.sessions.open(found(metadata).people["ada"])
    alive_h = 0
    while metadata.sessions.viewer(secret) is not None:
        clock.forward(hours=1)
        alive_h += 1
    assert alive_h == 12


def test_one_process_keeps_a_session_alive_for_the_other(
    metadata: Metadata, metadata_address: str, tmp_path: Path, clock: Clock
) -> None:
    secret = metadata.sessions.open(found(metadata).people["ada"])
    with open_school(metadata_address, tmp_path, clock) as other:
        assert other.sessions.viewer(secret) is not None
        clock.forward(minutes=90)
        assert metadata.sessions.viewer(secret) is not None
        clock.forward(minutes=90)
        assert other.sessions.viewer(secret) is not None
        metadata.sessions.close(secret)
        assert other.sessions.viewer(secret) is None


def test_the_oldest_session_gives_way_to_a_sixth(metadata: Metadata, clock: Clock) -> None:
    ada = found(metadata).people["ada"]
    secrets = []
    for _ in range(6):
        secrets.append(metadata.sessions.open(ada))
        clock.forward(seconds=1)
    assert [metadata.sessions.viewer(s) is not None for s in secrets] == [False] + [True] * 5


def test_whoever_signs_in_stays_though_others_did_in_the_same_instant(metadata: Metadata) -> None:
    ada = found(metadata).people["ada"]
    for _ in range(20):
        assert metadata.sessions.viewer(metadata.sessions.open(ada)) is not None


def test_a_new_password_ends_the_old_sessions(metadata: Metadata) -> None:
    school = found(metadata)
    secret = metadata.sessions.open(school.people["ada"])
    assert metadata.sessions.viewer(secret) is not None
    metadata.people.set_password(school.people["ada"], "another long one")
    assert metadata.sessions.viewer(secret) is None
    assert metadata.passwords.check("ada", "another long one") == school.people["ada"]
    with pytest.raises(NotSignedIn):
        metadata.passwords.check("ada", PASSWORD)


def test_a_session_ends_with_its_role(metadata: Metadata) -> None:
    school = found(metadata)
    secret = metadata.sessions.open(school.people["administrator"])
    assert metadata.sessions.viewer(secret) is not None
    metadata.people.set_role(school.people["administrator"], "teacher")
    assert metadata.sessions.viewer(secret) is None
    with pytest.raises(NotSignedIn):
        metadata.sessions.open(school.people["administrator"], "administrator")


def test_sessions_that_are_over_are_swept(metadata: Metadata, clock: Clock) -> None:
    school = found(metadata)
    metadata.sessions.open(school.people["ada"])
    clock.forward(hours=3)
    kept = metadata.sessions.open(school.people["ada"])
    assert metadata.sessions.sweep() == 1
    assert metadata.sessions.viewer(kept) is not None


def test_the_csrf_token_belongs_to_one_session(metadata: Metadata) -> None:
    one, two = metadata.sessions.csrf("one"), metadata.sessions.csrf("two")
    assert one == metadata.sessions.csrf("one") != two and len(one) == 64


def test_a_password_is_kept_as_argon2id(metadata: Metadata) -> None:
    found(metadata)
    with metadata._store.read() as connection:
        stored = connection.execute(PEOPLE.select().where(PEOPLE.c.password.is_not(None))).first()
    assert stored is not None
    assert extract_parameters(stored.password).type is Type.ID
    today = extract_parameters(Hasher().hash("a long password"))
    # RFC 9106, second recommendation: 3 passes, 64 MiB, 4 lanes.
    assert (today.type, today.time_cost, today.memory_cost, today.parallelism) == (Type.ID, 3, 65536, 4)


def test_a_weaker_hash_is_made_anew_at_the_next_sign_in(metadata: Metadata, metadata_address: str) -> None:
    school = found(metadata)
    stronger = Hasher(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    with open_metadata(metadata_address, SECRET, hasher=stronger) as later:
        assert later.passwords.check("ada", PASSWORD) == school.people["ada"]
        with later._store.read() as connection:
            stored = connection.execute(PEOPLE.select().where(PEOPLE.c.id == school.people["ada"])).one()
        assert extract_parameters(stored.password).time_cost == 2
        assert later.passwords.check("ada", PASSWORD) == school.people["ada"]


@pytest.mark.parametrize("password", ["", "short", "x" * 1025])
def test_a_password_too_short_or_too_long_is_refused(metadata: Metadata, password: str) -> None:
    school = found(metadata)
    with pytest.raises(BadQuestion, match="characters"):
        metadata.people.set_password(school.people["ada"], password)
    with pytest.raises(NotSignedIn):
        metadata.passwords.check("ada", password)


def failed(metadata: Metadata, login: str, address: str = "") -> str:
    with pytest.raises((NotSignedIn, TooMany)) as refused:
        metadata.passwords.check(login, "wrong password", address)
    return refused.value.code


def test_the_fifth_failure_locks_and_every_further_one_longer(metadata: Metadata, clock: Clock) -> None:
    found(metadata)
    assert [failed(metadata, "ada") for _ in range(6)] == ["not-signed-in"] * 5 + ["too-many"]
    with pytest.raises(TooMany) as locked:
        metadata.passwords.check("ada", PASSWORD)
    waits = [locked.value.retry_after_s]
    for _ in range(8):
        clock.forward(seconds=waits[-1])
        assert failed(metadata, "ADA ") == "not-signed-in"
        with pytest.raises(TooMany) as locked:
            metadata.passwords.check("ada", PASSWORD)
        waits.append(locked.value.retry_after_s)
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    clock.forward(hours=1)
    metadata.passwords.check("ada", PASSWORD)
    assert failed(metadata, "ada") == "not-signed-in"  # counted from the start again


def test_an_unknown_login_is_answered_like_a_known_one(metadata: Metadata) -> None:
    found(metadata)
    known = [failed(metadata, "ada") for _ in range(6)]
    assert [failed(metadata, "nobody at all") for _ in range(6)] == known
    assert [failed(metadata, "bo") for _ in range(6)] == known  # bo has no password at all


def test_an_address_that_tries_many_logins_is_locked_but_not_the_school(
    metadata_address: str, tmp_path: Path, clock: Clock
) -> None:
    rules = LockRules(free_per_address=4)
    with open_metadata(metadata_address, SECRET, lock_rules=rules, hasher=CHEAP, clock=clock) as metadata:
        metadata.migrate()
        found(metadata)
        tried = [failed(metadata, f"guess {n}", "203.0.113.9") for n in range(5)]
        assert tried == ["not-signed-in"] * 4 + ["too-many"]
        assert metadata.passwords.check("ada", PASSWORD, "203.0.113.10")
        with pytest.raises(TooMany):
            metadata.passwords.check("ada", PASSWORD, "203.0.113.9")


def test_guesses_sent_at_once_do_not_pass_the_lock(metadata: Metadata) -> None:
    found(metadata)
    outcomes: list[str] = []

    def guess() -> None:
        outcomes.append(failed(metadata, "ada"))

    threads = [threading.Thread(target=guess) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["not-signed-in"] * 5 + ["too-many"] * 11


def test_a_token_does_what_it_was_made_for_until_it_is_over(metadata: Metadata, clock: Clock) -> None:
    school = found(metadata)
    token = metadata.tokens.create("administrator", ["send-events", "ask-measures"], days=2)
    assert token.startswith("hw_") and len(token) >= 46
    viewer = metadata.tokens.viewer(token)
    assert viewer is not None and viewer.via == "token"
    assert viewer.actions == {"send-events", "ask-measures"} and viewer.organisation_id == school.id
    clock.forward(days=2, seconds=-1)
    assert metadata.tokens.viewer(token) is not None
    clock.forward(seconds=1)
    assert metadata.tokens.viewer(token) is None


def test_a_token_is_never_worth_more_than_its_person(metadata: Metadata) -> None:
    found(metadata)
    with pytest.raises(BadQuestion, match="may not 'send-events'"):
        metadata.tokens.create("teacher", ["send-events"])
    with pytest.raises(BadQuestion, match="did you mean 'ask-measures'"):
        metadata.tokens.create("teacher", ["ask-mesures"])
    with pytest.raises(BadQuestion):
        metadata.tokens.create("teacher", [])
    with pytest.raises(BadQuestion, match="between"):
        metadata.tokens.create("teacher", ["ask-measures"], days=0)
    with pytest.raises(NotFound):
        metadata.tokens.create("nobody", ["ask-measures"])


def test_a_token_shrinks_with_its_role(metadata: Metadata, metadata_address: str, tmp_path: Path) -> None:
    found(metadata)
    token = metadata.tokens.create("machine", ["send-events", "ask-measures"])
    less = {**metadata.roles.by_name}
    machine = less["machine"]
    less["machine"] = type(machine)(
        "machine", "Machine", "", "nothing", False, False, frozenset({"ask-measures"})
    )
    roles = type(metadata.roles)(metadata.roles.actions, less)
    with open_metadata(metadata_address, SECRET, roles=roles, clock=metadata.tokens._clock) as later:
        viewer = later.tokens.viewer(token)
    assert viewer is not None and viewer.actions == {"ask-measures"}


def test_a_revoked_token_is_refused_at_once_in_every_process(
    metadata: Metadata, metadata_address: str, tmp_path: Path, clock: Clock
) -> None:
    found(metadata)
    token = metadata.tokens.create("machine", ["send-events"])
    assert metadata.tokens.viewer(token) is not None
    [listed] = metadata.tokens.all()
    assert (listed.role, listed.actions, listed.revoked_at) == ("machine", ("send-events",), None)
    assert listed.ends_at - listed.created_at == timedelta(days=90)
    with open_school(metadata_address, tmp_path, clock) as other:
        other.tokens.revoke(listed.id)
    assert metadata.tokens.viewer(token) is None
    with pytest.raises(NotFound):
        metadata.tokens.revoke(listed.id)


def test_a_token_ends_with_its_person(metadata: Metadata) -> None:
    school = found(metadata)
    token = metadata.tokens.create("machine", ["send-events"])
    metadata.people.forget(school.people["machine"])
    assert metadata.tokens.viewer(token) is None


def test_sessions_follow_the_rules_given(metadata_address: str, clock: Clock) -> None:
    rules = SessionRules(idle=timedelta(seconds=10), longest=timedelta(seconds=25), per_person=1)
    with open_metadata(metadata_address, SECRET, session_rules=rules, hasher=CHEAP, clock=clock) as metadata:
        metadata.migrate()
        ada = found(metadata).people["ada"]
        first, second = metadata.sessions.open(ada), metadata.sessions.open(ada)
        assert sum(metadata.sessions.viewer(s) is not None for s in (first, second)) == 1


def test_saved_settings_come_back_and_go_with_the_person(metadata: Metadata) -> None:
    school = found(metadata)
    ada = school.people["ada"]
    metadata.settings.put(ada, "theme", {"dark": True, "size": 1.5})
    metadata.settings.put(ada, "theme", {"dark": False})
    metadata.settings.put(metadata.settings.organisation(school.id), "term", "spring")
    assert metadata.settings.all(ada) == {"theme": {"dark": False}}
    metadata.settings.put(ada, "theme", None)
    assert metadata.settings.get(ada, "theme", "none") == "none"
    metadata.settings.put(ada, "theme", "again")
    metadata.people.forget(ada)
    assert metadata.settings.all(ada) == {}
    assert metadata.settings.get(metadata.settings.organisation(school.id), "term") == "spring"
