"""The commands as a terminal meets them: help, one line for what goes wrong, exit codes."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.__main__ import main, told
from app.chromium import VARIABLE, find, obtain
from app.commands import COMMANDS
from models.errors import BadQuestion, HeadwayError, Unavailable
from tests.app.conftest import Hill
from tests.hill import SECRET

ROOT = Path(__file__).parents[2]


@pytest.fixture
def closed(hill: Hill, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a school that nobody has open, as a demo has it."""
    hill.door.warehouse.close()
    (hill.settings.data / "secret").write_bytes(SECRET)
    for name in list(os.environ):
        if name.startswith("HEADWAY_") and not name.startswith("HEADWAY_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(ROOT)
    yield hill.settings.data


def run(*arguments: str) -> int:
    return main([str(argument) for argument in arguments])


def test_help_lists_every_command_and_is_quick(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    told = capsys.readouterr().out
    assert all(command.name in told for command in COMMANDS)
    loaded = "import sys, app.__main__ as m; m.main(['--help']); print(sorted(sys.modules))"
    modules = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, cwd=ROOT, check=True
    )
    heavy = ("ibis", "duckdb", "fastapi", "panel", "pyarrow", "sqlalchemy", "httpx", "asyncio")
    assert not [name for name in heavy if f"'{name}'" in modules.stdout]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_explains_itself(command: object, capsys: pytest.CaptureFixture[str]) -> None:
    name, short = command.name, command.help  # type: ignore[attr-defined]
    assert run(name, "--help") == 0
    out = capsys.readouterr().out
    assert f"headway {name}" in out
    assert len(out.splitlines()) > 3
    assert short.endswith(".")


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert re.search(r"\d+\.\d+\.\d+", capsys.readouterr().out)


def test_a_wrong_command_names_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("dmeo") == 2
    assert "Did you mean 'demo'" in capsys.readouterr().err


@pytest.mark.parametrize("kind", HeadwayError.__subclasses__())
def test_every_error_is_its_sentence_and_its_exit_code(kind: type[HeadwayError]) -> None:
    error = kind("What to do.")
    assert told(error) == ("What to do.", kind.exit_code)


def test_a_full_disk_and_the_unexpected_are_one_line_each() -> None:
    assert "disk is full" in told(OSError(errno.ENOSPC, "No space left on device"))[0]
    sentence, code = told(RuntimeError("Ada Example"))
    assert code == 1 and "Ada" not in sentence and "incident" in sentence


def test_no_traceback_but_with_debug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise BadQuestion("unknown measure")

    monkeypatch.setattr("compute.grammar.parse", broken)
    assert run("ask", "x") == 2
    assert capsys.readouterr().err == "headway: unknown measure\n"
    assert run("--debug", "ask", "x") == 2
    assert "Traceback" in capsys.readouterr().err


def test_ask_answers_from_the_files_where_nothing_runs(
    closed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("ask", "--data", str(closed), "events by course_id") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["course_id", "events"]
    assert [line.split() for line in lines[2:]] == [["c1", "2"], ["c2", "1"]]


def test_ask_answers_as_json_and_csv_alike(closed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ask", "--data", str(closed), "--json", "events by course_id") == 0
    body = json.loads(capsys.readouterr().out)
    assert run("ask", "--data", str(closed), "--csv", "events", "by", "course_id") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [{**row, "events": int(row["events"])} for row in rows] == body["rows"]


def test_ask_is_scoped_to_the_person_it_asks_as(closed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ask", "--data", str(closed), "--csv", "--as", "ada", "events") == 0
    assert capsys.readouterr().out == "events\n1\n"
    assert run("ask", "--data", str(closed), "--as", "nobody", "events") == 3


def test_ask_says_what_is_wrong(closed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ask", "--data", str(closed), "evnts") == 2
    assert "did you mean 'events'" in capsys.readouterr().err
    assert run("ask", "--data", str(tmp_path / "none"), "events") == 4
    assert "./headway demo" in capsys.readouterr().err


def test_a_token_for_which_nothing_answers_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ask", "--token", "hw_x", "--url", "http://127.0.0.1:9", "events") == 6
    assert "Nothing answers" in capsys.readouterr().err


def test_migrate_and_doctor_find_a_whole_school(closed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("migrate", "--data", str(closed)) == 0
    assert capsys.readouterr().out.count("up to date") == 2
    assert run("doctor", "--data", str(closed)) == 0
    told = capsys.readouterr().out
    assert "1 organisations" in told and "Nothing is wrong." in told


def test_a_database_of_a_newer_program_is_refused(closed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import sqlite3

    with sqlite3.connect(closed / "metadata.sqlite") as database:
        database.execute("UPDATE alembic_version SET version_num = 'from-the-future'")
    database.close()
    assert run("migrate", "--data", str(closed)) == 8
    assert "newer" in capsys.readouterr().err
    assert run("doctor", "--data", str(closed)) == 1
    assert "WRONG  metadata" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("HEADWAY_WAREHOUSE", "postgresql://127.0.0.1:1/x", "does not answer"),
        ("HEADWAY_THREADS", "nine", "HEADWAY_THREADS must be a whole number"),
    ],
)
def test_doctor_looks_at_what_is_configured_before_there_is_a_school(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
    says: str,
) -> None:
    monkeypatch.setenv(name, value)
    assert run("doctor", "--data", str(tmp_path / "none")) == 1
    assert says in capsys.readouterr().out


def test_doctor_sees_a_port_that_somebody_else_has(
    closed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setenv("HEADWAY_PORT", str(other.getsockname()[1]))
        assert run("doctor", "--data", str(closed)) == 1
    assert "used by another program" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["demo", "serve"])
def test_a_port_in_use_is_said_at_once(
    command: str, closed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEADWAY_SECRET", SECRET.decode())
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert run(command, "--port", str(port), "--data", str(closed)) == 6
    assert f"Port {port}" in capsys.readouterr().err
    assert time.monotonic() - began < 5


def test_serve_wants_a_secret(tmp_path: Path, closed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("serve", "--data", str(tmp_path / "school")) == 7
    assert "HEADWAY_SECRET" in capsys.readouterr().err
    assert not (tmp_path / "school").exists()


def test_a_browser_is_the_one_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = tmp_path / "chromium"
    named.write_text("#!/bin/sh\n")
    named.chmod(0o755)
    monkeypatch.setenv(VARIABLE, str(named))
    assert find() == str(named)


def test_without_any_browser_the_ways_are_tried_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    tried: list[list[str]] = []
    monkeypatch.setattr("app.chromium._runs", lambda command: tried.append(command) or False)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(Unavailable, match="apt install chromium"):
        obtain(lambda line: None)
    assert [command[-2:] for command in tried] == [["install", "chromium"]]


def test_commands_are_listed_once_and_found() -> None:
    names = [command.name for command in COMMANDS]
    assert len(names) == len(set(names))
    with_commands = {
        path.stem
        for path in (ROOT / "app" / "commands").glob("*.py")
        if "\n@click.command" in path.read_text()
    }
    assert with_commands <= {command.module.rpartition(".")[2] for command in COMMANDS}


@pytest.mark.parametrize(
    ("codes", "worst"), [((0, 0, 0, 0), 0), ((1, 0, 0, 0), 1), ((0, 0, 0, 1), 1), ((0, 1, 0, 5), 5)]
)
def test_the_test_command_runs_all_and_ends_with_the_worst(
    codes: tuple[int, ...], worst: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[list[str]] = []

    def instead(command: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
        assert env[VARIABLE] == "/browser"
        ran.append(command[2:])
        return subprocess.CompletedProcess(command, codes[len(ran) - 1])

    monkeypatch.setattr("app.chromium.obtain", lambda say: "/browser")
    monkeypatch.setattr("subprocess.run", instead)
    assert run("test", "tests/app", "-k", "desk", "-x") == worst
    assert [command[0] for command in ran] == ["ruff", "ruff", "mypy", "pytest"]
    assert ran[-1] == ["pytest", "-n", "2", "tests/app", "-k", "desk", "-x"]
    assert ("NOT GOOD" in capsys.readouterr().err) == any(codes[:3])


def test_without_a_browser_the_tests_run_and_the_command_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(_: object) -> str:
        raise Unavailable("The browser tests need Chromium.")

    monkeypatch.setattr("app.chromium.obtain", none)
    monkeypatch.setattr("subprocess.run", lambda command, env: subprocess.CompletedProcess(command, 0))
    assert run("test", "-n", "0") == 6
    assert "need Chromium" in capsys.readouterr().err
