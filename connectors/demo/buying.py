"""The shop: visits, the funnel with its broken step, orders, refunds and subscriptions."""

from __future__ import annotations

import numpy as np

from connectors.demo.campus import Floats, Ints
from connectors.demo.learners import NEVER, demand
from connectors.demo.places import PLANTED
from connectors.demo.today import Sitting, Today

REFUNDS = 0.05
RENEWAL_DAYS = 30


def product_ids(prefix: str, codes: tuple[str, ...]) -> list[str]:
    """One product a course, then the two that belong to none."""
    return [*(f"{prefix}-P-{code}" for code in codes), f"{prefix}-P-PLUS", f"{prefix}-P-WORKSHOP"]


def shop(today: Today) -> None:
    """Visits to the catalogue, in sessions of their own: a look, the checkout, the payment."""
    rng, people = today.rng, today.learners
    # Demand follows the planted trend whoever comes and goes: it does not depend on how many are there.
    wanted = today.campus.place.visits * float(demand(np.array([today.number]), today.days)[0])
    buyers = today.block[~people.safe[today.block]]
    visits = int(rng.poisson(wanted * today.places * today.intensity)) if len(buyers) else 0
    learner = rng.choice(buyers, visits)
    session, start = today.open(learner), rng.uniform(7 * 3600, 22.5 * 3600, len(learner))
    product, slot = _wish(today, learner)
    rows, texts = today.rows, today.rows.texts
    names = texts.codes(products_of(today))
    pages = texts.codes([f"/catalogue/{p}" for p in products_of(today)])
    rows.add("session_start", session, today.at(start))
    rows.add("page_view", session, today.at(start + 2), object=pages[product])
    k = np.flatnonzero(rng.random(len(learner)) < PLANTED.checkout_chance)
    rows.add("feature_used", session[k], today.at(start[k] + 60), object=texts.code("checkout"))
    k = k[rng.random(len(k)) < pay_chance(today)]
    _pay(today, session[k], start[k] + 150, product[k], names)
    _enrol(today, learner[k], slot[k], session[k], start[k] + 155)
    back = k[rng.random(len(k)) < REFUNDS]
    people.refund_on[learner[back]] = today.number + rng.integers(1, 14, len(back))
    people.refund_product[learner[back]] = product[back]
    rows.add("session_end", session, today.at(start + 200), duration=200.0)


def pay_chance(today: Today) -> float:
    broken = today.day_of(PLANTED.broken_from)
    bad = broken <= today.number < broken + PLANTED.broken_days
    return PLANTED.pay_chance_broken if bad else PLANTED.pay_chance


def products_of(today: Today) -> list[str]:
    return product_ids(today.campus.place.prefix, tuple(o.code for o in today.campus.outlines))


def _wish(today: Today, learner: Ints) -> tuple[Ints, Ints]:
    """The next course not taken yet, else the workshop (slot -1)."""
    people = today.learners
    untaken = people.started[learner] == NEVER
    slot = np.where(untaken.any(axis=1), np.argmax(untaken, axis=1), -1)
    workshop = today.campus.courses + 1
    return np.where(slot >= 0, people.courses[learner, slot], workshop), slot


def _pay(today: Today, session: Ints, at: Floats, product: Ints, names: Ints) -> None:
    today.rows.add(
        "order_paid",
        session,
        today.at(at),
        object=names[product],
        amount=today.campus.price_cents[product],
    )


def _enrol(today: Today, learner: Ints, slot: Ints, session: Ints, at: Floats) -> None:
    k = np.flatnonzero(slot >= 0)
    people = today.learners
    people.started[learner[k], slot[k]] = today.number
    today.rows.add("course_enroll", session[k], today.at(at[k]), course=people.courses[learner[k], slot[k]])


def bill(today: Today, sitting: Sitting) -> None:
    """What falls due is booked with the learner's next session: refunds, periods of a subscription."""
    people, texts = today.learners, today.rows.texts
    first = np.flatnonzero(sitting.first)
    names = texts.codes(products_of(today))
    k = first[people.refund_on[sitting.learner[first]] <= today.number]
    product = people.refund_product[sitting.learner[k]]
    _book(today, "order_refunded", sitting, k, names[product], today.campus.price_cents[product])
    people.refund_on[sitting.learner[k]] = NEVER
    _periods(today, sitting, first, int(names[today.campus.courses]))


def _periods(today: Today, sitting: Sitting, first: Ints, plus: int) -> None:
    people = today.learners
    learner = sitting.learner[first]
    due = first[people.subscribed[learner] <= today.number]
    who, price = sitting.learner[due], int(today.campus.price_cents[today.campus.courses])
    started = people.renewals[who] > 0
    leaves = started & (today.rng.random(len(due)) < 0.12)
    _book(today, "subscription_started", sitting, due[~started], plus, price)
    _book(today, "subscription_renewed", sitting, due[started & ~leaves], plus, price)
    reason = today.rows.texts.code('{"reason":"too expensive"}')
    k = due[leaves]
    today.rows.add(
        "subscription_cancelled",
        sitting.session[k],
        today.at(sitting.start_s[k] + 4),
        object=plus,
        payload=reason,
    )
    people.renewals[who] += 1
    people.subscribed[who] = np.where(leaves, NEVER, today.number + RENEWAL_DAYS)


def _book(
    today: Today, kind: str, sitting: Sitting, which: Ints, product: Ints | int, amount: Ints | int
) -> None:
    at = today.at(sitting.start_s[which] + 4)
    today.rows.add(kind, sitting.session[which], at, object=product, amount=amount)
