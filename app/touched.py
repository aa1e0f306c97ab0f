"""Whose data the newest commits changed: so that an open page of somebody else is not asked again.

Only a chain of commits without a gap counts. Whatever moved the watermark otherwise, is too long ago, or
came from another process leaves a gap, and then everything counts as changed.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from models.ask import Watermark
from models.scope import Scope

MOST_COMMITS = 512
MOST_LEARNERS = 5_000  # of one commit; beyond it everybody of its organisations counts as changed


@dataclass(frozen=True, slots=True)
class _Commit:
    number: int
    organisations: frozenset[int]
    learners: frozenset[int] | None  # None: any


class Touched:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._commits: deque[_Commit] = deque(maxlen=MOST_COMMITS)

    def add(self, events: pa.Table, mark: Watermark) -> None:
        """On the writer's thread, after each of its commits."""
        learners = pc.unique(events.column("learner_id"))
        some = frozenset(learners.to_pylist()) if len(learners) <= MOST_LEARNERS else None
        organisations = frozenset(pc.unique(events.column("organisation_id")).to_pylist())
        with self._lock:
            self._commits.append(_Commit(mark.number, organisations, some))

    def since(self, number: int, now: int, scope: Scope) -> bool:
        """May anything that the scope sees have changed after the watermark `number`, up to `now`?"""
        if now - number > MOST_COMMITS:
            return True
        with self._lock:
            newer = [commit for commit in self._commits if number < commit.number <= now]
        if {commit.number for commit in newer} != set(range(number + 1, now + 1)):
            return True
        return any(_reaches(commit, scope) for commit in newer)


def _reaches(commit: _Commit, scope: Scope) -> bool:
    if scope.organisation_id not in commit.organisations:
        return False
    if commit.learners is None or scope.rows not in ("own", "linked"):
        return True
    return not commit.learners.isdisjoint(scope.learners)
