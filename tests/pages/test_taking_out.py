"""A card's file: who may take it, that the audit says so, and that whoever may not is not offered it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pyarrow as pa
import pytest

from config.roles import read_roles
from models.errors import NotFound
from models.scope import Viewer
from pages import PAGES, about, frame
from tests.pages.elm import Elm, card_of
from tests.pages.mounted import Mounted, mounted

Without = Callable[..., None]
FILES = [
    ("p2", "/student", "year"),
    ("p2", "/my-data", "copy"),
    ("mother", "/parent", "glance"),
    ("teacher", "/teacher", "everybody"),
    ("head", "/admin", "people"),
]


@pytest.fixture
async def mount(school: Elm) -> AsyncIterator[Mounted]:
    async with mounted(school) as mount:
        yield mount


@pytest.fixture
def without(school: Elm, monkeypatch: pytest.MonkeyPatch) -> Without:
    """From now on nobody has these actions."""
    sessions = school.door.metadata.sessions
    real = sessions.viewer

    def take(*actions: str, more: tuple[str, ...] = ()) -> None:
        def viewer(secret: str) -> Viewer | None:
            found = real(secret)
            return found and replace(found, actions=(found.actions - set(actions)) | set(more))

        monkeypatch.setattr(sessions, "viewer", viewer)

    return take


def written(school: Elm, login: str) -> list[tuple[str, str, str, str]]:
    """All of them: a school that many tests share has read more than is told at once by itself."""
    audit = school.door.metadata.audit.read(who=school.people[login], limit=1_000_000)
    entries = [row.entry for row in audit]
    return [(one.what, one.whose, one.why, one.detail) for one in entries]


@pytest.mark.parametrize(("login", "path", "slot"), FILES)
async def test_each_file_is_one_row_of_the_audit_without_anybodys_name(
    mount: Mounted, login: str, path: str, slot: str
) -> None:
    school, page = mount.school, path.strip("/")
    secret, before = mount.session(login), len(written(mount.school, login))
    assert (await mount.get(f"/download{path}/{slot}.csv", secret)).code == 200
    rows = written(school, login)
    new = rows[: len(rows) - before]
    assert [row for row in new if "take_out" in row[0] or "export" in row[0]] == [
        (f"export {page}/{slot}", "", "export", "")
    ]
    assert school.door.metadata.audit.verify().whole


@pytest.mark.parametrize(
    ("login", "path", "slot"), [("teacher", "/teacher", "everybody"), ("head", "/admin", "people")]
)
async def test_without_the_action_there_is_no_file_and_nobody_is_read(
    mount: Mounted, without: Without, login: str, path: str, slot: str
) -> None:
    secret, before = mount.session(login), len(written(mount.school, login))
    without("export-data")
    assert (await mount.get(f"/download{path}/{slot}.csv", secret)).code == 404
    assert len(written(mount.school, login)) == before


async def test_without_the_action_no_file_is_offered(school: Elm, without: Without) -> None:
    async def footer() -> str:
        sheet = await school.sheet("teacher", "/teacher")
        slot = next(one for one in sheet.slots if one.name == "everybody")
        return str(frame.card(sheet, slot, await card_of(sheet, "everybody")))

    assert 'href="/download/teacher/everybody.csv' in await footer()
    without("export-data")
    shut = await footer()
    assert "/download/" not in shut
    assert 'data-open="about"' in shut


async def test_a_long_table_promises_no_file_that_is_not_there(school: Elm, without: Without) -> None:
    async def told() -> str:
        sheet = await school.sheet("head", "/admin")
        shown = await card_of(sheet, "by_day")
        assert shown is not None
        long = pa.table({"day": [None] * (about.MOST_ROWS + 2)})
        return str(about.table(sheet, replace(shown, answers=(replace(shown.answers[0], table=long),))))

    assert "and 2 more rows: the file has them" in await told()
    without("export-data")
    assert "and 2 more rows</p>" in await told()


async def test_taking_along_is_for_oneself_and_ones_children_only(school: Elm, without: Without) -> None:
    without("export-data", more=("take-along",))
    assert await (await school.sheet("p2", "/student")).answers_of("year")
    assert await (await school.sheet("mother", "/parent")).answers_of("glance")
    with pytest.raises(NotFound):
        await (await school.sheet("teacher", "/teacher")).answers_of("everybody")
    with pytest.raises(NotFound):
        await (await school.sheet("head", "/admin")).answers_of("people")


async def test_the_copy_of_ones_own_data_is_a_right(school: Elm, without: Without) -> None:
    without("export-data", "take-along")
    assert await (await school.sheet("p2", "/my-data")).answers_of("copy")
    with pytest.raises(NotFound):
        await (await school.sheet("mother", "/parent")).answers_of("glance")


async def test_a_page_and_a_card_are_names_and_nothing_else(school: Elm) -> None:
    desk = (await school.visit("teacher", "/teacher")).desk
    before = len(written(school, "teacher"))
    for page, card in (("Pupil1 Elm", "everybody"), ("teacher", "a" * 41), ("teacher", "x\ny"), ("", "x")):
        with pytest.raises(Exception, match="lower-case letters"):
            await desk.do("take_out", page=page, card=card)
    assert len(written(school, "teacher")) == before


def test_every_role_that_opens_a_page_keeps_its_files() -> None:
    opened = {page.action for page in PAGES}
    for role in read_roles().by_name.values():
        if role.actions & opened:
            own = role.rows in ("own", "linked")
            assert ("take-along" if own else "export-data") in role.actions, role.name
