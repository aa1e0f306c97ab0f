"""Every page is drawn for everybody who may open it, and no name stands where it would stay behind:
in the log, in an address, in the name of a file."""

from __future__ import annotations

import logging
import re

import pytest

from pages import PAGES
from tests.heard import Written
from tests.pages.elm import PUPILS, Elm, text_of
from tests.pages.mounted import mounted

# The school is called Elm too; who is there has a first name in front of it.
CANARY = re.compile(r"Pupil\d+ Elm|(mother|father|teacher|head|stranger) Elm|Pupil\d+", re.IGNORECASE)
ADDRESS = re.compile(r'(?:href|src|action|data-link|data-csv|download)="([^"]*)"')
WHO = ("p1", "p5", "mother", "teacher", "tutor", "head")
DOWNLOADS = (("teacher", "teacher/everybody"), ("p1", "student/results"), ("head", "admin/glance"))
OF_SOMEBODY = {"/learner": "S1"}  # pages that need a learner in their address


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    handler, root = Written(), logging.getLogger()
    monkeypatch.setattr(root, "handlers", [*root.handlers, handler])
    monkeypatch.setattr(root, "level", logging.DEBUG)
    return handler


async def drawn(school: Elm) -> tuple[list[str], list[str]]:
    """What readers see of all pages, and every address that is written there."""
    seen, addresses = [], []
    for login in WHO:
        may = (await school.visit(login, "/student")).desk.viewer.actions
        for page in PAGES:
            if page.action not in may:
                continue
            query = (
                {"child": str(school.learners[OF_SOMEBODY[page.path]])} if page.path in OF_SOMEBODY else {}
            )
            for card in (await school.cards(login, page.path, **query)).values():
                html = f"{card.body} {card.empty}" if card else ""
                seen.append(text_of(html))
                addresses += ADDRESS.findall(html)
    return seen, addresses


async def test_no_name_stays_in_addresses_files_or_the_log(school: Elm, written: Written) -> None:
    seen, addresses = await drawn(school)
    assert {f"Pupil{n} Elm" for n in range(1, PUPILS)} <= set(re.findall(r"Pupil\d+ Elm", " ".join(seen)))
    assert len(addresses) > 50
    async with mounted(school) as mount:
        for login, path in (
            ("teacher", "teacher/everybody"),
            ("p1", "student/results"),
            ("head", "admin/glance"),
        ):
            told = await mount.get(f"/download/{path}.csv", mount.session(login))
            assert told.code == 200, path
            addresses += [told.headers["Content-Disposition"], *told.headers.get_list("Location")]
        for login in WHO:
            addresses += [(await mount.get("/", mount.session(login))).headers["Location"]]
    logging.getLogger("headway").warning("the log is heard")
    assert any("the log is heard" in line for line in written.lines)
    for line in (*addresses, *written.lines):
        assert not CANARY.search(line), line
