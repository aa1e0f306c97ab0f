"""`generate` refuses to overwrite and says so in one line; `simulate` sends again when asked to wait."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from app.__main__ import main
from app.commands import simulate
from app.commands.simulate import Sender, Sent, play
from connectors.demo.day import open_days
from models.errors import NotSignedIn, Unavailable
from tests.school import FilledSchool


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("HEADWAY_") and not name.startswith("HEADWAY_TEST_"):
            monkeypatch.delenv(name)


def test_generate_makes_a_school_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = ["generate", "--learners", "40", "--courses", "4", "--days", "28", "--data", str(tmp_path)]
    assert main(wanted) == 0
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert truth["size"]["learners"] == 40
    capsys.readouterr()
    assert main(wanted) == 9
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told[-1]) < 200 and "--force" in " ".join(told)
    assert main([*wanted, "--force", "--seed", "5"]) == 0
    assert json.loads((tmp_path / "truth.json").read_text())["seed"] == 5


def test_force_leaves_a_school_alone_that_no_generator_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "warehouse.duckdb"
    own.write_bytes(b"years of work")
    assert main(["generate", "--force", "--data", str(tmp_path)]) == 9
    assert "leaves it alone" in capsys.readouterr().err
    assert own.read_bytes() == b"years of work"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--learners", "3"], "40"),
        (["--until", "tomorrow"], "tomorrow"),
        (["--until", "2999-01-01"], "lies ahead"),
        (["--events", "-1"], "-1"),
    ],
)
def test_generate_refuses_what_makes_no_school(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert main(["generate", "--data", str(tmp_path), *arguments]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "truth.json").exists()


def test_simulate_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--data", str(tmp_path), "--seconds", "1"]) == 4
    assert "headway generate" in capsys.readouterr().err


class Core:
    """Answers as the way in does; the first request is asked to wait."""

    def __init__(self, status: int = 200) -> None:
        self.status, self.seen, self.asked = status, [], 0  # type: ignore[var-annotated]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        assert request.headers["Authorization"] == "Bearer t"
        if self.asked == 1 and self.status == 200:
            return httpx.Response(429, headers={"Retry-After": "0"})
        events = json.loads(request.content)
        self.seen += [event["event_id"] for event in events]
        answer = {"accepted": len(events), "duplicates": 0, "quarantined": 0, "rejected": []}
        return httpx.Response(self.status, json=answer)


def sender(core: Core, school: FilledSchool) -> Sender:
    client = httpx.Client(transport=httpx.MockTransport(core), base_url="http://core")
    return Sender(client, open_days(school.data, 400, 1)[0], "t", Sent())


def test_the_rate_is_kept_and_nothing_is_sent_twice(
    filled_school: FilledSchool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulate, "TICK_S", 0.05)
    core = Core()
    sending = sender(core, filled_school)
    play([sending], rate=400, seconds=1.0)
    assert 250 < sending.sent.accepted <= 420
    assert len(core.seen) == len(set(core.seen)) == sending.sent.accepted


@pytest.mark.parametrize(("status", "error"), [(401, NotSignedIn), (404, Unavailable), (500, Unavailable)])
def test_a_refusal_ends_it_with_a_sentence(
    filled_school: FilledSchool, status: int, error: type[Exception]
) -> None:
    with pytest.raises(error):
        sender(Core(status), filled_school).send(3)


def test_nobody_answering_is_said_with_the_command_that_helps(filled_school: FilledSchool) -> None:
    def away(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    client = httpx.Client(transport=httpx.MockTransport(away), base_url="http://core")
    lonely = Sender(client, open_days(filled_school.data, 10, 1)[0], "t", Sent())
    with pytest.raises(Unavailable, match="headway demo"):
        lonely.send(1)
