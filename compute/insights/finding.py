"""A finding: what changed, how sure, which part drives it. Numbers and ids, no words: pages have those."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from compute.insights import chance
from compute.insights.reading import Span

SURE = 0.10  # findings of which more than this share is expected to be chance are not told
FEWEST_DAYS = 5  # active days in all; with fewer nothing is judged
FEWEST_EARLIER = 10  # school days to compare with
FEWEST_RECENT = 4
FEWEST_SCORES, FEWEST_SCORES_EARLIER = 3, 5
FEWEST_ANSWERS = 8
FEWEST_LESSONS = 5

Row = Mapping[str, Any]
Window = Mapping[bool, Row]  # True: the recent one
NOTHING: Row = {}


@dataclass(frozen=True, slots=True)
class Finding:
    """`size` makes findings comparable: differences of shares as angles (Cohen's h), of means in spreads,
    of rates as logarithms."""

    learner_id: int
    kind: str
    before: float
    after: float
    n: int  # what the newer number was counted from
    p: float
    size: float
    q: float = 1.0
    driver_kind: str = ""
    driver_id: str = ""
    driver_share: float | None = None

    @property
    def weight(self) -> float:
        return (1 - self.q) * min(1.0, self.size)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one learner in the two windows."""

    learner_id: int
    school_days: Mapping[bool, int]
    active: Mapping[bool, int]
    courses: Mapping[str, Window]
    skills: Mapping[str, Window]

    def total(self, name: str, recent: bool) -> float:
        return float(sum(w.get(recent, NOTHING).get(name) or 0 for w in self.courses.values()))

    def answered(self, name: str, recent: bool) -> int:
        return int(sum(w.get(recent, NOTHING).get(name) or 0 for w in self.skills.values()))

    @property
    def days(self) -> int:
        return self.active[True] + self.active[False]

    @property
    def enough(self) -> bool:
        return self.days >= FEWEST_DAYS and self.school_days[False] >= FEWEST_EARLIER


def school_days(span: Span, free: Iterable[date], joined: Sequence[date]) -> list[dict[bool, int]]:
    """For each learner, from the day of joining: today is not over and counts for nobody."""
    away = frozenset(free)
    first, border = span.since.toordinal(), span.recent.toordinal()
    last = span.until.toordinal() - 1
    term = [date.fromordinal(n) not in away for n in range(first, last)]
    passed = np.concatenate([[0], np.cumsum(term)])

    def between(since: int, until: int) -> int:
        return int(passed[until - first] - passed[since - first])

    starts = [min(max(day.toordinal(), first), last) for day in joined]
    return [{True: between(max(s, border), last), False: between(min(s, border), border)} for s in starts]


def found(known: Sequence[Known]) -> list[Finding]:
    """Everything that could be compared, told or not: the correction counts them all."""
    ready = [one for one in known if one.enough]
    tried = [*_activity(ready), *_pace(ready), *_scores(ready), *_accuracy(ready), *_skills(ready)]
    q = chance.benjamini_hochberg([f.p for f in tried])
    return [replace(f, q=float(each)) for f, each in zip(tried, q, strict=True)]


def told(tried: Iterable[Finding]) -> list[Finding]:
    """The surest and largest first."""
    sure = (f for f in tried if f.q <= SURE)
    return sorted(sure, key=lambda f: (f.learner_id, -f.weight, f.kind, f.driver_id))


def _activity(known: Sequence[Known]) -> list[Finding]:
    ready = [one for one in known if one.school_days[True] >= FEWEST_RECENT]
    p = chance.shares(
        [min(one.active[True], one.school_days[True]) for one in ready],
        [one.school_days[True] for one in ready],
        [min(one.active[False], one.school_days[False]) for one in ready],
        [one.school_days[False] for one in ready],
    )
    return [_activity_of(one, float(each)) for one, each in zip(ready, p, strict=True)]


def _activity_of(one: Known, p: float) -> Finding:
    before, after = (min(1.0, one.active[w] / one.school_days[w]) for w in (False, True))
    found = Finding(
        one.learner_id,
        _way("activity", before, after),
        before,
        after,
        one.school_days[True],
        p,
        _angle(before, after),
    )
    parts = {c: _rate(w, "active", one) for c, w in one.courses.items()}
    return _driven(found, "course", parts)


def _pace(known: Sequence[Known]) -> list[Finding]:
    ready = [
        one
        for one in known
        if one.school_days[True] >= FEWEST_RECENT
        and one.total("lessons_completed", True) + one.total("lessons_completed", False) >= FEWEST_LESSONS
    ]
    p = chance.rates(
        [one.total("lessons_completed", True) for one in ready],
        [one.school_days[True] for one in ready],
        [one.total("lessons_completed", False) for one in ready],
        [one.school_days[False] for one in ready],
    )
    return [_pace_of(one, float(each)) for one, each in zip(ready, p, strict=True)]


def _pace_of(one: Known, p: float) -> Finding:
    """Lessons in five school days."""
    before, after = (5 * one.total("lessons_completed", w) / one.school_days[w] for w in (False, True))
    size = abs(np.log((after + 0.5) / (before + 0.5))) / np.log(3)
    done = int(one.total("lessons_completed", True))
    found = Finding(one.learner_id, _way("pace", before, after), before, after, done, p, float(size))
    return _driven(found, "course", {c: _rate(w, "lessons_completed", one) for c, w in one.courses.items()})


def _rate(window: Window, name: str, one: Known) -> float:
    now, then = (window.get(w, NOTHING).get(name) or 0 for w in (True, False))
    return float(now / one.school_days[True] - then / one.school_days[False])


def _scores(known: Sequence[Known]) -> list[Finding]:
    ready = [
        one
        for one in known
        if one.total("scores", True) >= FEWEST_SCORES and one.total("scores", False) >= FEWEST_SCORES_EARLIER
    ]
    sums = [
        [one.total(name, w) for one in ready]
        for w in (True, False)
        for name in ("scores", "score_sum", "score_squares")
    ]
    p = chance.means(*sums)
    return [_score_of(one, float(each)) for one, each in zip(ready, p, strict=True)]


def _score_of(one: Known, p: float) -> Finding:
    before, after = (one.total("score_sum", w) / one.total("scores", w) for w in (False, True))
    spread = max(5.0, (one.total("score_squares", False) / one.total("scores", False) - before**2) ** 0.5)
    n = one.total("scores", True)
    found = Finding(
        one.learner_id, _way("score", before, after), before, after, int(n), p, abs(after - before) / spread
    )
    return _driven(found, "course", _part_means(one.courses, "score_sum", "scores", n))


def _accuracy(known: Sequence[Known]) -> list[Finding]:
    ready = [one for one in known if all(one.answered("answers", w) >= FEWEST_ANSWERS for w in (True, False))]
    counts = [
        [one.answered(name, w) for one in ready] for w in (True, False) for name in ("correct", "answers")
    ]
    p = chance.shares(*counts)
    return [_accuracy_of(one, float(each)) for one, each in zip(ready, p, strict=True)]


def _accuracy_of(one: Known, p: float) -> Finding:
    before, after = (one.answered("correct", w) / one.answered("answers", w) for w in (False, True))
    n = one.answered("answers", True)
    found = Finding(
        one.learner_id, _way("accuracy", before, after), before, after, n, p, _angle(before, after)
    )
    return _driven(found, "skill", _part_means(one.skills, "correct", "answers", n))


def _skills(known: Sequence[Known]) -> list[Finding]:
    """One skill against all the learner's other answers, in both windows together."""
    tried, counts = [], []
    for one in known:
        whole = {name: sum(one.answered(name, w) for w in (True, False)) for name in ("answers", "correct")}
        for skill, window in one.skills.items():
            n, right = (
                sum(window.get(w, NOTHING).get(name) or 0 for w in (True, False))
                for name in ("answers", "correct")
            )
            rest, rest_right = whole["answers"] - n, whole["correct"] - right
            if skill and n >= FEWEST_ANSWERS and rest >= FEWEST_ANSWERS:
                tried.append((one.learner_id, skill))
                counts.append((right, n, rest_right, rest))
    if not tried:
        return []
    columns = np.array(counts).T
    p = chance.shares(*columns)
    made = []
    for (learner, skill), (right, n, rest_right, rest), each in zip(tried, counts, p, strict=True):
        before, after = rest_right / rest, right / n
        kind = "skill_weak" if after < before else "skill_strong"
        size = _angle(before, after)
        made.append(
            Finding(
                learner, kind, before, after, int(n), float(each), size, driver_kind="skill", driver_id=skill
            )
        )
    return made


def _part_means(parts: Mapping[str, Window], total: str, count: str, n: float) -> dict[str, float]:
    """What each part adds to a change of the mean, where it was there before and after."""
    added = {}
    for name, window in parts.items():
        now, then = window.get(True, NOTHING), window.get(False, NOTHING)
        if now.get(count) and then.get(count):
            moved = now[total] / now[count] - then[total] / then[count]
            added[name] = float(now[count] / n * moved)
    return added


def _driven(finding: Finding, kind: str, parts: Mapping[str, float]) -> Finding:
    """The part that moved most the same way, and its share of all that moved that way."""
    sign = 1 if finding.after > finding.before else -1
    along = {name: sign * moved for name, moved in parts.items() if name and sign * moved > 0}
    if not along:
        return finding
    name = max(sorted(along), key=lambda each: along[each])
    return replace(finding, driver_kind=kind, driver_id=name, driver_share=along[name] / sum(along.values()))


def _way(kind: str, before: float, after: float) -> str:
    return f"{kind}_{'rose' if after > before else 'fell'}"


def _angle(before: float, after: float) -> float:
    turned: Callable[[float], float] = lambda share: 2 * np.arcsin(np.sqrt(min(1.0, max(0.0, share))))  # noqa: E731
    return float(abs(turned(after) - turned(before)))
