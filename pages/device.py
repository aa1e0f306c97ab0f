"""On what a page is read, as coarsely as an event tells it: never the browser's own long name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# The first that is found: names that hold others' stand before them.
_SYSTEMS = {"Windows": "Windows", "Android": "Android", "iPhone": "iOS", "iPad": "iOS", "Mac OS X": "macOS"}
_BROWSERS = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}


def device_of(agent: str) -> dict[str, str]:
    """From the browser's User-Agent; {} where it sent none."""
    if not agent:
        return {}
    tablet = "iPad" in agent or ("Android" in agent and "Mobi" not in agent)
    system = next((name for mark, name in _SYSTEMS.items() if mark in agent), "Linux")
    browser = next((name for mark, name in _BROWSERS.items() if mark in agent), "other")
    kind = "tablet" if tablet else "mobile" if "Mobi" in agent else "desktop"
    return {"type": kind, "os": system, "browser": browser}


def device_behind(document: Any) -> dict[str, str]:
    """Of the reader of an open page."""
    context = getattr(document, "session_context", None)
    headers: Mapping[str, str] = getattr(getattr(context, "request", None), "headers", None) or {}
    return device_of(str(headers.get("User-Agent") or headers.get("user-agent") or ""))
