"""What stands still: courses, lessons, videos, quizzes and items of one organisation, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from connectors.demo.curriculum import Outline, outline
from connectors.demo.places import PLANTED, Place

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]

UNITS, STEPS = 6, 4
LESSONS = UNITS * STEPS  # of every course
SHORT_QUIZ, LONG_QUIZ, EXAM = 4, 6, 10
CHOICES = "ABCD"
# Per course: a short quiz with step 1 and a long one with step 3 of each unit (the last is the exam),
# then an assignment with the last step of units 2, 4 and 6.
QUIZZES = UNITS * 2
ASSESSMENTS = QUIZZES + UNITS // 2
QUIZ_ITEMS = np.array([SHORT_QUIZ, LONG_QUIZ] * (UNITS - 1) + [SHORT_QUIZ, EXAM], dtype=np.int64)
ITEMS = int(QUIZ_ITEMS.sum())
FIRST_ITEM = np.concatenate([[0], np.cumsum(QUIZ_ITEMS)[:-1]]).astype(np.int64)
VIDEOS = UNITS * 2  # steps 0 and 1 of each unit
PRICES = np.array([4900, 7900, 9900, 14900, 19900], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Campus:
    """Every course has the same shape, so the lesson `n` of course `c` is `c * LESSONS + n`, and so on."""

    place: Place
    outlines: tuple[Outline, ...]
    course_ids: tuple[str, ...]
    video_s: Floats
    item_slope: Floats
    item_difficulty: Floats
    item_right: Ints
    due_share: Floats  # when an assignment is due, as share of the course's time
    price_cents: Ints  # one product a course, then the subscription, then the workshop
    popularity: Floats
    meets_on: Ints  # weekday of the live session

    @property
    def courses(self) -> int:
        return len(self.outlines)

    @property
    def weak_video(self) -> int:
        return 2  # first course, second unit, "First Look"

    @property
    def bad_item(self) -> int:
        return int(FIRST_ITEM[1]) + 2  # first course, the first unit's long quiz, third question


def build_campus(place: Place, courses: int, rng: np.random.Generator) -> Campus:
    outlines = tuple(outline(place.outlines, n) for n in range(courses))
    videos, items = courses * VIDEOS, courses * ITEMS
    unit = np.repeat(np.arange(QUIZZES) // 2, QUIZ_ITEMS)
    difficulty = rng.normal(-0.9, 0.8, items) + np.tile(unit, courses) * 0.12
    slope = rng.lognormal(0.15, 0.3, items)
    campus = Campus(
        place=place,
        outlines=outlines,
        course_ids=tuple(f"{place.prefix}-{o.code}" for o in outlines),
        video_s=np.round(rng.uniform(180, 480, videos)),
        item_slope=slope,
        item_difficulty=difficulty,
        item_right=rng.integers(0, len(CHOICES), items),
        due_share=np.array([0.36, 0.68, 0.98]),
        price_cents=np.concatenate([rng.choice(PRICES, courses), [1900, 11900]]),
        popularity=np.linspace(1.6, 0.7, courses),
        meets_on=np.arange(courses) % 5,
    )
    campus.video_s[campus.weak_video] = 540
    slope[campus.bad_item], difficulty[campus.bad_item] = PLANTED.bad_item_slope, 0.3
    return campus
