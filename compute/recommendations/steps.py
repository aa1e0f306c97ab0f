"""The next best steps of one learner, from what is due, what is missing, and what comes next.

Each rule can be read: something due within days comes first; before a lesson comes the skill it builds
on, where the learner does not know that yet; then the lesson, a gap that holds other skills up, and a
look back at what was learnt a while ago. What is expected of a step is computed, never promised.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, Literal

Strategy = Literal["due", "prerequisite", "next_lesson", "gap", "review"]
TARGET: Mapping[Strategy, str] = {
    "due": "assessment",
    "prerequisite": "skill",
    "next_lesson": "lesson",
    "gap": "skill",
    "review": "skill",
}
MOST = 3
DUE_DAYS, SOON_DAYS = 10, 3
PRACTICE = 5  # answers a practice is thought to have
PRACTICE_MINUTES = 10
FIRST_REVIEW_DAYS = 10  # after so many days what was answered a few times wants a look back
LONGEST_REVIEW_DAYS = 60
PERIOD_DAYS = 28  # a recommendation's id holds for this long
REST_DAYS = 14  # so long what a learner refused is not shown again
TAKEN_DAYS = 14  # so long what was taken up stands as such; then it is offered anew
RATE_DAYS = 7  # so long what is done can be rated
TAKEN_WEIGHT = 4.5  # before all but what is due within days
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Course:
    course_id: str
    title: str
    finished: int
    lessons: int
    last_active: date | None
    upcoming: Row | None  # the next lesson: lesson_id, title, expected_s, skill_id
    due: tuple[Row, ...] = ()  # assessment_id, title, due_on: not handed in


@dataclass(frozen=True, slots=True)
class Skill:
    skill_id: str
    title: str
    requires: str | None
    mastery: float
    next_right: float
    state: str
    answers: int
    last_on: date
    learns: float = 0.12
    forgets: float = 0.0
    blocks: int = 0

    def practised(self) -> float:
        """The chance that it is known after some more answers, by the skill's own rates."""
        known = self.mastery
        for _ in range(PRACTICE):
            known = known * (1 - self.forgets) + (1 - known) * self.learns
        return known

    @property
    def rest_days(self) -> int:
        """Twice as long with every four answers: spacing that grows with practice."""
        return int(min(LONGEST_REVIEW_DAYS, FIRST_REVIEW_DAYS * 2 ** (max(0, self.answers - 4) // 4)))


@dataclass(frozen=True, slots=True)
class Step:
    strategy: Strategy
    target_id: str
    target_title: str
    course_id: str
    course_title: str
    weight: float
    minutes: int
    amount: float  # days until due, days since the last practice, skills held up, lessons left
    due_on: date | None = None
    expected_kind: str = ""
    expected_now: float | None = None
    expected_then: float | None = None
    because: str = ""  # the title of what asks for it
    said: str = ""  # accepted: the learner chose it

    @property
    def target_kind(self) -> str:
        return TARGET[self.strategy]


@dataclass(frozen=True, slots=True)
class Learner:
    learner_id: int
    courses: tuple[Course, ...] = ()
    skills: Mapping[str, Skill] = field(default_factory=dict)


def steps(
    of: Learner, today: date, refused: Collection[str], taken: Collection[str] = frozenset()
) -> list[Step]:
    """The best first, one for each thing to do. `refused` are ids of recommendations not wanted now, `taken`
    of those that the learner chose: they stay in front."""
    found: dict[tuple[str, str], Step] = {}
    for step in [*_due(of, today), *_lessons(of, today), *_gaps(of), *_reviews(of, today)]:
        own = _names_of_thing(of.learner_id, step, today) if refused or taken else frozenset()
        if not own.isdisjoint(refused):
            continue
        if not own.isdisjoint(taken):
            step = replace(step, said="accepted", weight=max(step.weight, TAKEN_WEIGHT))
        known = found.get((step.target_kind, step.target_id))
        if known is None or step.weight > known.weight:
            found[step.target_kind, step.target_id] = step
    return sorted(found.values(), key=lambda step: (-step.weight, step.target_title, step.target_id))[:MOST]


def name_of(learner_id: int, strategy: str, target_id: str, day: date) -> str:
    """The recommendation's id: the same from shown to rated, another after four weeks."""
    period = day.toordinal() // PERIOD_DAYS
    said = "\0".join((str(learner_id), strategy, target_id, str(period)))
    return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()


def names(learner_id: int, strategy: str, target_id: str, today: date) -> tuple[str, str]:
    """In this period and the one before."""
    before = date.fromordinal(today.toordinal() - PERIOD_DAYS)
    return name_of(learner_id, strategy, target_id, today), name_of(learner_id, strategy, target_id, before)


def _names_of_thing(learner_id: int, step: Step, today: date) -> frozenset[str]:
    """Under every rule that leads to it: who refused to practise a skill refused it whatever for."""
    rules = [rule for rule, kind in TARGET.items() if kind == step.target_kind]
    return frozenset(name for rule in rules for name in names(learner_id, rule, step.target_id, today))


def _due(of: Learner, today: date) -> Iterator[Step]:
    for course in of.courses:
        for task in course.due:
            left = (task["due_on"] - today).days
            if 0 <= left <= DUE_DAYS:
                yield Step(
                    "due",
                    task["assessment_id"],
                    task["title"],
                    course.course_id,
                    course.title,
                    weight=(5.0 if left <= SOON_DAYS else 3.2) - left / 100,
                    minutes=0,
                    amount=left,
                    due_on=task["due_on"],
                    expected_kind="on_time",
                )


def _lessons(of: Learner, today: date) -> Iterator[Step]:
    newest = max((c.last_active for c in of.courses if c.last_active), default=None)
    for course in of.courses:
        lesson = course.upcoming
        if lesson is None or not course.lessons:
            continue
        under = _missing(of, lesson["skill_id"])
        if under is not None:
            yield _practice("prerequisite", under, course, 4.0, because=lesson["title"])
        away = (newest - course.last_active).days if newest and course.last_active else 28
        yield Step(
            "next_lesson",
            lesson["lesson_id"],
            lesson["title"],
            course.course_id,
            course.title,
            weight=3.0 - min(away, 28) / 50,
            minutes=max(1, round((lesson["expected_s"] or 900) / 60)),
            amount=course.lessons - course.finished,
            expected_kind="progress",
            expected_now=course.finished / course.lessons,
            expected_then=(course.finished + 1) / course.lessons,
        )


def _missing(of: Learner, skill_id: str | None) -> Skill | None:
    """The nearest skill beneath the lesson's own that the learner probably does not know."""
    own = of.skills.get(skill_id or "")
    under = own.requires if own else None
    seen = set()
    while under and under not in seen:
        seen.add(under)
        one = of.skills.get(under)
        if one is None:
            return None
        if one.state == "gap":
            return one
        under = one.requires
    return None


def _gaps(of: Learner) -> Iterator[Step]:
    for skill in of.skills.values():
        if skill.state == "gap":
            yield _practice("gap", skill, None, 2.8 + min(skill.blocks, 9) / 10)


def _reviews(of: Learner, today: date) -> Iterator[Step]:
    for skill in of.skills.values():
        away = (today - skill.last_on).days
        if skill.state in ("mastered", "learning") and away >= skill.rest_days:
            overdue = min(2.0, away / skill.rest_days) - 1
            yield Step(
                "review",
                skill.skill_id,
                skill.title,
                "",
                "",
                weight=2.0 + 0.5 * overdue,
                minutes=PRACTICE_MINUTES,
                amount=away,
                expected_kind="keep",
                expected_now=skill.next_right,
            )


def _practice(
    strategy: Strategy, skill: Skill, course: Course | None, weight: float, because: str = ""
) -> Step:
    return Step(
        strategy,
        skill.skill_id,
        skill.title,
        course.course_id if course else "",
        course.title if course else "",
        weight=weight,
        minutes=PRACTICE_MINUTES,
        amount=skill.blocks,
        expected_kind="mastery",
        expected_now=skill.mastery,
        expected_then=skill.practised(),
        because=because,
    )


@dataclass(frozen=True, slots=True)
class Told:
    """An event about a recommendation."""

    recommendation_id: str
    step: str  # accepted, modified, rejected, completed, rated
    day: date
    at: datetime = _LONG_AGO  # tells apart what was said on one day


@dataclass(frozen=True, slots=True)
class Done:
    """What was taken up and then done. `is_told`: it has been called so before."""

    recommendation_id: str
    strategy: str
    target_id: str
    is_told: bool


def refused(told: Sequence[Told], today: date) -> frozenset[str]:
    """Not wanted now: refused, or changed to something else."""
    return frozenset(
        name
        for name, one in _newest(told).items()
        if one.step != "accepted" and (today - one.day).days < REST_DAYS
    )


def taken(told: Sequence[Told], today: date) -> frozenset[str]:
    """Chosen, and not done since."""
    done = {one.recommendation_id: _when(one) for one in sorted(told, key=_when) if one.step == "completed"}
    return frozenset(
        name
        for name, one in _newest(told).items()
        if one.step == "accepted"
        and (today - one.day).days < TAKEN_DAYS
        and (name not in done or done[name] < _when(one))
    )


def _newest(told: Sequence[Told]) -> dict[str, Told]:
    """The learner's last word on each recommendation."""
    words = [one for one in told if one.step in ("accepted", "modified", "rejected")]
    return {one.recommendation_id: one for one in sorted(words, key=_when)}


def _when(one: Told) -> tuple[date, datetime]:
    return one.day, one.at


def fulfilled(
    learner_id: int, told: Sequence[Told], done: Sequence[tuple[str, str, date, int]], today: date
) -> list[Done]:
    """What was taken up and then done, until it is rated or too long ago for that.
    `done`: kind of target, its id, on which day, how many answers."""
    accepted, called = (_first(told, step) for step in ("accepted", "completed"))
    over = _first(told, "rated").keys() | {
        name for name, day in called.items() if (today - day).days >= RATE_DAYS
    }
    work: dict[tuple[str, str, str], int] = {}
    for kind, target, day, count in done:
        for strategy, wanted in TARGET.items():
            if wanted == kind:
                for name in names(learner_id, strategy, target, today):
                    if name in accepted and name not in over and day >= accepted[name]:
                        work[name, strategy, target] = work.get((name, strategy, target), 0) + count
    enough = sorted(key for key, n in work.items() if TARGET[key[1]] != "skill" or n >= PRACTICE)  # type: ignore[index]
    return [Done(*key, is_told=key[0] in called) for key in enough]


def _first(told: Sequence[Told], step: str) -> dict[str, date]:
    """On which day this was said of each first."""
    days: dict[str, date] = {}
    for one in told:
        if one.step == step:
            days[one.recommendation_id] = min(one.day, days.get(one.recommendation_id, one.day))
    return days
