"""A short run of what `./headway bench fuzz` does for ten minutes."""

from __future__ import annotations

from collections import Counter

from bench.fuzz import Fuzzer
from config.taxonomy import taxonomy


def test_hostile_bodies_get_promised_answers_only() -> None:
    fuzzer = Fuzzer(dict(taxonomy()), seed=11)
    answers = Counter(fuzzer.try_one() for _ in range(800))
    assert set(answers) <= {"200", "400", "413", "415"}
    assert min(answers["200"], answers["400"], answers["413"]) > 10, "the bodies are all of one kind"
