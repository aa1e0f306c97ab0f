"""One learner's session as a client tells it: a run of steps, each with the seconds before it."""

from __future__ import annotations

import math
import random
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from connectors.demo.around import FEATURES, OPENERS, PATHS, QUERIES, REPLIES
from connectors.demo.campus import (
    ASSESSMENTS,
    CHOICES,
    FIRST_ITEM,
    ITEMS,
    LESSONS,
    QUIZ_ITEMS,
    STEPS,
    UNITS,
    VIDEOS,
)
from connectors.demo.places import PLANTED
from connectors.demo.school import School

Value: TypeAlias = str | int | float | bool
PROGRESS_S = 15.0


@dataclass(frozen=True, slots=True)
class Step:
    after_s: float
    event_type: str
    context: Mapping[str, str] = field(default_factory=dict)
    payload: Mapping[str, Value] = field(default_factory=dict)


@dataclass(slots=True)
class Actor:
    """A learner who is at it now."""

    school: School
    learner: int
    course: int
    lesson: int
    rng: random.Random

    @property
    def ability(self) -> float:
        return float(self.school.learners.ability[self.learner]) + 0.4

    def where(self) -> dict[str, str]:
        ids = self.school.ids
        return {
            "course_id": ids.course[self.course],
            "lesson_id": ids.lesson[self.course * LESSONS + self.lesson],
        }


def session(actor: Actor) -> Iterator[Step]:
    rng, began = actor.rng, 0.0
    for step in _steps(actor):
        began += step.after_s
        yield step
    if rng.random() < 0.9:
        yield Step(3, "session_end", payload={"duration_s": round(began + 3, 1)})


def _steps(actor: Actor) -> Iterator[Step]:
    yield Step(0, "session_start")
    yield from _look_around(actor)
    for _ in range(1 + (actor.rng.random() < 0.4)):
        if not (yield from _lesson(actor)):
            break
        actor.lesson = (actor.lesson + 1) % LESSONS
    yield from _talk(actor)
    yield from _buy(actor)


def _look_around(actor: Actor) -> Iterator[Step]:
    rng = actor.rng
    yield Step(1, "page_view", payload={"path": "/home"})
    if rng.random() < 0.4:
        yield Step(6, "page_view", payload={"path": rng.choice(PATHS)})
    if rng.random() < 0.1:
        yield Step(5, "search", payload={"query": rng.choice(QUERIES), "results": rng.randrange(30)})
    if rng.random() < 0.15:
        yield Step(4, "feature_used", payload={"feature": rng.choice(FEATURES)})
    if rng.random() < 0.1:
        shown = {"recommendation_id": f"R-{rng.getrandbits(63):016x}", "strategy": "next-step"}
        yield Step(2, "recommendation_shown", actor.where(), shown)
        if rng.random() < 0.5:
            yield Step(4, "recommendation_accepted", actor.where(), shown)


def _lesson(actor: Actor) -> Generator[Step, None, bool]:
    """Returns whether it was finished."""
    rng, where, began = actor.rng, actor.where(), 20.0
    yield Step(8, "lesson_start", where)
    if actor.lesson % STEPS < 2:
        began += yield from _video(actor)
    reading = rng.uniform(60, 240)
    yield Step(reading / 2, "reading_progress", where, {"percent": 50})
    if rng.random() > 0.85:
        return False
    yield Step(reading / 2, "reading_progress", where, {"percent": 100})
    skill = actor.school.ids.skill[actor.course * UNITS + actor.lesson // STEPS]
    if actor.lesson % STEPS == 2:
        score = round(min(max(rng.gauss(70 + 9 * actor.ability, 12), 0), 100))
        made: dict[str, Value] = {"score": score, "duration_s": 150, "skill_id": skill}
        yield Step(150, "exercise_complete", where, made)
    spent: dict[str, Value] = {"duration_s": round(began + reading, 1), "skill_id": skill}
    yield Step(2, "lesson_complete", where, spent)
    if actor.lesson % STEPS % 2:
        yield from _quiz(actor)
    return True


def _video(actor: Actor) -> Generator[Step, None, float]:
    """Returns the seconds watched."""
    rng, campus = actor.rng, actor.school.campus
    video = actor.course * VIDEOS + actor.lesson // STEPS * 2 + actor.lesson % STEPS
    where = actor.where() | {"video_id": actor.school.ids.video[video]}
    length = float(campus.video_s[video])
    end = min(rng.expovariate(1 / 1400), length)
    if video == campus.weak_video and rng.random() < PLANTED.weak_minute_loss:
        end = min(end, rng.uniform(*PLANTED.weak_minute))
    end, position = max(round(end, 1), 4.0), 0.0
    yield Step(10, "video_play", where, {"position_s": 0.0})
    while position < end:
        watched = min(PROGRESS_S, end - position)
        position += watched
        yield Step(
            watched,
            "video_progress",
            where,
            {"position_s": round(position, 1), "duration_s": round(watched, 1)},
        )
        if rng.random() < 0.02:
            back = {"position_s": round(position, 1), "to_s": round(max(position - 30, 0), 1)}
            yield Step(1, "video_seek", where, back)
    kind = "video_complete" if end >= 0.9 * length else "video_pause"
    yield Step(0.5, kind, where, {"position_s": round(end, 1)})
    return end


def _quiz(actor: Actor) -> Iterator[Step]:
    rng, school = actor.rng, actor.school
    number = actor.lesson // STEPS * 2 + actor.lesson % STEPS // 2
    where = actor.where() | {"assessment_id": school.ids.assessment[actor.course * ASSESSMENTS + number]}
    yield Step(4, "quiz_start", where)
    items, right, spent = int(QUIZ_ITEMS[number]), 0, 0.0
    for n in range(items):
        item = actor.course * ITEMS + int(FIRST_ITEM[number]) + n
        logit = school.campus.item_slope[item] * (actor.ability - school.campus.item_difficulty[item])
        correct = rng.random() < 1 / (1 + math.exp(-logit))
        key = int(school.campus.item_right[item])
        choice = CHOICES[key if correct else (key + rng.randint(1, 3)) % len(CHOICES)]
        took = round(rng.uniform(8, 45), 1)
        right, spent = right + correct, spent + took
        yield Step(
            took,
            "quiz_answer",
            where,
            {
                "item_id": school.ids.item[item],
                "correct": bool(correct),
                "choice": choice,
                "duration_s": took,
            },
        )
    yield Step(
        3, "quiz_submit", where, {"score": round(100 * right / items, 1), "duration_s": round(spent + 3, 1)}
    )


def _talk(actor: Actor) -> Iterator[Step]:
    rng = actor.rng
    course = {"course_id": actor.school.ids.course[actor.course]}
    if rng.random() < 0.08:
        thread = {"thread_id": f"{course['course_id']}-T{actor.school.size.days // 7}-{rng.randrange(40)}"}
        if rng.random() < 0.3:
            yield Step(40, "post_create", course, thread | {"text": rng.choice(OPENERS)})
        else:
            yield Step(25, "post_reply", course, thread | {"text": rng.choice(REPLIES)})
    if rng.random() < 0.06:
        yield Step(5, "achievement_unlocked", payload={"achievement": "busy-day"})


def _buy(actor: Actor) -> Iterator[Step]:
    rng, school = actor.rng, actor.school
    if rng.random() > 4 * school.place.visits:
        return
    product = rng.randrange(school.campus.courses)
    name = school.ids.product[product]
    yield Step(10, "page_view", payload={"path": f"/catalogue/{name}"})
    if rng.random() < PLANTED.checkout_chance:
        yield Step(30, "feature_used", payload={"feature": "checkout"})
        if rng.random() < PLANTED.pay_chance:
            price = int(school.campus.price_cents[product])
            paid: dict[str, Value] = {
                "product_id": name,
                "amount_cents": price,
                "currency": school.place.currency,
            }
            yield Step(40, "order_paid", payload=paid)
