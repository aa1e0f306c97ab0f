"""The reference pages say what the program does today."""

from __future__ import annotations

import re
from pathlib import Path

from app import reference
from compute.dimensions import DIMENSIONS
from compute.measures import MEASURES
from config.settings import setting_meanings
from config.taxonomy import taxonomy

ROOT = Path(__file__).parents[2]
WINGS = ("app", "compute", "config", "connectors", "models", "pages")


def test_the_committed_pages_are_up_to_date():
    for name, text in reference.pages().items():
        committed = reference.FOLDER / name
        assert committed.exists() and committed.read_text() == text, (
            f"docs/reference/{name} is out of date: run ./headway reference and commit it"
        )


def test_no_page_is_left_over():
    assert {path.name for path in reference.FOLDER.glob("*.md")} == set(reference.pages())


def test_everything_that_exists_is_named():
    pages = reference.pages()
    for page, names in {
        "measures.md": [m.name for m in MEASURES],
        "dimensions.md": [d.name for d in DIMENSIONS],
        "events.md": list(taxonomy()),
        "settings.md": [s.variable for s in setting_meanings()],
    }.items():
        assert [name for name in names if not re.search(rf"\b{name}\b", pages[page])] == []


def test_every_kind_of_error_is_on_the_page():
    declared = set()
    for wing in WINGS:
        for path in (ROOT / wing).rglob("*.py"):
            declared |= set(re.findall(r'^    code(?:, \w+)* = "([a-z-]+)"', path.read_text(), re.M))
    assert len(declared) > 8
    assert declared == {kind.code for kind in reference.kinds()}


def test_tables_hold_together():
    """A bar in a text would shift the columns."""
    for name, text in reference.pages().items():
        widths = []
        for line in text.splitlines():
            cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
            if cells and widths and widths[-1]:
                assert cells == widths[-1], (name, line)
            widths.append(cells)
