"""The persona picker of a demo school: by school, in the reader's language, nobody without a page."""

from __future__ import annotations

import re

import pytest

from tests.pages.elm import Elm
from tests.pages.mounted import mounted


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en-GB", "Who needs help, and where content fails"),
        ("de-DE", "Wer Hilfe braucht, und wo der Stoff hakt"),
    ],
)
async def test_the_picker_offers_who_has_a_page(school: Elm, language: str, words: str) -> None:
    async with mounted(school, demo=True) as mount:
        page = (await mount.get("/sign-in", **{"Accept-Language": language})).body.decode()
        offered = set(re.findall(r'name="persona" value="(\w+)"', page))
        assert {"p1", "mother", "teacher", "head"} <= offered <= {*school.people}
        assert words in page and "Sees own progress" not in page
