"""The learners of one organisation: what they are like, and how far they have come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connectors.demo.campus import UNITS, Bools, Campus, Floats, Ints
from connectors.demo.places import PLANTED, SEGMENTS, Place

NEVER = 1_000_000
GENDERS = ("female", "male", "diverse")
FROM = ("school", "search", "referral", "advert", "partner")
GRADES = ("Grade 9", "Grade 10", "Grade 11", "Grade 12")
RATES = np.array([1.0, 1.25, 1.5, 2.0])
# The first learners of each organisation are people of the persona picker.
MIA, NOAH, LEO, SELIN, EMIL, JONAS = range(6)
CAST = 6


@dataclass(slots=True)
class Learners:
    """Arrays by learner; those of two dimensions are learner by course slot."""

    ability: Floats
    diligence: Floats
    segment: Ints
    client: Ints
    second_client: Ints
    rate: Floats
    sociable: Floats
    region: Ints
    language: Ints
    gender: Ints
    grade: Ints
    acquired: Ints
    sponsor: Ints
    nudged: Bools
    rounded: Bools
    risk: Floats
    joined: Ints
    safe: Bools  # people of the persona picker do not drop out
    courses: Ints
    started: Ints  # day a course was taken up, NEVER before
    progress: Ints
    practice: Ints
    dropped: Ints
    streak: Ints
    lost_streak: Ints
    lessons: Ints
    last_post: Ints
    welcomed: Bools
    exposed: Bools
    predicted_on: Ints
    predicted: Floats
    subscribed: Ints  # day the next period is due, NEVER without a subscription
    renewals: Ints
    refund_on: Ints
    refund_product: Ints
    active: Bools  # ring of 14 days
    score_sum: Floats  # ring of 28 days
    score_count: Floats

    def __len__(self) -> int:
        return len(self.ability)


def build_learners(campus: Campus, count: int, days: int, rng: np.random.Generator) -> Learners:
    place, slots = campus.place, min(campus.place.slots, campus.courses)
    ability = rng.normal(0, 1, count)
    segment = rng.choice(len(SEGMENTS), count, p=[s.share for s in SEGMENTS])
    joined = _joined(place, count, days, rng)
    learners = Learners(
        ability=ability,
        diligence=rng.lognormal(-0.17, 0.3, count) * np.exp(0.08 * ability),
        segment=segment,
        client=rng.choice(6, count, p=[0.34, 0.16, 0.04, 0.12, 0.2, 0.14]),
        second_client=rng.choice(6, count, p=[0.2, 0.1, 0.02, 0.1, 0.34, 0.24]),
        rate=rng.choice(RATES, count, p=[0.62, 0.18, 0.14, 0.06]),
        sociable=rng.gamma(1.2, 0.8, count),
        region=rng.choice(len(place.regions), count, p=[r[2] for r in place.regions]),
        language=rng.choice(len(place.languages), count, p=[x[1] for x in place.languages]),
        gender=rng.choice(3, count, p=[0.49, 0.48, 0.03]),
        grade=rng.integers(0, 4, count),
        acquired=rng.choice(5, count, p=[0.35, 0.2, 0.15, 0.2, 0.1]),
        sponsor=np.where(rng.random(count) < 0.6, rng.integers(0, 6, count), -1),
        nudged=rng.random(count) < 0.5,
        rounded=rng.random(count) < 0.5,
        risk=-0.4 - 1.1 * ability + rng.normal(0, 0.4, count),
        joined=joined,
        safe=np.arange(count) < CAST,
        courses=_choose_courses(campus, count, slots, rng),
        started=np.full((count, slots), NEVER),
        progress=np.zeros((count, slots), np.int64),
        practice=np.zeros((count, slots, UNITS), np.int64),
        dropped=np.full(count, NEVER),
        streak=np.zeros(count, np.int64),
        lost_streak=np.zeros(count, np.int64),
        lessons=np.zeros(count, np.int64),
        last_post=np.full(count, -NEVER),
        welcomed=np.zeros(count, bool),
        exposed=np.zeros(count, bool),
        predicted_on=np.full(count, NEVER),
        predicted=np.zeros(count),
        subscribed=np.where(rng.random(count) < 0.2, joined + rng.integers(0, 30, count), NEVER),
        renewals=np.zeros(count, np.int64),
        refund_on=np.full(count, NEVER),
        refund_product=np.zeros(count, np.int64),
        active=np.zeros((count, 14), bool),
        score_sum=np.zeros((count, 28)),
        score_count=np.zeros((count, 28)),
    )
    _cast(learners, place, days)
    _first_courses(learners, place, rng)
    return learners


def _joined(place: Place, count: int, days: int, rng: np.random.Generator) -> Ints:
    """Some were there before the first day; newcomers come as demand grows and swings."""
    weight = demand(np.arange(days), days)
    newcomers = rng.choice(days, count, p=weight / weight.sum())
    return np.where(rng.random(count) < place.joined_before, 0, newcomers)


def growth_a_week(days: int) -> float:
    """Gentler over long spans, so that ten years do not end in a million times the sales."""
    return min(PLANTED.revenue_growth_a_week, 0.8 / (days / 7))


def demand(day: Ints, days: int) -> Floats:
    """The planted trend and season of revenue, 1 on the first day without season."""
    week = day / 7
    season = 1 + PLANTED.revenue_season * np.sin(2 * np.pi * week / PLANTED.revenue_season_weeks)
    grown: Floats = np.exp(growth_a_week(days) * week) * season
    return grown


def _choose_courses(campus: Campus, count: int, slots: int, rng: np.random.Generator) -> Ints:
    """Different courses for each slot, popular ones more often (Gumbel top-k)."""
    gumbel = rng.gumbel(size=(count, campus.courses)) + np.log(campus.popularity) * 1.5
    return np.argsort(-gumbel, axis=1)[:, :slots]


def _cast(learners: Learners, place: Place, days: int) -> None:
    """The people of the persona picker have the lives their line tells."""
    learners.joined[:CAST] = 0
    learners.subscribed[:CAST] = NEVER
    learners.segment[[MIA, NOAH, SELIN, EMIL, JONAS]] = [0, 1, 0, 2, 2]
    learners.ability[[MIA, NOAH, JONAS]] = [0.9, 0.1, -1.8]
    learners.diligence[[MIA, NOAH, JONAS]] = [1.15, 1.0, 0.8]
    learners.joined[LEO] = max(days - 2, 0)
    learners.diligence[LEO] = 0.0
    for n, course in enumerate(range(min(learners.courses.shape[1], 4))):
        learners.courses[:CAST, n] = course
    learners.language[:CAST] = 0
    learners.sponsor[:CAST] = 0


def _first_courses(learners: Learners, place: Place, rng: np.random.Generator) -> None:
    count, slots = learners.started.shape
    settle = np.where(learners.joined == 0, rng.integers(0, 7, count), 0)
    first = learners.joined + settle
    # A school enrols in all courses at once; in a company people take one, and buy others later.
    taken = slots if place.has_terms else 1 + (learners.joined == 0)
    mask = np.arange(slots)[None, :] < np.broadcast_to(taken, count)[:, None]
    learners.started[:] = np.where(mask, first[:, None], NEVER)
