"""Progress, and what the platform tells the learner about it."""

from __future__ import annotations

import numpy as np

from connectors.demo.campus import LESSONS, STEPS, UNITS, Bools, Floats, Ints
from connectors.demo.sitting import mark_active
from connectors.demo.today import Sitting, Steps, Today

ACHIEVEMENTS = (1, 10, 25, 50, 75)


def advance(today: Today, sitting: Sitting, steps: Steps, done: Bools, over: Floats) -> None:
    people = today.learners
    finished = np.flatnonzero(done)
    learner, slot, lesson = steps.learner[finished], steps.slot[finished], steps.lesson[finished]
    key = (learner * people.progress.shape[1] + slot) * LESSONS + lesson
    _, first = np.unique(key, return_index=True)
    fresh = first[lesson[first] >= people.progress[learner[first], slot[first]]]
    np.maximum.at(people.progress, (learner, slot), lesson + 1)
    _progress(today, steps, finished[fresh], over)
    _achievements(today, steps, finished, over)
    _streaks(today, sitting, over)


def _progress(today: Today, steps: Steps, fresh: Ints, over: Floats) -> None:
    lesson, texts = steps.lesson[fresh], today.rows.texts
    at = today.at(over[steps.sitting[fresh]] + 0.5)
    session, course, unit = steps.session[fresh], steps.course[fresh], steps.unit[fresh]
    levels = texts.codes([f'{{"level":{n + 1}}}' for n in range(UNITS)])
    k = np.flatnonzero(lesson % STEPS == STEPS - 1)
    skill = course[k] * UNITS + unit[k]
    today.rows.add(
        "level_complete", session[k], at[k], course=course[k], skill=skill, payload=levels[unit[k]]
    )
    k = np.flatnonzero(lesson == LESSONS // 2 - 1)
    half = texts.code("half-course")
    today.rows.add("milestone_reached", session[k], at[k] + 100_000, course=course[k], object=half)
    k = np.flatnonzero(lesson == LESSONS - 1)
    today.rows.add("course_complete", session[k], at[k] + 200_000, course=course[k])


def _achievements(today: Today, steps: Steps, finished: Ints, over: Floats) -> None:
    people = today.learners
    learner, last, count = _last_of_each(steps.learner[finished])
    before = people.lessons[learner]
    people.lessons[learner] = before + count
    for number in ACHIEVEMENTS:
        k = finished[last[(before < number) & (before + count >= number)]]
        at = today.at(over[steps.sitting[k]] + 0.8)
        name = today.rows.texts.code(f"lessons-{number}")
        today.rows.add("achievement_unlocked", steps.session[k], at, object=name)


def _last_of_each(values: Ints) -> tuple[Ints, Ints, Ints]:
    """Distinct values, where each occurs last, and how often."""
    distinct, from_end, count = np.unique(values[::-1], return_index=True, return_counts=True)
    return distinct, len(values) - 1 - from_end, count


def _streaks(today: Today, sitting: Sitting, over: Floats) -> None:
    people, first = today.learners, np.flatnonzero(sitting.first)
    grown = mark_active(today, sitting.learner)
    learner = sitting.learner[first]
    k = first[np.isin(learner, grown)]
    _days(today, "streak_extended", sitting, k, people.streak[sitting.learner[k]], over[k] + 1.0)
    k = first[people.lost_streak[learner] > 0]
    _days(
        today, "streak_broken", sitting, k, people.lost_streak[sitting.learner[k]], sitting.start_s[k] + 0.4
    )
    people.lost_streak[sitting.learner[k]] = 0


def _days(today: Today, kind: str, sitting: Sitting, which: Ints, days: Ints, at: Floats) -> None:
    distinct, place = np.unique(days, return_inverse=True)
    payload = today.rows.texts.codes([f'{{"days":{n}}}' for n in distinct])
    today.rows.add(kind, sitting.session[which], today.at(at), payload=payload[place] if len(days) else -1)
