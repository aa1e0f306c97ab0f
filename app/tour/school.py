"""A demo school of our own, running: for the tour, the browser tests and the benches of pages."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from models.errors import Unavailable

ROOT = Path(__file__).resolve().parent.parent.parent
_WHOLE = "truth.json"
_PATIENCE_S = 120.0
_PORTS = range(20_000, 32_000, 40)  # 20 pairs for each process
_given: set[int] = set()
SMALL = ("--learners", "150", "--courses", "8", "--days", "56")


@dataclass(frozen=True, slots=True)
class Running:
    address: str
    api: str
    data: Path
    process: int  # of the supervisor

    def part(self, name: str) -> int:
        """The process of `core` or `ui`, looked up anew: a part that died has another number."""
        for child in Path(f"/proc/{self.process}/task/{self.process}/children").read_text().split():
            command = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            if name.encode() in command:
                return int(child)
        raise LookupError(name)


def free_ports() -> int:
    """A free port whose successor is free too. Ports that the system itself hands out, to everybody who calls
    somebody, may be taken before they are used; so these come from below them, other ones in each process."""
    first_of_mine = _PORTS.start + os.getpid() * _PORTS.step % len(range(_PORTS.start, _PORTS.stop))
    for port in itertools.chain(range(first_of_mine, _PORTS.stop, 2), range(_PORTS.start, first_of_mine, 2)):
        if port in _given:
            continue
        with socket.socket() as first, socket.socket() as second, contextlib.suppress(OSError):
            first.bind(("127.0.0.1", port))
            second.bind(("127.0.0.1", port + 1))
            _given.add(port)
            return port
    raise Unavailable("No two free ports in a row were found.")


def make(data: Path, size: tuple[str, ...] = SMALL) -> None:
    """Unless it is there, with today as its last day: pages look at today."""
    whole = data / _WHOLE
    if whole.exists() and time.time() - whole.stat().st_mtime < 20 * 3600:
        return
    data.mkdir(parents=True, exist_ok=True)
    force = ["--force"] if any(data.iterdir()) else []
    command = [sys.executable, "-m", "app", "generate", "--data", str(data), *size, *force]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=_plain({}))  # noqa: S603
    if made.returncode:
        raise Unavailable(f"The demo school could not be made: {made.stderr.strip()[-300:]}")


@contextlib.contextmanager
def demo(data: Path, *options: str, environment: Mapping[str, str] | None = None) -> Iterator[Running]:
    """`./headway demo` on the folder, without its simulated day, until the block ends."""
    port = free_ports()
    command = [sys.executable, "-m", "app", "demo", "--port", str(port), "--data", str(data), "--no-live"]
    log = open(data / "demo.log", "wb")  # noqa: SIM115 - closed below, after the process
    process = subprocess.Popen(  # noqa: S603
        [*command, *options],
        cwd=ROOT,
        env=_plain(environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    running = Running(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}", data, process.pid)
    try:
        _wait(running, process)
        yield running
    finally:
        _end(process)
        log.close()


def _plain(more: Mapping[str, str]) -> dict[str, str]:
    """Nobody's own settings of Headway reach this school."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HEADWAY_")}
    return {**kept, **more}


def _wait(running: Running, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _PATIENCE_S
    while not answers(running.address + "/health"):
        if process.poll() is not None or time.monotonic() > until:
            told = (running.data / "demo.log").read_text(errors="replace").strip()[-400:]
            raise Unavailable(f"The demo school did not start: {told}")
        time.sleep(0.1)


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=3) as answer:  # noqa: S310 - our own http address
            return bool(answer.status == 200)
    except (OSError, urllib.error.HTTPError):
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
