"""Points: each one while they are few; from ten thousand on how many lie where, and none is lost."""

from __future__ import annotations

import base64
import gzip
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest

from models.ask import Answer, Ask
from pages import charts
from pages.cards import Drawing
from pages.charts.points import SHADED_FROM
from pages.speech import Speech
from tests.pages.elm import drawn

NAMES = ("Minutes", "Result")


def answer(x: Any, y: Any) -> Answer:
    table = pa.table({"minutes": x, "result": y})
    return Answer(Ask(), table, (), datetime.now(UTC), 1, f"points-{len(table)}-{table.slice(0, 9)}")


def pointed(x: Any, y: Any, language: str = "en", **parts: Any) -> Drawing:
    return charts.points(answer(x, y), Speech(language), x="minutes", y="result", names=NAMES, **parts)


def cloud(count: int) -> tuple[Any, Any]:
    """Half of them in one place, the others far away."""
    dice = np.random.default_rng(3)
    near, far = count // 2, count - count // 2
    x = np.concatenate([dice.normal(10, 0.5, near), dice.normal(90, 0.5, far)])
    return x, np.concatenate([dice.normal(20, 0.5, near), dice.normal(80, 0.5, far)])


def cells_of(drawing: Drawing) -> Any:
    """The counts of the image, row by row from below."""

    def arrays(part: Any) -> list[Any]:
        if isinstance(part, dict):
            own = [part] if part.get("type") == "ndarray" and len(part.get("shape", ())) == 2 else []
            return own + [hit for one in part.values() for hit in arrays(one)]
        return [hit for one in part for hit in arrays(one)] if isinstance(part, list) else []

    (found,) = arrays(orjson.loads(drawing.text))
    raw = gzip.decompress(base64.b64decode(found["array"]["data"]))
    counts = np.frombuffer(raw, found["dtype"]).reshape(found["shape"])
    return np.nan_to_num(counts)  # an empty cell is no number, so that it stays clear


def test_one_below_ten_thousand_each_point_is_sent() -> None:
    x, y = cloud(SHADED_FROM - 1)
    shown = drawn(pointed(x, y), "points")
    assert (shown["x"], shown["y"]) == (x.tolist(), y.tolist())


def test_from_ten_thousand_on_every_point_is_counted_in_the_cell_where_it_lies() -> None:
    cells = cells_of(pointed(*cloud(SHADED_FROM)))
    assert cells.sum() == SHADED_FROM
    height, width = cells.shape
    assert cells[: height // 2, : width // 2].sum() == SHADED_FROM // 2
    assert cells[height // 2 :, width // 2 :].sum() == SHADED_FROM - SHADED_FROM // 2


def test_what_is_sent_no_longer_grows_with_the_points() -> None:
    few, many = (len(pointed(*cloud(count)).text) for count in (SHADED_FROM, 20 * SHADED_FROM))
    assert many < 1.1 * few


def test_rows_without_both_numbers_are_left_out() -> None:
    shown = drawn(pointed([1.0, None, 3.0], [4.0, 5.0, None]), "points")
    assert (shown["x"], shown["y"]) == ([1.0], [4.0])


def test_nothing_is_a_chart_without_data() -> None:
    assert pointed(pa.array([], pa.float64()), pa.array([], pa.float64())).alternative == (
        "A chart without data."
    )


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            "5 points. Minutes: the middle half from 20 to 40. Result: from 2 to 4. "
            "In all, the more of one, the more of the other.",
        ),
        (
            "de",
            "5 Punkte. Minutes: die mittlere Hälfte von 20 bis 40. Result: von 2 bis 4. "
            "Insgesamt: je mehr vom einen, desto mehr vom anderen.",
        ),
    ],
)
def test_it_says_in_words_what_a_look_tells(language: str, words: str) -> None:
    assert pointed([10.0, 20.0, 30.0, 40.0, 50.0], [1.0, 2.0, 3.0, 4.0, 5.0], language).alternative == words


def test_a_point_tells_what_it_is_in_a_sentence() -> None:
    drawing = pointed([1.0], [2.0], said=lambda row: f"{row['minutes']} and {row['result']}")
    assert drawn(drawing, "points")["said"] == ["1.0 and 2.0"]
