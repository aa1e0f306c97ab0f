from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.metadata import Metadata, NewRelation
from connectors.metadata.scopes import comes_of_age
from models.errors import BadQuestion, NotFound
from models.scope import Scope, Viewer
from tests.hill import TODAY, Clock, School, found, open_school


def viewer(metadata: Metadata, school: School, login: str) -> Viewer:
    seen = metadata.sessions.viewer(metadata.sessions.open(school.people[login]))
    assert seen is not None
    return seen


def scope(metadata: Metadata, school: School, login: str, on: date = TODAY) -> Scope:
    return metadata.scope_of(viewer(metadata, school, login), on)


def test_each_role_sees_its_own_rows(metadata: Metadata) -> None:
    school = found(metadata)
    one, two = school.learners["S1"], school.learners["S2"]
    expected: Mapping[str, Scope] = {
        "ada": Scope(school.id, "own", TODAY, (one,), sees_rows=True, sees_names=True),
        # Bo turns 18 on 4 March 2026, two days from now.
        "guardian": Scope(
            school.id, "linked", TODAY, tuple(sorted((one, two))), sees_rows=True, sees_names=True
        ),
        "teacher": Scope(school.id, "taught", TODAY, (), ("K1",), sees_rows=True, sees_names=True),
        "administrator": Scope(school.id, "organisation", TODAY, sees_rows=True, sees_names=True),
        "executive": Scope(school.id, "organisation", TODAY),
        "corporate_manager": Scope(school.id, "sponsored", TODAY, sponsor_id="C1", sees_rows=True),
        "data_scientist": Scope(school.id, "organisation", TODAY, sees_rows=True),
        "operator": Scope(school.id, "nothing", TODAY),
        "privacy_officer": Scope(school.id, "nothing", TODAY),
        "machine": Scope(school.id, "organisation", TODAY),
    }
    assert {login: scope(metadata, school, login) for login in expected} == expected


def test_a_teacher_who_loses_a_class_loses_its_learners_with_the_next_question(metadata: Metadata) -> None:
    school = found(metadata)
    teacher = viewer(metadata, school, "teacher")
    assert metadata.scope_of(teacher, TODAY).classes == ("K1",)
    metadata.relations.end(school.people["teacher"], "teaches", "K1", TODAY)
    assert metadata.scope_of(teacher, TODAY).classes == ()
    assert metadata.scope_of(teacher, TODAY - timedelta(days=1)).classes == ("K1",)


def test_another_processs_change_is_seen_at_once(
    metadata: Metadata, metadata_address: str, tmp_path: Path, clock: Clock
) -> None:
    school = found(metadata)
    guardian = viewer(metadata, school, "guardian")
    assert len(metadata.scope_of(guardian, TODAY).learners) == 2
    with open_school(metadata_address, tmp_path, clock) as other:
        other.relations.end(school.people["guardian"], "guards", school.learners["S2"], TODAY)
    assert metadata.scope_of(guardian, TODAY).learners == (school.learners["S1"],)


def test_a_child_who_comes_of_age_is_no_longer_followed(metadata: Metadata) -> None:
    school = found(metadata)
    birthday = date(2026, 3, 4)  # Bo was born on 4 March 2008
    guardian = viewer(metadata, school, "guardian")
    assert school.learners["S2"] in metadata.scope_of(guardian, birthday - timedelta(days=1)).learners
    assert metadata.scope_of(guardian, birthday).learners == (school.learners["S1"],)


def test_a_relation_holds_from_its_first_day_until_before_its_last(metadata: Metadata) -> None:
    school = found(metadata)
    since, until = date(2026, 4, 1), date(2026, 4, 3)
    metadata.relations.add_many([NewRelation(school.people["teacher"], "teaches", "K2", since, until)])
    days = [since + timedelta(days=n) for n in range(-1, 4)]
    held = ["K2" in scope(metadata, school, "teacher", day).classes for day in days]
    assert held == [False, True, True, False, False]


def test_a_sponsor_without_a_company_sees_nothing(metadata: Metadata) -> None:
    school = found(metadata)
    metadata.relations.end(school.people["corporate_manager"], "sponsors", "C1", TODAY)
    assert scope(metadata, school, "corporate_manager").rows == "nothing"


def test_a_forgotten_person_sees_nothing(metadata: Metadata) -> None:
    school = found(metadata)
    ada = viewer(metadata, school, "ada")
    metadata.people.forget(school.people["ada"])
    assert metadata.scope_of(ada, TODAY) == Scope(school.id, "nothing", TODAY)


def test_a_role_that_was_taken_away_takes_its_rows_along(metadata: Metadata) -> None:
    school = found(metadata)
    was = viewer(metadata, school, "administrator")
    metadata.people.set_role(school.people["administrator"], "operator")
    assert metadata.scope_of(was, TODAY).rows == "nothing"


def test_a_token_narrows_what_its_person_sees(metadata: Metadata) -> None:
    school = found(metadata)
    token = metadata.tokens.create("administrator", ["ask-measures"], 1)
    narrow = metadata.tokens.viewer(token)
    assert narrow is not None
    assert metadata.scope_of(narrow, TODAY) == Scope(school.id, "organisation", TODAY)
    assert scope(metadata, school, "administrator").sees_names


def test_adding_a_relation_twice_is_adding_it_once(metadata: Metadata) -> None:
    school = found(metadata)
    again = NewRelation(school.people["teacher"], "teaches", "K1")
    metadata.relations.add_many([again, again])
    assert [r.object for r in metadata.relations.of(school.people["teacher"])] == ["K1"]


def test_a_relation_that_is_none_is_refused(metadata: Metadata) -> None:
    school = found(metadata)
    with pytest.raises(BadQuestion, match="did you mean 'teaches'"):
        metadata.relations.add_many([NewRelation(school.people["teacher"], "teachs", "K1")])  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        metadata.relations.add_many([NewRelation("nobody", "teaches", "K1")])
    with pytest.raises(NotFound):
        metadata.relations.end(school.people["teacher"], "teaches", "K9", TODAY)


@given(st.dates(date(1950, 1, 1), date(2050, 12, 31)))
def test_of_age_is_the_first_day_with_eighteen_full_years(born: date) -> None:
    def years(on: date) -> int:
        return on.year - born.year - ((on.month, on.day) < (born.month, born.day))

    day = comes_of_age(born)
    assert years(day) == 18 and years(day - timedelta(days=1)) == 17
