"""The next best steps of one learner, from what is due, what is missing, and what comes next.

Each rule can be read: something due within days comes first; before a lesson comes the skill it builds
on, where the learner does not know that yet; then the lesson, a gap that holds other skills up, and a
look back at what was learnt a while ago. What is expected of a step is computed, never promised.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
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

    @property
    def target_kind(self) -> str:
        return TARGET[self.strategy]


@dataclass(frozen=True, slots=True)
class Learner:
    learner_id: int
    courses: tuple[Course, ...] = ()
    skills: Mapping[str, Skill] = field(default_factory=dict)


def steps(of: Learner, today: date, refused: Collection[str]) -> list[Step]:
    """The best first, one for each thing to do. `refused` are ids of recommendations not wanted now."""
    found: dict[tuple[str, str], Step] = {}
    for step in [*_due(of, today), *_lessons(of, today), *_gaps(of), *_reviews(of, today)]:
        unwanted = any(name in refused for name in names(of.learner_id, step.strategy, step.target_id, today))
        known = found.get((step.target_kind, step.target_id))
        if not unwanted and (known is None or step.weight > known.weight):
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
    step: str  # accepted, rejected, completed
    day: date


def refused(told: Sequence[Told], today: date) -> frozenset[str]:
    return frozenset(
        one.recommendation_id for one in told if one.step == "rejected" and (today - one.day).days < REST_DAYS
    )


def fulfilled(
    learner_id: int, told: Sequence[Told], done: Sequence[tuple[str, str, date, int]], today: date
) -> list[tuple[str, str, str]]:
    """(recommendation_id, strategy, target_id) of what was taken up and then done, and not yet called so.
    `done`: kind of target, its id, on which day, how many answers."""
    accepted = {one.recommendation_id: one.day for one in told if one.step == "accepted"}
    called = {one.recommendation_id for one in told if one.step == "completed"}
    work: dict[tuple[str, str, str], int] = {}
    for kind, target, day, count in done:
        for strategy, wanted in TARGET.items():
            if wanted == kind:
                for name in names(learner_id, strategy, target, today):
                    if name in accepted and name not in called and day >= accepted[name]:
                        work[name, strategy, target] = work.get((name, strategy, target), 0) + count
    return sorted(key for key, count in work.items() if TARGET[key[1]] != "skill" or count >= PRACTICE)  # type: ignore[index]
