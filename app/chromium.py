"""Where Chromium is, for the browser tests and the tour; fetched when it is nowhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from models.errors import Unavailable

VARIABLE = "HEADWAY_TEST_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_LONGEST_FETCH_S = 600


def find() -> str | None:
    """The one the environment names, one on PATH, or the one that playwright keeps."""
    named = os.environ.get(VARIABLE)
    if named and os.access(named, os.X_OK):
        return named
    return next((path for name in NAMES if (path := shutil.which(name))), None) or _of_playwright()


def obtain(say: Callable[[str], None]) -> str:
    found = find()
    if found:
        return found
    for what, commands in _WAYS:
        if what == "apt-get" and (os.geteuid() != 0 or not shutil.which("apt-get")):
            continue
        say(f"no Chromium on PATH: trying {what} ...")
        if all(_runs(command) for command in commands) and (found := find()):
            return found
    raise Unavailable(
        "The browser tests need Chromium, and it could neither be found on PATH nor installed. "
        "Install it (Debian, Ubuntu: apt install chromium), or name it in " + VARIABLE + "."
    )


_PLAYWRIGHT = [sys.executable, "-m", "playwright"]
_WAYS: tuple[tuple[str, tuple[list[str], ...]], ...] = (
    ("playwright install", ([*_PLAYWRIGHT, "install", "chromium"],)),
    ("apt-get", (["apt-get", "update", "-q"], ["apt-get", "install", "-qy", "chromium"])),
)


def _runs(command: list[str]) -> bool:
    try:
        # Its progress is the reader's; stdout stays the tests' own.
        return subprocess.run(command, stdout=sys.stderr, timeout=_LONGEST_FETCH_S).returncode == 0  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False


def _of_playwright() -> str | None:
    kept = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    found = sorted(kept.glob("chromium-*/chrome-linux*/chrome"))
    return next((str(path) for path in reversed(found) if _starts(path)), None)


def _starts(path: Path) -> bool:
    """A browser that playwright fetched may lack libraries of the system."""
    return _runs([str(path), "--headless", "--no-sandbox", "--version"])
