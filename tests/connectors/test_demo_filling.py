"""The filled demo school: people with the lives that the persona picker tells, rows that add up."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta

import ibis
import pytest

from connectors.demo import PERSONAS, fill, is_filled
from connectors.demo.names import full_names, login
from models.errors import AlreadyThere
from models.scope import Viewer
from models.tables import TABLE
from tests.school import SMALL, UNTIL, FilledSchool, Lived


def scope(school: FilledSchool, who: str, on: date = UNTIL):  # type: ignore[no-untyped-def]
    person = school.metadata.people.by_login(who)
    assert person is not None
    role = school.metadata.roles[person.roles[0]]
    viewer = Viewer(person.id, person.organisation_id, role.name, frozenset(role.actions))
    return school.metadata.scope_of(viewer, on)


def rows(school: FilledSchool, table: str) -> int:
    return int(school.warehouse.fetch(TABLE[table].unbound.count().name("n").as_table())["n"][0].as_py())


def cast(school: FilledSchool, name: str) -> int:
    truth = json.loads(school.truth_file.read_text())
    return int(truth["organisations"]["northfield"]["cast"][name])


def test_the_warehouse_holds_what_was_drawn(filled_school: FilledSchool, small_school: Lived) -> None:
    assert rows(filled_school, "events") == filled_school.events == len(small_school.events)
    for name, made in small_school.tables.items():
        assert rows(filled_school, name) == len(made), name


def test_roll_ups_add_up_to_the_events(filled_school: FilledSchool) -> None:
    for name in ("learner_day", "learner_course_day", "course_day"):
        counted = filled_school.warehouse.fetch(TABLE[name].unbound.events.sum().name("n").as_table())
        assert counted["n"][0].as_py() == filled_school.events, name


def test_every_persona_is_there_with_role_and_organisation(filled_school: FilledSchool) -> None:
    names = {o.id: o.name for o in filled_school.metadata.organisations.all()}
    for persona in PERSONAS:
        person = filled_school.metadata.people.by_login(persona.login)
        assert person is not None, persona.login
        assert (person.name, person.roles) == (persona.name, (persona.role,))
        assert names[person.organisation_id].lower().startswith(persona.place)


def test_a_mother_sees_both_children_and_nobody_else(filled_school: FilledSchool) -> None:
    children = {cast(filled_school, "mia"), cast(filled_school, "noah")}
    assert set(scope(filled_school, "jana").learners) == children
    names = filled_school.metadata.people.names(1, sorted(children))
    assert set(names.values()) == {"Mia Keller", "Noah Keller"}


def test_a_child_of_age_and_a_revoked_link_end_what_parents_see(filled_school: FilledSchool) -> None:
    assert scope(filled_school, "aylin").learners == ()
    assert scope(filled_school, "aylin", UNTIL - timedelta(days=6)).learners == (
        cast(filled_school, "selin"),
    )
    assert scope(filled_school, "pavel").learners == ()
    assert scope(filled_school, "pavel", UNTIL - timedelta(days=21)).learners == (
        cast(filled_school, "emil"),
    )


def test_teachers_have_their_classes_while_they_teach_them(filled_school: FilledSchool) -> None:
    assert "NF-ALG1-A" in scope(filled_school, "hartmann").classes
    assert scope(filled_school, "okafor").classes == ()
    assert scope(filled_school, "okafor", UNTIL - timedelta(days=30)).classes[0] == "NF-ALG1-A"
    members = TABLE["class_member"].unbound
    size = filled_school.warehouse.fetch(
        members.filter(members.class_id.isin(["NF-NEW-GROUP", "NF-ONE-TO-ONE"])).select("class_id")
    )
    assert set(scope(filled_school, "silva").classes) == {"NF-NEW-GROUP", "NF-ONE-TO-ONE"}
    assert Counter(size["class_id"].to_pylist()) == {"NF-ONE-TO-ONE": 1}


def test_a_sponsor_has_learners_and_the_other_organisation_has_none(filled_school: FilledSchool) -> None:
    sponsor = scope(filled_school, "viktor")
    learner = TABLE["learner"].unbound
    paid = filled_school.warehouse.fetch(
        learner.filter(learner.sponsor_id == ibis.literal(sponsor.sponsor_id)).select("organisation_id")
    )
    assert len(paid) > 2 and set(paid["organisation_id"].to_pylist()) == {sponsor.organisation_id}


def test_every_learner_has_a_lawful_basis_and_children_their_guardians(filled_school: FilledSchool) -> None:
    bases = {c.learner_id: c.basis for c in filled_school.metadata.consents.changes(1)}
    learner = TABLE["learner"].unbound
    known = filled_school.warehouse.fetch(learner.filter(learner.organisation_id == 1).select("learner_id"))
    assert set(bases) == set(known["learner_id"].to_pylist())
    assert bases[cast(filled_school, "noah")] == "guardian-consent"
    assert bases[cast(filled_school, "mia")] == "legitimate-interest"


def test_a_school_is_not_overwritten(filled_school: FilledSchool) -> None:
    assert is_filled(filled_school.data)
    before = rows(filled_school, "events")
    with pytest.raises(AlreadyThere, match="--force"):
        fill(SMALL, filled_school.warehouse, filled_school.metadata, filled_school.data, lambda *_: None)
    assert rows(filled_school, "events") == before


def test_names_are_of_all_kinds_and_logins_can_be_typed_anywhere() -> None:
    import numpy as np

    names = full_names(np.random.default_rng(3), 3000)
    assert len(set(names)) == 3000
    assert all(login(name, n).isascii() and " " not in login(name, n) for n, name in enumerate(names))
    assert len({name.split()[0] for name in names}) > 80
