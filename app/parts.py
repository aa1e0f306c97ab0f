"""Which process does what, and what must be free before any of them starts."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from config.settings import PREFIX, Settings
from models.errors import Unavailable

DEMO_RATE = "20"  # events a second: the pages move and the machine stays cool
_SECRET_FILE = PREFIX + "SECRET_FILE"
# A ui process holds no data and no key to any.
NOT_FOR_UI = frozenset({"warehouse", "metadata", "audit_head", "secret", "page_secret", "roles"})


@dataclass(frozen=True, slots=True)
class Part:
    """A process of ours: its command, its environment, and how to see that it answers, or at least lives."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    answers: Callable[[], Awaitable[bool]]
    lives: Callable[[], Awaitable[bool]]  # it may be alive and say that it cannot serve: then it is let be
    quiet: bool = False
    after: tuple[str, ...] = ()  # parts that must answer before this one is started


def parts(settings: Settings) -> list[Part]:
    return [
        _server("core", settings, settings.api_port),
        _server("ui", settings, settings.port),
    ]


def _server(name: str, settings: Settings, port: int) -> Part:
    async def status() -> int | None:
        return await http_status(port, "/health", settings.host)

    async def answers() -> bool:
        return (await status() or 500) < 500

    async def lives() -> bool:
        return await status() is not None

    return Part(name, [name], environment(settings, name), answers, lives)


def day(settings: Settings) -> Part:
    """The simulated school day: sends events like any client. It has nothing to answer."""

    async def always() -> bool:
        return True

    return Part(
        "day",
        ["simulate", "--rate", DEMO_RATE],
        environment(settings, "all"),
        always,
        always,
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


async def http_status(port: int, path: str, host: str = "127.0.0.1") -> int | None:
    """What the port answers; None when nothing does within five seconds."""
    try:
        reader, writer = await asyncio.open_connection(_reachable(host), port)
    except OSError:
        return None
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        line = await asyncio.wait_for(reader.readline(), 5)
        return int(line[9:12]) if line.startswith(b"HTTP/1.1 ") else None
    except (OSError, TimeoutError, ValueError):
        return None
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
