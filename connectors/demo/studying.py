"""What happens inside a lesson: reading, video, exercise, quiz, assignment, and what is learnt by it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from connectors.demo import testing
from connectors.demo.campus import QUIZ_ITEMS, UNITS, Bools, Floats
from connectors.demo.places import PLANTED
from connectors.demo.sitting import lessons_of, reached
from connectors.demo.today import DAY_END_S, Sitting, Steps, Today, before_in_group, some, take
from connectors.demo.watching import watch, watched_s

COMPLETE = 0.78
BETWEEN_S = 12.0


def study(today: Today, sitting: Sitting) -> tuple[Steps, Bools, Floats]:
    """Returns the lessons begun, which were finished, and when each sitting was over."""
    steps, done = _begun(today, lessons_of(today, sitting))
    watched = watched_s(today, steps)
    reading = today.rng.lognormal(5.4, 0.4, len(steps)) * np.where(steps.step < 2, 0.6, 1.0)
    watching = np.nan_to_num(watched) / today.learners.rate[steps.learner]
    quiz = np.where(done, testing.quiz_of(steps), -1)
    answering = np.where(quiz >= 0, 25.0 * QUIZ_ITEMS[quiz], 0.0) * today.rng.lognormal(0, 0.25, len(steps))
    writing = np.where(
        done & (testing.assignment_of(steps) >= 0), today.rng.uniform(900, 2400, len(steps)), 0.0
    )
    exercise = np.where(done & (steps.step == 2), today.rng.lognormal(5.0, 0.4, len(steps)), 0.0)
    length = 20 + watching + reading + exercise + answering + writing + BETWEEN_S
    steps = _fit(steps, length)
    at = steps.start_s + 2
    _lesson_start(today, steps, at)
    watch(today, steps, at + 15, watched)
    at = at + 15 + watching
    _read(today, steps, at, reading, done)
    at = at + reading
    testing.exercise(today, steps, at, exercise)
    at = at + exercise
    _finish(today, steps, at, watching + reading, done)
    testing.quiz(today, steps, at + 2, answering, quiz)
    testing.assignment(today, steps, at + 4 + answering, writing)
    over = sitting.start_s + 30
    np.maximum.at(over, steps.sitting, steps.start_s + length)
    return steps, done, np.minimum(over, DAY_END_S)


def _begun(today: Today, steps: Steps) -> tuple[Steps, Bools]:
    people = today.learners
    nudge = PLANTED.effect * (people.nudged & people.exposed)[steps.learner]
    chance = np.clip(COMPLETE + 0.03 * np.tanh(people.ability[steps.learner]) + nudge, 0.05, 0.97)
    done = today.rng.random(len(steps)) < chance
    kept = reached(steps, done.astype(float))
    return take(steps, kept), done[kept]


def _fit(steps: Steps, length: Floats) -> Steps:
    """Lessons follow each other; what would pass midnight begins earlier."""
    start = steps.start_s + before_in_group(length, steps.sitting)
    over = np.zeros(int(steps.sitting.max(initial=-1)) + 1)
    np.maximum.at(over, steps.sitting, start + length - DAY_END_S + 60)
    return replace(steps, start_s=start - over[steps.sitting])


def _lesson_start(today: Today, steps: Steps, at: Floats) -> None:
    today.rows.add("lesson_start", steps.session, today.at(at), course=steps.course, lesson=steps.lesson_code)


def _read(today: Today, steps: Steps, at: Floats, reading: Floats, done: Bools) -> None:
    where = {"course": steps.course, "lesson": steps.lesson_code}
    half = today.rows.texts.code('{"percent":50}')
    whole = today.rows.texts.code('{"percent":100}')
    some(today, "reading_progress", reading > 0, steps, at + reading / 2, where, payload=half)
    some(today, "reading_progress", done, steps, at + reading - 1, where, payload=whole)


def _finish(today: Today, steps: Steps, at: Floats, spent: Floats, done: Bools) -> None:
    where = {"course": steps.course, "lesson": steps.lesson_code, "skill": steps.course * UNITS + steps.unit}
    some(today, "lesson_complete", done, steps, at, where, duration=spent.round(1))
