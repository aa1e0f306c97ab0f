from __future__ import annotations

from datetime import date
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute.dimensions import DIMENSIONS
from compute.grammar import parse, text_of
from compute.measures import MEASURES
from compute.urls import from_query, to_query
from models.ask import Ask, Where
from models.errors import BadQuestion

LINE = (
    "active_learners, mean_score by week where course_id in C1|C2 and device_type = mobile "
    "since 2026-03-01 until 2026-04-01 order -mean_score limit 10"
)
ASK = Ask(
    measures=("active_learners", "mean_score"),
    by=("week",),
    where=(Where("course_id", "in", ("C1", "C2")), Where("device_type", "=", ("mobile",))),
    since=date(2026, 3, 1),
    until=date(2026, 4, 1),
    order=("-mean_score",),
    limit=10,
)

_MEASURES = st.lists(st.sampled_from([m.name for m in MEASURES]), min_size=1, max_size=4).map(tuple)
_BY = st.lists(st.sampled_from([d.name for d in DIMENSIONS]), max_size=3).map(tuple)
# An alphabet of trouble: reading all of Unicode would take hypothesis longer than the tests themselves.
_LETTERS = "aZé7-_.|\\\" \n\t:,=<>!\u2028\u0130😀'"
_WORDS = ["by", "and", "in", 'a "b"', "a|b", "\\", "a\\|b", "x:y", "", " "]
_TEXT = st.text(_LETTERS, max_size=12) | st.sampled_from(_WORDS)
_OPTIONS = [(), (("labels", True),), (("labels", True), ("fill", True), ("n", 12), ("exact", False))]
_VALUE = {
    "string": _TEXT,
    "int": st.integers(-(2**63), 2**63 - 1),
    "date": st.dates().map(date.isoformat),
}


@st.composite
def wheres(draw: st.DrawFn) -> Where:
    dimension = draw(st.sampled_from(DIMENSIONS))
    op = draw(st.sampled_from(["=", "!=", "in", "not-in", "<", "<=", ">", ">="]))
    values = draw(st.lists(_VALUE[dimension.kind], min_size=1, max_size=3))
    return Where(dimension.name, op, tuple(values))


@st.composite
def asks(draw: st.DrawFn) -> Ask:
    measures = draw(_MEASURES)
    names = st.sampled_from(measures).flatmap(lambda n: st.sampled_from([n, f"-{n}"]))
    return Ask(
        question=draw(st.sampled_from(["measures", "learners"])),
        measures=measures,
        by=draw(_BY),
        where=tuple(draw(st.lists(wheres(), max_size=3))),
        since=draw(st.none() | st.dates()),
        until=draw(st.none() | st.dates()),
        order=tuple(draw(st.lists(names, max_size=2))),
        limit=draw(st.none() | st.integers(1, 999_999_999)),
        audience=draw(st.sampled_from(["mine", "peers"])),
        options=draw(
            st.sampled_from([(), (("labels", True),), (("fill", True), ("labels", False), ("n", 12))])
        ),
    )


def test_the_line_of_the_book_says_what_it_means() -> None:
    assert parse(LINE) == ASK
    assert text_of(ASK) == LINE


def test_a_url_says_the_same_as_a_line() -> None:
    url = (
        "measures=active_learners,mean_score&by=week&where=course_id:in:C1|C2"
        "&where=device_type:%3D:mobile&since=2026-03-01&until=2026-04-01&order=-mean_score&limit=10"
    )
    assert from_query(parse_qsl(url)) == ASK


@settings(max_examples=200)
@given(asks())
def test_what_is_written_as_text_reads_back_as_the_same_ask(ask: Ask) -> None:
    assert parse(text_of(ask)) == ask


@settings(max_examples=200)
@given(asks())
def test_what_is_written_as_a_url_reads_back_as_the_same_ask(ask: Ask) -> None:
    assert from_query(parse_qsl(urlencode(to_query(ask)), keep_blank_values=True)) == ask


@settings(max_examples=300)
@given(
    st.text(_LETTERS) | st.lists(st.sampled_from([*LINE.split(), '"', "|", "events", ":", ","])).map(" ".join)
)
def test_any_text_is_an_ask_or_a_clear_refusal(text: str) -> None:
    try:
        assert isinstance(parse(text), Ask)
    except BadQuestion as refusal:
        assert refusal.detail.endswith((".", "?", "'"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("activ_learners by week", "unknown measure 'activ_learners'; did you mean 'active_learners'?"),
        ("events by weak", "unknown dimension 'weak'; did you mean 'week'?"),
        ("events where corse_id = C1", "unknown dimension 'corse_id'; did you mean 'course_id'?"),
        ("events wher course_id = C1", "unknown word 'wher'; did you mean 'where'?"),
        ("events where course_id is C1", "unknown operator 'is'"),
        ("events since 2026-13-01", "'2026-13-01' after 'since' is not a date such as 2026-03-01."),
        ("events until yesterday", "'yesterday' after 'until' is not a date such as 2026-03-01."),
        ("events limit many", "limit 'many' is not a whole number such as 10."),
        ("events limit -1", "limit '-1' is not a whole number such as 10."),
        ("events where hour > noon", "'noon' is not a whole number, as hour needs."),
        ("events where week = W10", "'W10' is not a date such as 2026-03-01, as week needs."),
        ("events by", "a value is missing after 'by'."),
        ("events where course_id in", "a value is missing after 'in'."),
        ("events where course_id in C1|", "a value is missing after '|'."),
        ("events by week by day", "'by' stands twice; say it once."),
        ("events among friends", "unknown audience 'friends'"),
        ('events where course_id = "C1', "cannot read '\"C1' at character 25."),
    ],
)
def test_a_wrong_line_is_told_what_is_wrong(line: str, said: str) -> None:
    with pytest.raises(BadQuestion) as refused:
        parse(line)
    assert refused.value.detail.startswith(said)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("mesures=events", "unknown parameter 'mesures'; did you mean 'measures'?"),
        ("measures=events&where=course_id", "where 'course_id' is not NAME:OPERATOR:VALUE"),
        ("measures=events&where=course_id:like:C1", "unknown operator 'like'"),
        ("measures=events&limit=5&limit=6", "'limit' is given 2 times; give it once."),
        ("measures=events&since=1.3.2026", "'1.3.2026' after 'since' is not a date"),
    ],
)
def test_a_wrong_url_is_told_what_is_wrong(query: str, said: str) -> None:
    with pytest.raises(BadQuestion) as refused:
        from_query(parse_qsl(query))
    assert refused.value.detail.startswith(said)


def test_a_url_may_use_letters_for_signs_and_say_labels_by_name() -> None:
    ask = from_query([("measures", "events"), ("where", "hour:ge:8"), ("labels", "true"), ("fill", "false")])
    assert ask == Ask(measures=("events",), where=(Where("hour", ">=", (8,)),), options=(("labels", True),))


def test_an_endless_line_is_not_read() -> None:
    with pytest.raises(BadQuestion, match="at most 20000"):
        parse("events where course_id in " + "|".join(["C1"] * 10_000))
