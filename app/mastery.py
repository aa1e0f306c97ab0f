"""Fits what is usual in each skill, in the background, when enough new answers have come."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, date, datetime

import orjson
import pyarrow as pa

from app.metrics import Metrics
from compute import tracing
from compute.content.mastery import answer_counts, answered, sequences_of
from compute.mastery import Skill
from compute.scoping import Tables
from compute.tracing import Fitted, Judged
from connectors.warehouse import Warehouse
from models.ask import Ask
from models.errors import HeadwayError
from models.scope import Scope
from models.tables import MASTERY_MODEL, SKILL_MODEL, Table

log = logging.getLogger("headway.mastery")
FIRST_S = 20.0
EVERY_S = 3600.0
_MORE = 0.02  # so many more answers are worth fitting again
FEWEST = 200  # answers; fewer fit nothing
MOST = 300_000  # answers of so many are enough for a few rates a skill, and the time stays bounded


def fit_all(warehouse: Warehouse, now: datetime) -> int:
    """Every organisation whose answers grew; returns how many were fitted."""
    fitted = 0
    for organisation, answers, before in _waiting(warehouse):
        if answers >= FEWEST and answers >= before * (1 + _MORE):
            _fit(warehouse, organisation, answers, now)
            fitted += 1
    return fitted


def _waiting(warehouse: Warehouse) -> list[tuple[int, int, int]]:
    """Organisation, its answers now, and those it was fitted to."""
    found = warehouse.fetch(answer_counts()).to_pylist()
    return [(row["organisation_id"], row["answers"], row["before"] or 0) for row in found]


def _fit(warehouse: Warehouse, organisation: int, count: int, now: datetime) -> None:
    # The whole organisation, for what tells of nobody: rates of skills that at least ten learners show.
    scope = Scope(organisation, "organisation", date.max, sees_rows=True)
    answers = answered(Ask(question="mastery"), Tables(scope))
    if count > MOST:  # whole learners: of a sequence with holes nothing is learnt
        answers = answers.filter(answers.learner_id % -(-count // MOST) == 0)
    of, _ = sequences_of(warehouse.fetch(answers))
    judged = tracing.fit_and_judge(of)
    warehouse.write("skill_model", _skills(organisation, judged))
    warehouse.write("mastery_model", _model(organisation, judged, count, now))


def _skills(organisation: int, judged: Judged) -> pa.Table:
    rows = {"": judged.model.usual, **judged.model.skills}
    return _table(SKILL_MODEL, [_skill(organisation, name, one) for name, one in rows.items()])


def _skill(organisation: int, name: str, one: Fitted) -> dict[str, object]:
    rates: Skill = one.rates
    return {
        "organisation_id": organisation,
        "skill_id": name,
        **{n: getattr(rates, n) for n in ("known", "learns", "forgets", "guesses", "slips", "answers")},
        "mean": one.mean,
        "learners": one.learners,
    }


def _model(organisation: int, judged: Judged, answers: int, now: datetime) -> pa.Table:
    row = {
        "organisation_id": organisation,
        "fitted_at": now,
        "answers": answers,
        "learners": judged.model.usual.learners,
        "held_back": judged.held_back,
        "auc": judged.auc,
        "baseline_auc": judged.baseline_auc,
        "forgetting": judged.forgetting,
        "weights": orjson.dumps(judged.model.weights).decode(),
    }
    return _table(MASTERY_MODEL, [row])


def _table(table: Table, rows: Sequence[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), table.schema.to_pyarrow())


def show(warehouse: Warehouse, metrics: Metrics) -> None:
    """How well answers of learners who were held back were foretold, over all organisations of this core.
    Nothing where nobody was held back: a number that was not measured is not told."""
    judged = warehouse.fetch(MASTERY_MODEL.unbound.select("auc", "held_back")).to_pylist()
    known = [(row["auc"], row["held_back"]) for row in judged if row["auc"] is not None and row["held_back"]]
    if known:
        mean = sum(auc * learners for auc, learners in known) / sum(learners for _, learners in known)
        metrics.model_accuracy.labels("mastery").set(mean)


def look(warehouse: Warehouse, metrics: Metrics) -> None:
    """Where hardly anything was answered since the last time it costs one count."""
    try:
        fit_all(warehouse, datetime.now(UTC))
        show(warehouse, metrics)
    except HeadwayError as error:
        log.warning("skills were not fitted: %s", error.detail)
