"""Rows outside a scope never count, in any measure, from any table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest

from compute.measures import MEASURES
from compute.planner import plan
from compute.questions import question
from compute.scoping import Tables
from connectors.warehouse import Warehouse
from models.ask import Ask, Audience, Where
from models.errors import BadQuestion, NotFound
from models.scope import Scope
from models.tables import TABLES
from tests.builders import MONDAY, Row, dimension, event, events

TODAY = MONDAY.date() + timedelta(days=30)
DAY = timedelta(days=1)
WHOLE = Scope(1, "organisation", TODAY, sees_rows=True)
OWN = Scope(1, "own", TODAY, learners=(1,), sees_rows=True)
TAUGHT = Scope(1, "taught", TODAY, classes=("k1",), sees_rows=True)
SPONSORED = Scope(1, "sponsored", TODAY, sponsor_id="acme", sees_rows=True)
NOTHING = Scope(1, "nothing", TODAY)


def member(class_id: str, learner_id: int, since: date, until: date | None = None) -> Row:
    return {"class_id": class_id, "learner_id": learner_id, "valid_from": since, "valid_until": until}


@pytest.fixture
def school(engine: Warehouse) -> Warehouse:
    """Learner n does 10**n page views in c1 and as many in c2, in organisation 1; learner 1 also
    1,000,000 in organisation 2."""
    long_ago = TODAY - 99 * DAY
    engine.write(
        "learner",
        dimension(
            "learner",
            *({"learner_id": n, "sponsor_id": "acme" if n % 2 else "other"} for n in range(1, 6)),
            {"learner_id": 1, "organisation_id": 2, "sponsor_id": "acme"},
        ),
    )
    engine.write("course", dimension("course", {"course_id": "c1"}, {"course_id": "c2"}))
    classes = [("k1", "c1"), ("k2", "c2"), ("k3", "c1")]
    engine.write("class", dimension("class", *({"class_id": k, "course_id": c} for k, c in classes)))
    engine.write(
        "class_member",
        dimension(
            "class_member",
            member("k1", 1, long_ago),
            member("k1", 2, long_ago, TODAY),  # left today: no member any more
            member("k1", 3, TODAY),  # came today
            member("k1", 4, TODAY + DAY),  # comes tomorrow
            member("k2", 2, long_ago),
            member("k3", 5, long_ago, TODAY + DAY),  # leaves tomorrow
            {**member("k1", 5, long_ago), "organisation_id": 2},
        ),
    )
    rows = [
        event(learner_id=n, session_id=n, course_id=course, organisation_id=1)
        for n, times in ((1, 1), (2, 10), (3, 100))
        for course in ("c1", "c2")
        for _ in range(times)
    ]
    rows += [event(learner_id=4, session_id=4, course_id="c1") for _ in range(1000)]
    rows += [event(learner_id=5, session_id=5, course_id="c1") for _ in range(3)]
    rows += [event(learner_id=1, session_id=9, course_id="c1", organisation_id=2) for _ in range(7)]
    engine.append(events(rows))
    return engine


def count(
    warehouse: Warehouse,
    scope: Scope,
    measure: str = "events",
    where: Sequence[Where] = (),
    source: str | None = None,
    audience: Audience = "mine",
) -> object:
    planned = plan(Ask(measures=(measure,), where=tuple(where)), Tables(scope, audience), source)
    table = planned.join(tuple(warehouse.fetch(part) for part in planned.parts))
    return table[measure][0].as_py()


EVERY = 2 * 111 + 1000 + 3


@pytest.mark.parametrize(
    ("scope", "wanted"),
    [
        (WHOLE, EVERY),
        (replace(WHOLE, organisation_id=2), 7),
        (replace(WHOLE, organisation_id=3), 0),
        (OWN, 2),
        (replace(OWN, learners=(2, 3)), 220),
        (replace(OWN, learners=()), 0),
        (replace(OWN, rows="linked", learners=(1, 3)), 202),
        (replace(OWN, rows="linked", learners=(9,)), 0),
        (TAUGHT, 1 + 100),
        (replace(TAUGHT, on=TODAY - DAY), 1 + 10),
        (replace(TAUGHT, on=TODAY + DAY), 1 + 100 + 1000),
        (replace(TAUGHT, classes=("k1", "k2")), 1 + 100 + 10),
        (replace(TAUGHT, classes=("k3",)), 3),
        (replace(TAUGHT, classes=("k3",), on=TODAY + DAY), 0),
        (replace(TAUGHT, classes=()), 0),
        (SPONSORED, 2 + 200 + 3),
        (replace(SPONSORED, sponsor_id="other"), 20 + 1000),
        (replace(SPONSORED, sponsor_id=None), 0),
    ],
)
def test_only_the_scope_s_rows_count(school: Warehouse, scope: Scope, wanted: int) -> None:
    assert count(school, scope) == wanted
    assert count(school, scope, source="events") == wanted


@pytest.mark.parametrize(
    ("scope", "wanted"),
    [(WHOLE, 5), (OWN, 1), (TAUGHT, 2), (SPONSORED, 3), (replace(WHOLE, organisation_id=2), 1)],
)
def test_a_visit_is_its_learner_s(school: Warehouse, scope: Scope, wanted: int) -> None:
    assert count(school, scope, "sessions") == wanted
    assert count(school, scope, "sessions", source="events") == wanted


def test_a_scope_of_nothing_has_no_row_in_any_table(school: Warehouse) -> None:
    tables = Tables(NOTHING)
    for table in TABLES:
        if "organisation_id" in table.names():
            assert school.fetch(tables[table.name].count()).to_pydict().popitem()[1] == [0], table.name


def test_nobody_is_handed_a_table_that_cannot_be_narrowed() -> None:
    for scope in (OWN, TAUGHT, SPONSORED, replace(OWN, rows="linked")):
        for name in ("course_day", "video_bucket_day"):
            assert not Tables(scope).offers(name)
            with pytest.raises(NotFound):
                Tables(scope)[name]
    # It holds what its learners did in everybody's courses.
    assert not Tables(TAUGHT).offers("learner_day")
    assert Tables(OWN).offers("learner_day")


def test_a_class_in_somebody_else_s_words_finds_nothing(school: Warehouse) -> None:
    """A teacher of k1 asks for k2 and k3: not refused, so that nobody can probe for what exists."""
    for other in ("k2", "k3", "no-such-class"):
        where = [Where("class_id", "=", (other,))]
        assert count(school, TAUGHT, where=where) == 0
        assert count(school, TAUGHT, "sessions", where=where) == 0
    assert count(school, TAUGHT, where=[Where("learner_id", "=", (2,))]) == 0
    assert count(school, OWN, where=[Where("learner_id", "in", (2, 3))]) == 0


def test_peers_are_the_current_members_of_the_learner_s_classes(school: Warehouse) -> None:
    assert count(school, OWN, audience="peers") == 1 + 100  # 1 and 3 in k1; 2 has left
    assert count(school, replace(OWN, on=TODAY - DAY), audience="peers") == 1 + 10
    assert count(school, replace(OWN, learners=(9,)), audience="peers") == 0


def test_who_may_not_see_rows_cannot_name_a_learner() -> None:
    for scope, audience in ((replace(WHOLE, sees_rows=False), "mine"), (OWN, "peers")):
        tables = Tables(scope, audience)  # type: ignore[arg-type]
        for ask in (
            Ask(measures=("events",), by=("learner_id",)),
            Ask(measures=("events",), where=(Where("learner_id", "=", (1,)),)),
            Ask(question="learners", measures=("events",)),
        ):
            with pytest.raises(BadQuestion, match="groups of learners"):
                question(ask.question).plan(ask, tables)


def test_money_is_told_to_the_whole_school_s_people_only() -> None:
    business = [m.name for m in MEASURES if m.sensitivity == "business"]
    assert {"revenue", "orders", "commission"} <= set(business)
    for scope in (OWN, TAUGHT, SPONSORED, NOTHING):
        for name in business:
            with pytest.raises(NotFound):
                plan(Ask(measures=(name,)), Tables(scope))
    with pytest.raises(NotFound):
        plan(Ask(measures=("events",)), Tables(NOTHING))


def test_the_list_of_learners_holds_the_silent_ones_too(school: Warehouse) -> None:
    def listed(scope: Scope, *where: Where) -> dict[int, int]:
        planned = question("learners").plan(
            Ask(question="learners", measures=("events",), where=where), Tables(scope)
        )
        table = planned.finish(planned.join(tuple(school.fetch(part) for part in planned.parts)))
        assert table.column_names == [c.name for c in planned.columns]
        return {row["learner_id"]: row["events"] for row in table.to_pylist()}

    assert listed(TAUGHT) == {1: 1, 3: 100}
    assert listed(OWN) == {1: 2}
    assert listed(SPONSORED) == {1: 2, 3: 200, 5: 3}
    assert listed(WHOLE, Where("course_id", "=", ("c2",))) == {1: 1, 2: 10, 3: 100, 4: 0, 5: 0}
    assert listed(WHOLE, Where("class_id", "=", ("k2",))) == {2: 10}
    assert listed(WHOLE, Where("learner_id", "=", (4,))) == {4: 1000}
