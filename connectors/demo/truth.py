"""What was planted, with its numbers: later work is judged by whether it finds this from the events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import numpy as np

from connectors.demo.campus import Ints
from connectors.demo.cast import PERSONAS
from connectors.demo.groups import special_groups
from connectors.demo.learners import LEO, NEVER, growth_a_week
from connectors.demo.people import CAST_LEARNERS
from connectors.demo.places import PLANTED, SEGMENTS
from connectors.demo.school import School
from connectors.demo.standing import day_of

MOST_LISTED = 20_000  # of learners by name of their pseudonym; the file stays readable


def truth(schools: Sequence[School]) -> dict[str, Any]:
    """To be asked once all events were drawn: who dropped out is known only then."""
    size = schools[0].size
    return {
        "seed": size.seed,
        "since": schools[0].days[0].day.isoformat(),
        "until": size.until.isoformat(),
        "now": size.now.isoformat(),
        "size": {n: getattr(size, n) for n in ("learners", "courses", "days", "events", "seed")},
        "personas": [asdict(p) for p in PERSONAS],
        "organisations": {school.place.key: _of_school(school) for school in schools},
    }


def _of_school(school: School) -> dict[str, Any]:
    return {
        "organisation_id": school.organisation_id,
        "name": school.place.name,
        "zone": school.place.zone,
        "learners": len(school.learners),
        "drop_out": _drop_out(school),
        "experiments": _experiments(school),
        "video": {
            "video_id": school.ids.video[school.campus.weak_video],
            "from_s": PLANTED.weak_minute[0],
            "to_s": PLANTED.weak_minute[1],
            "share_lost": PLANTED.weak_minute_loss,
        },
        "item": {
            "item_id": school.ids.item[school.campus.bad_item],
            "slope": PLANTED.bad_item_slope,
            "why": "worded so that the abler learners choose the wrong option",
        },
        "segments": _segments(school),
        "funnel": _funnel(school),
        "revenue": _revenue(school),
        "model": _model(school),
        "bad_week": _bad_week(school),
        "data_poor_learner": _id(school, LEO),
        "empty_class": special_groups(school)[0].class_id,
        "class_of_one": special_groups(school)[1].class_id,
        "cast": {name: _id(school, n) for name, n in CAST_LEARNERS[school.place.key].items()},
    }


def _id(school: School, learner: int) -> str:
    """As text: JSON readers lose the last digits of 64-bit numbers."""
    return str(school.learner_ids[learner])


def _ids(school: School, learners: Ints) -> list[str]:
    return [str(i) for i in school.learner_ids[learners[:MOST_LISTED]]]


def _date(school: School, share: float, more: int = 0) -> str:
    return (day_of(school, int(share * school.size.days)) + timedelta(days=more)).isoformat()


def _drop_out(school: School) -> dict[str, Any]:
    gone = np.flatnonzero(school.learners.dropped < NEVER)[:MOST_LISTED]
    return {
        "rule": "each Monday in term without holidays in the 14 days before, from the third week on:"
        " logit = intercept + sum of coefficient x feature",
        "coefficients": asdict(school.place.drop_out),
        "share": float(np.mean(school.learners.dropped < NEVER)),
        "student_ids": [school.student_ids[n] for n in gone],
        "learners": {
            _id(school, n): day_of(school, int(school.learners.dropped[n])).isoformat() for n in gone
        },
    }


def _experiments(school: School) -> dict[str, Any]:
    since = _date(school, PLANTED.experiment_from)
    return {
        "with_effect": {
            "experiment_id": PLANTED.effect_experiment,
            "since": since,
            "measure": "share of started lessons that are completed",
            "effect": PLANTED.effect,
        },
        "without_effect": {"experiment_id": PLANTED.null_experiment, "since": since, "effect": 0.0},
    }


def _segments(school: School) -> dict[str, Any]:
    segment = school.learners.segment
    return {
        s.name: {"habit": asdict(s), "learners": _ids(school, np.flatnonzero(segment == n))}
        for n, s in enumerate(SEGMENTS)
    }


def _funnel(school: School) -> dict[str, Any]:
    return {
        "steps": ["page_view of /catalogue/...", "feature_used checkout", "order_paid"],
        "chance_of_checkout": PLANTED.checkout_chance,
        "chance_of_payment": PLANTED.pay_chance,
        "broken_step": "order_paid",
        "broken_since": _date(school, PLANTED.broken_from),
        "broken_until": _date(school, PLANTED.broken_from, PLANTED.broken_days),
        "chance_of_payment_then": PLANTED.pay_chance_broken,
    }


def _revenue(school: School) -> dict[str, Any]:
    return {
        "growth_a_week": growth_a_week(school.size.days),
        "season": PLANTED.revenue_season,
        "season_weeks": PLANTED.revenue_season_weeks,
        "rule": "visits to the catalogue, and orders with them:"
        " exp(growth x week) x (1 + season x sin(2 pi week / season_weeks))",
        "currency": school.place.currency,
    }


def _model(school: School) -> dict[str, Any]:
    return {
        "model_id": PLANTED.model,
        "drifts_since": _date(school, PLANTED.drift_from),
        "drift_logit": PLANTED.drift,
        "unfair_to": f"learners whose language is not '{school.place.languages[0][0]}'",
        "unfair_logit": PLANTED.unfair,
    }


def _bad_week(school: School) -> dict[str, Any]:
    return {
        "since": _date(school, PLANTED.bad_week_from),
        "until": _date(school, PLANTED.bad_week_from, 7),
        "source": PLANTED.bad_source,
        "late": PLANTED.bad_late,
        "score_ten_times": PLANTED.bad_score,
        "missing_device": PLANTED.bad_missing_device,
        "missing_course": PLANTED.bad_missing_course,
        "repeated": PLANTED.bad_repeat,
    }
