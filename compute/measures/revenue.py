"""Revenue: what was sold and paid, in the organisation's currency."""

from __future__ import annotations

from collections.abc import Callable

import ibis.expr.types as ir

from compute.measures.measure import Better, Measure, ratio, share, total

_USUAL = ((), ("week",), ("month",), ("product_id",), ("acquired_by",))
_PAYMENTS = ("orders", "subscriptions_started", "subscriptions_renewed")
_CENTS = 0.01


def _money(
    name: str,
    meaning: str,
    value: Callable[[ir.Table], ir.Value],
    needs: tuple[str, ...],
    better: Better,
    counts: bool = False,
) -> Measure:
    return Measure(
        name=name,
        meaning=meaning,
        unit="currency",
        better=better,
        value=value,
        needs=needs,
        behind=tuple(n for n in needs if n.endswith("_cents")),
        usual=_USUAL,
        grain="payment",
        subject="revenue",
        counts=counts,
        sensitivity="business",
    )


def _count(name: str, meaning: str, unit: str, better: Better) -> Measure:
    return Measure(
        name=name,
        meaning=meaning,
        unit=unit,
        better=better,
        value=total(name),
        needs=(name,),
        behind=(name,),
        usual=_USUAL,
        grain="payment",
        subject="revenue",
        counts=True,
        sensitivity="business",
    )


def _payments(t: ir.Table) -> ir.Value:
    return t.orders.sum() + t.subscriptions_started.sum() + t.subscriptions_renewed.sum()


def _net(t: ir.Table) -> ir.Value:
    return t.revenue_cents.sum() - t.refunded_cents.sum()


def _payers(t: ir.Table) -> ir.Value:
    return t.learner_id.nunique(where=t.revenue_cents > 0)


MEASURES = (
    _money(
        "revenue",
        "Paid orders and subscription payments, before refunds.",
        lambda t: t.revenue_cents.sum() * _CENTS,
        ("revenue_cents",),
        "up",
        counts=True,
    ),
    _money(
        "refunded",
        "Money paid back.",
        lambda t: t.refunded_cents.sum() * _CENTS,
        ("refunded_cents",),
        "down",
        counts=True,
    ),
    _money(
        "net_revenue",
        "Revenue less what was paid back.",
        lambda t: _net(t) * _CENTS,
        ("revenue_cents", "refunded_cents"),
        "up",
        counts=True,
    ),
    _money(
        "average_payment",
        "Mean amount of an order or a subscription payment.",
        lambda t: share(t.revenue_cents.sum() * _CENTS, _payments(t)),
        ("revenue_cents", *_PAYMENTS),
        "up",
    ),
    _money(
        "revenue_per_payer",
        "Revenue for each learner who paid anything.",
        lambda t: share(t.revenue_cents.sum() * _CENTS, _payers(t)),
        ("revenue_cents", "learner_id"),
        "up",
    ),
    _money(
        "commission",
        "What trainers earn: their share of the net revenue of their products.",
        lambda t: ((t.revenue_cents - t.refunded_cents) * t.commission_rate).sum() * _CENTS,
        ("revenue_cents", "refunded_cents", "commission_rate"),
        "neither",
        counts=True,
    ),
    Measure(
        "payers",
        "Learners who paid anything.",
        "learners",
        "up",
        _payers,
        ("revenue_cents", "learner_id"),
        ("revenue_cents",),
        _USUAL,
        "learner",
        "revenue",
        counts=True,
        sensitivity="business",
    ),
    Measure(
        "refund_share",
        "Money paid back for each unit of revenue.",
        "share",
        "down",
        ratio("refunded_cents", "revenue_cents"),
        ("refunded_cents", "revenue_cents"),
        ("revenue_cents", "refunded_cents"),
        _USUAL,
        "payment",
        "revenue",
        sensitivity="business",
    ),
    _count("orders", "Orders paid.", "orders", "up"),
    _count("refunds", "Orders paid back, in whole or in part.", "refunds", "down"),
    _count("subscriptions_started", "Subscriptions begun.", "subscriptions", "up"),
    _count("subscriptions_renewed", "Subscriptions paid for another period.", "subscriptions", "up"),
    _count("subscriptions_cancelled", "Subscriptions ended.", "subscriptions", "down"),
    Measure(
        "cancellation_share",
        "Subscriptions ended for each subscription payment, first or renewed.",
        "share",
        "down",
        lambda t: share(
            t.subscriptions_cancelled.sum(), t.subscriptions_started.sum() + t.subscriptions_renewed.sum()
        ),
        ("subscriptions_cancelled", "subscriptions_started", "subscriptions_renewed"),
        ("subscriptions_started", "subscriptions_renewed", "subscriptions_cancelled"),
        _USUAL,
        "payment",
        "revenue",
        sensitivity="business",
    ),
)
