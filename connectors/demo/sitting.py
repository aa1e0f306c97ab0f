"""Who sits down to learn today, when, and for which course."""

from __future__ import annotations

import numpy as np

from connectors.demo.campus import LESSONS, Floats, Ints
from connectors.demo.places import CRAM_CHANCE, SEGMENTS
from connectors.demo.today import DAY_END_S, Sitting, Steps, Today, before_in_group, run_lengths

_WEEKDAY = np.array([s.weekday for s in SEGMENTS])
_WEEKEND = np.array([s.weekend for s in SEGMENTS])
_HOUR = np.array([s.hour for s in SEGMENTS])
_SPREAD = np.array([s.hour_spread for s in SEGMENTS])
_MORE = np.array([s.more_lessons for s in SEGMENTS])
_CRAMS = np.array([s.crams for s in SEGMENTS])
HOLIDAY = 0.1
MOST_SESSIONS = 40
LESSON_S = 1500.0  # room kept before midnight for each lesson


def chances(today: Today) -> Floats:
    """Expected sessions of each learner of the block."""
    people, weekday = today.learners, today.school_day.day.weekday()
    segment = people.segment[today.block]
    chance = (_WEEKEND if weekday >= 5 else _WEEKDAY)[segment]
    week = today.school_day.day.toordinal() // 7
    if weekday in (2, 3, 4) and week % 2 == 0:
        chance = np.where(_CRAMS[segment], CRAM_CHANCE, chance)
    if today.school_day.holiday:
        chance = chance * HOLIDAY
    expected: Floats = chance * people.diligence[today.block] * today.intensity
    return expected


def sit_down(today: Today) -> Sitting:
    people, rng = today.learners, today.rng
    count = np.minimum(rng.poisson(chances(today)), MOST_SESSIONS)
    source, place = run_lengths(count)
    learner = today.block[source]
    segment = people.segment[learner]
    hour = np.clip(rng.normal(_HOUR[segment], _SPREAD[segment]), 6, 23)
    # Part of the steady ones' work happens in school or at the desk, in the morning.
    morning = (rng.random(len(learner)) < 0.3) & (segment == 0) & (today.school_day.day.weekday() < 5)
    hour = np.where(morning, rng.uniform(8, 13, len(learner)), hour)
    return Sitting(
        session=today.open(learner),
        learner=learner,
        start_s=hour * 3600,
        slot=_slots(today, learner),
        first=place == 0,
    )


def _slots(today: Today, learner: Ints) -> Ints:
    """An open course if there is one, else a finished one to look at again, else -1."""
    people = today.learners
    started = people.started[learner] <= today.number
    unfinished = started & (people.progress[learner] < LESSONS)
    wish = today.rng.random(started.shape) + started + unfinished
    slot: Ints = np.where(started.any(axis=1), np.argmax(wish, axis=1), -1)
    return slot


def lessons_of(today: Today, sitting: Sitting) -> Steps:
    """The lessons each sitting would work through if all went well; times are filled in later."""
    people, rng = today.learners, today.rng
    wanted = 1 + rng.poisson(_MORE[people.segment[sitting.learner]])
    latest = np.maximum((DAY_END_S - sitting.start_s) / LESSON_S, 1).astype(np.int64)
    count = np.where(sitting.slot >= 0, np.minimum(wanted, latest), 0)
    source, place = run_lengths(count)
    learner, slot = sitting.learner[source], sitting.slot[source]
    progress = people.progress[learner, slot]
    again = rng.integers(0, LESSONS, len(source))
    lesson = np.where(progress >= LESSONS, again, np.minimum(progress + place, LESSONS - 1))
    return Steps(
        sitting=source,
        session=sitting.session[source],
        learner=learner,
        slot=slot,
        course=people.courses[learner, slot],
        lesson=lesson,
        start_s=sitting.start_s[source],
    )


def reached(steps: Steps, done: Floats) -> Ints:
    """Indices of the lessons that were begun: nobody goes on after one that was left."""
    left_before = before_in_group(1 - done, steps.sitting)
    return np.flatnonzero(left_before < 0.5)


def mark_active(today: Today, learner: Ints) -> Ints:
    """Remember who was here; returns the learners whose streak grew (only school days count)."""
    people = today.learners
    people.active[:, today.number % 14][today.block] = False
    people.active[learner, today.number % 14] = True
    if today.school_day.kind != "term":
        return np.zeros(0, np.int64)
    here = np.unique(learner)
    away = np.setdiff1d(today.block, here, assume_unique=True)
    broken = away[people.streak[away] >= 3]
    people.lost_streak[broken] = people.streak[broken]
    people.streak[away] = 0
    people.streak[here] += 1
    return here[people.streak[here] >= 2]


def there(today_number: int, joined: Ints, dropped: Ints) -> Ints:
    return np.flatnonzero((joined <= today_number) & (dropped > today_number))
