"""Quizzes, exercises and assignments: answers by a two-parameter model, and what practice adds."""

from __future__ import annotations

import numpy as np

from connectors.demo.campus import (
    ASSESSMENTS,
    CHOICES,
    FIRST_ITEM,
    ITEMS,
    QUIZ_ITEMS,
    QUIZZES,
    STEPS,
    UNITS,
    Floats,
    Ints,
)
from connectors.demo.today import Steps, Today, run_lengths, some, take


def quiz_of(steps: Steps) -> Ints:
    """The quiz of a lesson within its course; -1 where there is none."""
    return np.where(steps.step % 2 == 1, steps.unit * 2 + steps.step // 2, -1)


def assignment_of(steps: Steps) -> Ints:
    """0, 1 or 2 with the last lesson of units 2, 4 and 6; else -1."""
    return np.where((steps.step == STEPS - 1) & (steps.unit % 2 == 1), steps.unit // 2, -1)


def exercise(today: Today, steps: Steps, at: Floats, exercise: Floats) -> None:
    fit = today.learners.ability[steps.learner]
    score = np.clip(today.rng.normal(72 + 9 * fit, 12), 0, 100).round()
    where = {"course": steps.course, "lesson": steps.lesson_code, "skill": steps.course * UNITS + steps.unit}
    some(
        today,
        "exercise_complete",
        exercise > 0,
        steps,
        at + exercise - 1,
        where,
        score=score,
        duration=exercise.round(1),
    )
    kept = exercise > 0
    _remember_scores(today, steps.learner[kept], score[kept])


def quiz(today: Today, steps: Steps, at: Floats, answering: Floats, quiz: Ints) -> None:
    kept = np.flatnonzero(quiz >= 0)
    who, at, answering, quiz = take(steps, kept), at[kept], answering[kept], quiz[kept]
    rows, assessment = today.rows, who.course * ASSESSMENTS + quiz
    where = {"course": who.course, "lesson": who.lesson_code, "assessment": assessment}
    rows.add("quiz_start", who.session, today.at(at), **where)
    parts, place = run_lengths(QUIZ_ITEMS[quiz])
    item = (who.course * ITEMS + FIRST_ITEM[quiz])[parts] + place
    correct = _answers(today, take(who, parts), item)
    each = answering / QUIZ_ITEMS[quiz]
    rows.add(
        "quiz_answer",
        who.session[parts],
        today.at(at[parts] + (place + 0.9) * each[parts]),
        item=item,
        correct=correct,
        choice=_choices(today, item, correct),
        duration=each[parts].round(1),
        skill=(who.course * UNITS + who.unit)[parts],
        **{name: codes[parts] for name, codes in where.items()},
    )
    right = np.bincount(parts, weights=correct, minlength=len(who))
    score = (100 * right / QUIZ_ITEMS[quiz]).round(1)
    rows.add(
        "quiz_submit",
        who.session,
        today.at(at + answering),
        score=score,
        duration=answering.round(1),
        **where,
    )
    _remember_scores(today, who.learner, score)
    np.add.at(today.learners.practice, (who.learner, who.slot, who.unit), QUIZ_ITEMS[quiz])


def _answers(today: Today, who: Steps, item: Ints) -> Ints:
    """Two-parameter logistic, with what practice in the skill has added to the learner."""
    people, campus = today.learners, today.campus
    able = people.ability[who.learner] + 0.22 * np.log1p(people.practice[who.learner, who.slot, who.unit])
    logit = campus.item_slope[item] * (able - campus.item_difficulty[item])
    right: Ints = (today.rng.random(len(item)) < 1 / (1 + np.exp(-logit))).astype(np.int64)
    return right


def _choices(today: Today, item: Ints, correct: Ints) -> Ints:
    """Wrong answers go mostly to one distractor, as they do."""
    right = today.campus.item_right[item]
    away = today.rng.choice(3, len(item), p=[0.55, 0.3, 0.15]) + 1
    option = np.where(correct == 1, right, (right + away) % len(CHOICES))
    return today.rows.texts.codes(list(CHOICES))[option]


def assignment(today: Today, steps: Steps, at: Floats, writing: Floats) -> None:
    number = assignment_of(steps)
    assessment = steps.course * ASSESSMENTS + QUIZZES + number
    where = {"course": steps.course, "lesson": steps.lesson_code, "assessment": assessment}
    fit = today.learners.ability[steps.learner]
    score = np.clip(today.rng.normal(71 + 9 * fit, 10), 0, 100).round()
    late = today.share() > today.campus.due_share[np.maximum(number, 0)]
    payload = np.where(late, today.rows.texts.code('{"late":true}'), today.rows.texts.code('{"late":false}'))
    handed = (writing > 0) & (today.rng.random(len(steps)) < 0.93)
    some(today, "assignment_start", writing > 0, steps, at, where)
    some(
        today,
        "assignment_submit",
        handed,
        steps,
        at + writing - 1,
        where,
        score=score,
        duration=writing.round(1),
        payload=payload,
    )
    _remember_scores(today, steps.learner[handed], score[handed])


def _remember_scores(today: Today, learner: Ints, score: Floats) -> None:
    ring = today.number % 28
    np.add.at(today.learners.score_sum[:, ring], learner, score)
    np.add.at(today.learners.score_count[:, ring], learner, 1)
