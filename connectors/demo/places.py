"""The two organisations of the demo, and what is planted in each so that later work can be judged by it."""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.demo.curriculum import COMPANY, SCHOOL, Outline


@dataclass(frozen=True, slots=True)
class DropOut:
    """Each Monday in term: logit of leaving = intercept + sum of coefficient x feature."""

    intercept: float
    active_days_14: float = -0.45  # per active day of the 14 days before
    mean_score_28: float = -0.06  # per point of the mean score of the 28 days before, less 70
    posted_28: float = -0.7  # wrote something in the 28 days before
    acquired_by_advert: float = 0.8


@dataclass(frozen=True, slots=True)
class Place:
    key: str
    name: str
    zone: str
    locale: str
    country: str
    currency: str
    has_terms: bool
    outlines: tuple[Outline, ...]
    learner_share: float
    course_share: float
    slots: int  # courses one learner may take
    joined_before: float  # share of learners who were there on the first day
    visits: float  # catalogue visits a learner and day
    drop_out: DropOut
    regions: tuple[tuple[str, str, float], ...]  # country, ISO 3166-2 region, weight
    languages: tuple[tuple[str, float], ...]
    prefix: str = field(default="")


NORTHFIELD = Place(
    key="northfield",
    name="Northfield Academy",
    zone="Europe/Berlin",
    locale="en_GB",
    country="DE",
    currency="EUR",
    has_terms=True,
    outlines=SCHOOL,
    learner_share=0.55,
    course_share=0.55,
    slots=4,
    joined_before=0.9,
    visits=0.012,
    drop_out=DropOut(-4.3),
    regions=(
        ("DE", "DE-BE", 0.55),
        ("DE", "DE-BB", 0.2),
        ("DE", "DE-HH", 0.08),
        ("DE", "DE-SN", 0.07),
        ("PL", "PL-ZP", 0.06),
        ("AT", "AT-9", 0.04),
    ),
    languages=(("de", 0.68), ("tr", 0.12), ("pl", 0.08), ("ar", 0.07), ("en", 0.05)),
    prefix="NF",
)
BRIGHTWATER = Place(
    key="brightwater",
    name="Brightwater Training",
    zone="America/Toronto",
    locale="en_CA",
    country="CA",
    currency="CAD",
    has_terms=False,
    outlines=COMPANY,
    learner_share=0.45,
    course_share=0.45,
    slots=4,
    joined_before=0.6,
    visits=0.06,
    drop_out=DropOut(-3.2),
    regions=(
        ("CA", "CA-ON", 0.42),
        ("CA", "CA-QC", 0.2),
        ("CA", "CA-BC", 0.13),
        ("CA", "CA-AB", 0.09),
        ("US", "US-NY", 0.09),
        ("GB", "GB-LND", 0.07),
    ),
    languages=(("en", 0.7), ("fr", 0.2), ("zh", 0.06), ("es", 0.04)),
    prefix="BW",
)
PLACES = (NORTHFIELD, BRIGHTWATER)


@dataclass(frozen=True, slots=True)
class Segment:
    """How somebody learns: chance of a session by day, usual hour, lessons a session."""

    name: str
    share: float
    weekday: float
    weekend: float
    hour: float
    hour_spread: float
    more_lessons: float  # Poisson mean beyond the first
    crams: bool = False


SEGMENTS = (
    Segment("steady", 0.5, 0.52, 0.1, 16.4, 1.6, 0.25),
    Segment("weekender", 0.25, 0.08, 0.85, 12.5, 2.4, 1.1),
    Segment("crammer", 0.25, 0.07, 0.12, 20.8, 1.0, 1.5, crams=True),
)
CRAM_CHANCE = 0.85  # Wednesday to Friday of every second week


@dataclass(frozen=True, slots=True)
class Planted:
    """What is true of every demo school. Days are shares of the whole span, from its first day."""

    effect_experiment: str = "finish-line-nudge"
    effect: float = 0.08  # on the share of started lessons that are completed
    null_experiment: str = "rounder-cards"
    experiment_from: float = 0.45
    weak_minute: tuple[int, int] = (180, 240)
    weak_minute_loss: float = 0.45
    bad_item_slope: float = -1.2  # the abler the learner, the likelier the wrong answer
    broken_from: float = 0.62
    broken_days: int = 10
    pay_chance: float = 0.62
    pay_chance_broken: float = 0.08
    checkout_chance: float = 0.4
    revenue_growth_a_week: float = 0.03
    revenue_season: float = 0.35
    revenue_season_weeks: float = 13.0
    model: str = "next-week-risk"
    drift_from: float = 0.7
    drift: float = 1.6  # logit added to predictions from that day on
    drift_noise: float = 1.2
    unfair: float = 1.1  # logit added for learners whose language is not the school's
    bad_week_from: float = 0.8
    bad_source: str = "android"
    bad_late: float = 0.5
    bad_score: float = 0.06
    bad_missing_device: float = 0.4
    bad_missing_course: float = 0.15
    bad_repeat: float = 0.08


PLANTED = Planted()
