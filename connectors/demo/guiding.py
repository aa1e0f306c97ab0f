"""What the platform does for the learner: experiments, recommendations, predictions, consent."""

from __future__ import annotations

import numpy as np

from connectors.demo.campus import LESSONS, Floats, Ints
from connectors.demo.learners import NEVER
from connectors.demo.places import PLANTED
from connectors.demo.today import Sitting, Today

PURPOSES = ("analytics", "personalisation", "research")
ANSWERS = ("accepted", "modified", "rejected")
VERSIONS = ("1.3", "1.4")


def welcome(today: Today, sitting: Sitting) -> None:
    """Consent comes with the first session, before anything else."""
    people, rng = today.learners, today.rng
    k = np.flatnonzero(sitting.first & ~people.welcomed[sitting.learner])
    given = today.rows.texts.code('{"given_by":"guardian"}' if today.campus.place.has_terms else "{}")
    for number, purpose in enumerate(PURPOSES):
        some = k[rng.random(len(k)) < (1.0, 1.0, 0.6)[number]]
        at = today.at(sitting.start_s[some] + 0.01 * (number + 1))
        today.rows.add(
            "consent_granted",
            sitting.session[some],
            at,
            choice=today.rows.texts.code(purpose),
            payload=given if today.campus.place.has_terms else -1,
        )
    people.welcomed[sitting.learner[k]] = True
    k = np.flatnonzero(rng.random(len(sitting.session)) < 0.0006)
    research = today.rows.texts.code("research")
    today.rows.add("consent_withdrawn", sitting.session[k], today.at(sitting.start_s[k] + 8), choice=research)


def expose(today: Today, sitting: Sitting) -> None:
    """Both experiments begin on one day; each learner is exposed once, at the next session."""
    people, texts = today.learners, today.rows.texts
    if today.number < today.day_of(PLANTED.experiment_from):
        return
    k = np.flatnonzero(sitting.first & ~people.exposed[sitting.learner])
    learner = sitting.learner[k]
    arms = texts.codes(("control", "treatment"))
    for n, (name, arm) in enumerate(
        ((PLANTED.effect_experiment, people.nudged), (PLANTED.null_experiment, people.rounded))
    ):
        today.rows.add(
            "experiment_exposure",
            sitting.session[k],
            today.at(sitting.start_s[k] + 0.1 * (n + 1)),
            object=texts.code(name),
            choice=arms[arm[learner].astype(int)],
        )
    people.exposed[learner] = True


def recommend(today: Today, sitting: Sitting, over: Floats) -> None:
    rng, people, texts = today.rng, today.learners, today.rows.texts
    k = np.flatnonzero((rng.random(len(over)) < 0.11) & (sitting.slot >= 0))
    session, learner = sitting.session[k], sitting.learner[k]
    course = people.courses[learner, sitting.slot[k]]
    lesson = course * LESSONS + np.minimum(people.progress[learner, sitting.slot[k]], LESSONS - 1)
    recommendation = texts.codes([f"R-{n:016x}" for n in rng.integers(0, 2**63, len(k))])
    strategy = texts.codes([f'{{"strategy":"{s}"}}' for s in ("next-step", "weak-skill", "peers")])
    payload = strategy[rng.choice(3, len(k), p=[0.5, 0.3, 0.2])]
    where = {"course": course, "lesson": lesson, "object": recommendation, "payload": payload}
    start, end = sitting.start_s[k] + 6, over[k]
    today.rows.add("recommendation_shown", session, today.at(start), **where)
    answer = rng.choice(4, len(k), p=[0.42, 0.08, 0.18, 0.32])
    for number, name in enumerate(ANSWERS):
        _follow(today, f"recommendation_{name}", answer == number, session, start + 9, where)
    completed = (answer == 0) & (rng.random(len(k)) < 0.6)
    _follow(today, "recommendation_completed", completed, session, np.maximum(end, start + 12), where)
    rated = completed & (rng.random(len(k)) < 0.35)
    stars = texts.codes([f'{{"rating":{n}}}' for n in range(1, 6)])
    given = stars[rng.choice(5, len(k), p=[0.03, 0.07, 0.2, 0.4, 0.3])]
    _follow(
        today,
        "recommendation_rated",
        rated,
        session,
        np.maximum(end, start + 12) + 1,
        {**where, "payload": given},
    )


def _follow(
    today: Today,
    kind: str,
    which: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    session: Ints,
    at: Floats,
    where: dict[str, Ints],
) -> None:
    k = np.flatnonzero(which)
    today.rows.add(kind, session[k], today.at(at[k]), **{name: codes[k] for name, codes in where.items()})


def predict(today: Today, sitting: Sitting) -> None:
    """A risk for each learner about once a week; a week later it is known what came of it."""
    people, rng, rows = today.learners, today.rng, today.rows
    first = np.flatnonzero(sitting.first)
    learner = sitting.learner[first]
    known = first[people.predicted_on[learner] <= today.number - 7]
    who = sitting.learner[known]
    happened = rng.random(len(who)) < 1 / (1 + np.exp(-people.risk[who]))
    model = rows.texts.code(PLANTED.model)
    version = VERSIONS[today.share() >= 0.5]
    words = np.where(happened, "true", "false")
    payload = rows.texts.codes(
        [
            f'{{"outcome":{word},"probability":{p:.3f},"version":"{version}"}}'
            for word, p in zip(words, people.predicted[who], strict=True)
        ]
    )
    rows.add(
        "prediction_outcome",
        sitting.session[known],
        today.at(sitting.start_s[known] + 3),
        object=model,
        payload=payload,
    )
    people.predicted_on[who] = NEVER
    _serve(today, sitting, first[people.predicted_on[learner] == NEVER], model, version)


def _serve(today: Today, sitting: Sitting, which: Ints, model: int, version: str) -> None:
    people, rng, rows = today.learners, today.rng, today.rows
    who = sitting.learner[which]
    drifted = today.number >= today.day_of(PLANTED.drift_from)
    logit = people.risk[who] + PLANTED.unfair * (people.language[who] > 0)
    logit = logit + rng.normal(0, 0.5 + drifted * PLANTED.drift_noise, len(who)) + drifted * PLANTED.drift
    people.predicted[who] = probability = np.round(1 / (1 + np.exp(-logit)), 3)
    people.predicted_on[who] = today.number
    mean = np.round(70 + 9 * people.ability[who] - 6 * drifted)
    texts = [
        f'{{"probability":{p:.3f},"version":"{version}","latency_ms":{n},"inputs":{{"mean_score":{m:g}}}}}'
        for p, n, m in zip(probability, rng.integers(4, 60, len(who)), mean, strict=True)
    ]
    at = today.at(sitting.start_s[which] + 3.2)
    rows.add("prediction_served", sitting.session[which], at, object=model, payload=rows.texts.codes(texts))
    _react(today, sitting, which, version)


def _react(today: Today, sitting: Sitting, which: Ints, version: str) -> None:
    rng, texts = today.rng, today.rows.texts
    k = which[rng.random(len(which)) < 0.2]
    tutor = texts.code("tutor-hints")
    helped = texts.codes([f'{{"helpful":{w},"version":"{version}"}}' for w in ("false", "true")])
    payload = helped[(rng.random(len(k)) < 0.74).astype(int)]
    at = today.at(sitting.start_s[k] + 25)
    today.rows.add("ai_feedback", sitting.session[k], at, object=tutor, payload=payload)
    k = which[rng.random(len(which)) < 0.006]
    grave = texts.codes(("low", "medium", "high"))[rng.choice(3, len(k), p=[0.7, 0.25, 0.05])]
    reason = texts.code('{"reason":"off-topic answer"}')
    at = today.at(sitting.start_s[k] + 30)
    today.rows.add("safety_flag", sitting.session[k], at, object=tutor, choice=grave, payload=reason)
