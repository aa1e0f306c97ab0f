"""Who may be processed, as of any time: in memory, a few numbers for each learner.

Nearly every event falls into the last span in which its learner's data may be used, so a batch is answered
by three arrays. What they do not allow is looked at one by one, in the learner's whole story.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from connectors.intake.times import Micros

FOREVER = 2**63 - 1
_FRESH_SHARE = 8  # one in so many learners may be looked at one by one; then the arrays are made anew
Standing = Literal["lawful", "no-lawful-basis", "no-guardian-consent"]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """At `since` this basis began. A withdrawal ends everything before it."""

    since: int
    until: int
    basis: str


class Lawfulness:
    """Of one organisation, for one purpose. `of_age` holds the 13th birthday of those who have one."""

    def __init__(self, of_age: Mapping[int, int] | None = None) -> None:
        self._of_age: Mapping[int, int] = of_age or {}
        self._steps: dict[int, list[Step]] = {}
        self._learners: Ints = np.empty(0, np.int64)
        self._since: Ints = self._learners
        self._until: Ints = self._learners
        self._fresh = 0  # learners whose story changed since the arrays were made
        self.version = 0

    def grow_up(self, of_age: Mapping[int, int]) -> None:
        self._of_age = of_age
        self._index()

    def change(self, changes: Iterable[tuple[int, Step]]) -> None:
        touched = set()
        for learner_id, step in changes:
            story = self._steps.setdefault(learner_id, [])
            if step not in story:
                story.append(step)
                story.sort()
                touched.add(learner_id)
        self.version += 1
        self._fresh += len(touched)
        if self._fresh * _FRESH_SHARE > len(self._learners):
            self._index()
        else:
            self._close(touched)

    def _close(self, learners: Iterable[int]) -> None:
        """Their spans in the arrays no longer hold: from now on they are looked at one by one."""
        known = np.fromiter(learners, np.int64)
        if len(self._learners) and len(known):
            places = np.searchsorted(self._learners, known).clip(max=len(self._learners) - 1)
            self._until[places[self._learners[places] == known]] = -FOREVER

    def _index(self) -> None:
        learners = np.fromiter(self._steps, np.int64, len(self._steps))
        learners.sort()
        spans = [self._span(learner) for learner in learners.tolist()]
        self._learners = learners
        self._since = np.array([since for since, _ in spans], np.int64)
        self._until = np.array([until for _, until in spans], np.int64)
        self._fresh = 0

    def _span(self, learner_id: int) -> tuple[int, int]:
        """The last stretch of time in which all is well."""
        edges = {self._of_age.get(learner_id, -FOREVER), FOREVER}
        for step in self._steps[learner_id]:
            edges |= {step.since, step.until}
        ranked = sorted(edges, reverse=True)
        begin = end = -FOREVER
        for until, since in pairwise(ranked):
            if self.standing(learner_id, since) == "lawful":
                begin, end = since, max(end, until)
            elif end > -FOREVER:
                break
        return begin, end

    def lawful(self, learners: Ints, at: Micros) -> tuple[npt.NDArray[np.bool_], dict[int, Standing]]:
        """A mask over the batch, and why for each place that is refused."""
        fine = self._surely(learners, at)
        refused: dict[int, Standing] = {}
        for place in np.flatnonzero(~fine).tolist():
            standing = self.standing(int(learners[place]), int(at[place]))
            if standing == "lawful":
                fine[place] = True
            else:
                refused[place] = standing
        return fine, refused

    def _surely(self, learners: Ints, at: Micros) -> npt.NDArray[np.bool_]:
        if not len(self._learners):
            return np.zeros(len(learners), np.bool_)
        places = np.searchsorted(self._learners, learners).clip(max=len(self._learners) - 1)
        inside = (self._since[places] <= at) & (at < self._until[places])
        return np.asarray(inside & (self._learners[places] == learners))

    def standing(self, learner_id: int, at: int) -> Standing:
        own = guarded = False
        for step in self._steps.get(learner_id, ()):
            if step.since > at:
                break
            if step.basis == "withdrawn":
                own = guarded = False
            elif at < step.until:
                guarded |= step.basis == "guardian-consent"
                own |= step.basis != "guardian-consent"
        if guarded or (own and self.is_of_age(learner_id, at)):
            return "lawful"
        return "no-lawful-basis" if self.is_of_age(learner_id, at) else "no-guardian-consent"

    def is_of_age(self, learner_id: int, at: int) -> bool:
        return at >= self._of_age.get(learner_id, -FOREVER)
