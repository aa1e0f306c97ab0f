"""Lines bear their names at their ends, none upon another, and a single one needs none."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from models.ask import Answer, Ask
from pages import charts
from pages.speech import Speech
from tests.pages.elm import drawn

DAYS = [date(2026, 3, 2) + timedelta(weeks=n) for n in range(4)]


def answer(**lines: list[float | None]) -> Answer:
    table = pa.table({"week": DAYS, **lines})
    return Answer(Ask(), table, (), datetime.now(UTC), 1, f"lines-{lines}")


def ends(labels: tuple[str, ...], **lines: list[float | None]) -> dict[str, float]:
    drawing = charts.line(answer(**lines), Speech(), x="week", y=tuple(lines), labels=labels)
    words = drawn(drawing, "words")
    return dict(zip(words["text"], words["y"], strict=True))


def test_each_name_stands_at_the_last_value_of_its_line() -> None:
    assert ends(("up", "down"), a=[1, 2, 3, 40], b=[4, 3, 2, 1]) == {"up": 40, "down": 1}


def test_a_line_that_ends_early_is_named_by_its_last_known_value() -> None:
    assert ends(("up", "gone"), a=[1, 2, 3, 40], b=[4, 12, None, None]) == {"up": 40, "gone": 12}


@pytest.mark.parametrize("last", [0.0, 0.5])
def test_two_names_never_stand_upon_each_other(last: float) -> None:
    found = ends(("one", "two"), a=[10, 20, 30, 0], b=[5, 5, 5, last])
    assert found["two"] - found["one"] >= 30 * 0.08


def test_no_name_was_asked_for_no_name_and_no_room() -> None:
    bare = charts.line(answer(a=[1, 2, 3, 4]), Speech(), x="week", y="a")
    named = charts.line(answer(a=[1, 2, 3, 4]), Speech(), x="week", y="a", labels=("learners",))
    assert drawn(bare, "words")["text"] == []
    assert drawn(named, "words")["text"] == ["learners"]
