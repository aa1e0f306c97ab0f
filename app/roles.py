"""Which process does what: starts core and ui, watches over them, stops them together."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from app.children import VARIABLE
from config.settings import PREFIX, Settings
from models.errors import Unavailable

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
_GRACE_S = 10.0  # to finish what is under way, after SIGTERM
_PROBE_S = 0.1
DEMO_RATE = "20"  # events a second: the pages move and the machine stays cool
_SECRET_FILE = PREFIX + "SECRET_FILE"
# A ui process holds no data and no key to any.
NOT_FOR_UI = frozenset({"warehouse", "metadata", "audit_head", "secret", "page_secret", "roles"})


@dataclass(frozen=True, slots=True)
class Part:
    """A process of ours: its command, its environment, and how to see that it answers."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    answers: Callable[[], Awaitable[bool]]
    quiet: bool = False
    after: tuple[str, ...] = ()  # parts that must answer before this one is started


def parts(settings: Settings) -> list[Part]:
    pages, api = settings.port, settings.api_port
    return [
        Part(
            "core",
            ["core"],
            environment(settings, "core"),
            lambda: http_status(api, "/health", settings.host),
        ),
        Part("ui", ["ui"], environment(settings, "ui"), lambda: http_status(pages, "/health", settings.host)),
    ]


def day(settings: Settings) -> Part:
    """The simulated school day: sends events like any client. It has nothing to answer."""

    async def answers() -> bool:
        return True

    return Part(
        "day",
        ["simulate", "--rate", DEMO_RATE],
        environment(settings, "all"),
        answers,
        quiet=True,
        after=("core",),
    )


def environment(settings: Settings, process: str) -> dict[str, str]:
    """The settings as a child's environment, and of ours only what is no setting."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    hidden = NOT_FOR_UI if process == "ui" else frozenset({"page_secret"})
    if process != "ui" and _SECRET_FILE in os.environ:
        hidden |= {"secret"}
        kept[_SECRET_FILE] = os.environ[_SECRET_FILE]
    for field in fields(settings):
        value = getattr(settings, field.name)
        if value is not None and value != () and field.name not in hidden:
            kept[PREFIX + field.name.upper()] = _as_text(value)
    if process == "ui":
        kept[PREFIX + "PAGE_SECRET"] = settings.page_secret.hex()  # its bytes may be no text
    return kept | {PREFIX + "PROCESS": process}


def _as_text(value: object) -> str:
    if isinstance(value, bytes):
        return os.fsdecode(value)
    return ",".join(value) if isinstance(value, tuple) else str(value)


async def http_status(port: int, path: str, host: str = "127.0.0.1") -> bool:
    """Does the port answer with anything but a server's error?"""
    try:
        reader, writer = await asyncio.open_connection(_reachable(host), port)
    except OSError:
        return False
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        line = await asyncio.wait_for(reader.readline(), 5)
        return line.startswith(b"HTTP/1.1 ") and line[9:10] != b"5"
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def refuse_taken_ports(settings: Settings) -> None:
    for port, option in ((settings.port, "--port"), (settings.api_port, "HEADWAY_API_PORT")):
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.host, port))
            except OSError as error:
                raise Unavailable(
                    f"Port {port} on {settings.host} cannot be used ({error.strerror}). "
                    f"Choose another with {option}."
                ) from None


@contextlib.contextmanager
def alone_in(data: Path) -> Iterator[None]:
    """One Headway per data folder: two would fight over its files."""
    data.mkdir(parents=True, exist_ok=True)
    with open(data / "lock", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Unavailable(
                f"Another Headway is running on {data}. Stop it, or choose another folder with --data."
            ) from None
        yield


class Supervisor:
    """Keeps the parts running. A part that never came up ends all; one that dies later is restarted."""

    def __init__(self, parts: Sequence[Part], say: Callable[[str], None]) -> None:
        self._parts = parts
        self._say = say
        self._stopping = asyncio.Event()
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._up: dict[str, asyncio.Event] = {part.name: asyncio.Event() for part in parts}
        self._code = 0

    async def run(self, once_up: Callable[[], None]) -> int:
        """Until a signal or a part that cannot run; the exit code says which."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.stop)
        tasks = [asyncio.ensure_future(self._keep(part)) for part in self._parts]
        tasks += [asyncio.ensure_future(self._look(part)) for part in self._parts]
        tasks.append(asyncio.ensure_future(self._greet(once_up)))
        await self._stopping.wait()
        await self._end_all()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return self._code

    def stop(self) -> None:
        self._stopping.set()

    async def _greet(self, once_up: Callable[[], None]) -> None:
        await asyncio.gather(*(up.wait() for up in self._up.values()))
        once_up()

    async def _look(self, part: Part) -> None:
        while not await part.answers():  # noqa: ASYNC110 - a port tells nobody when it opens
            await asyncio.sleep(_PROBE_S)
        self._up[part.name].set()

    async def _keep(self, part: Part) -> None:
        wait_s = _FIRST_WAIT_S
        for name in part.after:
            await self._up[name].wait()
        while not self._stopping.is_set():
            began = asyncio.get_running_loop().time()
            process = self._running[part.name] = await _start(part)
            code = await process.wait()
            if self._stopping.is_set():
                return
            if not self._up[part.name].is_set():
                self._give_up(code)
                return
            lived_s = asyncio.get_running_loop().time() - began
            wait_s = _FIRST_WAIT_S if lived_s > _LONGEST_WAIT_S else min(wait_s * 2, _LONGEST_WAIT_S)
            self._say(f"{part.name} stopped (exit code {code}); starting it again.")
            await asyncio.sleep(wait_s)

    def _give_up(self, code: int) -> None:
        # The part has said why in one line of its own.
        self._code = code if code > 0 else 1
        self.stop()

    async def _end_all(self) -> None:
        """Pages first: they still need core to say good-bye."""
        for part in reversed(self._parts):
            process = self._running.get(part.name)
            if process is not None and process.returncode is None:
                await _end(process)


@contextlib.asynccontextmanager
async def beside(some: Sequence[Part]) -> AsyncIterator[None]:
    """Other parts, beside a process that is one itself; they are not restarted."""
    running = [await _start(part) for part in some]
    try:
        yield
    finally:
        for process in running:
            await _end(process)


async def _start(part: Part) -> asyncio.subprocess.Process:
    # A session of its own, so that Ctrl-C reaches only us; the pipe tells the child when we die.
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "app",
        *(["--debug"] if "--debug" in sys.argv[1:2] else []),
        *part.arguments,
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL if part.quiet else None,
        env={**part.environment, VARIABLE: "1"},
        start_new_session=True,
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _GRACE_S)
        except TimeoutError:
            process.kill()
            await process.wait()
