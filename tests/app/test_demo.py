"""The demo as a newcomer meets it: real processes, real signals."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from app.tour import free_ports

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
PATIENCE_S = 90


def until(holds: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def children(pid: int) -> dict[str, int]:
    """The parts that a process has started, by their names."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            continue
        if parent == pid and b"app" in words:
            found[words[words.index(b"app") + 1].decode()] = int(folder.name)
    return found


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


class Demo:
    def __init__(self, data: Path, *options: str) -> None:
        self.port = free_ports()
        self.said = data / "said"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HEADWAY_")}
        command = [
            sys.executable,
            "-m",
            "app",
            "demo",
            "--data",
            str(data),
            "--port",
            str(self.port),
            *options,
        ]
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT, env=environment
            )

    @property
    def text(self) -> str:
        return self.said.read_text()

    def comes_up(self) -> None:
        until(lambda: "is up: http://" in self.text or self.process.poll() is not None, "it did not come up")
        assert self.process.poll() is None, self.text
        assert f"http://127.0.0.1:{self.port}" in self.text

    def status(self, path: str, port: int | None = None) -> int:
        try:
            return httpx.get(f"http://127.0.0.1:{port or self.port}{path}", timeout=10).status_code
        except httpx.TransportError:
            return 0

    def ask(self, question: str, *options: str) -> str:
        data = str(self.said.parent)
        asked = subprocess.run(
            [sys.executable, "-m", "app", "ask", "--data", data, "--csv", *options, question],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert asked.returncode == 0, asked.stderr
        return asked.stdout

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A very small demo school."""
    folder = tmp_path_factory.mktemp("demo")
    size = ["--learners", "40", "--courses", "4", "--days", "28"]
    command = [sys.executable, "-m", "app", "generate", *size, "--data", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=180)
    return folder


def test_a_school_s_files_are_for_whoever_made_it_alone(data: Path) -> None:
    files = [path for path in data.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"warehouse.duckdb", "metadata.sqlite", "truth.json"}
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in files} == {0}


@pytest.fixture
def start(data: Path) -> Iterator[Callable[..., Demo]]:
    running: list[Demo] = []

    def begin(*options: str) -> Demo:
        running.append(Demo(data, *options))
        return running[-1]

    yield begin
    for demo in running:
        if demo.process.poll() is None:
            demo.stop(signal.SIGKILL)


def test_it_answers_is_asked_recovers_from_dead_parts_and_stops_cleanly(start: Callable[..., Demo]) -> None:
    demo = start("--no-live")
    demo.comes_up()
    assert demo.status("/sign-in") == 200
    assert demo.status("/health", demo.port + 1) == 200
    before = demo.ask("events")
    assert int(before.split()[1]) > 1000

    parts = children(demo.process.pid)
    assert set(parts) == {"core", "ui"}
    for name in ("core", "ui"):
        os.kill(parts[name], signal.SIGKILL)
    until(lambda: demo.status("/health", demo.port + 1) == 200, "core did not come back")
    until(lambda: demo.status("/sign-in") == 200, "ui did not come back")
    assert demo.ask("events") == before
    assert "core stopped" in demo.text and "ui stopped" in demo.text

    parts = children(demo.process.pid)
    assert demo.stop(signal.SIGINT) == 0
    assert not [name for name, pid in parts.items() if alive(pid)]
    assert "Traceback" not in demo.text


def test_the_ui_process_holds_no_key_to_any_data(start: Callable[..., Demo], data: Path) -> None:
    demo = start("--no-live")
    until(lambda: "ui" in children(demo.process.pid), "ui did not start")
    held = Path(f"/proc/{children(demo.process.pid)['ui']}/environ").read_bytes()
    assert (data / "secret").read_bytes() not in held
    names = {line.split(b"=")[0] for line in held.split(b"\0")}
    assert not names & {b"HEADWAY_WAREHOUSE", b"HEADWAY_METADATA", b"HEADWAY_SECRET"}
    demo.comes_up()
    opened = {os.readlink(link) for link in Path(f"/proc/{children(demo.process.pid)['ui']}/fd").iterdir()}
    assert not [name for name in opened if name.endswith((".duckdb", ".sqlite"))]


def test_its_day_goes_on_and_a_second_one_is_refused(start: Callable[..., Demo], data: Path) -> None:
    demo = start()
    demo.comes_up()
    count = int(demo.ask("events").split()[1])
    until(lambda: int(demo.ask("events").split()[1]) > count, "no event came")
    second = start()
    assert second.process.wait(60) == 6
    assert "Another Headway is running" in second.text
    assert "Making the demo school" not in demo.text


def test_parts_end_when_their_starter_is_killed(start: Callable[..., Demo]) -> None:
    demo = start()
    demo.comes_up()
    parts = children(demo.process.pid)
    assert {"core", "ui"} <= set(parts)
    demo.stop(signal.SIGKILL)
    until(lambda: not [pid for pid in parts.values() if alive(pid)], "a part outlived its starter")


def test_one_process_serves_both(start: Callable[..., Demo]) -> None:
    demo = start("--single", "--no-live")
    demo.comes_up()
    until(lambda: demo.status("/sign-in") == 200, "no pages")
    assert demo.status("/health", demo.port + 1) == 200
    assert children(demo.process.pid) == {}
    assert demo.ask("events")
    assert demo.stop() == 0
    assert "Traceback" not in demo.text
