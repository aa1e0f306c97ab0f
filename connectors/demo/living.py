"""Coming and going: enrolments of the day, and who drops out on a Monday and why."""

from __future__ import annotations

import numpy as np

from connectors.demo.buying import product_ids
from connectors.demo.campus import LESSONS, Floats, Ints
from connectors.demo.learners import FROM
from connectors.demo.today import Today

ADVERT = FROM.index("advert")
OFFICE_S = 6.5 * 3600
SETTLED_DAYS = 14


def enrol(today: Today) -> None:
    """Courses taken up today; a newcomer to the company pays for the first one."""
    people, rows, rng = today.learners, today.rows, today.rng
    row, slot = np.nonzero(people.started[today.block] == today.number)
    learner = today.block[row]
    course = people.courses[learner, slot]
    visitor, which = np.unique(learner, return_inverse=True)
    session = today.open(visitor)
    start = rng.uniform(OFFICE_S, OFFICE_S + 1800, len(visitor))
    rows.add("session_start", session, today.at(start))
    rows.add("course_enroll", session[which], today.at(start[which] + 20 + slot * 5), course=course)
    rows.add("session_end", session, today.at(start + 60), duration=60.0)
    new = (people.joined[learner] > 0) & (slot == 0)
    if today.campus.place.has_terms:
        return
    names = rows.texts.codes(
        product_ids(today.campus.place.prefix, tuple(o.code for o in today.campus.outlines))
    )
    rows.add(
        "order_paid",
        session[which][new],
        today.at(start[which][new] + 15),
        object=names[course[new]],
        amount=today.campus.price_cents[course[new]],
    )


def features(today: Today, learner: Ints) -> Floats:
    """What drives dropping out, one column a coefficient of DropOut; all of it is seen in the events."""
    people = today.learners
    count = people.score_count[learner].sum(axis=1)
    mean = np.where(count > 0, people.score_sum[learner].sum(axis=1) / np.maximum(count, 1), 70.0)
    return np.column_stack(
        [
            people.active[learner].sum(axis=1),
            mean - 70,
            today.number - people.last_post[learner] <= 28,
            people.acquired[learner] == ADVERT,
        ]
    ).astype(float)


def drop_out(today: Today, quiet_days: int) -> None:
    """Mondays in term, unless holidays lie in the two weeks before."""
    if today.school_day.day.weekday() != 0 or today.school_day.kind != "term" or quiet_days:
        return
    people, rule = today.learners, today.campus.place.drop_out
    settled = people.started[today.block].min(axis=1) <= today.number - SETTLED_DAYS
    learner = today.block[settled & ~people.safe[today.block]]
    weights = np.array([rule.active_days_14, rule.mean_score_28, rule.posted_28, rule.acquired_by_advert])
    chance = 1 / (1 + np.exp(-(rule.intercept + features(today, learner) @ weights)))
    gone = learner[today.rng.random(len(learner)) < chance]
    people.dropped[gone] = today.number
    _sign_off(today, gone[today.rng.random(len(gone)) < 0.6])


def _sign_off(today: Today, learner: Ints) -> None:
    """Some say good-bye in the office; the others are just not seen again."""
    people, rows = today.learners, today.rows
    open_ones = (people.started[learner] <= today.number) & (people.progress[learner] < LESSONS)
    row, slot = np.nonzero(open_ones)
    session = today.open(learner)
    start = np.full(len(learner), OFFICE_S)
    reason = rows.texts.code('{"reason":"no time"}')
    rows.add("session_start", session, today.at(start))
    rows.add(
        "course_unenroll",
        session[row],
        today.at(start[row] + 5 + slot),
        course=people.courses[learner[row], slot],
        payload=reason,
    )
    rows.add("session_end", session, today.at(start + 30), duration=30.0)
