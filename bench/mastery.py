"""How well the tracing of skills tells answers that it has not seen.

Both files are CSV with the columns learner, skill, correct and order. Learners of the test file who are also
in the training file go on from what they had answered there; each answer is told from those before it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.report import Report, report, show
from compute import tracing
from models.errors import BadQuestion

COLUMNS = ("learner", "skill", "correct", "order")
_WORDS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}


def read(file: Path) -> pd.DataFrame:
    try:
        found = pd.read_csv(file, dtype={"learner": str, "skill": str}, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise BadQuestion(f"{file.name} could not be read as CSV: {error}") from None
    missing = [name for name in COLUMNS if name not in found.columns]
    if missing:
        raise BadQuestion(f"{file.name} has no column {', '.join(missing)}; it needs {', '.join(COLUMNS)}.")
    if not len(found):
        raise BadQuestion(f"{file.name} has no answers.")
    said = found["correct"].astype(str).str.strip().str.lower()
    correct = pd.to_numeric(said, errors="coerce").fillna(said.map(_WORDS))
    wrong = correct.isna() | ~correct.isin([0, 1])
    if wrong.any():
        line = int(np.flatnonzero(wrong)[0]) + 2
        raise BadQuestion(f"{file.name}, line {line}: correct is '{said.iloc[line - 2][:40]}', not 0 or 1.")
    return found.assign(correct=correct.astype(float), order=_orders(found["order"]))[list(COLUMNS)]


def _orders(said: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers as they are; anything else (a time) by its place among all."""
    numbers = pd.to_numeric(said, errors="coerce")
    return numbers if numbers.notna().all() else said.astype(str).rank(method="dense")


def continued(train: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """The test's learners with what they had answered before; `held` marks what is to be told."""
    before = train[train["learner"].isin(set(test["learner"]))].assign(held=False)
    held = test.assign(held=True)
    both = pd.concat([before, held], ignore_index=True)
    # Orders that begin anew in the test file: what was answered in training came first.
    if both.duplicated(["learner", "skill", "order"], keep=False).groupby(both["held"]).any().all():
        both["order"] = both["order"].rank(method="dense") + both["held"] * len(both)
    return both


def sequences(rows: pd.DataFrame) -> tuple[tracing.Sequences, tracing.Places]:
    learner = pd.factorize(rows["learner"])[0].astype(np.int64)
    return tracing.sorted_sequences(
        learner, rows["skill"].tolist(), rows["correct"].to_numpy(), rows["order"].to_numpy()
    )


def measured(train: pd.DataFrame, test: pd.DataFrame) -> Report:
    began = time.perf_counter()
    judged = tracing.fit_and_judge(sequences(train)[0])
    fitted = time.perf_counter()
    rows = continued(train, test)
    of, order = sequences(rows)
    held = rows["held"].to_numpy()[order]
    chance = tracing.trace(judged.model, of).chance[held]
    told = time.perf_counter()
    alone = tracing.Model(judged.model.usual, judged.model.skills)
    right = of.right[held]
    figures = {
        "auc": tracing.auc(chance, right),
        "tracing_alone_auc": tracing.auc(tracing.trace(alone, of).chance[held], right),
        "seconds": told - began,
        "fit_s": fitted - began,
        "tell_s": told - fitted,
        "train_answers": len(train),
        "test_answers": len(test),
        "skills": train["skill"].nunique(),
        "forgetting": int(judged.forgetting),
    }
    baseline = tracing.auc(tracing.plain_baseline(judged.model, of)[held], right)
    notes = ["baseline: the learner's share right in the skill so far, drawn towards the skill's own share"]
    if baseline is None:
        notes.append("all test answers are right, or all are wrong: there is no AUC")
    known = {name: value for name, value in figures.items() if value is not None}
    more = {} if baseline is None else {"baseline_auc": baseline}
    return report("mastery", known | more, more, notes)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./headway bench mastery", description=__doc__)
    parser.add_argument("--train", type=Path, required=True, help="CSV of answers to learn from")
    parser.add_argument("--test", type=Path, required=True, help="CSV of answers to tell")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args(argv)
    print(show(measured(read(given.train), read(given.test)), given.json))
    return 0
