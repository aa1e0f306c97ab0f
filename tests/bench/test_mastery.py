"""The bench of knowledge tracing: what it reads and refuses, and that it tells an answer before it looks."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bench import mastery
from compute import tracing
from models.errors import BadQuestion


def written(file: Path, learners: range, seed: int) -> Path:
    dice, lines = random.Random(seed), ["order,learner,skill,correct"]
    for learner in learners:
        order = 0
        for skill in "abc":
            known = dice.random() < 0.3
            for _ in range(10):
                order += 1
                lines.append(f"{order},u{learner},{skill},{int(dice.random() < (0.92 if known else 0.2))}")
                known = known or dice.random() < 0.2
    file.write_text("\n".join(lines))
    return file


def test_it_beats_its_baseline_and_tells_so_in_the_benches_shape(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, test = written(tmp_path / "a.csv", range(150), 1), written(tmp_path / "b.csv", range(500, 580), 2)
    assert mastery.main(["--train", str(train), "--test", str(test), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["name"] == "mastery"
    assert said["figures"]["auc"] > said["figures"]["baseline_auc"] == said["floor"]["baseline_auc"]
    assert (said["figures"]["train_answers"], said["figures"]["test_answers"]) == (4500, 2400)
    assert said["figures"]["seconds"] > 0


def test_what_comes_later_changes_nothing_that_was_told_before(tmp_path: Path) -> None:
    of, _ = mastery.sequences(mastery.read(written(tmp_path / "a.csv", range(30), 3)))
    model = tracing.fit_model(of)
    assert model.weights
    chance = tracing.trace(model, of).chance
    turned = of.right.copy()
    late = of.tie >= 15
    turned[late] = 1 - turned[late]
    other = tracing.Sequences(of.learner, of.skill, turned, of.tie, of.skills)
    again = tracing.trace(model, other).chance
    assert again[of.tie <= 15] == pytest.approx(chance[of.tie <= 15])
    assert not np.allclose(again[late], chance[late])


def test_the_auc_is_the_textbook_s() -> None:
    dice = np.random.default_rng(4)
    chance, right = dice.random(400).round(1), dice.integers(0, 2, 400).astype(float)
    assert tracing.auc(chance, right) == pytest.approx(roc_auc_score(right, chance))
    assert tracing.auc(chance, np.ones(400)) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("learner,skill,correct\nu1,a,1", "no column order"),
        ("learner,skill,correct,order\nu1,a,1,1\nu1,a,maybe,2", "line 3: correct is 'maybe'"),
        ("learner,skill,correct,order\n", "no answers"),
        ("", "could not be read"),
    ],
)
def test_a_bad_file_is_refused_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(BadQuestion, match=said):
        mastery.read(tmp_path / "bad.csv")
