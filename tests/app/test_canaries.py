"""Names are planted, the API is asked in every way, and nothing that leaves core holds them."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import httpx
import pytest

from app.build import build
from app.core import Core
from app.local import LocalDoorway
from app.logs import JsonLines
from app.remote import Line
from app.socket import DeskSocket
from models.ask import Ask, Where
from models.errors import HeadwayError
from tests.app.conftest import Hill
from tests.heard import Written

CANARIES = ("Ada Example", "Bo Example", "Cy Other", "ada@hill.test", "correct horse battery")
IN_A_URL = "zebedee-canary"
QUESTIONS = (
    "/api/v1/measures",
    "/api/v1/query?measures=events&by=learner_id",
    f"/api/v1/query?measures=events&where=course_id:=:{IN_A_URL}",
    f"/api/v1/query?measures={IN_A_URL}",
    f"/api/v1/query?measures=events&purpose={IN_A_URL}",
    f"/api/v1/{IN_A_URL}",
    f"/api/v1/dashboards/micro/{IN_A_URL}",
    f"/{IN_A_URL}?{IN_A_URL}=1",
)


@pytest.fixture
def written() -> Written:
    handler = Written()
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler  # type: ignore[misc]
    root.removeHandler(handler)
    root.setLevel(level)


async def ask_everything(hill: Hill, core: Core) -> list[str]:
    """As everybody, rightly and wrongly; the metrics at the end."""
    transport = httpx.ASGITransport(build(core))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:0") as client:
        for login in hill.school.people:
            cookie = {"cookie": f"headway={hill.session(login)}"}
            for url in QUESTIONS:
                await client.get(url, headers=cookie)
        auth = hill.metadata.tokens.create("operator", ["see-system"])
        answered = await client.get("/metrics", headers={"authorization": f"Bearer {auth}"})
    return answered.text.splitlines()


async def use_the_socket(hill: Hill) -> None:
    socket = DeskSocket(LocalDoorway(hill.door), hill.settings.socket)
    line = Line(hill.settings.socket)
    await socket.start()
    await line.start()
    desk = await line.desk(await line.sign_in("ada", "correct horse battery", "192.0.2.7"))
    assert desk is not None
    assert (await desk.look("me"))["name"] == "Ada Example"
    assert list((await desk.names(list(hill.school.learners.values()))).values()) == ["Ada Example"]
    wrong = (
        desk.ask(Ask(measures=("Ada Example",))),
        desk.ask(
            Ask(measures=("events",), where=(Where("course_id", "=", ("Ada Example",)),), by=("Bo Example",))
        ),
        desk.do("save_setting", name="Cy Other", value=1),
        line.sign_in("ada@hill.test", "correct horse battery", "192.0.2.7"),
    )
    for call in wrong:
        with pytest.raises(HeadwayError):
            await call
    await line.close()
    await socket.close()


def temporary_files() -> list[Path]:
    return [path for path in Path(tempfile.gettempdir()).glob("headway*") if path.is_file()]


async def test_no_name_reaches_logs_metrics_or_temporary_files(
    hill: Hill, core: Core, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = await ask_everything(hill, core)
    await use_the_socket(hill)
    fetch = hill.door.warehouse.fetch

    def failing(*_: object, **__: object) -> None:
        raise RuntimeError("duplicate key (name)=(Ada Example)")

    monkeypatch.setattr(hill.door.warehouse, "fetch", failing)
    hill.door.shelf.clear()
    metrics += await ask_everything(hill, core)
    monkeypatch.setattr(hill.door.warehouse, "fetch", fetch)
    assert any('"answered"' in line for line in written.lines)
    assert any("RuntimeError" in line for line in written.lines)
    left = [*written.lines, *metrics, *(path.read_text(errors="replace") for path in temporary_files())]
    secrets = (*CANARIES, IN_A_URL, *(str(learner) for learner in hill.school.learners.values()))
    for line in left:
        assert not [canary for canary in secrets if canary in line], line


def test_names_lie_sealed_in_the_metadata_and_nowhere_in_the_warehouse(hill: Hill, tmp_path: Path) -> None:
    hill.door.warehouse.checkpoint()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".duckdb" for path in files)
    for path in files:
        held = path.read_bytes()
        assert not [name for name in CANARIES if name.encode() in held], path.name


def test_a_log_line_is_json_without_the_message_of_an_exception() -> None:
    import json

    try:
        raise ValueError("Ada Example")
    except ValueError as error:
        record = logging.getLogger("x").makeRecord(
            "x",
            logging.ERROR,
            "f",
            1,
            "went wrong",
            (),
            (type(error), error, error.__traceback__),
            extra={"n": 1},
        )
    line = json.loads(JsonLines().format(record))
    assert (line["message"], line["level"], line["error"], line["n"]) == (
        "went wrong",
        "error",
        "ValueError",
        1,
    )
    assert "Ada" not in json.dumps(line)
