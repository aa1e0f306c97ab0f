"""Hostile bodies: an answer or one clear error, never anything else, and never much memory."""

from __future__ import annotations

import gzip
import json
import random
import tracemalloc

import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.intake.decode import Decoded, decode
from connectors.intake.limits import LIMITS
from connectors.intake.unpack import Unreadable, unpack
from models.errors import HeadwayError
from tests.connectors.intake_school import body, sent, small

JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
FIELDS = st.sampled_from(
    ["event_id", "event_type", "timestamp", "student_id", "session_id", "payload", "context"]
)


def tried(raw: bytes, form: str) -> Decoded | None:
    """Decoded, or refused with a status of the 400s."""
    try:
        return decode(raw, form)  # type: ignore[arg-type]
    except HeadwayError as error:
        assert 400 <= error.status < 500
        return None


@given(st.binary(max_size=400), st.sampled_from(["json", "ndjson"]))
@example(b"[" * 50_000, "json")
@example(b'{"a":' * 50_000, "ndjson")
@example(b'["\\ud800"]', "json")
@example(b"[1e999999, 123456789012345678901234567890]", "json")
@settings(max_examples=400, deadline=None)
def test_any_bytes_are_answered(raw: bytes, form: str) -> None:
    tried(raw, form)


@given(st.lists(st.dictionaries(FIELDS, JSONISH, max_size=6) | JSONISH, max_size=6))
@settings(max_examples=200, deadline=None)
def test_any_json_is_answered_item_by_item(items: list[object]) -> None:
    raw = json.dumps([*items, sent()]).encode()
    if b"\\ud" in raw:  # half a pair is told apart in its own test
        return
    decoded = tried(raw, "json")
    assert decoded is not None
    assert len(decoded.events) + len(decoded.refused) == len(items) + 1
    places = decoded.indexes or list(range(len(decoded.events)))
    assert sorted([*places, *(r.rejected.index for r in decoded.refused)]) == list(range(len(items) + 1))


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_body_with_bytes_changed_costs_no_more_than_what_was_touched(data: st.DataObject) -> None:
    """In lines, damage stays in its line."""
    lines = [json.dumps(sent()).encode() for _ in range(5)]
    hurt = data.draw(st.integers(0, 4))
    place = data.draw(st.integers(0, len(lines[hurt]) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != ord("\n")))
    lines[hurt] = lines[hurt][:place] + bytes([byte]) + lines[hurt][place + 1 :]
    decoded = tried(b"\n".join(lines), "ndjson")
    assert decoded is not None and len(decoded.events) >= 4


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b"tru", "not-json"),
        (b'{"event_id": "\xff"}', "bad-text"),
        (b'{"event_id": "\\ud800"}', "bad-text"),
        (b'{"payload":' + b"[" * 3000 + b"]" * 3000 + b"}", "too-deep"),
        (b"{}", "missing-field"),
        (b"null", "not-an-object"),
    ],
)
def test_one_broken_item_of_an_array_leaves_the_others(bad: bytes, code: str) -> None:
    good = body(sent())[1:-1]
    decoded = decode(b"[" + good + b"," + bad + b" ,\n" + good + b"]")
    assert decoded.indexes == [0, 2]
    assert [(r.rejected.index, r.rejected.code) for r in decoded.refused] == [(1, code)]


def test_a_nul_is_refused_and_an_escaped_backslash_before_u0000_is_not() -> None:
    nul = body(sent(session_id="a\x00b"))
    assert [r.rejected.code for r in decode(nul).refused] == ["bad-text"]
    assert len(decode(body(sent(session_id="a\\u0000b"))).events) == 1


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_bomb_takes_no_more_memory_than_the_limit(encoding: str) -> None:
    plain = b"[" + b" " * (300 << 20)
    bomb = gzip.compress(plain) if encoding == "gzip" else zstandard.compress(plain)
    del plain
    limit = 1 << 20
    tracemalloc.start()
    with pytest.raises(HeadwayError) as refused:
        unpack(bomb, encoding, limit)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused.value.status == 413
    assert peak < 8 * limit


@given(st.binary(max_size=200), st.sampled_from(["gzip", "zstd"]))
@settings(max_examples=200, deadline=None)
def test_any_bytes_said_to_be_compressed_are_answered(raw: bytes, encoding: str) -> None:
    try:
        unpack(raw, encoding, 1 << 16)
    except HeadwayError as error:
        assert error.status in (400, 413)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_what_was_packed_comes_out_as_it_was(encoding: str) -> None:
    plain = random.Random(3).randbytes(100_000) + b" " * 100_000
    packed = gzip.compress(plain) if encoding == "gzip" else zstandard.compress(plain)
    assert unpack(packed, encoding, len(plain)) == plain
    with pytest.raises(HeadwayError):
        unpack(packed, encoding, len(plain) - 1)


def test_more_events_than_allowed_are_413_in_every_form() -> None:
    limits = small(events=10)
    assert LIMITS.events > 10
    many = [sent() for _ in range(11)]
    lines = b"\n".join(json.dumps(e).encode() for e in many)
    for raw, form in ((body(*many), "json"), (lines, "ndjson"), (b"[" + b"{}," * 10 + b"{}]", "json")):
        with pytest.raises(HeadwayError) as refused:
            decode(raw, form, limits)  # type: ignore[arg-type]
        assert refused.value.status == 413


@pytest.mark.parametrize("unit", [b'\\"', b'"', b"[", b"{", b'{"a":', b"\\", b'"\\u'])
def test_a_hostile_body_is_read_in_one_pass(unit: bytes) -> None:
    """Were each of its quotes tried anew, this would take an hour."""
    with pytest.raises(Unreadable):
        decode(b'["' + unit * ((1 << 20) // len(unit) - 3))
