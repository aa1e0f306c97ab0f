"""The set of fingerprints against a plain Python set, growth included."""

from __future__ import annotations

import uuid

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.intake.eventids import fingerprints, read_ids
from connectors.intake.fingerprints import Fingerprints

# Few distinct values with equal high bits: chains, wrap-around at the end of the table, and repeats.
CROWDED = st.one_of(st.integers(2**64 - 50, 2**64 - 1), st.integers(1, 50), st.integers(2**63, 2**63 + 50))


@given(batches=st.lists(st.lists(CROWDED, max_size=40), max_size=12))
@settings(max_examples=200, deadline=None)
def test_it_behaves_like_a_set(batches: list[list[int]]) -> None:
    table, model = Fingerprints(), set[int]()
    for batch in batches:
        prints = np.array(batch, np.uint64)
        assert table.known(prints).tolist() == [p in model for p in batch]
        fresh = sorted(set(batch) - model)
        table.add(np.array(fresh, np.uint64))
        model |= set(batch)
        assert len(table) == len(model)
    everything = np.array(sorted(model), np.uint64)
    assert table.known(everything).all()


def test_it_grows_without_forgetting_and_without_growing_much() -> None:
    dice = np.random.default_rng(5)
    table, added = Fingerprints(), []
    for _ in range(60):
        prints = np.unique(dice.integers(1, 2**64, 10_000, dtype=np.uint64))
        table.add(prints)
        added.append(prints)
        assert table.known(added[0]).all()
    everything = np.concatenate(added)
    assert table.known(everything).all() and len(table) == len(everything)
    assert not table.known(dice.integers(1, 2**64, 100_000, dtype=np.uint64)).any()
    assert table.bytes / len(table) < 40


@given(
    st.lists(st.uuids(), min_size=1, max_size=20),
    st.sampled_from([str.upper, str.lower, lambda t: t.replace("-", "")]),
)
@settings(max_examples=100, deadline=None)
def test_an_id_is_the_same_however_it_is_spelled(ids: list[uuid.UUID], spell: object) -> None:
    assert callable(spell)
    texts, words, known = read_ids(pa.array([spell(str(one)) for one in ids]))
    assert known.all() and texts.to_pylist() == [str(one) for one in ids]
    assert [(int(high) << 64) | int(low) for high, low in words.tolist()] == [one.int for one in ids]


@pytest.mark.parametrize(
    "text", ["", "7", "x" * 36, "0b5b2b1e-8f0a-4c3e-9d55-6a1f0c1d2e3", "0b5b2b1e_8f0a_4c3e_9d55_6a1f0c1d2e3f"]
)
def test_what_is_no_uuid_is_told_apart(text: str) -> None:
    good = str(uuid.uuid4())
    texts, _, known = read_ids(pa.array([good, text, good]))
    assert known.tolist() == [True, False, True]
    assert texts[0].as_py() == texts[2].as_py() == good


def test_fingerprints_differ_by_organisation_and_by_key() -> None:
    _, words, _ = read_ids(pa.array([str(uuid.UUID(int=n)) for n in range(10_000)]))
    prints = [fingerprints(org, words, key) for org in (1, 2) for key in (0, 99)]
    assert len(np.unique(np.concatenate(prints))) == 40_000
