"""The environment, read once into a frozen `Settings`. Nothing else in the house reads HEADWAY_*."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import secrets
import tempfile
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

from models.errors import BadSettings, unknown

PREFIX = "HEADWAY_"
SECRET_BYTES = 32
# Read by the launcher and the tests, not by the program.
NOT_OURS = ("HEADWAY_PYTHON", "HEADWAY_SECRET_FILE")
SOCKET_PATH_LIMIT = 100  # Linux takes 107 bytes of path for a Unix socket, macOS 103

Process = Literal["all", "core", "ui"]
LogLevel = Literal["debug", "info", "warning", "error"]
Value = str | int | float | bool | bytes | Path | tuple[str, ...] | None


def _setting(meaning: str, default: object = None, *, secret: bool = False) -> typing.Any:
    return field(default=default, repr=not secret, metadata={"meaning": meaning, "secret": secret})


# ruff: noqa: RUF009 - `_setting` is dataclasses.field with a meaning.
@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    demo: bool = _setting("A demo school for trying out: pick a person, no passwords, loopback only.", False)
    process: Process = _setting("Which part this process is: all (starts the others), core or ui.", "all")
    data: Path = _setting("Folder for everything that is stored. Demo: .headway/demo, else .headway/school.")
    warehouse: str = _setting(
        "Warehouse: a DuckDB file or a postgresql:// URL. Default: in the data folder.", secret=True
    )
    metadata: str = _setting(
        "People, sessions, audit: a SQLite file or a postgresql:// URL. Default: in the data folder.",
        secret=True,
    )
    audit_head: Path = _setting(
        "File with the head of the audit chain, kept apart from the database. Default: in the data folder."
    )
    secret: bytes = _setting(
        "At least 32 bytes from which all keys are derived. Required outside demo mode; "
        "HEADWAY_SECRET_FILE may name a file instead.",
        b"",
        secret=True,
    )
    page_secret: bytes = _setting(
        "Signs page sessions; all that a ui process needs. Default: derived from the secret.",
        b"",
        secret=True,
    )
    host: str = _setting("Address to listen on. Demo mode takes loopback addresses only.", "127.0.0.1")
    port: int = _setting("Port of the pages.", 8080)
    api_port: int = _setting("Port of API and ingest. Default: the port after the pages' one.")
    socket: Path = _setting("Unix socket between core and ui processes. Default: in the data folder.")
    origins: tuple[str, ...] = _setting(
        "Origins under which people reach Headway, such as https://learn.example.org, separated by commas. "
        "Loopback names of both ports are always among them.",
        (),
    )
    proxies: tuple[str, ...] = _setting(
        "Addresses or networks of proxies whose X-Forwarded-For and -Proto are believed, by commas.", ()
    )
    roles: Path | None = _setting("A roles.toml of your own instead of config/roles.toml.")
    log_level: LogLevel = _setting("How much is logged: debug, info, warning or error.", "info")
    live: bool = _setting("Demo: keep a simulated school day running.", True)
    seed: int = _setting("Demo: the number everything generated follows from.", 20260301)
    single: bool = _setting("Run pages and core in one process and one event loop.", False)
    memory_mib: int | None = _setting("Memory DuckDB may use, in MiB. Default: DuckDB's own.")
    threads: int | None = _setting("Threads DuckDB may use. Default: all cores.")
    cache_mib: int = _setting("Memory for answers that may be given again, in MiB.", 256)
    query_limit_s: float = _setting("Seconds after which a question is given up.", 60.0)
    body_limit_mib: int = _setting("Largest request body taken, in MiB, after unpacking.", 32)
    session_idle_s: int = _setting("A session ends after this many seconds without use.", 2 * 3600)
    session_limit_s: int = _setting("A session ends after this many seconds in any case.", 12 * 3600)
    sessions_per_person: int = _setting("Sessions one person may have open; the oldest is closed.", 5)

    kafka_brokers: tuple[str, ...] = _setting(
        "Kafka brokers to read events from, as host:port, by commas.", ()
    )
    kafka_topics: tuple[str, ...] = _setting(
        "Topics, by commas: topic=organisation's number, or a bare topic of HEADWAY_KAFKA_ORGANISATION.", ()
    )
    kafka_organisation: int | None = _setting("Organisation of topics that are named without one.")
    kafka_group: str = _setting(
        "Consumer group. Another name reads everything from the beginning.", "headway"
    )
    kafka_consumers: int = _setting("Consumers in this process; more than partitions is of no use.", 1)
    kafka_alone: bool = _setting(
        "Read all partitions in this one process, without the brokers' group: a restart goes on at once.",
        False,
    )
    kafka_member: str = _setting(
        "A name of this process that outlives it: a restart then takes its partitions back at once.", ""
    )
    kafka_config: Path | None = _setting(
        "File with further settings of librdkafka, key=value a line, such as security.protocol."
    )

    @property
    def journal(self) -> Path | None:
        """Of events on their way into an embedded warehouse; a server has its own ways."""
        path = Path(self.warehouse)
        return None if "://" in self.warehouse else path.with_name(path.name + ".journal")

    @property
    def loopback(self) -> bool:
        return _is_loopback(self.host)


@dataclass(frozen=True, slots=True)
class SettingMeaning:
    name: str
    variable: str
    kind: str
    default: str
    meaning: str


def setting_meanings() -> tuple[SettingMeaning, ...]:
    """Every setting, for the reference page."""
    return tuple(
        SettingMeaning(f.name, PREFIX + f.name.upper(), str(f.type), _shown(f.default), f.metadata["meaning"])
        for f in fields(Settings)
    )


def read_settings(environ: Mapping[str, str], **overrides: Value) -> Settings:
    """`overrides` are what the command line said; None means that it said nothing."""
    _refuse_unknown(environ)
    said: dict[str, object] = {
        f.name: _read(f.name, environ[PREFIX + f.name.upper()])
        for f in fields(Settings)
        if environ.get(PREFIX + f.name.upper())
    }
    said |= {name: value for name, value in overrides.items() if value is not None}
    _complete(said)
    said |= _secrets(said, environ.get(PREFIX + "SECRET_FILE"))
    settings = Settings(**said)  # type: ignore[arg-type]
    _check(settings)
    return settings


def _complete(said: dict[str, object]) -> None:
    data = Path(str(said.get("data") or (".headway/demo" if said.get("demo") else ".headway/school")))
    data = data.expanduser().absolute()
    port = said.setdefault("port", 8080)
    assert isinstance(port, int)
    said["data"] = data
    said.setdefault("warehouse", str(data / "warehouse.duckdb"))
    said.setdefault("metadata", str(data / "metadata.sqlite"))
    said.setdefault("audit_head", data / "audit-head")
    said.setdefault("api_port", port + 1)
    said.setdefault("socket", _socket(data))


def _socket(data: Path) -> Path:
    inside = data / "core.sock"
    if len(os.fsencode(inside)) <= SOCKET_PATH_LIMIT:
        return inside
    name = hashlib.sha256(os.fsencode(inside)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"headway-{os.getuid()}-{name}.sock"


def _secrets(said: Mapping[str, object], file: str | None) -> dict[str, bytes]:
    secret, page_secret = said.get("secret", b""), said.get("page_secret", b"")
    assert isinstance(secret, bytes) and isinstance(page_secret, bytes)
    if said.get("process") == "ui":
        # A ui process holds no data and no key to any: it gets the page secret alone.
        return {"secret": b"", "page_secret": _long_enough("HEADWAY_PAGE_SECRET", page_secret)}
    if not secret and file:
        secret = _secret_file(Path(file))
    if not secret and said.get("demo"):
        secret = _demo_secret(Path(str(said["data"])))
    secret = _long_enough("HEADWAY_SECRET", secret)
    return {
        "secret": secret,
        "page_secret": page_secret or hmac.digest(secret, b"headway page sessions", "sha256"),
    }


def _long_enough(variable: str, secret: bytes) -> bytes:
    if len(secret) >= SECRET_BYTES and len(set(secret)) >= 8:
        return secret
    raise BadSettings(
        f"{variable} must hold a secret of at least {SECRET_BYTES} random bytes outside demo mode; "
        "make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
    )


def _secret_file(path: Path) -> bytes:
    try:
        return path.read_bytes().strip()
    except OSError as error:
        raise BadSettings(f"HEADWAY_SECRET_FILE cannot be read: {error.strerror}.") from None


def _demo_secret(data: Path) -> bytes:
    """Random, made once for each demo school: the same start finds the same school again."""
    path = data / "secret"
    try:
        data.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            fresh = data / f"secret.{os.getpid()}.{secrets.token_hex(4)}"
            with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(48))
            try:
                os.link(fresh, path)  # whoever comes second keeps the first one's secret
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return path.read_bytes().strip()
    except OSError as error:
        raise BadSettings(f"the data folder {data} cannot be written to: {error.strerror}.") from None


def _check(settings: Settings) -> None:
    if settings.demo and not settings.loopback:
        raise BadSettings(
            f"demo mode has no passwords and listens on loopback only, not on '{settings.host}'; "
            "leave --host out, or use ./headway serve."
        )
    if settings.warehouse == settings.metadata:
        raise BadSettings("HEADWAY_WAREHOUSE and HEADWAY_METADATA must name two databases, not the same one.")
    for proxy in settings.proxies:
        try:
            ipaddress.ip_network(proxy, strict=False)
        except ValueError:
            raise BadSettings(
                f"HEADWAY_PROXIES: '{proxy}' is no address or network such as 10.0.0.7 or 10.0.0.0/8."
            ) from None
    for name in ("port", "api_port"):
        if not 0 <= getattr(settings, name) <= 65535:
            raise BadSettings(f"{PREFIX}{name.upper()} must be between 0 and 65535.")
    for name in ("cache_mib", "query_limit_s", "body_limit_mib", "session_idle_s", "session_limit_s"):
        if getattr(settings, name) <= 0:
            raise BadSettings(f"{PREFIX}{name.upper()} must be greater than 0.")
    if settings.kafka_consumers < 1:
        raise BadSettings("HEADWAY_KAFKA_CONSUMERS must be at least 1.")
    if settings.kafka_brokers and not settings.kafka_topics:
        raise BadSettings("HEADWAY_KAFKA_BROKERS needs HEADWAY_KAFKA_TOPICS, such as events=1.")
    if settings.sessions_per_person < 1:
        raise BadSettings("HEADWAY_SESSIONS_PER_PERSON must be at least 1.")
    for origin in settings.origins:
        if not origin.startswith(("http://", "https://")) or origin.count("/") != 2:
            raise BadSettings(
                f"HEADWAY_ORIGINS: '{origin}' is no origin; one looks like https://learn.example.org"
            )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    """A setting with a slip in its name would silently not hold."""
    known = {PREFIX + f.name.upper() for f in fields(Settings)} | set(NOT_OURS)
    for name in environ:
        if name.startswith(PREFIX) and name not in known and not name.startswith("HEADWAY_TEST_"):
            raise BadSettings(unknown("setting", name, known).detail)


def _shown(default: object) -> str:
    if isinstance(default, tuple):
        return ",".join(default)
    return "" if default is None or default == b"" else str(default)


def _boolean(text: str) -> bool:
    words = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }
    return words[text.strip().lower()]


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip().rstrip("/") for part in text.split(",") if part.strip())


_READERS: dict[object, tuple[Callable[[str], object], str]] = {
    bool: (_boolean, "yes or no"),
    int: (int, "a whole number"),
    int | None: (int, "a whole number"),
    float: (float, "a number"),
    str: (str, "text"),
    bytes: (str.encode, "text"),
    Path: (lambda text: Path(text).expanduser().absolute(), "a path"),
    Path | None: (lambda text: Path(text).expanduser().absolute(), "a path"),
    tuple[str, ...]: (_list, "a list separated by commas"),
}
_KINDS = typing.get_type_hints(Settings)


def _read(name: str, text: str) -> object:
    kind = _KINDS[name]
    if typing.get_origin(kind) is Literal:
        choices = typing.get_args(kind)
        if text.lower() in choices:
            return text.lower()
        raise BadSettings(f"{PREFIX}{name.upper()} must be one of {', '.join(choices)}.")
    read, form = _READERS[kind]
    try:
        return read(text)
    except (ValueError, KeyError):
        raise BadSettings(f"{PREFIX}{name.upper()} must be {form}.") from None
