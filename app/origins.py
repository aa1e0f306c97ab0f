"""Under which names Headway is reached; a browser's request from anywhere else is somebody else's."""

from __future__ import annotations

from urllib.parse import urlsplit

from config.settings import Settings

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - told apart here, not listened on


class Origins:
    def __init__(self, settings: Settings) -> None:
        names = list(_LOOPBACK)
        if settings.host not in _EVERYWHERE:
            names.append(f"[{settings.host}]" if ":" in settings.host else settings.host)
        local = {f"http://{name}:{port}" for name in names for port in (settings.port, settings.api_port)}
        self._origins = frozenset(local | set(settings.origins))
        self._hosts = frozenset({_host(origin) for origin in self._origins})

    def knows(self, origin: str | None) -> bool:
        return origin is not None and origin.lower() in self._origins

    def knows_host(self, host: str) -> bool:
        """The name alone: a proxy may listen on another port. A name that was pointed at our address
        by somebody else (DNS rebinding) is not among ours."""
        return _host(f"http://{host}") in self._hosts


def _host(origin: str) -> str:
    try:
        return urlsplit(origin.lower()).hostname or ""
    except ValueError:
        return ""
