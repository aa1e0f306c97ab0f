"""A short run of what `./headway bench fuzz` does for ten minutes."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.fuzz import Fuzzer, Hostile, edge
from config.taxonomy import taxonomy


def test_hostile_bodies_get_promised_answers_only() -> None:
    fuzzer = Fuzzer(dict(taxonomy()), seed=11)
    answers = Counter(fuzzer.try_one() for _ in range(800))
    assert set(answers) <= {"200", "400", "413", "415"}
    assert min(answers["200"], answers["400"], answers["413"]) > 10, "the bodies are all of one kind"


async def test_the_whole_way_in_answers_as_its_parts_do_and_a_mistake_in_it_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def mistaken(*_: object) -> None:
        raise ZeroDivisionError

    fuzzer = Fuzzer(dict(taxonomy()), seed=5)
    async with edge() as way_in:
        for hostile in [fuzzer.next() for _ in range(40)]:
            assert await way_in.send(hostile) == fuzzer.judge(hostile)
        monkeypatch.setattr("connectors.intake.submission.decode", mistaken)
        with pytest.raises((AssertionError, ZeroDivisionError)):
            await way_in.send(Hostile(b"[]", "", "json"))
